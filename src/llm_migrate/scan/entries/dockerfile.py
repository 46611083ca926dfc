"""Reads Dockerfiles: the variables of `ENV` (both forms) and `ARG`. Other instructions are not entries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.entries.source import Source, line_end, next_line
from llm_migrate.scan.finding import Document, Entry

_ESCAPE: Final = re.compile(r"\A(?:[ \t]*#[^\r\n]*(?:\r\n|[\r\n]))*?[ \t]*#[ \t]*escape[ \t]*=[ \t]*(`)", re.I)
_INSTRUCTION: Final = re.compile(r"[ \t]*(?:ONBUILD[ \t]+)?([A-Za-z]+)(?=[ \t]|$)", re.I | re.M)
_HEREDOC: Final = re.compile(r"<<-?([\"']?)([A-Za-z_]\w*)\1")
_COMMENT: Final = re.compile(r"[ \t]*#")
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*+")
_QUOTED: Final = {'"': re.compile(r'"((?:[^"\\\r\n]|\\.)*+)"', re.S), "'": re.compile(r"'([^'\r\n]*+)'")}


def read(document: Document) -> Iterator[Entry]:
    """Yield the variables that a Dockerfile sets or declares."""
    source = Source(document)
    text, position = source.text, 0
    escape = "`" if _ESCAPE.match(text) else "\\"
    while position < len(text):
        end = _instruction_end(text, position, escape)
        found = _INSTRUCTION.match(text, position, end)
        word = found.group(1).upper() if found else ""
        if found and word in ("ENV", "ARG"):
            yield from _variables(source, found.end(), end, escape=escape, spaced=word == "ENV")
        elif word in ("RUN", "COPY", "ADD"):
            end = _past_heredocs(text, position, end)
        position = next_line(text, end)


def _instruction_end(text: str, position: int, escape: str) -> int:
    end = line_end(text, position)
    if _COMMENT.match(text, position):
        return end
    start = position
    while end < len(text):
        comment = start > position and _COMMENT.match(text, start)  # comment lines inside an instruction vanish
        if not comment and not text[start:end].rstrip(" \t").endswith(escape):
            break
        start = next_line(text, end)
        end = line_end(text, start)
    return end


def _past_heredocs(text: str, position: int, end: int) -> int:
    for match in list(_HEREDOC.finditer(text, position, end)):
        while end < len(text):
            start = next_line(text, end)
            end = line_end(text, start)
            if text[start:end].strip("\t") == match.group(2):
                break
    return end


def _variables(source: Source, position: int, end: int, *, escape: str, spaced: bool) -> Iterator[Entry]:
    text, first = source.text, True
    while (position := _skip_blank(text, position, end, escape)) < end:
        name = _NAME.match(text, position, end)
        if name is None:
            return
        after = name.end()
        if text[after : after + 1] == "=":
            value, inner, position = _word(text, after + 1, end, escape)
            yield source.entry((name.group(),), value, (name.start(), position), inner)
        elif spaced and first:  # ENV NAME the rest of the line
            start = _skip_blank(text, after, end, escape)
            stop = start + len(text[start:end].rstrip())
            yield source.entry((name.group(),), text[start:stop], (name.start(), stop), (start, stop))
            return
        elif spaced:
            return
        else:  # ARG without a default
            yield source.entry((name.group(),), "", name.span(), None)
            position = after
        first = False


def _word(text: str, position: int, end: int, escape: str) -> tuple[str, tuple[int, int], int]:
    """Return the value of a word, where it lies, and where the word ends."""
    quoted = _QUOTED.get(text[position : position + 1])
    if quoted is not None and (found := quoted.match(text, position, end)) and _ends(text, found.end(), end):
        return found.group(1), found.span(1), found.end()
    start = position
    while position < end and text[position] not in " \t\r\n":
        match = _QUOTED[text[position]].match(text, position, end) if text[position] in _QUOTED else None
        if match is not None:
            position = match.end()
        elif text[position] == escape:
            if text[position + 1 : position + 2] in ("\r", "\n"):
                break
            position += 2
        else:
            position += 1
    position = min(position, end)
    return text[start:position], (start, position), position


def _ends(text: str, position: int, end: int) -> bool:
    return position >= end or text[position] in " \t\r\n"


def _skip_blank(text: str, position: int, end: int, escape: str) -> int:
    """Skip blanks, continued line ends and the comment lines between them."""
    while position < end:
        if text[position] in " \t":
            position += 1
        elif text[position] == escape and not text[position + 1 : line_end(text, position)].strip(" \t"):
            position = _skip_comments(text, next_line(text, line_end(text, position)), end)
        elif text[position] in "\r\n":
            position = _skip_comments(text, next_line(text, position), end)
        else:
            break
    return min(position, end)


def _skip_comments(text: str, position: int, end: int) -> int:
    while position < end and _COMMENT.match(text, position):
        position = next_line(text, line_end(text, position))
    return position
