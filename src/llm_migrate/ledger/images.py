"""Tokens of an image: by its size, where a data URL shows it, and by the rule that the catalog states for the model.

An image behind a link counts as one of 1920 x 1080: nothing is fetched to count it.
"""

from __future__ import annotations

import binascii
import re
import struct
from typing import Final

from llm_migrate.catalog.schema import ImageTokens

UNKNOWN_SIZE: Final = (1920, 1080)
# Where the catalog states no rule: a token for each 28 x 28 pixels, between what vendors are known to take.
USUAL: Final = ImageTokens(patch=28, per_patch_ppm=1_000_000, most_patches=16_384)
_LOW_SIDE: Final = 512  # detail "low" means a small copy of the image, where the rule names no number
_TILE, _TILED_SIDE, _TILED_SHORT = 512, 2048, 768
_HEAD_CHARS: Final = 87_384  # of base64, 64 KiB: where a JPEG's size stands behind its metadata
_JPEG_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DATA_URL: Final = re.compile(r"data:[\w.+/-]*;base64,", re.ASCII | re.IGNORECASE)


def image_tokens(url: str, detail: str, rule: ImageTokens | None = None) -> int:
    """Return about how many tokens an image is.

    Args:
        url: a data URL or a link.
        detail: OpenAI's word: "low", "high", "auto" or "".
        rule: the model's; `USUAL` where nothing is known.
    """
    rule = rule or USUAL
    if detail == "low":
        return rule.low if rule.low is not None else _count(rule, _LOW_SIDE, _LOW_SIDE)
    width, height = image_size(url) or UNKNOWN_SIZE
    return _count(rule, width, height)


def image_size(url: str) -> tuple[int, int] | None:
    """Return width and height of the image in a data URL; None for a link, or a format that is not known."""
    start = _DATA_URL.match(url)
    if start is None:
        return None
    text = url[start.end() : start.end() + _HEAD_CHARS]
    try:
        head = binascii.a2b_base64(text[: len(text) // 4 * 4])
        size = _size_in(head)
    except (ValueError, struct.error):  # no base64, or cut short
        return None
    return size if size is not None and min(size) > 0 else None


def _size_in(head: bytes) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pair(">II", head, 16)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", head, 6)
    if head.startswith(b"\xff\xd8"):
        return _size_in_jpeg(head)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _size_in_webp(head)
    return None


def _size_in_jpeg(head: bytes) -> tuple[int, int] | None:
    """Return the size from the first frame header; segments before it are skipped by their lengths."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _JPEG_SIZES:
            height, width = _pair(">HH", head, at + 5)
            return width, height
        at += 2 + int.from_bytes(head[at + 2 : at + 4])
    return None


def _size_in_webp(head: bytes) -> tuple[int, int] | None:
    match head[12:16]:
        case b"VP8 ":
            width, height = _pair("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
        case _:
            return None


def _pair(form: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, head, at)
    return int(first), int(second)


def _count(rule: ImageTokens, width: int, height: int) -> int:
    if rule.tile is not None:
        return (rule.base or 0) + rule.tile * _tiles(width, height)
    patches = -(-width // rule.patch) * -(-height // rule.patch)
    if rule.most_patches is not None:
        patches = min(patches, rule.most_patches)  # a larger image is scaled down until it fits
    return -(-patches * rule.per_patch_ppm // 1_000_000)


def _tiles(width: int, height: int) -> int:
    """Return how many squares of 512 cover an image that fits into 2048 x 2048 with a shorter side of at most 768."""
    longer, shorter = max(width, height), min(width, height)
    # In fractions of the old size, so that nothing is rounded twice.
    scale = min(1.0, _TILED_SIDE / longer, _TILED_SHORT / shorter)
    return -(-round(longer * scale) // _TILE) * -(-round(shorter * scale) // _TILE)
