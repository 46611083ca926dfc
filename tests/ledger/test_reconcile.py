"""Holding the books against a bill: what is found, what is booked, and that it is booked once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_migrate.config.budgets import NANO, Budget
from llm_migrate.ledger.bill import EVERY_MODEL, Line
from llm_migrate.ledger.books import Adjust, Doubt, Entry, Settle, Store, WriteOff
from llm_migrate.ledger.offers import Offer, offers_of
from llm_migrate.ledger.reconcile import Books, Drift, Reconciliation, first_instant, reconcile
from llm_migrate.ledger.stores import open_store
from llm_migrate.ledger.windows import buckets
from tests.ledger.saying import balance, granted, reserve, settle, want

ZONE = "Asia/Shanghai"
DAY = dt.date(2024, 7, 9)
NOON = 1_720_497_600_000  # in Shanghai on that day
LATER = NOON + 86_400_000
HOUR = 3_600_000


def budget(name: str = "free", **more: Any) -> Budget:
    return Budget(
        **{"name": name, "target": "t", "provider": "p", "models": (), "unit": "tokens", "amount": 10**9} | more
    )


def offers(*budgets: Budget) -> dict[str, Offer]:
    return offers_of(budgets or (budget(),), {})


def line(tokens: int | None = None, model: str = "m", day: dt.date = DAY, **more: Any) -> Line:
    return Line(**{"place": "f:2", "day": day, "model": model, "total_tokens": tokens} | more)


def spend(
    store: Store, request: str, amount: int, offer: str = "free", *, model: str = "m", at: int = NOON, bucket: int = 0
) -> None:
    """Book one call."""
    granted(store, reserve(request, want(offer, 10**6, limit=None, buckets=(bucket,) * 3), model=model, now=at))
    store.apply([settle(request, amount, now=at)])


def books(store: Store, *budgets: Budget) -> Books:
    return Books(offers(*budgets), store.entries(), store.open_reservations())


def held(store: Store, lines: Sequence[Line], *budgets: Budget, write_off: bool = False) -> Reconciliation:
    """Hold lines against the books a day later, and book what comes of it."""
    found = reconcile(lines, books(store, *budgets), zone=ZONE, now_ms=LATER, write_off=write_off)
    store.apply(found.operations)
    return found


def adjustments(store: Store) -> list[Entry]:
    return [entry for entry in store.entries() if entry.kind == "adjust"]


def test_books_that_agree_stay_as_they_are(store: Store):
    """The same count on both sides is no alarm, and nothing is booked."""
    spend(store, "a", 700)
    spend(store, "b", 300)

    found = held(store, [line(600), line(400)])

    assert found.drifts == (Drift(DAY, "m", "tokens", None, 1000, 1000, 0, "compared", alarm=False),)
    assert (found.operations, found.alarm) == ((), False)


def test_a_difference_becomes_an_adjustment(store: Store):
    """What the vendor has counted beyond ours is added to the offer that paid, and no entry is changed."""
    spend(store, "a", 1000)
    before = store.entries()

    found = held(store, [line(1100)])

    assert balance(store).spent == 1100
    assert store.entries()[: len(before)] == before
    (entry,) = adjustments(store)
    assert (entry.offer, entry.amount, entry.basis) == ("free", 100, "bill")
    assert entry.request.startswith("bill 2024-07-09 m #")
    assert found.drifts[0].percent == pytest.approx(-100 / 11)


def test_the_same_file_again_changes_nothing(store: Store):
    """The second time the books agree, and even the same operations are taken once."""
    spend(store, "a", 1000)
    first = held(store, [line(1100)])

    again = held(store, [line(1100)])
    store.apply(first.operations)

    assert (again.operations, again.alarm) == ((), False)
    assert again.drifts[0].ours == 1100
    assert len(adjustments(store)) == 1


def test_two_who_import_at_once_book_once(store: Store):
    """Two processes that read the same books come to the same adjustment, under whatever name the file has."""
    spend(store, "a", 1000)
    known = books(store)
    plans = [
        reconcile([line(1100, place=place)], known, zone=ZONE, now_ms=now, write_off=False)
        for place, now in (("a.csv:2", LATER), ("copy of a.csv:9", LATER + 5))
    ]

    for plan in plans:
        store.apply(plan.operations)

    assert balance(store).spent == 1100


def test_a_later_file_of_the_same_day_corrects_the_first(store: Store):
    """A vendor who finds more calls, or takes some back, is followed."""
    spend(store, "a", 1000)
    held(store, [line(1100)])

    held(store, [line(1150)])
    assert balance(store).spent == 1150
    held(store, [line(900)])

    assert balance(store).spent == 900
    assert [entry.amount for entry in adjustments(store)] == [100, 50, -250]


@pytest.mark.parametrize(
    ("ours", "theirs", "alarm"), [(1000, 1020, False), (1021, 1000, True), (980, 1000, False), (979, 1000, True)]
)
def test_more_than_two_percent_is_an_alarm(store: Store, ours: int, theirs: int, alarm: bool):
    """Two percent of the vendor's count is still in order; both ways."""
    spend(store, "a", ours)
    assert held(store, [line(theirs)]).alarm is alarm


def test_days_are_those_of_the_files_zone(store: Store):
    """A call at 23:59 in Shanghai and one two minutes later are of two days, whatever day it is elsewhere."""
    spend(store, "a", 100, at=NOON + 12 * HOUR - 60_000)
    spend(store, "b", 200, at=NOON + 12 * HOUR + 60_000)

    found = reconcile(
        [line(100), line(200, day=DAY + dt.timedelta(1))], books(store), zone=ZONE, now_ms=LATER + 24 * HOUR
    )

    assert [(drift.day, drift.ours, drift.theirs) for drift in found.drifts] == [
        (DAY, 100, 100),
        (DAY + dt.timedelta(1), 200, 200),
    ]


def test_models_are_compared_one_by_one(store: Store):
    """Too much of one and too little of another do not make up for each other; case does not matter."""
    spend(store, "a", 1000, model="GLM-4")
    spend(store, "b", 1000, model="glm-4-air")

    found = held(store, [line(1500, "glm-4"), line(500, "glm-4-air")])

    assert [(drift.model, drift.alarm) for drift in found.drifts] == [("GLM-4", True), ("glm-4-air", True)]
    assert [entry.amount for entry in adjustments(store)] == [500, -500]
    assert not held(store, [line(1500, "glm-4"), line(500, "glm-4-air")]).operations


def test_a_dated_version_is_the_model_that_was_asked(store: Store):
    """Bills name the version that answered, unless that itself was asked for."""
    spend(store, "a", 100, model="gpt-4o")
    spend(store, "b", 200, model="gpt-4o-2024-05-13")

    found = held(store, [line(100, "gpt-4o-2024-08-06"), line(200, "gpt-4o-2024-05-13")])

    assert [(drift.model, drift.ours, drift.theirs) for drift in found.drifts] == [
        ("gpt-4o", 100, 100),
        ("gpt-4o-2024-05-13", 200, 200),
    ]


def test_a_file_without_models_is_held_against_all_of_them(store: Store):
    """Where the file knows only days, days are compared."""
    spend(store, "a", 100, model="x")
    spend(store, "b", 200, model="y")

    found = held(store, [line(330, EVERY_MODEL)])

    assert [(drift.model, drift.ours, drift.theirs) for drift in found.drifts] == [(EVERY_MODEL, 300, 330)]
    assert balance(store).spent == 330
    assert not held(store, [line(330, EVERY_MODEL)]).operations


def test_a_day_that_is_not_over_is_not_booked(store: Store):
    """A bill of today lags, and what it lacks would be given back too early."""
    spend(store, "a", 1000)

    found = reconcile([line(100)], books(store), zone=ZONE, now_ms=NOON + HOUR)

    assert (found.drifts[0].verdict, found.alarm, found.operations) == ("not-over", False, ())


def test_what_only_we_know_is_told_but_not_given_back(store: Store):
    """A model or a day that the file does not have may be of another key: it alarms, and stays booked."""
    spend(store, "a", 1000)
    spend(store, "b", 500, model="other")

    found = held(store, [line(1000)])

    assert [(drift.model, drift.verdict, drift.alarm) for drift in found.drifts] == [
        ("m", "compared", False),
        ("other", "only-ours", True),
    ]
    assert balance(store).spent == 1500


def test_days_outside_the_file_are_not_its_business(store: Store):
    """Only days between the file's first and last are looked at."""
    spend(store, "b", 500, at=NOON - 48 * HOUR)
    spend(store, "a", 1000)

    assert [(drift.day, drift.ours) for drift in held(store, [line(1000)]).drifts] == [(DAY, 1000)]


def test_a_model_without_a_budget_is_only_told(store: Store):
    """What nobody budgets is no drift of the books."""
    found = held(store, [line(500, "else")], budget(models=("glm-*",)))

    assert found.drifts == (Drift(DAY, "else", "tokens", None, 0, 500, 0, "no-budget", alarm=False),)
    paid = held(store, [line(None, "else", money=5, currency="CNY")], budget(models=("glm-*",)))
    assert (paid.drifts[0].unit, paid.drifts[0].theirs) == ("money", 5)


def test_calls_that_went_another_way_are_charged_to_what_goes_first(store: Store):
    """What these books never saw takes from the free offer that ends first, of those that were open that day."""
    known = (
        budget("paid", kind="prepaid", until=dt.date(2024, 7, 10)),
        budget("late", until=dt.date(2024, 12, 31)),
        budget("soon", until=dt.date(2024, 7, 31)),
        budget("over", until=dt.date(2024, 7, 8)),
        budget("other", models=("glm-*",), until=dt.date(2024, 7, 10)),
        budget("unknown", days=30),
    )

    found = held(store, [line(500)], *known)

    assert [(entry.offer, entry.amount) for entry in adjustments(store)] == [("soon", 500)]
    assert found.alarm


def test_the_balance_of_the_day_is_adjusted(store: Store):
    """A daily offer has a balance for each day, and the one of that day is meant."""
    daily = budget(every="day", zone=ZONE)
    window = offers(daily)["free"].window
    assert window is not None
    bucket = buckets(window, NOON)[2]
    spend(store, "a", 100, bucket=bucket)

    held(store, [line(150), line(70, "unseen")], daily)

    assert balance(store, bucket=bucket).spent == 220
    assert {entry.bucket for entry in adjustments(store)} == {bucket}


def test_what_lacks_goes_to_the_offer_that_paid_last(store: Store):
    """When one offer ran out during the day, further calls were the other's."""
    spend(store, "a", 100, "first", at=NOON - HOUR)
    spend(store, "b", 100, "second", at=NOON)

    held(store, [line(250)], budget("first"), budget("second"))

    assert (balance(store, "first").spent, balance(store, "second").spent) == (100, 150)


def test_what_is_too_much_is_taken_from_none_twice(store: Store):
    """The last one gives back first, but no more than it paid that day."""
    spend(store, "a", 100, "first", at=NOON - HOUR)
    spend(store, "b", 100, "second", at=NOON)
    known = (budget("first"), budget("second"))

    held(store, [line(60)], *known)

    assert (balance(store, "first").spent, balance(store, "second").spent) == (60, 0)
    assert not held(store, [line(60)], *known).operations


@pytest.mark.parametrize(
    ("known", "theirs", "amount"),
    [
        (budget(unit="input-tokens"), {"input_tokens": 70, "output_tokens": 9}, 70),
        (budget(unit="output-tokens"), {"input_tokens": 70, "output_tokens": 9}, 9),
        (budget(), {"input_tokens": 70, "output_tokens": 9}, 79),
        (budget(unit="calls"), {"total_tokens": 5, "calls": 3}, 3),
        (budget(unit="calls"), {"request": "r1"}, 1),
        (budget(unit="money", currency="CNY"), {"money": 12, "currency": "CNY"}, 12),
        (
            budget(unit="points", points_per_call=2 * NANO, points_per_mtok=(NANO, 3 * NANO)),
            {"input_tokens": 10**6, "output_tokens": 10**6, "calls": 1},
            6 * NANO,
        ),
    ],
)
def test_each_unit_is_read_off_the_columns_that_say_it(
    store: Store, known: Budget, theirs: dict[str, Any], amount: int
):
    """Tokens of one side or both, calls, money of the same currency, and points by their rates."""
    found = held(store, [line(**theirs)], known)

    assert found.drifts[0].theirs == amount
    assert balance(store).spent == amount


@pytest.mark.parametrize(
    ("known", "theirs"),
    [
        (budget(unit="money", currency="CNY"), {"total_tokens": 5}),
        (budget(unit="money", currency="CNY"), {"money": 5, "currency": "USD"}),
        (budget(unit="input-tokens"), {"total_tokens": 5}),
        (budget(unit="calls"), {"total_tokens": 5}),
        (budget(), {"money": 5, "currency": "CNY"}),
        (budget(unit="points", points_per_call=1, points_per_mtok=(1, 1)), {"input_tokens": 5, "output_tokens": 5}),
    ],
)
def test_a_unit_that_the_file_does_not_say_is_not_made_up(store: Store, known: Budget, theirs: dict[str, Any]):
    """Nothing is compared or booked where the file counts otherwise."""
    spend(store, "a", 100)

    found = held(store, [line(**theirs)], known)

    assert (found.drifts[0].verdict, found.drifts[0].theirs, found.alarm) == ("not-said", None, False)
    assert not found.operations


def test_a_count_of_all_tokens_is_not_divided_between_units(store: Store):
    """Where free tokens and money paid for one model, its tokens cannot be told apart, but the money can."""
    known = (budget("free"), budget("paid", unit="money", currency="CNY", kind="prepaid"))
    spend(store, "a", 1000, "free")
    spend(store, "b", 7 * NANO, "paid")

    found = held(store, [line(5000), line(None, money=8 * NANO, currency="CNY")], *known)

    assert {(drift.unit, drift.verdict) for drift in found.drifts} == {("tokens", "mixed"), ("money", "compared")}
    assert (balance(store, "free").spent, balance(store, "paid").spent) == (1000, 8 * NANO)


def test_money_given_back_beyond_what_was_paid_is_booked_whole(store: Store):
    """A refund of earlier days may make a day's balance fall below nothing."""
    known = budget(unit="money", currency="CNY", kind="prepaid")
    spend(store, "a", 5)

    held(store, [line(None, money=-20, currency="CNY")], known)

    assert balance(store).spent == -20
    assert not held(store, [line(None, money=-20, currency="CNY")], known).operations


def test_calls_are_matched_by_their_id(store: Store):
    """A call that the file names is held against itself, also where it ended on another day here."""
    spend(store, "b", 200)
    spend(store, "unnamed", 40)
    spend(store, "late", 100, at=NOON + 13 * HOUR)

    found = held(store, [line(110, request="late"), line(200, request="b"), line(50, request="vendors-own")])

    assert found.matched == 2
    assert [(drift.day, drift.ours, drift.theirs) for drift in found.drifts] == [(DAY, 340, 360)]
    assert {
        (entry.amount, entry.request.rpartition(" of ")[2]) for entry in adjustments(store) if " of " in entry.request
    } == {(10, "late")}
    assert balance(store).spent == 360
    again = held(store, [line(110, request="late"), line(200, request="b"), line(50, request="vendors-own")])
    assert (again.operations, again.alarm) == ((), False)


def test_several_attempts_of_a_call_are_one_call_of_the_vendor(store: Store):
    """The file's lines of a call are held against all its attempts together."""
    for attempt in (1, 2):
        granted(store, reserve("r", want("free", 500, limit=None), attempt=attempt, now=NOON))
        store.apply([Settle("r", attempt, 100, NOON)])

    found = held(store, [line(100, request="r"), line(130, request="r")])

    assert balance(store).spent == 230
    assert [entry.amount for entry in adjustments(store)] == [30]
    assert found.matched == 1


def test_an_unresolved_call_that_the_file_names_is_settled_by_it(store: Store):
    """The bill says what nobody knew."""
    granted(store, reserve("r", want("free", 500, limit=None), now=NOON))
    store.apply([Doubt("r", 1, NOON)])

    held(store, [line(120, request="r")])

    assert balance(store).unresolved == 0
    (entry,) = store.entries()
    assert (entry.kind, entry.amount, entry.basis) == ("settle", 120, "bill")
    assert not held(store, [line(120, request="r")]).operations


def test_an_unresolved_attempt_gets_what_the_others_do_not_explain(store: Store):
    """Of a call with a settled and an unresolved attempt, the rest is the unresolved one's, and never below nothing."""
    for request in ("more", "less"):
        granted(store, reserve(request, want("free", 500, limit=None), attempt=1, now=NOON))
        granted(store, reserve(request, want("free", 500, limit=None), attempt=2, now=NOON))
        store.apply([Settle(request, 1, 100, NOON), Doubt(request, 2, NOON)])

    held(store, [line(150, request="more"), line(80, request="less")])

    settled = {(entry.request, entry.attempt): entry.amount for entry in store.entries() if entry.kind == "settle"}
    assert (settled["more", 2], settled["less", 2]) == (50, 0)
    assert [entry.amount for entry in adjustments(store)] == [-20]
    assert balance(store).spent == 230


def test_a_call_that_is_named_in_another_unit_is_left_alone(store: Store):
    """The file knows the call, but not what it took of this budget."""
    spend(store, "r", 100)

    found = held(store, [line(None, request="r", money=5, currency="CNY")])

    assert (found.matched, found.drifts[0].verdict, found.operations) == (1, "not-said", ())


def test_calls_of_other_days_do_not_hold_up_the_file(store: Store):
    """What is unresolved outside the file's days is none of its business."""
    spend(store, "a", 1000)
    granted(store, reserve("r", want("free", 500, limit=None), now=NOON + 36 * HOUR))
    store.apply([Doubt("r", 1, NOON + 36 * HOUR)])

    found = reconcile([line(1000)], books(store), zone=ZONE, now_ms=LATER + 72 * HOUR)

    assert [(drift.verdict, drift.open) for drift in found.drifts] == [("compared", 0)]


def test_a_difference_that_no_offer_could_have_paid_is_only_told(store: Store):
    """With nothing booked that day, and no offer open on it, there is nobody to charge."""
    granted(store, reserve("r", want("free", 500, limit=None), now=NOON))
    store.apply([Doubt("r", 1, NOON)])

    found = held(store, [line(100)], budget(until=dt.date(2024, 7, 1)), write_off=True)

    assert found.operations == (WriteOff("r", 1, LATER),)
    assert found.alarm


def test_a_day_with_calls_that_have_not_ended_waits(store: Store):
    """What is unresolved may be what the vendor has beyond us: nothing is booked until it is settled."""
    spend(store, "a", 1000)
    granted(store, reserve("r", want("free", 500, limit=None), now=NOON))
    store.apply([Doubt("r", 1, NOON)])

    found = held(store, [line(1400)])

    assert (found.drifts[0].verdict, found.drifts[0].open, found.operations) == ("open", 1, ())


def test_the_unresolved_is_written_off_when_asked(store: Store):
    """With the word of the user, what the bill does not know ends at nothing, and the day agrees with the bill."""
    spend(store, "a", 1000)
    for request in ("r", "s"):
        granted(store, reserve(request, want("free", 500, limit=None), now=NOON))
        store.apply([Doubt(request, 1, NOON)])

    found = held(store, [line(1400)], write_off=True)

    assert [operation for operation in found.operations if isinstance(operation, WriteOff)] == [
        WriteOff("r", 1, LATER),
        WriteOff("s", 1, LATER),
    ]
    assert (balance(store).unresolved, balance(store).spent) == (0, 1400)


def test_what_is_still_on_its_way_is_not_written_off(store: Store):
    """Only what is unresolved can be; a call that runs keeps its day waiting."""
    spend(store, "a", 1000)
    granted(store, reserve("r", want("free", 500, limit=None), now=NOON))

    found = held(store, [line(1400)], write_off=True)

    assert (found.drifts[0].verdict, found.operations) == ("open", ())


def test_a_call_that_runs_is_not_ended_by_the_file(store: Store):
    """Even if the file names it: its own end will say what it took."""
    granted(store, reserve("r", want("free", 500, limit=None), now=NOON))

    found = held(store, [line(120, request="r")])

    assert (found.matched, found.drifts[0].verdict, found.operations) == (0, "open", ())


def test_adjustments_of_others_are_left_alone(store: Store):
    """An adjustment that no bill made is of no day that a bill could speak of."""
    spend(store, "a", 1000)
    store.apply([Adjust("free", 0, -300, "by hand", NOON)])

    found = held(store, [line(1000)])

    assert [(drift.model, drift.ours) for drift in found.drifts] == [("m", 1000)]
    assert not found.operations


def test_entries_are_looked_for_from_a_day_before_the_file_on():
    """A call may have ended here before the vendor counted it."""
    assert first_instant([line(1), line(1, day=DAY + dt.timedelta(9))], ZONE) == NOON - 36 * HOUR


CALLS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("mn"), st.sampled_from(["one", "two"]), st.integers(0, 900)),
    max_size=8,
)
LINES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("mn"), st.integers(0, 900), st.sampled_from(["", "0", "1", "2", "x"])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(calls=CALLS, lines=LINES, again=LINES)
def test_whatever_the_file_says_the_books_agree_with_it_afterwards(
    calls: list[tuple[int, str, str, int]],
    lines: list[tuple[int, str, int, str]],
    again: list[tuple[int, str, int, str]],
):
    """All that could be compared is equal once it is booked, a second import finds nothing, and so for a later file."""
    books_in_memory = open_store("sqlite:///:memory:")
    known = (budget("one"), budget("two", kind="prepaid"))
    for number, (day, model, offer, amount) in enumerate(sorted(calls)):
        spend(books_in_memory, str(number), amount, offer, model=model, at=NOON + day * 24 * HOUR)
    now = NOON + 10 * 24 * HOUR

    for said in (lines, again):
        unnamed = [item for item in said if not item[3]]
        said = unnamed + list({item[3]: item for item in said if item[3]}.values())  # a call has one line
        bill = [line(tokens, model, DAY + dt.timedelta(day), request=request) for day, model, tokens, request in said]
        found = reconcile(bill, books(books_in_memory, *known), zone=ZONE, now_ms=now)
        books_in_memory.apply(found.operations)

        second = reconcile(bill, books(books_in_memory, *known), zone=ZONE, now_ms=now)
        assert second.operations == ()
        assert all(drift.ours == drift.theirs for drift in second.drifts if drift.verdict == "compared")
    books_in_memory.close()
