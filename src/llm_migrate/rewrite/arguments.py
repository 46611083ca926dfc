"""Edit the arguments of a Python call, keeping its layout: one line, one argument a line, or hanging."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from llm_migrate.rewrite.python_source import PythonSource
from llm_migrate.rewrite.splice import Edit

_CONDITION: Final = re.compile(rb"(.*) (if \w+ == \S+) (else \w[\w.]*)")
_COMMENT: Final = re.compile(r"#[^\r\n]*")


@dataclass(slots=True)
class ArgumentEdits:
    """What shall become of the arguments of one call.

    Attributes:
        before: text to put in front of an argument's value.
        instead: text in place of an argument's value.
        renamed: new names of keywords.
        removed: keywords that go.
        added: `name=value` texts for the end.
    """

    before: dict[str, str] = field(default_factory=dict[str, str])
    instead: dict[str, str] = field(default_factory=dict[str, str])
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    removed: list[str] = field(default_factory=list[str])
    added: list[str] = field(default_factory=list[str])

    def __bool__(self) -> bool:
        return bool(self.before or self.instead or self.renamed or self.removed or self.added)


def edit_arguments(source: PythonSource, call: ast.Call, wanted: ArgumentEdits) -> list[Edit]:
    """Return the edits that do this to a call; its keywords exist and are not spread."""
    edits = list(_value_edits(source, call, wanted))
    arguments = _arguments(call)
    gone = {k for k in call.keywords if k.arg in wanted.removed}
    edits += _removals(source, arguments, gone)
    added = [source.encode(text) for text in wanted.added]
    if not _is_one_line(call):
        return edits + _spread_lines(source, arguments, edits, gone) + _append_below(source, call, arguments, added)
    growth = sum(len(e.text) - (e.end - e.start) for e in edits) + sum(len(text) + 2 for text in added)
    width = len(source.line_text(call.end_lineno or call.lineno)) + growth
    exploded = None if gone or width <= source.width else _explode(source, call, arguments, added)
    if exploded is not None:
        return edits + exploded
    return edits + _append_inline(source, call, arguments, added)


def _arguments(call: ast.Call) -> list[ast.expr | ast.keyword]:
    return sorted([*call.args, *call.keywords], key=lambda node: (node.lineno, node.col_offset))


def _is_one_line(call: ast.Call) -> bool:
    return call.lineno == call.end_lineno


def _value_edits(source: PythonSource, call: ast.Call, wanted: ArgumentEdits) -> Sequence[Edit]:
    edits: list[Edit] = []
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        start, end = source.span(keyword.value)
        if keyword.arg in wanted.renamed:
            at = source.span(keyword)[0]
            edits.append(Edit(at, at + len(keyword.arg.encode()), source.encode(wanted.renamed[keyword.arg])))
        if keyword.arg in wanted.before:
            edits.append(Edit(start, start, source.encode(wanted.before[keyword.arg])))
        elif keyword.arg in wanted.instead:
            edits.append(Edit(start, end, source.encode(wanted.instead[keyword.arg])))
    return edits


def _removals(source: PythonSource, arguments: Sequence[ast.expr | ast.keyword], gone: set[ast.keyword]) -> list[Edit]:
    """Cut arguments out: up to the next one, and the last ones from the end of the last that stays."""
    spans = [source.span(a) for a in arguments]
    kept = [i for i, a in enumerate(arguments) if a not in gone]
    last = kept[-1] if kept else -1
    edits = [Edit(spans[i][0], spans[i + 1][0], b"") for i, a in enumerate(arguments) if a in gone and i < last]
    if last < len(arguments) - 1:
        start = spans[last][1] if kept else spans[0][0]
        edits.append(Edit(start, spans[-1][1], b""))
    return edits


def _between(source: PythonSource, start: int, end: int) -> str:
    text = source.document.data[start:end].decode(source.document.encoding)
    return _COMMENT.sub("", text)


def _append_inline(
    source: PythonSource, call: ast.Call, arguments: Sequence[ast.expr | ast.keyword], added: Sequence[bytes]
) -> list[Edit]:
    if not added:
        return []
    close = source.span(call)[1] - 1
    tail = _between(source, source.span(arguments[-1])[1], close).strip() if arguments else ","
    lead = b", " if not tail.endswith(",") else b" " if arguments else b""
    return [Edit(close, close, lead + b", ".join(added))]


def _append_below(
    source: PythonSource, call: ast.Call, arguments: Sequence[ast.expr | ast.keyword], added: Sequence[bytes]
) -> list[Edit]:
    if not added:
        return []
    close, close_line = source.span(call)[1] - 1, call.end_lineno or call.lineno
    alone = _between(source, source.line_start(close_line), close).strip() == ""
    if not arguments or not alone:
        return _append_inline(source, call, arguments, added)
    last_end = source.span(arguments[-1])[1]
    comma = "," in _between(source, last_end, close)
    indent = source.encode(_indent(source.line_text(arguments[-1].lineno)))
    newline = source.encode("\n")
    rows = b"".join(_folded(source, indent, text) + b"," + newline for text in added)
    edits = [] if comma else [Edit(last_end, last_end, b",")]
    at = source.line_start(close_line)
    return [*edits, Edit(at, at, rows)]


def _explode(
    source: PythonSource, call: ast.Call, arguments: Sequence[ast.expr | ast.keyword], added: Sequence[bytes]
) -> list[Edit] | None:
    """Put each argument of a one-line call on a line of its own; None where that is not plainly possible."""
    own = _indent(source.line_text(call.lineno))
    newline = source.encode("\n" + own)
    step = newline + (b"\t" if own.startswith("\t") else b"    ")
    close = source.span(call)[1] - 1
    at = source.span(call.func)[1] + 1
    edits: list[Edit] = []
    for argument in arguments:
        start, end = source.span(argument)
        if _between(source, at, start).strip() not in ("", ",") or source.document.data[at - 1 : at] == b",":
            return None
        edits.append(Edit(at, start, (b"," if edits else b"") + step))
        at = end
    if _between(source, at, close).strip() not in ("", ","):
        return None
    rows = b"".join(
        (b"," if arguments or i else b"") + newline + _folded(source, step[len(newline) :], text)
        for i, text in enumerate(added)
    )
    return [*edits, Edit(at, close, rows + b"," + newline)]


def _spread_lines(
    source: PythonSource,
    arguments: Sequence[ast.expr | ast.keyword],
    edits: Sequence[Edit],
    gone: set[ast.keyword],
) -> list[Edit]:
    """Break lines of several arguments that grow too long into one argument a line."""
    out: list[Edit] = []
    for first in {node.lineno for node in arguments}:
        row = [node for node in arguments if node.lineno == first]
        line = source.line_text(first)
        start, stop = source.line_start(first), source.line_start(first + 1)
        growth = sum(len(e.text) - (e.end - e.start) for e in edits if start <= e.start < stop)
        begins = source.span(row[0])[0] == start + len(_indent(line))
        whole = all(node.end_lineno == first for node in row)
        if len(line) + growth <= source.width or not begins or not whole or gone & set(row):
            continue
        step = b"," + source.encode("\n" + _indent(line))
        for one, other in pairwise(row):
            end, begin = source.span(one)[1], source.span(other)[0]
            if _between(source, end, begin).strip() == ",":
                out.append(Edit(end, begin, step))
    return out


def _folded(source: PythonSource, indent: bytes, text: bytes) -> bytes:
    """Return a line for an argument, folded at its condition if it is too long."""
    if len(indent) + len(text) < source.width:
        return indent + text
    found = _CONDITION.fullmatch(text)
    newline = source.encode("\n")
    parts = found.groups() if found else (text,)
    return newline.join(indent + part for part in parts)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
