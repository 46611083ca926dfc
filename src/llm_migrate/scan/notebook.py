"""Read a Jupyter notebook's code cells as one text whose characters map back to bytes of the JSON file."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, cast

from llm_migrate.scan.finding import Document
from llm_migrate.scan.rule import UnreadableError, character_offsets

_LEXEME: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_UNICODE: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}")
# How kernels name their language, in lower case; Python's notebooks keep the language "notebook".
_LANGUAGES: Final = {
    "c#": "csharp",
    "csharp": "csharp",
    "java": "java",
    "javascript": "javascript",
    "typescript": "typescript",
}
_MAGIC: Final = {
    "notebook": (re.compile(r"(?m)^([ \t]*)[!%]"), r"\1#"),
    "other": (re.compile(r"(?m)^([ \t]*)(?:#[!ri]|%%)"), r"\1//"),
}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(slots=True)
class _Level:
    """One open object or list on the way through the JSON."""

    closing: str
    key: str = ""
    expects_key: bool = False
    code: bool = False
    sources: list[tuple[int, int]] | None = None


def to_code(document: Document) -> tuple[Document, array[int]]:
    """Return the code of a notebook as a document, and the byte of the file for each of its characters.

    The document keeps path and bytes, so that offsets of hits count in the notebook; its language is the kernel's, or
    stays "notebook" for Python. Lines that are commands of the notebook (`!pip`, `%time`, `#r "nuget: ..."`) become
    comments of the same length.

    Raises:
        UnreadableError: the file is no notebook.
    """
    try:
        loaded: object = json.loads(document.text)
    except (ValueError, RecursionError):
        raise UnreadableError("not a notebook: its JSON is broken") from None
    if not isinstance(loaded, dict) or not isinstance(cast("dict[str, object]", loaded).get("cells"), list):
        raise UnreadableError("not a notebook of format 4")
    language = _language(cast("dict[str, object]", loaded))
    magic, comment = _MAGIC.get(language, _MAGIC["other"])
    places = character_offsets(document)
    text: list[str] = []
    offsets = array("Q")
    for cell in _code_cells(document.text):
        for first, last in cell:
            for character, at in _unescape(document.text, first, last):
                text.append(character)
                offsets.append(places[at])
        text.append("\n")
        offsets.append(places[cell[-1][1]] if cell else 0)
    offsets.append(offsets[-1] if offsets else 0)
    return replace(document, text=magic.sub(comment, "".join(text)), language=language), offsets


def _language(loaded: dict[str, object]) -> str:
    """Return what the kernel speaks; "notebook" for Python and for what cannot be told."""
    metadata = _table(loaded.get("metadata"))
    for place, key in (("language_info", "name"), ("kernelspec", "language")):
        name = _table(metadata.get(place)).get(key)
        if isinstance(name, str) and name.lower() in _LANGUAGES:
            return _LANGUAGES[name.lower()]
    return "notebook"


def _table(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _code_cells(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield for each code cell the inner spans of its `source` strings, in characters of the JSON."""
    stack: list[_Level] = []
    for match in _LEXEME.finditer(text):
        lexeme = match[0]
        level = stack[-1] if stack else None
        if lexeme in "{[":
            inside = level is not None and level.key == "source" and len(stack) == 3
            stack.append(_Level("}" if lexeme == "{" else "]", expects_key=lexeme == "{"))
            if inside and level is not None:
                level.sources = []
        elif lexeme in "}]":
            closed = stack.pop() if stack else None
            if closed is not None and closed.code and closed.sources and len(stack) == 2 and stack[0].key == "cells":
                yield closed.sources
        elif level is not None:
            _take_scalar(lexeme, match, level, stack)


def _take_scalar(lexeme: str, match: re.Match[str], level: _Level, stack: list[_Level]) -> None:
    if lexeme == ",":
        level.expects_key = level.closing == "}"
    elif lexeme == ":":
        level.expects_key = False
    elif level.expects_key and lexeme.startswith('"'):
        level.key = lexeme[1:-1]
    elif lexeme.startswith('"'):
        span = (match.start() + 1, match.end() - 1)
        if len(stack) == 3 and level.key == "cell_type":
            level.code = lexeme == '"code"'
        elif len(stack) == 3 and level.key == "source":
            level.sources = [span]
        elif len(stack) == 4 and stack[2].key == "source" and stack[2].sources is not None:
            stack[2].sources.append(span)


def _unescape(text: str, first: int, last: int) -> Iterator[tuple[str, int]]:
    """Yield each character of a JSON string with the place where it is written."""
    at = first
    while at < last:
        if text[at] != "\\":
            yield text[at], at
            at += 1
        elif (escaped := _UNICODE.match(text, at, last)) is not None:
            yield _character(escaped[0]), at
            at = escaped.end()
        else:
            yield _ESCAPES.get(text[at + 1], text[at + 1]), at
            at += 2


def _character(escaped: str) -> str:
    """Return what one escape, or the two of a sign beyond the first 65,536, stands for; half a pair is no text."""
    units = [int(unit, 16) for unit in escaped.split("\\u")[1:]]
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "replace")
