"""Reads `.env` files: `NAME=value`, quoted over several lines or not, with `export`, comments and continued lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.entries.source import Source, line_end, next_line, strip_span
from llm_migrate.scan.finding import Document, Entry

_HEAD: Final = re.compile(r"[ \t]*(?:(?:export|set)[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(?:=|:(?=[ \t]))[ \t]*")
_QUOTED: Final = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*+)"', re.S),
    "'": re.compile(r"'([^']*+)'"),
    "`": re.compile(r"`([^`]*+)`"),
}
_REST: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
_COMMENT: Final = re.compile(r"(?:^|[ \t])#")
_ESCAPE: Final = re.compile(r"\\(.)", re.S)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def read(document: Document) -> Iterator[Entry]:
    """Yield the variables that a file sets."""
    source = Source(document)
    text, position = source.text, 0
    unclosed: set[str] = set()  # a quote that does not close before the end never will: do not look again
    while position < len(text):
        head = _HEAD.match(text, position)
        if head is None:
            position = next_line(text, line_end(text, position))
            continue
        value, start, stop, end = _value(text, head.end(), unclosed)
        yield source.entry((head.group(1),), value, (head.start(1), end), (start, stop))
        position = next_line(text, line_end(text, end))


def _value(text: str, position: int, unclosed: set[str]) -> tuple[str, int, int, int]:
    """Return the value, its first and last character, and the end of the entry."""
    quote = text[position : position + 1]
    if quote in _QUOTED and quote not in unclosed:
        found = _QUOTED[quote].match(text, position)
        if found is None:
            unclosed.add(quote)
        elif _REST.match(text, found.end()):
            value = found.group(1)
            if quote == '"':
                value = _ESCAPE.sub(lambda m: _ESCAPES.get(m.group(1), m.group(1)), value)
            return value, found.start(1), found.end(1), found.end()
    stop = _unquoted_end(text, position)
    comment = _COMMENT.search(text, position, stop) if text[position : position + 1] != "#" else None
    if text[position : position + 1] == "#":
        stop = position = position - (position > 0 and text[position - 1] in " \t")
    elif comment is not None:
        stop = comment.start()
    _, stop = strip_span(text, position, stop)
    return text[position:stop].replace("\\\r\n", "").replace("\\\n", ""), position, stop, stop


def _unquoted_end(text: str, position: int) -> int:
    end = line_end(text, position)
    # A path may end in a backslash: what follows is a continued line only if it does not set a variable itself.
    while end > position and text[end - 1] == "\\" and end < len(text):
        following = next_line(text, end)
        if _HEAD.match(text, following) or line_end(text, following) == following:
            break
        end = line_end(text, following)
    return end
