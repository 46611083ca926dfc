"""The text of a document on its way to entries: places in bytes, lines, paths of bounded length."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, TypeAlias

from llm_migrate.scan.finding import Document, Entry

Path: TypeAlias = tuple[str, ...]

MAX_DEPTH: Final = 64  # of a path: what lies deeper keeps the path of its ancestor, so that reading stays linear
_LINE: Final = re.compile(r"[^\r\n]*")
_WIDE: Final = re.compile(r"[^\x00-\x7f]")


class Source:
    """A document whose places are asked for in characters and given in bytes.

    Attributes:
        text: the decoded text.
    """

    __slots__ = ("_bom", "_extra", "_marks", "text")

    def __init__(self, document: Document) -> None:
        self.text = document.text
        self._bom = document.bom
        self._marks: list[int] = []
        self._extra: list[int] = [0]
        if len(document.data) - document.bom != len(document.text):
            wide = list(_WIDE.finditer(document.text))
            self._marks = [match.end() for match in wide]
            self._extra += accumulate(len(match.group().encode(document.encoding)) - 1 for match in wide)

    def byte(self, index: int) -> int:
        """Return the byte of the file at a character of the text."""
        return self._bom + index + self._extra[bisect_right(self._marks, index)]

    def entry(self, path: Path, value: str, place: tuple[int, int], inner: tuple[int, int] | None) -> Entry:
        """Return an entry for places in characters; `inner` is the value's, None where nothing can be put in."""
        start, end = self.byte(place[0]), self.byte(place[1])
        if inner is None:
            return Entry(path, value, start, end, -1, -1)
        return Entry(path, value, start, end, self.byte(inner[0]), self.byte(inner[1]))


def below(path: Path, key: str) -> Path:
    """Return the path of a key below another, cut at the greatest depth."""
    return (*path, key) if len(path) < MAX_DEPTH else path


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last character of each line without its end (LF, CRLF or CR)."""
    position, size = 0, len(text)
    while position < size:
        end = line_end(text, position)
        yield position, end
        position = next_line(text, end)


def line_end(text: str, position: int) -> int:
    """Return where the line of a position ends, before its line end."""
    found = _LINE.match(text, position)
    return found.end() if found else position


def next_line(text: str, end: int) -> int:
    """Return where the next line begins, given the end of a line."""
    return end + 2 if text.startswith("\r\n", end) else end + 1


def strip_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without blanks and line ends at its sides."""
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    return start + left, max(start + left, start + len(part.rstrip()))
