"""Finds requests and variables of a provider in command lines inside other files.

Scripts of workflows and compose files (YAML block scalars, `command:` texts), RUN and CMD of Dockerfiles, makefiles,
PowerShell and batch files. Comments are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from llm_migrate.scan.entries.source import lines
from llm_migrate.scan.finding import Confidence, Document, Entry, Hit, Kind
from llm_migrate.scan.rule import AnyRule, EntryRule, FileContext, TextRule
from llm_migrate.scan.rules.config_values import KIND_OF, name_role

NAME: Final = "shell_embedded"

_REQUEST: Final = re.compile(
    r"(?<![\w./-])(?:curl|wget|https?|xh|Invoke-RestMethod|Invoke-WebRequest|iwr|irm)(?=\s)", re.IGNORECASE
)
_URL: Final = re.compile(r"https?://[^\s\"'`<>\\]{3,300}")
_VARIABLE: Final = re.compile(
    r"(?:\$\{?|\$env:|%|\b(?:export|setx?|unset|read|printenv)[ \t]+)([A-Za-z_]\w{3,60}+)"
    r"|(?<![\w$])([A-Z][A-Z0-9_]{3,60}+)="
)
_COMMENT: Final = re.compile(r"[ \t]*(?:#|REM\b|::|//)", re.I)
_CONTINUED: Final = re.compile(r"[\\`^][ \t]*$")
_INSTRUCTION: Final = re.compile(r"[ \t]*(RUN|CMD|ENTRYPOINT|HEALTHCHECK)\b", re.I)


def find_in_text(document: Document, context: FileContext) -> Iterator[Hit]:
    """Yield the hits of a file that consists of command lines; of a Dockerfile, only of what it runs."""
    only_runs = document.language == "dockerfile"
    for start, end in _logical_lines(document.text):
        if not only_runs or _INSTRUCTION.match(document.text, start, end):
            for kind, first, last, owner in _in_line(document.text[start:end], context):
                place = context.byte(start + first), context.byte(start + last)
                yield _hit(kind, place, owner)


def find_in_entries(document: Document, entries: Sequence[Entry], context: FileContext) -> Iterator[Hit]:
    """Yield the hits of values that are scripts: those with several words."""
    for entry in entries:
        raw = document.data[entry.value_start : entry.value_end] if entry.value_start >= 0 else b""
        if b" " not in raw:
            continue
        text = raw.decode(document.encoding, "replace")
        for start, end in _logical_lines(text):
            for kind, first, last, owner in _in_line(text[start:end], context):
                head = entry.value_start + len(text[: start + first].encode(document.encoding))
                tail = head + len(text[start + first : start + last].encode(document.encoding))
                yield _hit(kind, (head, tail), owner)


RULES: Final[tuple[AnyRule, ...]] = (
    TextRule(NAME, frozenset({"batch", "dockerfile", "makefile", "powershell"}), find_in_text),
    EntryRule(NAME, frozenset({"json", "toml", "yaml"}), find_in_entries),
)

_Owner = tuple[str, Confidence]


def _logical_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield each line with those that continue it; comments are left out."""
    first = -1
    last = 0
    for start, last in lines(text):
        if first < 0 and _COMMENT.match(text, start, last):
            continue
        first = start if first < 0 else first
        if not _CONTINUED.search(text, max(start, last - 20), last):
            yield first, last
            first = -1
    if first >= 0:
        yield first, last


def _in_line(line: str, context: FileContext) -> Iterator[tuple[Kind, int, int, _Owner]]:
    for request in _REQUEST.finditer(line):
        address = _URL.search(line, request.end())
        owner = context.vocabulary.url(address.group()) if address else None
        if owner is not None:
            yield "raw-http", request.start(), len(line.rstrip()), (owner, "certain")
            break
    for match in _VARIABLE.finditer(line):
        group = 1 if match.group(1) else 2
        role = name_role(context.vocabulary, match.group(group))
        if role is not None and (role.exact or role.role == "key"):
            confidence: Confidence = "certain" if role.exact else "likely"
            yield KIND_OF[role.role], match.start(group), match.end(group), (role.provider, confidence)


def _hit(kind: Kind, place: tuple[int, int], owner: _Owner) -> Hit:
    inner = (-1, -1) if kind == "raw-http" else place
    return Hit(NAME, kind, *place, owner[0], value_start=inner[0], value_end=inner[1], confidence=owner[1])
