"""How offers stand, and whether the books of one add up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from llm_migrate.config.budgets import Budget
from llm_migrate.ledger.books import Adjust, Balance, Doubt, Entry, Reservation, Store
from llm_migrate.ledger.offers import offers_of
from llm_migrate.ledger.sqlite import SqliteStore
from llm_migrate.ledger.status import (
    DAY_MS,
    Fault,
    Status,
    account_of,
    day_of,
    faults_of,
    now_of,
    statuses_of,
    used_by_day,
)
from tests.ledger.saying import granted, reserve, said, settle, want

NOW = int(dt.datetime.fromisoformat("2024-07-09T12:00:00+08:00").timestamp() * 1000)
HOUR_MS = 3_600_000


def budget(**said_: object) -> Budget:
    values: dict[str, object] = {"unit": "tokens", "amount": 1000, "zone": "Asia/Shanghai", **said_}
    return Budget("free", "t", "zhipu", (), **values)  # type: ignore[arg-type]


def spend(store: Store, request: str, amount: int, at: int, *, bucket: int = 0) -> None:
    asked = want(amount=amount, limit=None, buckets=(bucket, bucket, bucket))
    granted(store, reserve(request, asked, now=at))
    said(store, settle(request, amount, now=at))


def status(store: Store, kept: Budget, now: int = NOW) -> Status:
    offers = offers_of([kept], store.activations())
    (found,) = statuses_of(offers.values(), store.balances(), store.entries(), now)
    return found


@pytest.fixture
def books():
    store = SqliteStore(None)
    yield store
    store.close()


def test_an_offer_is_what_its_balance_says(books):
    """Spent, reserved and unresolved are told apart, and only the rest is free."""
    spend(books, "a", 100, NOW - 5000)
    granted(books, reserve("b", want(amount=200, limit=1000), now=NOW - 4000))
    granted(books, reserve("c", want(amount=50, limit=1000), now=NOW - 3000))
    said(books, Doubt("c", 1, NOW - 2000))

    found = status(books, budget())

    assert (found.balance.spent, found.balance.reserved, found.balance.unresolved) == (100, 200, 50)
    assert (found.state, found.free) == ("open", 650)


def test_every_store_can_be_looked_at(store):
    """The account of an offer balances whichever keeps the books, between any two steps."""
    spend(store, "a", 100, NOW - 5000)
    assert account_of(store, "free").faults == []
    granted(store, reserve("b", want(amount=200, limit=1000), now=NOW - 4000))
    assert account_of(store, "free").faults == []
    said(store, Doubt("b", 1, NOW - 2000))

    account = account_of(store, "free")

    assert (account.faults, account.settled) == ([], True)
    assert status(store, budget()).balance == account.balances[0] == Balance("free", 0, 100, 0, 200)


@pytest.mark.parametrize(
    ("kept", "state"),
    [
        (budget(), "open"),
        (budget(amount=None), "open"),
        (budget(amount=10), "used up"),
        (budget(from_=dt.date(2024, 7, 10)), "not begun"),
        (budget(from_=dt.date(2024, 7, 9)), "open"),
        (budget(until=dt.date(2024, 7, 9)), "open"),
        (budget(until=dt.date(2024, 7, 8)), "over"),
        (budget(until=dt.date(2024, 7, 8), amount=10), "over"),
        (budget(days=30), "never activated"),
    ],
)
def test_the_state_says_whether_an_offer_can_pay(books, kept, state):
    """Days are those of the budget's zone, and its last day counts."""
    spend(books, "a", 10, NOW - 5000)

    assert status(books, kept).state == state


def test_free_is_never_below_zero(books):
    """An overrun leaves nothing, not less."""
    spend(books, "a", 1200, NOW)

    assert (status(books, budget()).free, status(books, budget()).state) == (0, "used up")


def test_the_pace_is_that_of_settled_calls(books):
    """The last 24 hours, and a seventh of the last 7 days; a bill that is booked late is no pace."""
    spend(books, "old", 700, NOW - 8 * DAY_MS)
    spend(books, "week", 70, NOW - 3 * DAY_MS)
    spend(books, "day", 14, NOW - DAY_MS + 1)
    said(books, Adjust("free", 0, 500, "bill", NOW))

    found = status(books, budget())

    assert (found.day_pace, found.week_pace) == (14, 12)


def test_only_the_day_that_is_charged_counts(books):
    """Of an offer that begins anew each day, yesterday's balance is nothing to today."""
    today = dt.date(2024, 7, 9).toordinal()
    spend(books, "a", 400, NOW - DAY_MS, bucket=today - 1)
    spend(books, "b", 30, NOW, bucket=today)

    found = status(books, budget(every="day"))

    assert (found.balance.bucket, found.balance.spent, found.free) == (today, 30, 970)
    assert found.lost_at == NOW + 12 * HOUR_MS
    assert found.over_at is None


def test_a_rolling_window_is_the_sum_of_what_counts_still(books):
    """What was used longer ago than the window is free again."""
    kept = budget(rolling_hours=5)
    size = 5 * HOUR_MS // 60
    for hours in (6, 4, 1):
        at = NOW - hours * HOUR_MS
        spend(books, f"r{hours}", 100, at, bucket=at // size)

    found = status(books, kept)

    assert (found.balance.spent, found.free, found.lost_at) == (200, 800, None)


def test_a_clock_that_was_put_back_does_not_bring_time_back(books):
    """The books go by the latest instant that they have seen, but for two seconds."""
    spend(books, "a", 1, NOW)

    assert now_of(books, NOW - HOUR_MS) == NOW - 2000
    assert now_of(books, NOW + 5) == NOW + 5


def test_days_of_use_are_those_of_the_zone():
    """Half past seven in the evening in London is the next day in Beijing."""
    at = int(dt.datetime(2024, 7, 8, 19, 30, tzinfo=dt.UTC).timestamp() * 1000)
    entries = [entry(at, 5), entry(at - 20 * HOUR_MS, 3), entry(at, 1)]

    assert day_of(at, "Asia/Shanghai") == dt.date(2024, 7, 9)
    assert used_by_day(entries, "Asia/Shanghai") == {dt.date(2024, 7, 8): 3, dt.date(2024, 7, 9): 6}


def entry(at: int, amount: int, *, bucket: int = 0, overrun: int = 0) -> Entry:
    return Entry(1, "settle", "r", 1, "free", bucket, amount, overrun, "vendor", "", "m", at)


def held(amount: int, state: str, bucket: int = 0) -> Reservation:
    return Reservation("r", 2, "free", bucket, amount, amount, state, "me", 0, 0, "", "m")  # type: ignore[arg-type]


GOOD = Balance("free", 0, spent=7, reserved=30, unresolved=5, overrun=2)
LINES = [entry(NOW, 4), entry(NOW, 3, overrun=2)]
OPEN = [held(10, "held"), held(20, "sent"), held(5, "unresolved")]


@pytest.mark.parametrize(
    ("balances", "entries", "open_", "faults"),
    [
        ([GOOD], LINES, OPEN, []),
        ([], [], [], []),
        ([GOOD], LINES[:1], OPEN, [Fault(0, "spent", 7, 4), Fault(0, "overrun", 2, 0)]),
        ([GOOD], LINES, OPEN[1:], [Fault(0, "reserved", 30, 20)]),
        ([GOOD], LINES, OPEN[:2], [Fault(0, "unresolved", 5, 0)]),
        ([GOOD], [*LINES, entry(NOW, 1, bucket=9)], OPEN, [Fault(9, "spent", 0, 1)]),
    ],
)
def test_every_unit_of_a_balance_has_its_line(balances, entries, open_, faults):
    """A sum that differs is named with both figures, a balance that is missing, too."""
    assert faults_of(balances, entries, open_) == faults


class Busy:
    """Books in which somebody else writes between two looks, so many times."""

    def __init__(self, store: Store, times: int) -> None:
        self._store, self._times = store, times

    def balances(self) -> list[Balance]:
        return self._store.balances()

    def open_reservations(self, offer: str | None = None) -> list[Reservation]:
        if self._times:
            self._times -= 1
            spend(self._store, f"other{self._times}", 1, NOW)
        return self._store.open_reservations(offer)

    def entries(self, offer: str | None = None, *, after: int = 0, since: int = 0) -> Sequence[Entry]:
        return self._store.entries(offer, after=after, since=since)


@pytest.mark.parametrize(("times", "settled"), [(0, True), (7, True), (100_000, False)])
def test_writers_are_no_fault(books, times, settled):
    """What does not add up between two writes of others is looked at again, and else left open."""
    spend(books, "a", 5, NOW)

    account = account_of(Busy(books, times), "free")  # type: ignore[arg-type]

    assert account.settled == settled
    assert bool(account.faults) == (not settled)


def test_books_that_do_not_balance_are_told(books):
    """A balance that somebody has changed by hand is a fault."""
    spend(books, "a", 5, NOW)
    books._db.execute("UPDATE balances SET spent = 4")

    account = account_of(books, "free")

    assert (account.settled, account.faults) == (True, [Fault(0, "spent", 4, 5)])
