"""How a model counts text and images: which row of the provider files holds for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from llm_migrate.catalog.binding import matches
from llm_migrate.catalog.load import REFERENCE, load_provider
from llm_migrate.catalog.schema import ImageTokens, Provider, Tokenizer

_Row = TypeVar("_Row", Tokenizer, ImageTokens)


def find_tokenizer(provider: Provider, model: str, *, asked: str = "") -> Tokenizer | None:
    """Return how a model counts text; None where nobody outside knows.

    Args:
        provider: who serves it.
        model: its id there.
        asked: the id that the program named: it says what a customer's own name for a deployment does not.
    """
    for owner, name in _names(provider, model, asked):
        if (found := _first(owner.tokenizers, name)) is not None:
            return found
    return None


def find_image_tokens(provider: Provider, model: str, *, asked: str = "") -> ImageTokens | None:
    """Return how a model counts images; None where that is not known. Arguments as for `find_tokenizer`."""
    for owner, name in _names(provider, model, asked):
        if (found := _first(owner.image_tokens, name)) is not None:
            return found
    return None


def _names(provider: Provider, model: str, asked: str) -> list[tuple[Provider, str]]:
    """Return where to look for which name, in order."""
    names = [model, asked] if provider.deployments and asked else [model]
    owners = [provider]
    if provider.deployments:
        owners.append(load_provider(REFERENCE))  # what is deployed there are the reference's models
    return [(owner, name) for name in names for owner in owners]


def _first(rows: Sequence[_Row], model: str) -> _Row | None:
    return next((row for row in rows if matches(model, row.models)), None)
