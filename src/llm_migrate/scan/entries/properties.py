"""Reads Java `.properties` files; a dotted key becomes a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.entries.source import MAX_DEPTH, Source, line_end, next_line
from llm_migrate.scan.finding import Document, Entry

_BLANK: Final = re.compile(r"[ \t\f]*")
_KEY: Final = re.compile(r"(?:[^\\\s=:]|\\[^\r\n])++")
_SEPARATOR: Final = re.compile(r"[ \t\f]*+[=:]?[ \t\f]*+")
_PLACE: Final = re.compile(r"[^.\[\]]+")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(\r\n|[\r\n])[ \t\f]*|(.))", re.S)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def read(document: Document) -> Iterator[Entry]:
    """Yield the properties of a file; ones behind `#` or `!` are comments."""
    source = Source(document)
    text, position = source.text, 0
    while position < len(text):
        start = _end(_BLANK, text, position)
        key = _KEY.match(text, start)
        if key is None or text[start] in "#!":
            position = next_line(text, line_end(text, start))
            continue
        begin = min(_end(_SEPARATOR, text, key.end()), line_end(text, key.end()))
        end = _logical_end(text, begin)
        path = tuple(_PLACE.findall(_plain(key.group())))[:MAX_DEPTH]
        stop = begin + len(text[begin:end].rstrip(" \t\f"))
        yield source.entry(path, _plain(text[begin:stop]), (start, stop), (begin, stop))
        position = next_line(text, end)


def _logical_end(text: str, position: int) -> int:
    end = line_end(text, position)
    while end < len(text) and _odd_backslashes(text, position, end):
        end = line_end(text, next_line(text, end))
    return end


def _odd_backslashes(text: str, start: int, end: int) -> bool:
    count = 0
    while end - count > start and text[end - count - 1] == "\\":
        count += 1
    return count % 2 == 1


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _plain(raw: str) -> str:
    return _ESCAPE.sub(_unescape, raw) if "\\" in raw else raw


def _unescape(match: re.Match[str]) -> str:
    code, ending, other = match.groups()
    if code:
        return chr(int(code, 16))
    return "" if ending else _ESCAPES.get(other, other)
