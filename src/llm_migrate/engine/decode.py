"""Undo a content coding step by step, so that what comes out can be counted and stopped."""

from __future__ import annotations

import zlib
from typing import Protocol


class DecodeError(Exception):
    """The coding is unknown or the bytes break it. Never leaves the engine."""


class Decoder(Protocol):
    """Turns coded bytes into plain ones."""

    def feed(self, data: bytes, most: int) -> bytes:
        """Return plain bytes; at most one more than `most`, so that a caller sees an excess without holding it.

        Raises:
            DecodeError: broken bytes.
        """
        ...


def decoder_for(content_encoding: str) -> Decoder:
    """Return the decoder for a `content-encoding` header.

    Raises:
        DecodeError: a coding that was not asked for.
    """
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return _Plain()
    if coding in ("gzip", "x-gzip"):
        return _Zlib(16 + zlib.MAX_WBITS)
    if coding == "deflate":
        return _Zlib(zlib.MAX_WBITS)
    raise DecodeError("unknown content coding")


class _Plain:
    def feed(self, data: bytes, most: int) -> bytes:
        return data[: most + 1]


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._inflate = zlib.decompressobj(window_bits)

    def feed(self, data: bytes, most: int) -> bytes:
        try:
            return self._inflate.decompress(data, most + 1)
        except zlib.error as e:
            raise DecodeError("broken compressed bytes") from e
