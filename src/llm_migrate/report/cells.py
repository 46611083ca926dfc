"""Text in columns of a terminal, where a Chinese character takes two of them and an accent none."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import Final

_WIDE: Final = frozenset({"W", "F"})
_NO_COLUMN: Final = frozenset({"Mn", "Me"})
# What moves the cursor, changes colours or turns the direction of writing; a file that somebody else wrote may hold it.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_JOINER: Final = "\u200d"  # holds the parts of one emoji together


def printable(text: str) -> str:
    """Return a text in which nothing can act upon a terminal."""
    return "".join("?" if unicodedata.category(char) in _UNSEEN and char != _JOINER else char for char in text)


def display_width(text: str) -> int:
    """Return how many columns a printable text takes."""
    return sum(_columns(char) for char in text)


def padded(text: str, width: int) -> str:
    """Return a text with blanks up to a width in columns."""
    return text + " " * max(0, width - display_width(text))


def wrapped(text: str, width: int, *, first: str = "", then: str = "") -> list[str]:
    """Return lines of at most `width` columns, but for words that are wider.

    Args:
        text: words.
        width: columns, with what stands before.
        first: what stands before the first line.
        then: what stands before the others.
    """
    if text.isascii():
        return textwrap.wrap(
            text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
        )
    lines: list[str] = []
    line = first
    for word in text.split():
        blank = "" if line in (first, then) and not line.strip() else " "
        if line.strip() and display_width(line + blank + word) > width:
            lines.append(line)
            line, blank = then, ""
        line += blank + word
    return [*lines, line]


def _columns(char: str) -> int:
    if unicodedata.category(char) in _NO_COLUMN or char == _JOINER:
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1
