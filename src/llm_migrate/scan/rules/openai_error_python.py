"""Exception classes of OpenAI's Python SDK where they are caught, tested or passed on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.names import names_of
from llm_migrate.scan.python_names import KINDS
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.openai_sdk import ERROR_NAME, OPENAI
from llm_migrate.scan.symbols import Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "openai_error_python"
_GROUPS: Final = frozenset({"tuple", "as_pattern", "list", "parenthesized_expression", "binary_operator"})


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the clause of an `except`, or the argument of a call, that names such a class."""
    names = names_of(context)
    if names is None or not names.uses_sdk:
        return
    if node.kind() == "except_clause":
        for child in node.children():
            if child.is_named() and child.kind() != "block" and _names_error(child, names):
                legacy = ".error." in child.text()
                yield Hit(NAME, "error", context.span(node)[0], context.span(child)[1], OPENAI, legacy=legacy)
        return
    arguments = node.field("arguments")
    for child in arguments.children() if arguments is not None else ():
        if child.kind() in ("attribute", "identifier", "tuple") and _names_error(child, names):
            place = context.span(child)
            yield Hit(NAME, "error", place[0], place[1], OPENAI)


def _names_error(node: Node, names: Symbols) -> bool:
    stack = [node]
    for _ in range(40):
        if not stack:
            return False
        current = stack.pop()
        kind = current.kind()
        if kind in _GROUPS:
            stack += [child for child in current.children() if child.is_named()]
        elif kind in ("attribute", "identifier"):
            path = names.qualified(current)
            if path.partition(".")[0] == OPENAI and ERROR_NAME.search(path):
                return True
    return False


RULE: Final = AstRule(NAME, frozenset({"python", "notebook"}), frozenset({"except_clause", "call"}), find, needs=KINDS)
