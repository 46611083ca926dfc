"""When offers run out, what of them expires unused, and what each order of spending would waste.

Pure functions of how offers stand and of a pace. The future is played in steps of an hour, later of a day, which end
where an offer begins, ends or becomes whole again; within a step the use is even. Units are never mixed: tokens, calls,
points of one vendor and money of one currency are each forecast by themselves, as if any offer of a unit could serve
any call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from llm_migrate.ledger.books import NEVER
from llm_migrate.ledger.offers import RANKS
from llm_migrate.ledger.status import DAY_MS, Status
from llm_migrate.ledger.windows import Window, ends_at, is_open

_LONGEST_MS: Final = 366 * DAY_MS
_HOUR_MS: Final = 3_600_000
_CLOSE_MS: Final = 2 * DAY_MS  # what is so near is looked at by the hour: a rolling window fills up meanwhile
_WEEK_AHEAD_MS: Final = 7 * DAY_MS
_Key: TypeAlias = tuple[int, int, int, int, str]


@dataclass(frozen=True, slots=True)
class Loss:
    """What expires of an offer.

    Attributes:
        offer: id.
        amount: all together, until the forecast ends.
        at: when it does for the last time; the first instant after it.
        times: how often; more than once for an offer that begins anew each day or month.
        latest: how much that last time.
    """

    offer: str
    amount: int
    at: int
    times: int
    latest: int


@dataclass(frozen=True, slots=True)
class Course:
    """What comes of spending in some order.

    Attributes:
        order: ids in which offers are first drawn upon; those that never are stand at the end.
        gone: offer -> the first instant at which nothing is left of it.
        losses: of offers that expire with something left.
        short_at: from when on no offer has anything left for a while; None if that is over a year away.
    """

    order: tuple[str, ...]
    gone: Mapping[str, int]
    losses: tuple[Loss, ...]
    short_at: int | None

    @property
    def wasted(self) -> int:
        """All that expires unused."""
        return sum(loss.amount for loss in self.losses)

    def loss(self, offer: str) -> Loss | None:
        """Return what expires of an offer; None if nothing does."""
        return next((loss for loss in self.losses if loss.offer == offer), None)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes of one offer.

    Attributes:
        status: how it stands.
        per_day: the pace that was reckoned with; None where the whole demand is spread over several offers.
        gone_at: when nothing is left; None if that does not come before it ends, or within a year.
        loss: what expires; None if nothing does.
    """

    status: Status
    per_day: int | None
    gone_at: int | None
    loss: Loss | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The future of all offers of a unit.

    Attributes:
        unit: of the budgets.
        currency: of money.
        per_day: the demand.
        given: somebody said so; else it is the pace of the last 24 hours.
        outlooks: of each offer that can still be used.
        configured: in the order of the chain.
        free_first: in the order that wastes least.
        outside: ids of offers whose target is not in the chain; they are in neither order.
    """

    unit: str
    currency: str | None
    per_day: int
    given: bool
    outlooks: tuple[Outlook, ...]
    configured: Course
    free_first: Course
    outside: tuple[str, ...]


def forecast(
    statuses: Iterable[Status], places: Mapping[str, int], now_ms: int, *, tokens_per_day: int | None = None
) -> list[Forecast]:
    """Return a forecast for each unit that has offers which can still be used.

    Args:
        statuses: how offers stand at `now_ms`.
        places: target -> its place in the chain; all at the same place if the chain itself puts what is free first.
        now_ms: the instant.
        tokens_per_day: demand of tokens; by default, and for other units, that of the last 24 hours.
    """
    groups: dict[tuple[str, str | None, str], list[Status]] = defaultdict(list)
    for status in statuses:
        if status.state not in ("over", "never activated"):
            budget = status.offer.budget
            # A point of one vendor is not a point of another.
            vendor = budget.provider if budget.unit == "points" else ""
            groups[budget.unit, budget.currency, vendor].append(status)
    return [
        _of_unit(group, places, now_ms, tokens_per_day if unit == "tokens" else None)
        for (unit, _, _), group in groups.items()
    ]


def play(
    statuses: Sequence[Status], per_day: int, now_ms: int, place_of: Callable[[Status], int] = lambda _: 0
) -> Course:
    """Return what comes of a demand.

    Args:
        statuses: how offers stand at `now_ms`.
        per_day: the demand, in their unit.
        now_ms: the instant.
        place_of: what goes before the rule of "free first": the least is asked first.
    """
    run = _Run([_Stock(status, place_of(status), status.free) for status in statuses], _last_end(statuses, now_ms))
    asked, now = 0, now_ms
    while now < now_ms + _LONGEST_MS:
        step = _HOUR_MS if now < now_ms + _CLOSE_MS else DAY_MS
        then = min([now + step, *(event for stock in run.stocks for event in _events(stock.window, now))])
        demand = per_day * (then - now_ms) // DAY_MS - asked
        asked += demand
        run.spend(demand, now, then)
        run.expire(now, then)
        now = then
        if run.short_at is not None and run.until <= now:
            break  # nothing is left to happen
    used = [stock.id for stock in run.used]
    return Course(
        (*used, *(stock.id for stock in sorted(run.stocks, key=lambda s: s.key(now_ms)) if stock not in run.used)),
        run.gone,
        tuple(run.losses.values()),
        run.short_at,
    )


def _of_unit(group: Sequence[Status], places: Mapping[str, int], now_ms: int, given: int | None) -> Forecast:
    rivals = [status for status in group if status.offer.budget.target in places]
    per_day = sum(status.day_pace for status in rivals) if given is None else given
    configured = play(rivals, per_day, now_ms, lambda status: places[status.offer.budget.target])
    outlooks: list[Outlook] = []
    for status in group:
        shared = given is not None and status in rivals
        course = configured if shared else play([status], status.day_pace, now_ms)
        name = status.offer.id
        pace = None if shared else status.day_pace
        outlooks.append(Outlook(status, pace, course.gone.get(name), course.loss(name)))
    budget = group[0].offer.budget
    return Forecast(
        budget.unit,
        budget.currency,
        per_day,
        given is not None,
        tuple(outlooks),
        configured,
        play(rivals, per_day, now_ms),
        tuple(status.offer.id for status in group if status not in rivals),
    )


def _last_end(statuses: Sequence[Status], now_ms: int) -> int:
    """Return the end of the last offer that has one, else that of the current month, or of the day in a week."""
    last = [status.over_at for status in statuses if status.over_at is not None]
    if not last:
        last = [
            status.lost_at + (_WEEK_AHEAD_MS if status.offer.budget.every == "day" else 0)
            for status in statuses
            if status.lost_at is not None
        ]
    return min(max(last, default=now_ms), now_ms + _LONGEST_MS)


def _events(window: Window, now: int) -> list[int]:
    """Return the instants after `now` at which an offer changes."""
    found = [instant * 1000 for instant in (window.from_s, window.until_s) if instant is not None]
    renewed = ends_at(window, now)
    return [instant for instant in (*found, renewed) if instant is not None and now < instant]


@dataclass(slots=True, eq=False)
class _Stock:
    """An offer as it is used up."""

    status: Status
    place: int
    left: int | None
    window: Window = field(init=False)

    def __post_init__(self) -> None:
        self.window = self.status.offer.window or Window()

    @property
    def id(self) -> str:
        return self.status.offer.id

    def key(self, now: int) -> _Key:
        """Return the place of an offer in the order of the chain, then of the ledger's own choice."""
        budget = self.status.offer.budget
        ends = ends_at(self.window, now)
        left = NEVER if self.left is None or not budget.hard else self.left
        return self.place, RANKS[budget.kind], NEVER if ends is None else ends, left, self.id

    def room(self, span_ms: int) -> int | None:
        """Return what it can give within a step; None for all that is asked."""
        if self.left is None or not self.status.offer.budget.hard:
            return None
        return self.left + self._refill(span_ms)

    def take(self, amount: int, span_ms: int) -> None:
        if self.left is not None:
            whole = self.status.offer.budget.amount or 0
            self.left = min(whole, max(0, self.left + self._refill(span_ms) - amount))

    def _refill(self, span_ms: int) -> int:
        """Return what a rolling window forgets within a step, as if all of it had been used evenly."""
        if self.window.rolling_s is None:
            return 0
        return (self.status.offer.budget.amount or 0) * span_ms // (self.window.rolling_s * 1000)


@dataclass(slots=True)
class _Run:
    """One play of the future.

    Attributes:
        stocks: all offers.
        until: from here on nothing is counted as lost any more.
    """

    stocks: list[_Stock]
    until: int
    used: list[_Stock] = field(default_factory=list[_Stock])
    gone: dict[str, int] = field(default_factory=dict[str, int])
    losses: dict[str, Loss] = field(default_factory=dict[str, Loss])
    short_at: int | None = None

    def spend(self, demand: int, now: int, then: int) -> None:
        """Take what is asked for within a step of the offers, one after the other."""
        missing, span = demand, then - now
        for stock in sorted((s for s in self.stocks if is_open(s.window, now)), key=lambda s: s.key(now)):
            room = stock.room(span)
            part = missing if room is None else min(missing, room)
            if part and stock not in self.used:
                self.used.append(stock)
            before = (stock.left or 0) if room is None else room
            if missing and stock.left is not None and before <= missing:
                self.gone.setdefault(stock.id, now + span * (demand - missing + before) // demand)
            stock.take(part, span)
            missing -= part
        if missing and self.short_at is None:
            self.short_at = now + span * (demand - missing) // demand

    def expire(self, now: int, then: int) -> None:
        """Note what is lost at the end of a step, and make whole what begins anew."""
        for stock in self.stocks:
            if ends_at(stock.window, now) != then or not is_open(stock.window, now):
                continue
            if stock.left and then <= self.until:
                known = self.losses.get(stock.id, Loss(stock.id, 0, then, 0, 0))
                self.losses[stock.id] = Loss(stock.id, known.amount + stock.left, then, known.times + 1, stock.left)
            stock.left = stock.status.offer.budget.amount  # of use only where it begins anew
