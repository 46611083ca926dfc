"""Clients and calls of OpenAI's npm packages: `new OpenAI({...})`, `client.chat.completions.create({...})`, ..."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.names import names_of
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.framework_class import class_hits
from llm_migrate.scan.rules.openai_sdk import (
    KEY_ARGUMENTS,
    OPENAI,
    SCRIPT_CLIENTS,
    URL_ARGUMENTS,
    Call,
    api_of,
    client_provider,
    guess_call,
    holds_secret,
    split_client,
)
from llm_migrate.scan.script_names import KINDS, SCRIPTS
from llm_migrate.scan.symbols import Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "openai_script"
_OPTIONS: Final = ("ClientOptions", "AzureClientOptions", "ConfigurationParameters")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield what a `new` or a call is: a client, a framework's class or a request."""
    names = names_of(context)
    called = node.field("constructor") or node.field("function")
    if names is None or called is None or called.kind() not in ("identifier", "member_expression"):
        return
    if not names.uses_sdk:
        if node.kind() == "call_expression":
            yield from _find_call(node, called, names, context)
        return
    module, _, name = names.qualified(called).rpartition(".")
    wrapper = context.vocabulary.wrapper(module, name) if module else None
    if wrapper is not None:
        yield from class_hits(NAME, node, wrapper, names, context)
    elif node.kind() == "new_expression":
        yield from _find_client(node, called, names, context)
    else:
        yield from _find_call(node, called, names, context)


def find_options(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield options of a client built apart from it: `const o: OpenAI.ClientOptions = {...}`, `o.baseURL = x`."""
    names = names_of(context)
    if names is None or not names.uses_sdk:
        return
    if node.kind() == "variable_declarator":
        typed, value = node.field("type"), node.field("value")
        text = typed.text().lstrip(": ") if typed is not None else ""
        owner, _, last = text.rpartition(".")
        if last in _OPTIONS and names.imports.get(owner.partition(".")[0] or last, "").startswith(
            ("openai", "@azure/")
        ):
            start, end = context.span(node)
            yield Hit(NAME, "client", start, end, OPENAI, parameters=names.table(value))
        return
    left = node.field("left")
    inner, field = (left.field("object"), left.field("property")) if left is not None else (None, None)
    if inner is None or field is None or field.text() not in (*URL_ARGUMENTS, *KEY_ARGUMENTS):
        return
    rows = names.bindings.get(inner.text(), []) if inner.kind() == "identifier" else []
    if any(row.typed.rpartition(".")[2] in _OPTIONS for row in rows):
        start, end = context.span(node)
        place = value_span(node.field("right"), context)
        kind: Kind = "base-url" if field.text() in URL_ARGUMENTS else "credential"
        yield Hit(NAME, kind, start, end, OPENAI, value_start=place[0], value_end=place[1])


def _find_client(node: Node, called: Node, names: Symbols, context: FileContext) -> Iterator[Hit]:
    symbol = names.resolve(called)
    if symbol is None or symbol.path not in SCRIPT_CLIENTS:
        return
    provider = client_provider(symbol.path, node, names, context.vocabulary)
    start, end = context.span(node)
    yield Hit(NAME, "client", start, end, provider, parameters=names.body(node))
    for name, (argument, value) in names.arguments(node).named.items():
        kind: Kind | None = "base-url" if name in URL_ARGUMENTS else "credential" if name in KEY_ARGUMENTS else None
        inner = value_span(value, context) if value.kind() in ("string", "template_string") else (-1, -1)
        if kind is None or (kind == "credential" and inner[0] < 0):
            continue
        place = context.span(argument)
        secret = kind == "credential" and holds_secret(names.text(value), context.vocabulary)
        yield Hit(NAME, kind, place[0], place[1], provider, value_start=inner[0], value_end=inner[1], secret=secret)


def _find_call(node: Node, called: Node, names: Symbols, context: FileContext) -> Iterator[Hit]:
    call = _known_call(called, names, context) if names.uses_sdk else None
    if call is None:
        found = guess_call(called.text().replace("?.", ".").replace("!.", ".")) if "." in called.text()[-200:] else None
        call = Call(found[0], OPENAI, sure=False) if found else None
    if call is None:
        return
    body = names.body(node)
    model = body.get("model")
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


def _known_call(called: Node, names: Symbols, context: FileContext) -> Call | None:
    symbol = names.resolve(called)
    client = split_client(symbol.path, SCRIPT_CLIENTS) if symbol is not None else None
    if symbol is None or client is None:
        return None
    found = api_of(client[1])
    if found is None:
        return None
    provider = client_provider(client[0], symbol.call, names, context.vocabulary)
    return Call(found[0], provider, legacy=found[1])


RULES: Final = (
    AstRule(NAME, SCRIPTS, frozenset({"new_expression", "call_expression"}), find, needs=KINDS),
    AstRule(NAME, SCRIPTS, frozenset({"variable_declarator", "assignment_expression"}), find_options, needs=KINDS),
)
