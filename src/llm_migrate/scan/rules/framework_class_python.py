"""Frameworks' classes that hide a vendor's SDK, constructed in Python: `ChatOpenAI(model=...)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.names import names_of
from llm_migrate.scan.python_names import KINDS
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.framework_class import class_hits

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "framework_class_python"


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the construction, and the address and key that stand in it as literals."""
    function = node.field("function")
    names = names_of(context)
    if function is None or names is None or not names.uses_sdk or function.kind() not in ("identifier", "attribute"):
        return
    module, _, name = names.qualified(function).rpartition(".")
    owner = context.vocabulary.wrapper(module, name) if module else None
    if owner is not None:
        yield from class_hits(NAME, node, owner, names, context)


RULE: Final = AstRule(NAME, frozenset({"python", "notebook"}), frozenset({"call"}), find, needs=KINDS)
