"""What the construction of a framework's class says, in Python and JavaScript alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import FileContext
from llm_migrate.scan.rules.openai_sdk import (
    KEY_ARGUMENTS,
    MODEL_ARGUMENTS,
    URL_ARGUMENTS,
    holds_secret,
    provider_at,
)
from llm_migrate.scan.symbols import Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

_EMBEDDING: Final = "embedding"


def class_hits(rule: str, node: Node, owner: str, names: Symbols, context: FileContext) -> Iterator[Hit]:
    """Yield a `wrapper` hit for a construction, and hits for the literals that it is given."""
    given = names.arguments(node).named
    provider = owner
    for name in URL_ARGUMENTS:
        if name in given:
            provider = provider_at(names.text(given[name][1]), owner, context.vocabulary)
    body = names.body(node)
    model = next((body[key] for key in MODEL_ARGUMENTS if isinstance(body.get(key), str)), None)
    start, end = context.span(node)
    called = node.field("function") or node.field("constructor")
    api = "embeddings" if called is not None and _EMBEDDING in called.text().lower() else "chat"
    yield Hit(rule, "wrapper", start, end, provider, api=api, model=str(model) if model else None, parameters=body)
    for name, (argument, value) in given.items():
        kind: Kind | None = "base-url" if name in URL_ARGUMENTS else "credential" if name in KEY_ARGUMENTS else None
        inner = value_span(value, context)
        if kind is None or (kind == "credential" and inner[0] < 0):
            continue
        place = context.span(argument)
        secret = kind == "credential" and holds_secret(names.text(value), context.vocabulary)
        yield Hit(rule, kind, place[0], place[1], provider, value_start=inner[0], value_end=inner[1], secret=secret)
