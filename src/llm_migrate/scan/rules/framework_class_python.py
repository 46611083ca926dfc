"""Frameworks' classes that hide a vendor's SDK, constructed in Python: `ChatOpenAI(model=...)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.names import names_of
from llm_migrate.scan.python_names import KINDS
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.framework_class import class_hits
from llm_migrate.scan.symbols import Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "framework_class_python"


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the construction, and the address and key that stand in it as literals."""
    names = names_of(context)
    if node.kind() == "class_definition":
        yield from _find_bases(node, names, context)
        return
    function = node.field("function")
    if function is None or names is None or not names.uses_sdk or function.kind() not in ("identifier", "attribute"):
        return
    module, _, name = names.qualified(function).rpartition(".")
    owner = context.vocabulary.wrapper(module, name) if module else None
    if owner is not None:
        yield from class_hits(NAME, node, owner, names, context)


def _find_bases(node: Node, names: Symbols | None, context: FileContext) -> Iterator[Hit]:
    """Yield each base of a class that is a framework's class for a vendor: the subclass goes where its base goes."""
    bases = node.field("superclasses")
    for base in bases.children() if bases is not None and names is not None and names.uses_sdk else ():
        module, _, name = names.qualified(base).rpartition(".") if names is not None else ("", "", "")
        owner = context.vocabulary.wrapper(module, name) if module else None
        if owner is not None:
            yield Hit(NAME, "wrapper", *context.span(base), owner)


RULE: Final = AstRule(
    NAME, frozenset({"python", "notebook"}), frozenset({"call", "class_definition"}), find, needs=KINDS
)
