"""How each offer stands at an instant, and whether the books balance: pure functions of what the books hold."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from llm_migrate.ledger.books import CLOCK_BACK_MS, Balance, Entry, Reservation, Store
from llm_migrate.ledger.offers import Offer
from llm_migrate.ledger.windows import Window, buckets, ends_at, is_open
from llm_migrate.ledger.zone import load_zone

State: TypeAlias = Literal["open", "not begun", "over", "never activated", "used up"]

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
_LOOKS: Final = 200  # how often the books are read until nobody writes meanwhile


@dataclass(frozen=True, slots=True)
class Status:
    """How an offer stands. Amounts are in its unit, instants Unix milliseconds.

    Attributes:
        offer: which one.
        state: whether it can pay, or why not.
        balance: what the balances that count now hold together; `bucket` is the one that is charged.
        free: what is left to reserve; None where there is no limit.
        begins_at: its first instant; None for no beginning, or one that nobody knows.
        lost_at: when what is free now is lost, or comes back whole; None where it never is.
        over_at: the first instant after it; None for no end.
        day_pace: what was settled in the last 24 hours.
        week_pace: what was settled a day, over the last 7 days.
    """

    offer: Offer
    state: State
    balance: Balance
    free: int | None
    begins_at: int | None
    lost_at: int | None
    over_at: int | None
    day_pace: int
    week_pace: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A sum that is not what its balance says.

    Attributes:
        bucket: number of the balance.
        what: which of its amounts.
        said: by the balance.
        found: by the entries or reservations.
    """

    bucket: int
    what: Literal["spent", "overrun", "reserved", "unresolved"]
    said: int
    found: int


@dataclass(frozen=True, slots=True)
class Account:
    """All that the books hold of one offer.

    Attributes:
        offer: id.
        balances: by number.
        entries: in the order of booking.
        open: what is held, sent or unresolved.
        faults: where they contradict each other, which must never be.
        settled: False if others wrote all the while, so that nothing can be said of faults.
    """

    offer: str
    balances: Sequence[Balance]
    entries: Sequence[Entry]
    open: Sequence[Reservation]
    faults: Sequence[Fault]
    settled: bool = True


def now_of(store: Store, wall_ms: int) -> int:
    """Return the instant that the books go by: a clock that was put back does not bring an offer back."""
    return max(wall_ms, store.seen() - CLOCK_BACK_MS)


def statuses_of(
    offers: Iterable[Offer], balances: Iterable[Balance], entries: Iterable[Entry], now_ms: int
) -> list[Status]:
    """Return how offers stand.

    Args:
        offers: in the order wanted.
        balances: of the books.
        entries: those of the last 7 days at least.
        now_ms: the instant.
    """
    held: dict[str, list[Balance]] = defaultdict(list)
    for balance in balances:
        held[balance.offer].append(balance)
    day: dict[str, int] = defaultdict(int)
    week: dict[str, int] = defaultdict(int)
    for entry in entries:
        # An adjustment is booked long after the calls that it is about, so it says nothing about the pace.
        if entry.kind == "settle" and now_ms - WEEK_MS < entry.at:
            week[entry.offer] += entry.amount
            day[entry.offer] += entry.amount if now_ms - DAY_MS < entry.at else 0
    return [_status(offer, held[offer.id], day[offer.id], week[offer.id] // 7, now_ms) for offer in offers]


def account_of(store: Store, offer: str) -> Account:
    """Return all that the books hold of an offer, at an instant between two writes of others.

    Raises:
        LedgerError: the books cannot be read.
    """
    entries = store.entries(offer)
    looks = 0
    while True:
        looks += 1
        balances, open_ = held = _held(store, offer)
        entries += store.entries(offer, after=_last(entries))
        faults = faults_of(balances, entries, open_)
        # What does not add up may only have been written between two looks.
        quiet = not faults or (_held(store, offer) == held and not store.entries(offer, after=_last(entries)))
        if quiet or looks == _LOOKS:
            return Account(offer, balances, entries, open_, faults, quiet)


def faults_of(balances: Sequence[Balance], entries: Sequence[Entry], open_: Sequence[Reservation]) -> list[Fault]:
    """Return what does not add up in the books of one offer."""
    sums: dict[tuple[int, str], int] = defaultdict(int)
    for entry in entries:
        sums[entry.bucket, "spent"] += entry.amount
        sums[entry.bucket, "overrun"] += entry.overrun
    for held in open_:
        sums[held.bucket, "unresolved" if held.state == "unresolved" else "reserved"] += held.amount
    by_number = {balance.bucket: balance for balance in balances}
    faults: list[Fault] = []
    for bucket in sorted(by_number.keys() | {bucket for bucket, _ in sums}):
        balance = by_number.get(bucket, Balance("", bucket))
        said = (balance.spent, balance.overrun, balance.reserved, balance.unresolved)
        for what, amount in zip(_PARTS, said, strict=True):
            if sums[bucket, what] != amount:
                faults.append(Fault(bucket, what, amount, sums[bucket, what]))
    return faults


def day_of(at_ms: int, zone: str) -> dt.date:
    """Return the day of an instant in a zone."""
    return _day_of_minute(at_ms // 60_000, zone)


@lru_cache(4096)  # there may be a million entries, but they lie close together
def _day_of_minute(minute: int, zone: str) -> dt.date:
    return dt.datetime.fromtimestamp(minute * 60, load_zone(zone)).date()


def used_by_day(entries: Iterable[Entry], zone: str) -> Mapping[dt.date, int]:
    """Return what was booked on each day that has entries, in the order of days."""
    days: dict[dt.date, int] = defaultdict(int)
    for entry in entries:
        days[day_of(entry.at, zone)] += entry.amount
    return dict(sorted(days.items()))


_PARTS: Final[tuple[Literal["spent", "overrun", "reserved", "unresolved"], ...]] = (
    "spent",
    "overrun",
    "reserved",
    "unresolved",
)


def _status(offer: Offer, held: Sequence[Balance], day: int, week: int, now_ms: int) -> Status:
    window = offer.window
    if window is None:
        return Status(offer, "never activated", Balance(offer.id, 0), offer.budget.amount, None, None, None, day, week)
    balance = _counting(offer.id, held, window, now_ms)
    limit = offer.budget.amount
    free = None if limit is None else max(0, limit - balance.taken)
    begins_at = None if window.from_s is None else window.from_s * 1000
    over_at = None if window.until_s is None else window.until_s * 1000
    return Status(
        offer,
        _state(window, free, now_ms),
        balance,
        free,
        begins_at,
        ends_at(window, now_ms),
        over_at,
        day,
        week,
    )


def _state(window: Window, free: int | None, now_ms: int) -> State:
    if window.until_s is not None and window.until_s * 1000 <= now_ms:
        return "over"
    if not is_open(window, now_ms):
        return "not begun"
    return "used up" if free == 0 else "open"


def _counting(offer: str, held: Sequence[Balance], window: Window, now_ms: int) -> Balance:
    """Return the sum of the balances that count now."""
    first, last, charged = buckets(window, now_ms)
    counting = [balance for balance in held if first <= balance.bucket <= last]
    return Balance(
        offer,
        charged,
        sum(balance.spent for balance in counting),
        sum(balance.reserved for balance in counting),
        sum(balance.unresolved for balance in counting),
        sum(balance.overrun for balance in counting),
    )


def _last(entries: Sequence[Entry]) -> int:
    return entries[-1].number if entries else 0


def _held(store: Store, offer: str) -> tuple[list[Balance], list[Reservation]]:
    return [balance for balance in store.balances() if balance.offer == offer], store.open_reservations(offer)
