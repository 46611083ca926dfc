"""Tell which places stand behind the switch between an old and a new provider, as a rewrite leaves them."""

from __future__ import annotations

from typing import Final

from llm_migrate.scan.finding import SWITCH, Hit
from llm_migrate.scan.rule import FileContext
from llm_migrate.scan.syntax import GRAMMARS, find_kinds

_BRANCHES: Final = frozenset({"conditional_expression", "ternary_expression", "if_statement"})


def switched_spans(context: FileContext) -> list[tuple[int, int]]:
    """Return the bytes of each branch that depends on the switch; the whole file for configuration that sets it."""
    if SWITCH not in context.document.text:
        return []
    if context.root is None or context.document.language not in GRAMMARS:
        return [(0, len(context.document.data))]
    nodes = find_kinds(context.root, context.document.language, _BRANCHES)
    spans: list[tuple[int, int]] = []
    for node in nodes:
        condition = node.field("condition")
        parts = [condition] if condition is not None else node.children()[1:4]
        if any(SWITCH in part.text() for part in parts if len(part.text()) < 400):
            spans.append(context.span(node))
    return spans


def is_behind(hit: Hit, spans: list[tuple[int, int]]) -> bool:
    """Say whether a place is in such a branch, or has one inside, as a call has among its arguments."""
    return any(start <= hit.start < end or hit.start <= start < hit.end for start, end in spans)
