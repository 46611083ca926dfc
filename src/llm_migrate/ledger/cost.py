"""What calls cost by the catalog's list prices, as integers of billionths of the currency that is billed.

An unknown price is None, never zero. Nothing is converted but by rates that the user gives.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias, cast

from llm_migrate.catalog.binding import matches
from llm_migrate.catalog.schema import Model, Price, PriceHours, Provider
from llm_migrate.config import Target
from llm_migrate.ledger.zone import load_zone

Place: TypeAlias = Target | tuple[Provider, str]  # a target, or a provider and the id of its endpoint

MOST_TOKENS: Final = 10**9  # of one call: a vendor or a program that says more is not believed
_NANO_A_TOKEN: Final = 1000  # a price of 1 for a million tokens, in billionths for one token
_FREE: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in billionths of its currency."""

    nano: int
    currency: str


def price_at(
    place: Place,
    model: Model,
    *,
    input_tokens: int,
    at: dt.datetime,
    thinking: bool,
    currencies: Collection[str] = (),
) -> Price | None:
    """Return the price of a call.

    On public holidays the price of working hours is taken, which is the dearer one: no calendar of them is built in.

    Args:
        place: where the call goes.
        model: the catalog's entry for it there.
        input_tokens: size of the request, which picks the tier.
        at: when, with a zone; days of prices are days in the vendor's zone, or of UTC where it has none.
        thinking: the call asks for reasoning: `output_per_mtok` of the answer is then the price of that.
        currencies: those that count; empty for all. The first listed one is taken where a vendor bills in several.

    Returns:
        The price; None where none is known: a size beyond the last tier, a day beyond the list, another endpoint, a
        plan that is paid by the month.

    Raises:
        ConfigError: a zone that this machine does not know.
    """
    provider, endpoint = (place.provider, place.endpoint.id) if isinstance(place, Target) else place
    if not matches(endpoint, model.endpoints):
        return None
    if model.free:
        return _nothing(provider, endpoint, model, currencies)
    day = at.astimezone(load_zone(provider.zone or "UTC")).date()
    holding = [
        price
        for price in model.prices
        if (not currencies or price.currency in currencies)
        and (price.up_to_input_tokens is None or input_tokens <= price.up_to_input_tokens)
        and _is_on(price, day)
        and _is_for(price, provider, endpoint)
        and (price.hours is None or _is_within(price.hours, at))
    ]
    if not holding:
        return None
    found = min((price for price in holding if price.currency == holding[0].currency), key=_narrowness)
    if found.thinking_output_per_mtok is not None and (thinking or model.always_thinking):
        return found.model_copy(update={"output_per_mtok": found.thinking_output_per_mtok})
    return found


def cost_of(usage: Mapping[str, object], price: Price) -> Money | None:
    """Return what a call cost, rounded once, half to even.

    All output has the price of thinking, where there is one, if the vendor counted reasoning. What the total holds
    beyond input and output is output: some vendors leave reasoning out, some say nothing but the total.

    Args:
        usage: OpenAI's, with its details.
        price: from `price_at`.

    Returns:
        The cost; None where the vendor counted nothing at all, or counted output that has no price.
    """
    prompt = _count(usage, "prompt_tokens")
    cached = min(prompt, _detail(usage, "prompt_tokens_details", "cached_tokens"))
    output = max(_count(usage, "completion_tokens"), _count(usage, "total_tokens") - prompt)
    per_cached = price.input_per_mtok if price.cached_input_per_mtok is None else price.cached_input_per_mtok
    per_output = price.output_per_mtok
    if price.thinking_output_per_mtok is not None and _detail(usage, "completion_tokens_details", "reasoning_tokens"):
        per_output = price.thinking_output_per_mtok
    if (per_output is None and output) or not (prompt or output):
        return None
    nano = _nano((prompt - cached, price.input_per_mtok), (cached, per_cached), (output, per_output or _FREE))
    return Money(round(nano), price.currency)


def most_of(input_tokens: int, output_tokens: int, price: Price) -> Money | None:
    """Return the most that a call can cost, rounded up: nothing cached, the dearer output; None as in `cost_of`."""
    outputs = [amount for amount in (price.output_per_mtok, price.thinking_output_per_mtok) if amount is not None]
    if not outputs and output_tokens:
        return None
    nano = _nano((input_tokens, price.input_per_mtok), (output_tokens, max(outputs, default=_FREE)))
    return Money(math.ceil(nano), price.currency)


def in_currency(money: Money, to: str, rates: Mapping[str, Decimal]) -> Money | None:
    """Return an amount in another currency, rounded half to even.

    Args:
        money: the amount.
        to: the currency that is asked for.
        rates: currency -> what one unit of it is worth, all in the same currency.

    Returns:
        The amount; None if a rate lacks. Nothing is nothing in any currency.
    """
    if money.currency == to or not money.nano:
        return Money(money.nano, to)
    here, there = rates.get(money.currency, _FREE), rates.get(to, _FREE)
    if here <= 0 or there <= 0:
        return None
    return Money(round(money.nano * Fraction(here) / Fraction(there)), to)


def _nothing(provider: Provider, endpoint: str, model: Model, currencies: Collection[str]) -> Price:
    """Return a price of zero, in the currency that the vendor bills other models in; any would do."""
    prices = (price for other in provider.models for price in other.prices if price.endpoint in (None, endpoint))
    billed = next((price for price in prices if not currencies or price.currency in currencies), None)
    return Price(
        currency="USD" if billed is None else billed.currency,
        input_per_mtok=_FREE,
        output_per_mtok=_FREE,
        source=model.source,
        checked=model.checked,
    )


def _is_on(price: Price, day: dt.date) -> bool:
    return (price.from_ is None or price.from_ <= day) and (price.until is None or day <= price.until)


def _is_for(price: Price, provider: Provider, endpoint: str) -> bool:
    """Say whether a price is that of an endpoint; list prices are not those of a plan, unless they name it."""
    if price.endpoint is not None:
        return price.endpoint == endpoint
    return not any(listed.plan for listed in provider.endpoints if listed.id == endpoint)


def _is_within(hours: PriceHours, at: dt.datetime) -> bool:
    local = at.astimezone(load_zone(hours.zone))
    if hours.weekdays and local.isoweekday() not in hours.weekdays:
        return False
    clock = local.time()
    return any(first <= clock < last for first, last in hours.spans)


def _narrowness(price: Price) -> tuple[bool, float, bool]:
    """Order prices that hold at once: the endpoint's own, the smallest tier, and that of the hour come first."""
    return price.endpoint is None, price.up_to_input_tokens or math.inf, price.hours is None


def _nano(*parts: tuple[int, Decimal]) -> Fraction:
    """Return the exact sum of (tokens, price for a million); the program's decimal context has no say in it."""
    return _NANO_A_TOKEN * sum((tokens * Fraction(per_mtok) for tokens, per_mtok in parts), Fraction())


def _detail(usage: Mapping[str, object], table: str, name: str) -> int:
    details = usage.get(table)
    return _count(cast("Mapping[str, object]", details), name) if isinstance(details, Mapping) else 0


def _count(table: Mapping[str, object], name: str) -> int:
    value = table.get(name)
    return min(max(0, value), MOST_TOKENS) if type(value) is int else 0
