"""In which order a chain's targets are asked, and which are asked at all: pure functions of call, facts and chance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, TypeAlias

from llm_migrate.catalog.policy import find_model
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Chain, Target
from llm_migrate.errors import ConfigError
from llm_migrate.ledger.cost import cost_of, in_currency, price_at
from llm_migrate.wire.exchange import Call

if TYPE_CHECKING:
    from llm_migrate.ledger.ledger import Ledger

Rank: TypeAlias = tuple[int, int, int, str]

_LAST: Final[Rank] = (9, 0, 0, "")
_CHARS_A_TOKEN: Final = 3  # a rough measure, between English and Chinese: sizes are compared, nothing is billed by it
_USUAL_OUTPUT: Final = 500  # tokens, where the call names no limit


def order(
    chain: Chain,
    call: Call,
    model_for: Callable[[Target, str], str],
    *,
    at: dt.datetime,
    chance: float,
    ledger: Ledger | None = None,
) -> list[Target]:
    """Return the targets that a call may go to, in the order in which they are asked.

    Args:
        chain: whose targets and order.
        call: what is asked.
        model_for: the id of what was asked at a target; raises ConfigError where there is none.
        at: when, with a zone, for prices that hold for a time.
        chance: uniform in [0, 1), for shares.
        ledger: the budgets, for "free-first"; targets stand as listed without them.
    """
    size = estimated_tokens(call) if _depends_on_size(chain) else 0
    targets = [target for target in chain.targets if _is_for(target, call, size)]
    match chain.order:
        case "ordered":
            return targets
        case "weighted":
            return _by_share(targets, chain.weights, chance)
        case "free-first":
            return sorted(targets, key=lambda target: _rank(target, call, model_for, ledger))
        case "cheapest":

            def cost(target: Target) -> tuple[bool, int]:
                found = _cost(target, call, model_for, size, at, chain.rates)
                return found is None, found or 0  # an unknown price is no low one

            return sorted(targets, key=cost)


def _rank(target: Target, call: Call, model_for: Callable[[Target, str], str], ledger: Ledger | None) -> Rank:
    """Return where a target stands when what is free goes first; one that has no such model can be asked last."""
    try:
        return ledger.rank(target, model_for(target, call.model), call) if ledger is not None else _LAST
    except ConfigError:
        return _LAST


def _depends_on_size(chain: Chain) -> bool:
    sizes = (
        limit for target in chain.targets for limit in (target.only.from_input_tokens, target.only.up_to_input_tokens)
    )
    return chain.order == "cheapest" or any(limit is not None for limit in sizes)


def estimated_tokens(call: Call) -> int:
    """Return about how many tokens the texts of a call are; images and sounds count as nothing."""
    todo: list[JsonValue] = [call.body.get("messages"), call.body.get("input"), call.body.get("tools")]
    chars = 0
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            chars += len(value) if not value.startswith("data:") else 0
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()
    return chars // _CHARS_A_TOKEN


def is_for_model(target: Target, asked: str) -> bool:
    """Say whether a target is meant for a model that programs ask for, by the conditions of the configuration."""
    globs = target.only.models
    return not globs or any(fnmatchcase(asked.lower(), glob.lower()) for glob in globs)


def _is_for(target: Target, call: Call, size: int) -> bool:
    """Say whether a target is meant for a call, by the conditions that the configuration sets."""
    if not is_for_model(target, call.model):
        return False
    only = target.only
    return (only.from_input_tokens or 0) <= size and (
        only.up_to_input_tokens is None or size <= only.up_to_input_tokens
    )


def _by_share(targets: Sequence[Target], weights: Mapping[str, float], chance: float) -> list[Target]:
    """Return the target that chance picks by the shares, then the others as listed."""
    total = sum(weights.get(target.name, 0) for target in targets)
    mark = chance * total
    for target in targets:
        mark -= weights.get(target.name, 0)
        if mark < 0:
            return [target, *(other for other in targets if other is not target)]
    return list(targets)


def _cost(
    target: Target,
    call: Call,
    model_for: Callable[[Target, str], str],
    size: int,
    at: dt.datetime,
    rates: Mapping[str, Decimal],
) -> int | None:
    """Return about what a call costs at a target, in billionths; None where a price, or its rate, is not known."""
    try:
        model = find_model(target.provider, model_for(target, call.model), endpoint=target.endpoint.id)
    except ConfigError:
        return None
    if model is None:
        return None
    price = price_at(target, model, input_tokens=size, at=at, thinking=False)
    if price is None:
        return None
    found = cost_of({"prompt_tokens": max(1, size), "completion_tokens": _output_tokens(call)}, price)
    if found is not None and rates:
        found = in_currency(found, next(iter(rates)), rates)
    return None if found is None else found.nano


def _output_tokens(call: Call) -> int:
    """Return about how many tokens an answer may have."""
    if call.api == "embeddings":
        return 0
    limit = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
    return limit if isinstance(limit, int) else _USUAL_OUTPUT
