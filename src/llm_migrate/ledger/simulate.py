"""What a workload would have cost under each order of spending: call by call, with the rules that real calls follow.

Pure: no clock, no books, no chance. A call takes exactly the tokens of the workload, so nothing is reserved beyond
them; real calls are refused a little earlier, as their length is not known before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from llm_migrate.catalog.policy import find_model
from llm_migrate.catalog.schema import Model, Price
from llm_migrate.config.budgets import Budget
from llm_migrate.config.workload import Route, Workload
from llm_migrate.errors import ConfigError
from llm_migrate.ledger.books import Want, choose
from llm_migrate.ledger.cost import Money, cost_of, in_currency, price_at
from llm_migrate.ledger.offers import UNBUDGETED, Need, Offer, Rank, is_for, offers_of, rank, taken, wants
from llm_migrate.ledger.windows import Window, buckets, ends_at, fixed, is_open
from llm_migrate.ledger.zone import load_zone

Order: TypeAlias = Literal["ordered", "free-first", "cheapest"]

ORDERS: Final[tuple[Order, ...]] = ("ordered", "free-first", "cheapest")
# As for real calls: a target without a budget comes behind those that have some, one that has used them up last.
_LOOKS_A_DAY: Final = 8  # for the balances of days in another zone


@dataclass(slots=True)
class OfferUse:
    """What became of an offer.

    Attributes:
        budget: the offer.
        used: in its unit.
        calls: that it paid.
        tokens: of them, in and out.
        expired: how much was lost unused in these days; None where that cannot be said.
        left: how much can be used after the last day; None without a limit.
        state: "never activated" and "not open" offers were of no use.
    """

    budget: Budget
    used: int = 0
    calls: int = 0
    tokens: int = 0
    expired: int | None = None
    left: int | None = None
    state: Literal["open", "over", "not open", "never activated"] = "open"


@dataclass(slots=True)
class RouteUse:
    """What went to a target.

    Attributes:
        name: of the target.
        model: the id there.
        calls: that it answered.
        tokens: of them, in and out.
        money: currency -> billionths that were to be paid.
        free: tokens that cost nothing.
        prepaid: tokens of a package that was paid before, at a price that is not known here.
        unpriced: tokens that cost something nobody knows.
    """

    name: str
    model: str
    calls: int = 0
    tokens: int = 0
    money: dict[str, int] = field(default_factory=dict[str, int])
    free: int = 0
    prepaid: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a workload came to under one order.

    Attributes:
        order: of the targets.
        offers: in the order of the file.
        routes: likewise.
        unserved_calls: that nobody answered.
        unserved_tokens: of them.
        total: all money in one currency; None where a rate lacks, or no currency was asked for.
    """

    order: Order
    offers: tuple[OfferUse, ...]
    routes: tuple[RouteUse, ...]
    unserved_calls: int
    unserved_tokens: int
    total: Money | None

    @property
    def money(self) -> dict[str, int]:
        """Currency -> billionths to be paid."""
        found: dict[str, int] = {}
        for route in self.routes:
            for currency, nano in route.money.items():
                found[currency] = found.get(currency, 0) + nano
        return found

    @property
    def unpriced(self) -> int:
        """Tokens that cost something nobody knows."""
        return sum(route.unpriced for route in self.routes)


@dataclass(frozen=True, slots=True)
class _Call:
    at_ms: int
    input_tokens: int
    output_tokens: int


def simulate(workload: Workload, order: Order) -> Outcome:
    """Return what a workload comes to under an order.

    Raises:
        ConfigError: "cheapest" where prices are in two currencies without a rate; no such zone.
    """
    run = _Run(workload, order)
    for call in _calls(workload):
        run.serve(call)
    return run.outcome()


def notes(workload: Workload) -> Iterator[str]:
    """Yield what a reader must know of prices that are not those of the simulated days."""
    last = workload.start + dt.timedelta(days=workload.days - 1)
    for route in workload.routes:
        if route.price is not None:
            continue
        model = find_model(route.provider, route.model, endpoint=route.endpoint)
        if model is None:
            yield f"{route.name}: the catalog does not list {route.model!r}, so its price is unknown"
        elif not model.prices and not model.free:
            yield f"{route.name}: the catalog has no price of {model.id}: give one with  price = {{ ... }}"
        else:
            dates = [price.checked for price in model.prices if price.from_ is None and price.checked > last]
            if dates:
                yield f"{route.name}: the price of {model.id} is the one of {max(dates)}, not of the simulated days"


class _Run:
    """The books of one simulation."""

    def __init__(self, workload: Workload, order: Order) -> None:
        self._workload = workload
        self._order: Order = order
        self._offers = offers_of(workload.budgets, workload.activations)
        self._of = {
            route.name: [o for o in self._offers.values() if is_for(o.budget, route.name, route.model)]
            for route in workload.routes
        }
        self._open = {route.name: fixed(route.from_, route.until, workload.zone) for route in workload.routes}
        self._spent: dict[tuple[str, int], int] = {}
        self._uses = {offer.id: OfferUse(offer.budget) for offer in self._offers.values()}
        self._routes = {route.name: RouteUse(route.name, route.model) for route in workload.routes}
        self._models = {
            route.name: find_model(route.provider, route.model, endpoint=route.endpoint) for route in workload.routes
        }
        self._unserved = [0, 0]

    def serve(self, call: _Call) -> None:
        """Have a call answered by the first target that can."""
        needs = {route.name: _need(route, self._models[route.name], call) for route in self._workload.routes}
        for route in self._ordered(call, needs):
            if is_open(self._open[route.name], call.at_ms) and self._try(route, call, needs[route.name]):
                return
        self._unserved[0] += 1
        self._unserved[1] += call.input_tokens + call.output_tokens

    def outcome(self) -> Outcome:
        """Return what it came to."""
        for offer in self._offers.values():
            _close(self._uses[offer.id], offer, self._workload, self._spent)
        calls, tokens = self._unserved
        found = Outcome(self._order, tuple(self._uses.values()), tuple(self._routes.values()), calls, tokens, None)
        return replace(found, total=_total(found.money, self._workload))

    def _ordered(self, call: _Call, needs: Mapping[str, Need]) -> Sequence[Route]:
        routes = self._workload.routes
        if self._order == "ordered":
            return routes
        if self._order == "free-first":
            return sorted(routes, key=lambda route: self._rank(route, call, needs[route.name]))
        costs = _comparable({route.name: _list_price(needs[route.name]) for route in routes}, self._workload)
        return sorted(routes, key=lambda route: costs[route.name])

    def _rank(self, route: Route, call: _Call, need: Need) -> Rank:
        offers = self._of[route.name]
        return rank(_wants(offers, need, call.at_ms), self._spent) if offers else UNBUDGETED

    def _try(self, route: Route, call: _Call, need: Need) -> bool:
        """Have a target answer a call, unless its budgets do not allow it."""
        offers = self._of[route.name]
        asked = _wants(offers, need, call.at_ms)
        if not asked:
            if offers and all(offer.budget.hard for offer in offers):
                return False
            self._pay(route, need)
            return True
        held = {want.offer: taken(want, self._spent) for want in asked}
        chosen = choose(asked, held)
        if chosen is None:
            return False
        want, amount = chosen
        self._book(want, amount, need)
        budget = self._offers[want.offer].budget
        beyond = want.limit is not None and held[want.offer] + amount > want.limit  # of a soft one
        self._charge(route, need, budget, Money(amount, budget.currency or ""), beyond=beyond)
        return True

    def _book(self, want: Want, amount: int, need: Need) -> None:
        place = (want.offer, want.buckets[2])
        self._spent[place] = self._spent.get(place, 0) + amount
        use = self._uses[want.offer]
        use.used += amount
        use.calls += 1
        use.tokens += need.input_tokens + need.output_tokens

    def _charge(self, route: Route, need: Need, budget: Budget, amount: Money, *, beyond: bool) -> None:
        """Note what a call costs that an offer has paid."""
        if budget.kind == "postpaid" or beyond:
            self._pay(route, need)
            return
        use, tokens = self._count(route, need), need.input_tokens + need.output_tokens
        if budget.kind == "free":
            use.free += tokens
        elif budget.unit == "money":
            use.money[amount.currency] = use.money.get(amount.currency, 0) + amount.nano
        else:
            use.prepaid += tokens

    def _pay(self, route: Route, need: Need) -> None:
        """Note a call at its list price."""
        use, money = self._count(route, need), _list_price(need)
        if money is None:
            use.unpriced += need.input_tokens + need.output_tokens
        else:
            use.money[money.currency] = use.money.get(money.currency, 0) + money.nano

    def _count(self, route: Route, need: Need) -> RouteUse:
        use = self._routes[route.name]
        use.calls += 1
        use.tokens += need.input_tokens + need.output_tokens
        return use


def _calls(workload: Workload) -> Iterator[_Call]:
    """Yield the calls of all days, evenly over each of them."""
    count = workload.calls_per_day
    for number in range(workload.days):
        given = workload.input_tokens[number % len(workload.input_tokens)]
        written = workload.output_tokens[number % len(workload.output_tokens)]
        begin, end = _midnight_ms(workload, number), _midnight_ms(workload, number + 1)
        for i in range(count):
            yield _Call(
                begin + (end - begin) * i // count,
                given * (i + 1) // count - given * i // count,
                written * (i + 1) // count - written * i // count,
            )


def _midnight_ms(workload: Workload, number: int) -> int:
    day = workload.start + dt.timedelta(days=number)
    return int(dt.datetime.combine(day, dt.time(), load_zone(workload.zone)).timestamp()) * 1000


def _need(route: Route, model: Model | None, call: _Call) -> Need:
    return Need(call.input_tokens, call.input_tokens, call.output_tokens, _price(route, model, call))


def _price(route: Route, model: Model | None, call: _Call) -> Price | None:
    if route.price is not None:
        return route.price
    if model is None:
        return None
    at = dt.datetime.fromtimestamp(call.at_ms / 1000, dt.UTC)
    return price_at(
        (route.provider, route.endpoint), model, input_tokens=call.input_tokens, at=at, thinking=model.always_thinking
    )


def _list_price(need: Need) -> Money | None:
    """Return what a call costs by the list; None where that is not known."""
    if need.price is None:
        return None
    if not need.input_tokens + need.output_tokens:
        return Money(0, need.price.currency)
    return cost_of({"prompt_tokens": need.input_tokens, "completion_tokens": need.output_tokens}, need.price)


def _comparable(costs: Mapping[str, Money | None], workload: Workload) -> dict[str, tuple[bool, int]]:
    """Return what orders targets by cost: an unknown price is no low one.

    Raises:
        ConfigError: two currencies, and no rate between them.
    """
    one = next(iter(workload.rates), None)
    known = {money.currency for money in costs.values() if money is not None}
    if len(known) > 1 and not known <= workload.rates.keys():
        raise ConfigError(
            '"cheapest": prices are in two currencies: add  [rates]  CNY = 1  and what the other is worth'
        )
    found: dict[str, tuple[bool, int]] = {}
    for name, cost in costs.items():
        money = in_currency(cost, one, workload.rates) if cost is not None and one in known else cost
        found[name] = (money is None, money.nano if money is not None else 0)
    return found


def _wants(offers: Sequence[Offer], need: Need, now_ms: int) -> tuple[Want, ...]:
    """Return what a call takes of each offer: all of it, as its answer is not cut."""
    return tuple(replace(want, least=want.amount) for want in wants(offers, need, now_ms))


def _close(use: OfferUse, offer: Offer, workload: Workload, spent: Mapping[tuple[str, int], int]) -> None:
    """Say what of an offer was lost, and what is left of it."""
    window, limit = offer.window, offer.budget.amount
    if window is None:
        use.state = "never activated"
        return
    ends = _balances_of(window, workload)
    after_ms = _midnight_ms(workload, workload.days)
    if not ends:
        use.state = "not open"
        return
    use.state = "open" if is_open(window, after_ms) else "over"
    if limit is None or window.rolling_s is not None:
        return
    unused = {bucket: max(0, limit - spent.get((offer.id, bucket), 0)) for bucket in ends}
    use.expired = sum(unused[bucket] for bucket, end in ends.items() if end is not None and end <= after_ms)
    use.left = sum(unused[bucket] for bucket, end in ends.items() if end is None or end > after_ms)


def _balances_of(window: Window, workload: Workload) -> dict[int, int | None]:
    """Return the balances of a window in the simulated days, with the instant at which each is lost."""
    ends: dict[int, int | None] = {}
    for number in range(workload.days):
        begin, end = _midnight_ms(workload, number), _midnight_ms(workload, number + 1)
        for i in range(_LOOKS_A_DAY):
            at = begin + (end - begin) * i // _LOOKS_A_DAY
            if is_open(window, at):
                ends[buckets(window, at)[2]] = ends_at(window, at)
    return ends


def _total(money: Mapping[str, int], workload: Workload) -> Money | None:
    if workload.currency is None:
        return None
    total = 0
    for currency, nano in money.items():
        found = in_currency(Money(nano, currency), workload.currency, workload.rates)
        if found is None:
            return None
        total += found.nano
    return Money(total, workload.currency)
