"""Calls of OpenAI's Python SDK: `openai.ChatCompletion.create(...)`, `client.chat.completions.create(...)`, ..."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.names import names_of
from llm_migrate.scan.python_names import KINDS
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.openai_sdk import (
    AZURE,
    LEGACY_AZURE_TYPES,
    OPENAI,
    PYTHON_CLIENTS,
    Call,
    api_of,
    client_provider,
    guess_call,
    provider_at,
    split_client,
)
from llm_migrate.scan.symbols import Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "openai_call_python"


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the call that a `call` node is, with the parameters that can be read."""
    function = node.field("function")
    names = names_of(context)
    if function is None or names is None or function.kind() not in ("attribute", "identifier"):
        return
    call = (_known_call(function, names, context) if names.uses_sdk else None) or _guessed_call(
        function, names, context
    )
    if call is None:
        return
    body = names.body(node)
    model = next((body[key] for key in ("model", "engine", "deployment_id") if key in body), None)
    start, end = context.span(node)
    yield Hit(
        NAME,
        "api-call",
        start,
        end,
        call.provider,
        api=call.api,
        model=model if isinstance(model, str) else None,
        parameters=body,
        confidence="certain" if call.sure else "likely",
        legacy=call.legacy,
    )


def legacy_provider(names: Symbols, context: FileContext) -> str:
    """Return who answers `openai.ChatCompletion` in a file that sets `openai.api_base` or `openai.api_type`."""
    for alias in [local for local, path in names.imports.items() if path == "openai"]:
        for name in (f"{alias}.api_base", f"{alias}.base_url"):
            for binding in names.bindings.get(name, ()):
                provider = provider_at(names.text(binding.value), OPENAI, context.vocabulary)
                if provider != OPENAI:
                    return provider
        for binding in names.bindings.get(f"{alias}.api_type", ()):
            if names.text(binding.value) in LEGACY_AZURE_TYPES:
                return AZURE
    return OPENAI


def _known_call(function: Node, names: Symbols, context: FileContext) -> Call | None:
    symbol = names.resolve(function)
    if symbol is None:
        return None
    client = split_client(symbol.path, PYTHON_CLIENTS)
    if client is not None:
        found = api_of(client[1])
        if found is None:
            return None
        return Call(found[0], client_provider(client[0], symbol.call, names, context.vocabulary))
    module, _, rest = symbol.path.partition(".")
    found = api_of(rest) if module == "openai" else None
    return Call(found[0], legacy_provider(names, context), legacy=found[1]) if found else None


def _guessed_call(function: Node, names: Symbols, context: FileContext) -> Call | None:
    found = guess_call(function.text()) if function.kind() == "attribute" else None
    if found is None:
        return None
    # Other vendors' own SDKs copy the names of OpenAI's methods.
    symbol = names.resolve(function)
    owner = context.vocabulary.sdk_path(symbol.path) if symbol is not None else None
    return Call(found[0], owner or OPENAI, sure=False)


RULE: Final = AstRule(NAME, frozenset({"python", "notebook"}), frozenset({"call"}), find, needs=KINDS)
