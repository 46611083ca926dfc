"""Which offers could pay for a call, and how much it would take of each: pure functions of offers, call and instant."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from llm_migrate.catalog.schema import Price
from llm_migrate.config.budgets import NANO, Budget
from llm_migrate.ledger.books import NEVER, Want, left_of
from llm_migrate.ledger.cost import MOST_TOKENS, cost_of, most_of
from llm_migrate.ledger.windows import Window, after_activation, buckets, ends_at, fixed, is_open

Rank: TypeAlias = tuple[int, int, int, str]

UNBUDGETED: Final[Rank] = (3, NEVER, 0, "")  # a target that no budget is for
EXHAUSTED: Final[Rank] = (4, NEVER, 0, "")  # one whose budgets have no room
LEAST_OUTPUT: Final = 256  # tokens: below this an answer under a hard limit is of no use
RANKS: Final[Mapping[str, int]] = {"free": 0, "prepaid": 1, "postpaid": 2}
_MEGA: Final = 1_000_000
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Offer:
    """A budget with its window on the clock.

    Attributes:
        budget: what the configuration says.
        window: when it can be used; None while nobody has said when it was activated.
    """

    budget: Budget
    window: Window | None

    @property
    def id(self) -> str:
        """Name of the budget."""
        return self.budget.name

    def is_usable(self, now_ms: int) -> bool:
        """Say whether it can be used at an instant."""
        return self.window is not None and is_open(self.window, now_ms)


@dataclass(frozen=True, slots=True)
class Need:
    """What a call may take at a target.

    Attributes:
        input_tokens: most probably.
        sure_tokens: with what the count may be short of.
        output_tokens: most that it may write.
        price: of the model; None where it is not known.
        counted_tokens: of the prompt, without what was learned of the model; 0 if there is nothing to learn.
    """

    input_tokens: int
    sure_tokens: int
    output_tokens: int
    price: Price | None = None
    counted_tokens: int = 0


def offers_of(budgets: Iterable[Budget], activations: Mapping[str, int]) -> dict[str, Offer]:
    """Return offers by id.

    Args:
        budgets: of the configuration.
        activations: budget -> when it was activated, in Unix milliseconds.
    """
    return {budget.name: Offer(budget, _window(budget, activations.get(budget.name))) for budget in budgets}


def _window(budget: Budget, activated: int | None) -> Window | None:
    if budget.days is not None:
        at = None if activated is None else dt.datetime.fromtimestamp(activated / 1000, dt.UTC)
        return after_activation(budget.days, at, budget.zone)
    limits = fixed(budget.from_, budget.until, budget.zone)
    rolling_s = None if budget.rolling_hours is None else budget.rolling_hours * _HOUR_S
    return Window(limits.from_s, limits.until_s, budget.every, rolling_s, budget.zone)


def is_for(budget: Budget, target: str, model: str) -> bool:
    """Say whether a budget is for a model, by the vendor's id, at a target."""
    models = budget.models
    return budget.target == target and (not models or any(fnmatchcase(model.lower(), m.lower()) for m in models))


def wants(offers: Sequence[Offer], need: Need, now_ms: int) -> tuple[Want, ...]:
    """Return what a call would take of each offer that can be used now and counts it."""
    found = (_want(offer, need, now_ms) for offer in offers if offer.is_usable(now_ms))
    return tuple(want for want in found if want is not None)


def _want(offer: Offer, need: Need, now_ms: int) -> Want | None:
    budget, window = offer.budget, offer.window
    amount = most(budget, need.sure_tokens, need.output_tokens, need.price)
    least = most(budget, need.sure_tokens, min(need.output_tokens, LEAST_OUTPUT), need.price)
    estimate = most(budget, need.input_tokens, need.output_tokens, need.price)
    if window is None or amount is None or least is None or estimate is None:
        return None
    return Want(
        budget.name,
        RANKS[budget.kind],
        ends_at(window, now_ms) or NEVER,
        buckets(window, now_ms),
        budget.amount,
        budget.hard,
        amount,
        least,
        estimate,
    )


def most(budget: Budget, input_tokens: int, output_tokens: int, price: Price | None) -> int | None:
    """Return the most that a call can take, in the unit of a budget; None where no price says it."""
    match budget.unit:
        case "tokens":
            return input_tokens + output_tokens
        case "input-tokens":
            return input_tokens
        case "output-tokens":
            return output_tokens
        case "calls":
            return 1
        case "points":
            return _points(budget, input_tokens, output_tokens)
        case "money":
            money = most_of(input_tokens, output_tokens, price) if price is not None else None
            return money.nano if money is not None and money.currency == budget.currency else None


def actual(budget: Budget, usage: Mapping[str, object] | None, price: Price | None) -> int | None:
    """Return what a call took, in the unit of a budget, by the vendor's count; None where that does not say it."""
    if budget.unit == "calls":
        return 1
    if usage is None:
        return None
    if budget.unit == "money":
        money = cost_of(usage, price) if price is not None else None
        return money.nano if money is not None and money.currency == budget.currency else None
    input_tokens, output_tokens = _counted(usage)
    if input_tokens + output_tokens == 0:
        return None
    return most(budget, input_tokens, output_tokens, None)


def output_within(budget: Budget, granted: int, need: Need) -> int:
    """Return how many tokens may be written so that a call takes no more than is granted of a budget."""
    match budget.unit:
        case "tokens":
            room = granted - need.sure_tokens
        case "output-tokens":
            room = granted
        case "points" | "money":
            room = _largest(budget, granted, need)
        case "input-tokens" | "calls":
            room = need.output_tokens
    return max(0, min(room, need.output_tokens))


def _largest(budget: Budget, granted: int, need: Need) -> int:
    """Return the most output that still fits, found by halving."""
    low, high = 0, need.output_tokens
    while low < high:
        middle = (low + high + 1) // 2
        amount = most(budget, need.sure_tokens, middle, need.price)
        if amount is not None and amount <= granted:
            low = middle
        else:
            high = middle - 1
    return low


def _points(budget: Budget, input_tokens: int, output_tokens: int) -> int:
    per_input, per_output = budget.points_per_mtok
    return budget.points_per_call + math.ceil((per_input * input_tokens + per_output * output_tokens) / _MEGA)


def _counted(usage: Mapping[str, object]) -> tuple[int, int]:
    """Return tokens in and out; what the total holds beyond them was written too."""
    given, written, total = (
        min(value, MOST_TOKENS) if type(value := usage.get(key)) is int and value > 0 else 0
        for key in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    return given, max(written, total - given)


def taken(want: Want, amounts: Mapping[tuple[str, int], int]) -> int:
    """Return what is not free of an offer in the balances that count for a want.

    Args:
        want: which of the offer's balances count.
        amounts: (offer, number of the balance) -> what is not free; other threads may add to it.
    """
    first, last, _ = want.buckets
    if first == last:
        return amounts.get((want.offer, first), 0)
    known = list(amounts.items())
    return sum(amount for (offer, bucket), amount in known if offer == want.offer and first <= bucket <= last)


def rank(asked: Sequence[Want], amounts: Mapping[tuple[str, int], int]) -> Rank:
    """Return where a target with budgets stands among others when what is free goes first; the least is best.

    Args:
        asked: what a call would take of each of its offers that can be used.
        amounts: as for `taken`.
    """
    lefts = ((want, left_of(want, taken(want, amounts))) for want in asked)
    return min(((w.rank, w.ends_at, left, w.offer) for w, left in lefts if left >= w.least), default=EXHAUSTED)


def in_units(amount: int, budget: Budget) -> str:
    """Return an amount as people read it."""
    if budget.unit in ("money", "points"):
        whole = f"{amount / NANO:,.4f}".rstrip("0").rstrip(".")
        return f"{whole} {budget.currency or 'points'}"
    return f"{amount:,} {budget.unit.replace('-', ' ')}"
