"""Imports of a vendor's Python SDK, or of a framework's classes for it: `from openai import OpenAI`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.python_names import imported
from llm_migrate.scan.rule import AstRule, FileContext

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "sdk_import_python"


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield one hit for each vendor whose names the statement brings."""
    module = node.field("module_name")
    from_module = module.text() if module is not None else ""
    if from_module.startswith("."):
        return
    found: dict[tuple[Kind, str], None] = {}
    for path, _, _ in imported(node):
        parent, _, name = path.rpartition(".")
        wrapped = context.vocabulary.wrapper(from_module or parent, name) if from_module or parent else None
        owner = wrapped or context.vocabulary.python_module(from_module or path)
        if owner is not None:
            found["wrapper" if wrapped else "sdk-import", owner] = None
        elif context.vocabulary.wrapper_module(from_module or path):
            found["wrapper", context.vocabulary.wrapper_module(from_module or path) or ""] = None
    start, end = context.span(node)
    for kind, owner in found:
        yield Hit(NAME, kind, start, end, owner)


RULE: Final = AstRule(
    NAME, frozenset({"python", "notebook"}), frozenset({"import_statement", "import_from_statement"}), find
)
