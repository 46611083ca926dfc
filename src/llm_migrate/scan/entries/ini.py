"""Reads INI and `.cfg` files: sections, `key = value` or `key: value`, values continued on indented lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.entries.source import Path, Source, below, lines, strip_span
from llm_migrate.scan.finding import Document, Entry

_SECTION: Final = re.compile(r"[ \t]*\[([^\]\r\n]+)\]")
_PART: Final = re.compile(r'"([^"]*)"|([^\s"]+(?: +[^\s"]+)*)')
_HEAD: Final = re.compile(r"[ \t]*([^\s#;=:\[][^=:\r\n]*?)[ \t]*[=:]")
_COMMENT: Final = re.compile(r"[ \t][#;]")
_SKIP: Final = re.compile(r"[ \t]*(?:[#;]|$)")


def read(document: Document) -> Iterator[Entry]:
    """Yield the options of a file, below the name of their section."""
    source = Source(document)
    text = source.text
    section: Path = ()
    option: tuple[Path, int, int, list[tuple[int, int]]] | None = None  # path, start, column, pieces of its value
    for start, end in lines(text):
        line = text[start:end]
        column = len(line) - len(line.lstrip(" \t"))
        if _SKIP.match(line):
            continue
        if option is not None and column > option[2]:
            option[3].append(strip_span(text, start, _before_comment(text, start, end)))
            continue
        if option is not None:
            yield _entry(source, option)
            option = None
        if (found := _SECTION.match(line)) is not None:
            section = _section(found.group(1))
        elif (head := _HEAD.match(line)) is not None:
            first = strip_span(text, start + head.end(), _before_comment(text, start + head.end(), end))
            option = (below(section, head.group(1)), start + head.start(1), column, [first])
    if option is not None:
        yield _entry(source, option)


def _section(name: str) -> Path:
    return tuple(quoted or plain for quoted, plain in _PART.findall(name))


def _before_comment(text: str, start: int, end: int) -> int:
    found = _COMMENT.search(text, start, end)
    return found.start() if found else end


def _entry(source: Source, option: tuple[Path, int, int, list[tuple[int, int]]]) -> Entry:
    path, start, _, spans = option
    pieces = [span for span in spans if span[0] < span[1]] or spans[:1]
    begin, end = pieces[0][0], pieces[-1][1]
    value = "\n".join(source.text[a:b] for a, b in pieces)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return source.entry(path, value[1:-1], (start, end), (begin + 1, end - 1))
    return source.entry(path, value, (start, max(start, end)), (begin, end))
