"""Imports of a vendor's npm package, or of a framework's for it: `import OpenAI from "openai"`, `require("openai")`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.script_names import SCRIPTS, imported, module_of, required_module
from llm_migrate.scan.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "sdk_import_script"


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield an import, a re-export, a `require` or a dynamic import."""
    if node.kind() == "call_expression":
        required = required_module(node)
        module = required[0] if required is not None else ""
        taken: list[str] = []
        source = node.field("arguments")
        source = next((c for c in source.children() if c.kind() == "string"), None) if source is not None else None
    else:
        module = module_of(node)
        taken = [path.rpartition(".")[2] for path, _, _ in imported(node)] if node.kind() == "import_statement" else []
        source = node.field("source")
    if not module or module.startswith("."):
        return
    found = _owner(module, taken, context.vocabulary)
    if found is not None:
        start, end = context.span(node)
        inner = value_span(source, context)
        yield Hit(NAME, found[0], start, end, found[1], value_start=inner[0], value_end=inner[1])


def _owner(module: str, taken: list[str], vocabulary: Vocabulary) -> tuple[Kind, str] | None:
    for name in taken:
        wrapped = vocabulary.wrapper(module, name)
        if wrapped is not None:
            return "wrapper", wrapped
    wrapped = vocabulary.wrapper_module(module)
    if wrapped is not None:
        return "wrapper", wrapped
    owner = vocabulary.npm_of(module)
    return ("sdk-import", owner) if owner is not None else None


RULE: Final = AstRule(NAME, SCRIPTS, frozenset({"import_statement", "export_statement", "call_expression"}), find)
