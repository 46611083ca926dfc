"""Error classes of OpenAI's npm package: `e instanceof OpenAI.APIError`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.names import names_of
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.openai_sdk import ERROR_NAME, OPENAI
from llm_migrate.scan.script_names import KINDS, SCRIPTS

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "openai_error_script"


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a test of an error against one of the package's classes."""
    operator, right = node.field("operator"), node.field("right")
    names = names_of(context)
    if names is None or not names.uses_sdk or operator is None or right is None or operator.text() != "instanceof":
        return
    path = names.qualified(right)
    if path.partition(".")[0] == OPENAI and ERROR_NAME.search(path):
        start, end = context.span(node)
        yield Hit(NAME, "error", start, end, OPENAI)


RULE: Final = AstRule(NAME, SCRIPTS, frozenset({"binary_expression"}), find, needs=KINDS)
