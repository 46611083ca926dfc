"""Reads brace-block configuration languages line by line: Bicep (`name: value`) and HCL (`name = value`).

Only values that stand on the line of their name are entries; expressions are given as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.entries.source import MAX_DEPTH, Path, Source, below, lines
from llm_migrate.scan.finding import Document, Entry

_HEAD: Final = re.compile(
    r"[ \t]*(?:(?:param|var|output|resource|module|variable|locals|data|provider)[ \t]+)?"
    r"(?:'([^'\r\n]*)'|\"([^\"\r\n]*)\"|([A-Za-z_][\w.-]*))"
    r"(?:[ \t]+(?:'[^'\r\n]*'|\"[^\"\r\n]*\"|[A-Za-z]\w*))*[ \t]*([:={])[ \t]*"
)
_STRING: Final = re.compile(r"'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\"")
_COMMENT: Final = re.compile(r"(?:^|[ \t])(?://|#(?!disable))")
_SKIPPED: Final = re.compile(r"[ \t]*(?://|#|@|/\*|\*|$)")


def read(document: Document) -> Iterator[Entry]:
    """Yield the values that stand on one line with their name; the path follows the open blocks."""
    source = Source(document)
    text = source.text
    path: Path = ()
    open_paths: list[Path] = []
    for start, end in lines(text):
        line = text[start:end]
        if _SKIPPED.match(line):
            continue
        head = _HEAD.match(line)
        inside = path
        if head is not None:
            inside = below(path, next(group for group in head.group(1, 2, 3) if group is not None))
            if head.group(4) != "{":
                entry = _entry(source, start, head, end, inside)
                if entry is not None:
                    yield entry
        for sign in _STRING.sub("", line):
            if sign in "{[(":
                open_paths.append(path)
                path = inside if len(open_paths) <= MAX_DEPTH else path
            elif sign in "}])" and open_paths:
                path = open_paths.pop()


def _entry(source: Source, start: int, head: re.Match[str], end: int, path: Path) -> Entry | None:
    text, begin = source.text, start + head.end()
    place = start + len(head.group()) - len(head.group().lstrip())
    quoted = _STRING.match(text, begin, end)
    if quoted is not None:
        inner = quoted.span(1) if quoted.group(1) is not None else quoted.span(2)
        return source.entry(path, text[slice(*inner)], (place, quoted.end()), inner)
    comment = _COMMENT.search(text, begin, end)
    stop = begin + len(text[begin : comment.start() if comment else end].rstrip().rstrip(","))
    if stop <= begin or text[stop - 1] in "{[(":
        return None
    return source.entry(path, text[begin:stop], (place, stop), (begin, stop))
