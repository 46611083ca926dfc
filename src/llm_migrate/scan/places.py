"""Make hits from nodes: the bytes of a place and of the replaceable value inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llm_migrate.scan.rule import FileContext

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

_QUOTES: Final = "'\"`"
NONE: Final = (-1, -1)


def value_span(node: Node | None, context: FileContext) -> tuple[int, int]:
    """Return the bytes inside the quotes of a string, or of a bare name; (-1, -1) for anything else."""
    if node is None:
        return NONE
    kind = node.kind()
    first, last = node.range().start.index, node.range().end.index
    if kind in ("property_identifier", "identifier"):
        return context.byte(first), context.byte(last)
    if kind not in ("string", "template_string"):
        return NONE
    children = node.children()
    if any(child.kind() in ("interpolation", "template_substitution") for child in children):
        return NONE
    if len(children) >= 2:
        return context.byte(children[0].range().end.index), context.byte(children[-1].range().start.index)
    return NONE
