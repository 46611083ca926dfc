"""Reads bracketed collections, `{...}` and `[...]`, as JSON with comments and YAML's flow style write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from llm_migrate.scan.entries.collector import Collector
from llm_migrate.scan.entries.source import Path, below, line_end

DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.S)
SINGLE: Final = re.compile(r"'((?:[^']|'')*+)'")
_SINGLE_JSON: Final = re.compile(r"'((?:[^'\\\r\n]|\\.)*+)'", re.S)
_BLANK: Final = re.compile(r"[ \t\r\n\f\v]*")
_PLAIN_JSON: Final = re.compile(r"[^\s,\[\]{}:\"'/]++|/(?![/*])")
_PLAIN_YAML: Final = re.compile(
    r"(?:[^ \t\r\n,\[\]{}:#]|:(?![ \t\r\n,\[\]{}]|\Z)|(?<![ \t\r\n])#|[ \t]++(?![#\r\n,\[\]{}:]))++"
)
_TEMPLATE: Final = re.compile(r"\{\{[^\r\n]*?\}\}")
_ESCAPE: Final = re.compile(r"\\(?:(?:u|U0000|x(?=[0-9a-fA-F]{2}))((?<=x)[0-9a-fA-F]{2}|[0-9a-fA-F]{4})|(.))", re.S)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\n": ""}
ASSIGNMENT: Final = re.compile(r"(-{0,2}[A-Za-z_][\w.-]*)=")


@dataclass(slots=True)
class _Level:
    closing: str
    path: Path
    owner: int
    key: str = ""
    key_place: tuple[int, int] = (0, 0)
    expects_value: bool = False


class FlowReader:
    """Reads one collection after another from a text, iteratively."""

    __slots__ = ("_collector", "_text", "_yaml", "closed")

    def __init__(self, text: str, collector: Collector, *, yaml: bool) -> None:
        self._text = text
        self._collector = collector
        self._yaml = yaml
        self.closed = True

    def read(self, position: int, path: Path) -> int:
        """Add the scalars of the collection that begins at a position, and return where reading ended.

        `closed` then says whether its last bracket was found; if not, what was added may be wrong.
        """
        text, levels = self._text, list[_Level]()
        self.closed = False
        while (position := self._skip(position)) < len(text):
            sign = text[position]
            if sign in "{[" and not (self._yaml and text.startswith("{{", position)):
                levels.append(self._open(levels, sign, path))
                position += 1
            elif sign in "}]":
                if not levels or levels.pop().closing != sign:
                    return position
                position += 1
                if not levels:
                    self.closed = True
                    return position
            elif not levels:
                return position
            else:
                position = self._inside(levels[-1], position, sign)
        return position

    def _open(self, levels: list[_Level], sign: str, path: Path) -> _Level:
        parent = levels[-1] if levels else None
        if parent is not None:
            path = below(parent.path, parent.key) if parent.closing == "}" else parent.path
            self._collector.note(parent.owner, parent.key)
            parent.expects_value = False
        return _Level("}" if sign == "{" else "]", path, self._collector.new_owner())

    def _inside(self, level: _Level, position: int, sign: str) -> int:
        if sign == ",":
            level.expects_value, level.key = False, ""
            return position + 1
        if sign == ":":
            level.expects_value = True
            return position + 1
        value, inner, end = self._scalar(position)
        if level.closing == "}" and not level.expects_value:
            level.key, level.key_place = value, (position, end)
        else:
            self._add(level, value, inner, (position, end))
        return end

    def _add(self, level: _Level, value: str, inner: tuple[int, int], place: tuple[int, int]) -> None:
        if level.closing == "}":
            path = below(level.path, level.key)
            self._collector.add(path, level.owner, value, (level.key_place[0], place[1]), inner, level.key)
            level.expects_value = False
        else:
            add_item(self._collector, level.path, level.owner, value, place, inner)

    def _scalar(self, position: int) -> tuple[str, tuple[int, int], int]:
        """Return the value of a scalar, where it lies without quotes, and its end."""
        text = self._text
        quote = text[position]
        pattern = DOUBLE if quote == '"' else SINGLE if self._yaml else _SINGLE_JSON
        if quote in "\"'" and (found := pattern.match(text, position)):
            plain = self._yaml and quote == "'"
            value = found.group(1).replace("''", "'") if plain else unescape(found.group(1))
            return value, found.span(1), found.end()
        if quote in "\"'":
            return "", (position, len(text)), len(text)  # unclosed: nothing after it can be trusted
        found = (_PLAIN_YAML if self._yaml else _PLAIN_JSON).match(text, position)
        if self._yaml and quote == "{":
            found = _TEMPLATE.match(text, position)
        if found is None:
            return "", (position, position), position + 1
        end = position + len(found.group().rstrip(" \t"))
        return text[position:end], (position, end), found.end()

    def _skip(self, position: int) -> int:
        text = self._text
        while True:
            blank = _BLANK.match(text, position)
            position = blank.end() if blank else position
            if text.startswith("#" if self._yaml else "//", position):
                position = line_end(text, position)
            elif not self._yaml and text.startswith("/*", position):
                close = text.find("*/", position + 2)
                position = close + 2 if close >= 0 else len(text)
            else:
                return position


def add_item(
    collector: Collector, path: Path, owner: int, value: str, place: tuple[int, int], inner: tuple[int, int]
) -> None:
    """Add an item of a list; `NAME=value` is an entry of that name."""
    named = ASSIGNMENT.match(value)
    # The text of an escaped value has other places than its bytes, so it stays whole.
    if named and inner[1] - inner[0] == len(value):
        start = inner[0] + named.end()
        collector.add(below(path, named.group(1)), owner, value[named.end() :], place, (start, inner[1]))
    else:
        collector.add(path, owner, value, place, inner)


def unescape(raw: str) -> str:
    """Return the text of a double-quoted string of JSON or YAML."""
    if "\\" not in raw:
        return raw
    text = _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)) if m.group(1) else _ESCAPES.get(m.group(2), m.group(2)), raw)
    # JSON writes what lies above U+FFFF as two halves.
    halves = any("\ud800" <= sign <= "\udfff" for sign in text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if halves else text
