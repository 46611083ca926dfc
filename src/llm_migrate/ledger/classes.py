"""What a text is made of, in nine classes that tokenizers treat alike: the basis of every estimate.

Works on UTF-8 bytes, not by a regular expression: the first byte of a character says its script, `bytes.translate`
maps a whole text to one letter a character, and runs are counted as pairs of letters. All of it runs in C.
"""

from __future__ import annotations

import string
from typing import Final, TypeAlias

NAMES: Final = (
    "han",  # Chinese characters
    "cjk_marks",  # punctuation of Chinese and Japanese, full-width forms, typographic quotes and dashes
    "words",  # runs of Latin letters, each hump of camelCase
    "long_words",  # ten lower-case letters in a row: a further piece each
    "digits",  # ASCII digits, for tokenizers that take them singly
    "digit_groups",  # the same digits, for tokenizers that take up to three at once
    "mark_runs",  # runs of ASCII punctuation
    "more_marks",  # punctuation behind the first mark of its run
    "lines",  # runs of line ends, and indentation behind them
    "others",  # everything else, by units that a character of each script usually costs (below)
)
Counts: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int]  # in the order of NAMES

_LONG: Final = b"a" * 10
# Letters with accents (beside being letters: such languages take more tokens a word), emoji and rare characters; other
# alphabets; kana; hangul and symbols.
_ACCENT, _RARE, _ALPHABET, _KANA, _HANGUL = 6, 6, 2, 3, 4


def _kinds() -> bytes:
    """Return the letter for each first byte of a character."""
    table = bytearray(b"o" * 256)  # two bytes a character, or three from U+0800 to U+0FFF: alphabets
    for byte in range(0x80):
        table[byte] = ord(".")
    for byte in string.ascii_lowercase.encode():
        table[byte] = ord("a")
    for byte in string.ascii_uppercase.encode():
        table[byte] = ord("A")
    for byte in string.digits.encode():
        table[byte] = ord("0")
    table[ord(" ")] = table[ord("\t")] = ord(" ")
    table[ord("\n")] = ord("\n")
    table[0xC3:0xC6] = b"lll"  # U+00C0 to U+017F: letters with accents
    table[0xE1] = table[0xEE] = ord("g")
    table[0xE2], table[0xE3], table[0xEF] = b"ekf"  # general punctuation; CJK marks and kana; full-width forms
    table[0xE4:0xEA] = b"hhhhhh"  # U+4000 to U+9FFF
    table[0xEA:0xEE] = b"gggg"  # hangul
    table[0xF0:] = b"r" * 16  # beyond U+FFFF
    return bytes(table)


def _only(kept: bytes, *, as_letter: bytes = b"") -> bytes:
    """Return a table that turns all letters but some to spaces."""
    table = bytearray(b" " * 256)
    for byte in kept:
        table[byte] = byte
    for byte in as_letter:
        table[byte] = ord("a")
    return bytes(table)


_KINDS: Final = _kinds()
_DROPPED: Final = bytes(range(0x80, 0xC0)) + b"\r"  # all bytes of a character but its first; CRLF counts as LF
_LETTERS: Final = _only(b"aA", as_letter=b"l")
_MARKS: Final = _only(b".")
_THREE: Final = b"000"
_CJK_MARK, _GENERAL_MARK = b"\xe3\x80", b"\xe2\x80"  # U+3000 to U+303F, U+2000 to U+203F


def classify(raw: bytes) -> Counts:
    """Count the classes in a text.

    Args:
        raw: the text in UTF-8; never fails on other bytes.

    Returns:
        Ten counts in the order of `NAMES`; digits are there twice, and a tokenizer weighs one of the two.
    """
    kinds = raw.translate(_KINDS, _DROPPED)
    letters = kinds.translate(_LETTERS)
    words = letters.count(b" a") + letters.count(b" A") + letters.count(b"aA") + (letters[:1] > b" ")
    digits = kinds.count(b"0")
    groups = _groups(kinds) if digits else 0
    marks = kinds.count(b".")
    runs = 0
    if marks:
        only = kinds.translate(_MARKS)
        runs = only.count(b" .") + (only[:1] == b".")
    lines = kinds.count(b"\n")
    if lines:
        lines += kinds.count(b"\n ") - kinds.count(b"\n\n")
    long_words = letters.count(_LONG)
    if raw.isascii():
        return 0, 0, words, long_words, digits, groups, runs, marks - runs, lines, 0
    han, cjk_marks, others = _beyond_ascii(raw, kinds)
    return han, cjk_marks, words, long_words, digits, groups, runs, marks - runs, lines, others


def _groups(kinds: bytes) -> int:
    """Return how many groups of up to three the digits make."""
    rest = kinds.replace(_THREE, b"3")
    # What is left of a run of digits is one or two of them.
    return rest.count(b"3") + rest.count(b"0") - rest.count(b"00")


def _beyond_ascii(raw: bytes, kinds: bytes) -> tuple[int, int, int]:
    """Return Chinese characters, marks of Chinese and Japanese, and the units of all other characters."""
    three, general = kinds.count(b"k"), kinds.count(b"e")
    cjk = raw.count(_CJK_MARK) if three else 0
    quotes = raw.count(_GENERAL_MARK) if general else 0
    others = (
        _ACCENT * kinds.count(b"l")
        + _RARE * kinds.count(b"r")
        + _ALPHABET * kinds.count(b"o")
        + _KANA * (three - cjk)
        + _HANGUL * (kinds.count(b"g") + general - quotes)
    )
    return kinds.count(b"h"), cjk + quotes + kinds.count(b"f"), others
