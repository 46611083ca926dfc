"""Clients of OpenAI's Python SDK, `OpenAI(...)`, `AzureOpenAI(...)`, and module state, `openai.api_base = ...`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.names import names_of
from llm_migrate.scan.places import value_span
from llm_migrate.scan.python_names import KINDS
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.openai_call_python import legacy_provider
from llm_migrate.scan.rules.openai_sdk import (
    KEY_ARGUMENTS,
    LEGACY_STATE,
    PYTHON_CLIENTS,
    STATE,
    URL_ARGUMENTS,
    client_provider,
    holds_secret,
)
from llm_migrate.scan.symbols import Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "openai_client_python"
_PYTHON: Final = frozenset({"python", "notebook"})


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the construction or the setting that a node is, and the literals in it."""
    names = names_of(context)
    if names is None or not names.uses_sdk:
        return
    if node.kind() == "assignment":
        yield from _find_state(node, names, context)
        return
    function = node.field("function")
    symbol = names.resolve(function) if function is not None else None
    if symbol is None or symbol.path not in PYTHON_CLIENTS:
        return
    provider = client_provider(symbol.path, node, names, context.vocabulary)
    start, end = context.span(node)
    yield Hit(NAME, "client", start, end, provider, parameters=names.body(node))
    given = names.arguments(node).named
    for name in URL_ARGUMENTS:
        if name in given:
            yield _argument("base-url", given[name], provider, names, context)
    for name in KEY_ARGUMENTS:
        if name in given and given[name][1].kind() in ("string", "concatenated_string"):
            yield _argument("credential", given[name], provider, names, context)


def _argument(kind: Kind, argument: tuple[Node, Node], provider: str, names: Symbols, context: FileContext) -> Hit:
    start, end = context.span(argument[0])
    inner = value_span(argument[1], context)
    text = names.text(argument[1])
    secret = kind == "credential" and holds_secret(text, context.vocabulary)
    return Hit(NAME, kind, start, end, provider, value_start=inner[0], value_end=inner[1], secret=secret)


def _find_state(node: Node, names: Symbols, context: FileContext) -> Iterator[Hit]:
    path = names.qualified(node.field("left"))
    head, _, name = path.rpartition(".")
    if head != "openai" or name not in STATE:
        return
    value = node.field("right")
    start, end = context.span(node)
    inner = value_span(value, context)
    kind = cast("Kind", STATE[name])
    secret = kind == "credential" and holds_secret(names.text(value), context.vocabulary)
    provider = legacy_provider(names, context)
    yield Hit(
        NAME,
        kind,
        start,
        end,
        provider,
        value_start=inner[0],
        value_end=inner[1],
        secret=secret,
        legacy=name in LEGACY_STATE,
    )


RULE: Final = AstRule(NAME, _PYTHON, frozenset({"call", "assignment"}), find, needs=KINDS)
