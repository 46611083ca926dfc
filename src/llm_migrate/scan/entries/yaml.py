"""Reads YAML line by line: block and flow collections, block scalars, several documents, templates in between.

A tree would be more exact on odd YAML, but the files that matter are often none: Helm and Jinja templates put
`{{ ... }}` where a value or a line should be. Lines that cannot be read surely are passed over. The only state
is the stack of open keys, so time is linear; complex keys (`? key`) and merge keys are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llm_migrate.scan.entries.collector import Collector
from llm_migrate.scan.entries.flow import DOUBLE, SINGLE, FlowReader, add_item, unescape
from llm_migrate.scan.entries.source import Path, Source, below, line_end, next_line
from llm_migrate.scan.finding import Document, Entry

_INDENT: Final = re.compile(r"[ \t]*")
_SKIPPED: Final = re.compile(r"[ \t]*(?:#[^\r\n]*|\{\{[^\r\n]*|\{%[^\r\n]*)?(?=[\r\n]|\Z)")
_BOUNDARY: Final = re.compile(r"(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_ITEM: Final = re.compile(r"-(?:[ \t]+|(?=[\r\n]|\Z))")
_KEY: Final = re.compile(
    r"""
    (?: "((?:[^"\\\r\n] | \\[^\r\n])*+)"
      | '((?:[^'\r\n] | '')*+)'
      | ( (?: [^ \t\r\n\[\]{}\#&*!|>'"%@`,:?-] | [:?-](?=[^ \t\r\n]) )
          (?: [^ \t\r\n:\#] | :(?=[^ \t\r\n]) | (?<=[^ \t])\# | [ \t]++(?!\#) )*+ )
    )
    [ \t]*+ : (?=[ \t\r\n]|\Z)
    """,
    re.VERBOSE,
)
_COMPLEX: Final = re.compile(r"[?:](?=[\s]|\Z)")
_PROPERTY: Final = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]*)+")
_BLOCK: Final = re.compile(r"[|>][-+0-9]*[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
_COMMENT: Final = re.compile(r"(?:^|[ \t])#")
_REST: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
_MAX_BROKEN: Final = 5  # brackets or quotes that never close; each costs a look at the rest of the file


@dataclass(slots=True)
class _Open:
    column: int
    path: Path  # of what lies inside
    owner: int  # mapping that the keys inside belong to
    is_item: bool
    key: str = ""
    key_start: int = -1
    colon_end: int = -1  # behind the colon of a key that has no value yet; -1 once it has one


def read(document: Document) -> Iterator[Entry]:
    """Yield the scalars of all documents of a file."""
    source = Source(document)
    collector = Collector(source)
    _Reader(source.text, collector).run()
    yield from collector.entries()


class _Reader:
    def __init__(self, text: str, collector: Collector) -> None:
        self._text = text
        self._collector = collector
        self._flow = FlowReader(text, collector, yaml=True)
        self._broken = 0
        self._stack: list[_Open] = []
        self._root = collector.new_owner()

    def run(self) -> None:
        text, position = self._text, 0
        while position < len(text) and self._broken <= _MAX_BROKEN:
            if _SKIPPED.match(text, position):
                position = next_line(text, line_end(text, position))
            elif _BOUNDARY.match(text, position) or text[position] == "%":
                self._close(-1, item=False)
                self._root = self._collector.new_owner()
                position = next_line(text, line_end(text, position))
            else:
                position = self._line(position)
        self._close(-1, item=False)

    def _line(self, start: int) -> int:
        """Read one line and all that its value goes on over; return where the next line begins."""
        text = self._text
        blank = _INDENT.match(text, start)
        position = blank.end() if blank else start
        while (item := _ITEM.match(text, position)) is not None:
            self._open_item(position - start)
            position = item.end()
        position = self._skip(_PROPERTY, position)
        if _REST.match(text, position):
            return next_line(text, line_end(text, position))
        if _COMPLEX.match(text, position):
            self._close(position - start, item=False)
            self._forget_key()
            return next_line(text, line_end(text, position))
        key = _KEY.match(text, position)
        if key is not None:
            self._open_key(key, position - start)
            position = key.end()
        elif not (self._stack and (self._stack[-1].is_item or self._stack[-1].colon_end >= 0)):
            return next_line(text, line_end(text, position))  # text that belongs to nothing
        return self._value(position)

    def _open_item(self, column: int) -> None:
        self._close(column, item=True)
        path = self._stack[-1].path if self._stack else ()
        if self._stack:
            self._has_value(self._stack[-1])
        self._stack.append(_Open(column, path, self._collector.new_owner(), is_item=True))

    def _open_key(self, match: re.Match[str], column: int) -> None:
        self._close(column, item=False)
        parent = self._stack[-1] if self._stack else None
        owner = parent.owner if parent else self._root
        if parent is not None:
            self._has_value(parent)
        key = next(group for group in match.groups() if group is not None).rstrip()
        path = below(parent.path if parent else (), key)
        opened = _Open(column, path, owner, is_item=False, key=key, key_start=match.start(), colon_end=match.end())
        self._stack.append(opened)

    def _forget_key(self) -> None:
        if self._stack:
            self._has_value(self._stack[-1])

    def _close(self, column: int, *, item: bool) -> None:
        """Close what the column of a new key (or item) ends; an item may stand in the column of its list's key."""
        while self._stack:
            top = self._stack[-1]
            if top.column < column or (top.column == column and item and not top.is_item):
                return
            self._stack.pop()
            if top.colon_end >= 0:  # no value came: null
                self._add_empty(top)

    def _add_empty(self, opened: _Open) -> None:
        behind = opened.colon_end
        fits = self._text[behind : behind + 1] in (" ", "\t")  # else a value put here would touch the colon
        inner = (behind + 1, behind + 1) if fits else None
        self._collector.add(opened.path, opened.owner, "", (opened.key_start, behind), inner, opened.key)

    def _has_value(self, opened: _Open) -> None:
        """A collection begins inside a key: it is the value, and its keys belong to a mapping of their own."""
        if opened.colon_end >= 0:
            self._collector.note(opened.owner, opened.key)
            opened.colon_end = -1
            opened.owner = self._collector.new_owner()

    def _value(self, position: int) -> int:
        """Read the value that begins on this line, if any."""
        text, top = self._text, self._stack[-1]
        position = self._skip(_INDENT, position)
        position = self._skip(_PROPERTY, position)
        if _REST.match(text, position):  # on the next lines, or null
            return next_line(text, line_end(text, position))
        sign = text[position]
        if sign in "[{" and not text.startswith("{{", position):
            return self._flow_value(top, position)
        if sign == "*":
            top.colon_end = -1
            return next_line(text, line_end(text, position))
        if _BLOCK.match(text, position):
            return self._block_value(top, position)
        if sign in "\"'":
            return self._quoted_value(top, position)
        return self._plain_value(top, position)

    def _flow_value(self, top: _Open, position: int) -> int:
        mark = self._collector.mark()
        self._has_value(top)
        end = self._flow.read(position, top.path)
        if not self._flow.closed or not _REST.match(self._text, end):
            self._collector.forget(mark)
            self._broken += not self._flow.closed
            end = line_end(self._text, position)
        return next_line(self._text, line_end(self._text, end))

    def _quoted_value(self, top: _Open, position: int) -> int:
        text = self._text
        double = text[position] == '"'
        found = (DOUBLE if double else SINGLE).match(text, position)
        if found is None or not _REST.match(text, found.end()):
            self._broken += found is None
            top.colon_end = -1
            return next_line(text, line_end(text, position))
        value = unescape(found.group(1)) if double else found.group(1).replace("''", "'")
        self._add(top, value, (position, found.end()), found.span(1))
        return next_line(text, line_end(text, found.end()))

    def _plain_value(self, top: _Open, position: int) -> int:
        start, following, pieces = position, position, list[str]()
        while True:
            end = line_end(self._text, position)
            comment = _COMMENT.search(self._text, position, end)
            pieces.append(self._text[position : comment.start() if comment else end].rstrip(" \t"))
            stop = position + len(pieces[-1])
            following = next_line(self._text, end)
            if comment or not self._goes_on(top, following):
                break
            position = self._skip(_INDENT, following)
        self._add(top, " ".join(pieces), (start, stop), (start, stop))
        return following

    def _goes_on(self, top: _Open, start: int) -> bool:
        """Say whether a line continues the plain scalar before it."""
        text = self._text
        if start >= len(text) or _SKIPPED.match(text, start):
            return False
        first = self._skip(_INDENT, start)
        return first - start > top.column and not _KEY.match(text, first) and not _ITEM.match(text, first)

    def _block_value(self, top: _Open, position: int) -> int:
        text = self._text
        start = position = next_line(text, line_end(text, position))
        pieces: list[str] = []
        first = stop = -1
        while position < len(text):
            end = line_end(text, position)
            content = self._skip(_INDENT, position)
            if content < end and content - position <= top.column:
                break
            if content < end:
                first = content if first < 0 else first
                stop = end
            pieces.append(text[min(content, end) : end])
            position = next_line(text, end)
        if first >= 0:
            self._add(top, "\n".join(pieces).strip("\n"), (start, stop), (first, stop))
        top.colon_end = -1
        return position

    def _add(self, top: _Open, value: str, place: tuple[int, int], inner: tuple[int, int]) -> None:
        if top.is_item:
            add_item(self._collector, top.path, top.owner, value, place, inner)
        else:
            span = (top.key_start if top.key_start >= 0 else place[0], place[1])
            self._collector.add(top.path, top.owner, value, span, inner, top.key)
        top.colon_end = -1

    def _skip(self, pattern: re.Pattern[str], position: int) -> int:
        found = pattern.match(self._text, position)
        return found.end() if found else position
