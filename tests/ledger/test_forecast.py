"""When offers run out, what expires, and that no order wastes less than free first."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.config.budgets import Budget
from llm_migrate.ledger.books import Balance, Entry
from llm_migrate.ledger.forecast import Loss, forecast, play
from llm_migrate.ledger.offers import offers_of
from llm_migrate.ledger.status import DAY_MS, Status, statuses_of
from llm_migrate.ledger.windows import buckets

NOW = int(dt.datetime.fromisoformat("2024-07-09T12:00:00+08:00").timestamp() * 1000)
HOUR_MS = 3_600_000
MIDNIGHT = NOW + 12 * HOUR_MS


def status(name: str, amount: int | None = 1000, *, used: int = 0, pace: int = 0, **more: object) -> Status:
    """Return how an offer stands of which so much is used, `pace` of it in the last 24 hours."""
    values: dict[str, object] = {"unit": "tokens", "zone": "Asia/Shanghai", **more}
    target, provider = str(values.pop("target", name)), str(values.pop("provider", "zhipu"))
    budget = Budget(name, target, provider, (), amount=amount, **values)  # type: ignore[arg-type]
    offer = offers_of([budget], {})[name]
    charged = buckets(offer.window, NOW)[2] if offer.window is not None else 0
    entries = [Entry(1, "settle", "r", 1, name, charged, pace, 0, "vendor", "", "m", NOW - HOUR_MS)]
    (found,) = statuses_of([offer], [Balance(name, charged, spent=used)], entries, NOW)
    return found


def until(day: int) -> dt.date:
    return dt.date(2024, 7, day)


def test_an_offer_is_gone_when_the_pace_has_eaten_it():
    """A thousand at four hundred a day last two days and a half."""
    course = play([status("a")], 400, NOW)

    assert course.gone == {"a": NOW + 5 * DAY_MS // 2}
    assert course.losses == ()
    assert course.short_at == course.gone["a"]


def test_what_is_left_at_its_end_expires():
    """Until the last midnight of 11 July there are 60 hours."""
    course = play([status("a", until=until(11))], 100, NOW)

    assert course.gone == {}
    assert course.losses == (Loss("a", 750, MIDNIGHT + 2 * DAY_MS, 1, 750),)
    assert course.wasted == 750
    assert course.short_at == MIDNIGHT + 2 * DAY_MS


def test_without_demand_all_of_it_expires():
    """No use, no end before the end."""
    course = play([status("a", until=until(20), used=10)], 0, NOW)

    assert (course.wasted, course.gone, course.short_at) == (990, {}, None)


def test_a_reserved_amount_is_neither_free_nor_lost():
    """What calls hold just now is not to be had."""
    offer = offers_of([Budget("a", "a", "zhipu", (), "tokens", 1000, until=until(20))], {})["a"]
    (held,) = statuses_of([offer], [Balance("a", 0, 100, 50, 50)], [], NOW)

    assert play([held], 0, NOW).wasted == 800


def test_an_offer_that_begins_anew_is_lost_each_day_anew():
    """What is left at each midnight is counted up to the end of the last offer that has one, else for a week."""
    daily = status("a", 100, every="day")

    course = play([daily], 60, NOW)

    first, later = 70, 40
    assert course.losses == (Loss("a", first + 7 * later, MIDNIGHT + 7 * DAY_MS, 8, later),)


def test_a_day_that_is_used_up_is_whole_again_tomorrow():
    """The first shortage is today's, at the hour when it comes."""
    course = play([status("a", 100, every="day", used=88)], 48, NOW)

    assert course.gone == {"a": NOW + 6 * HOUR_MS}
    assert course.wasted == 7 * 52


def test_a_month_ends_with_the_month():
    """A monthly budget is lost at the end of July."""
    course = play([status("a", 3000, every="month")], 100, NOW)

    assert course.losses == (Loss("a", 750, MIDNIGHT + 22 * DAY_MS, 1, 750),)


def test_a_rolling_window_gives_back_what_it_forgets():
    """A hundred in five hours are 480 a day for ever; more than that is too much."""
    window = status("a", 100, rolling_hours=5)

    assert play([window], 480, NOW).gone == {}
    gone = play([window], 700, NOW).gone["a"]
    assert abs(gone - (NOW + DAY_MS * 100 // (700 - 480))) < HOUR_MS
    assert play([window], 480, NOW).losses == ()


def test_an_offer_without_a_limit_takes_all():
    """Nothing is ever short of it, and nothing of it is lost."""
    course = play([status("a", None), status("b", until=until(20))], 10**9, NOW)

    assert course.short_at is None
    assert course.gone == {"b": NOW + DAY_MS * 1000 // 10**9}


def test_a_soft_limit_goes_on():
    """It is passed at its hour, and calls go on."""
    course = play([status("a", hard=False)], 500, NOW)

    assert (course.gone, course.short_at) == ({"a": NOW + 2 * DAY_MS}, None)


def test_an_offer_that_has_not_begun_waits():
    """It is drawn upon from its first day on."""
    course = play([status("a", 250), status("b", from_=until(12), until=until(13))], 100, NOW)

    assert course.order == ("a", "b")
    assert course.gone == {"a": NOW + 5 * DAY_MS // 2}
    assert course.losses == (Loss("b", 800, MIDNIGHT + 4 * DAY_MS, 1, 800),)


def test_the_order_is_that_of_the_ledger():
    """Free before prepaid before postpaid, what ends first before what ends later, then what has the least left."""
    offers = [
        status("post", kind="postpaid"),
        status("pre", kind="prepaid"),
        status("much"),
        status("never", 100),
        status("late", until=until(20)),
        status("soon", until=until(10)),
    ]

    assert play(offers, 0, NOW).order == ("soon", "late", "never", "much", "pre", "post")


def test_the_chain_may_waste_what_free_first_saves():
    """A chain that asks the offer first that ends last loses the other."""
    offers = [
        status("late", target="a", until=until(31), pace=90),
        status("soon", target="b", until=until(14), pace=10),
    ]

    (found,) = forecast(offers, {"a": 0, "b": 1}, NOW)

    assert (found.per_day, found.given) == (100, False)
    assert found.configured.order == ("late", "soon")
    assert found.configured.losses == (Loss("soon", 1000, MIDNIGHT + 5 * DAY_MS, 1, 1000),)
    assert found.free_first.order == ("soon", "late")
    assert found.free_first.wasted == 450
    assert found.free_first.gone == {"late": MIDNIGHT + 15 * DAY_MS}


def test_each_offer_is_told_at_its_own_pace():
    """What one offer took in the last 24 hours says when it is gone."""
    offers = [status("a", pace=100), status("b", until=until(31), pace=400)]

    (found,) = forecast(offers, {"a": 0, "b": 1}, NOW)

    assert [outlook.per_day for outlook in found.outlooks] == [100, 400]
    assert [outlook.gone_at for outlook in found.outlooks] == [NOW + 10 * DAY_MS, NOW + 5 * DAY_MS // 2]


def test_a_given_demand_is_spread_in_the_order_of_the_chain():
    """Of a demand of all, an offer only gets what those before it leave."""
    offers = [status("a", pace=1), status("b", until=until(14), pace=1)]

    (found,) = forecast(offers, {"a": 0, "b": 1}, NOW, tokens_per_day=500)

    assert found.given
    assert [outlook.per_day for outlook in found.outlooks] == [None, None]
    assert found.outlooks[0].gone_at == NOW + 2 * DAY_MS
    assert found.outlooks[1].gone_at == NOW + 4 * DAY_MS


def test_units_are_never_mixed():
    """Tokens, calls, each currency and the points of each vendor stand apart, and so does a demand of tokens."""
    offers = [
        status("t", pace=1),
        status("c", unit="calls", pace=2),
        status("y", unit="money", currency="CNY", pace=3),
        status("u", unit="money", currency="USD", pace=4),
        status("p", unit="points", pace=5),
        status("q", unit="points", pace=6, provider="sensenova"),
    ]

    found = forecast(offers, dict.fromkeys("tcyupq", 0), NOW, tokens_per_day=9)

    assert [(f.unit, f.currency, f.per_day) for f in found] == [
        ("tokens", None, 9),
        ("calls", None, 2),
        ("money", "CNY", 3),
        ("money", "USD", 4),
        ("points", None, 5),
        ("points", None, 6),
    ]


def test_offers_that_cannot_be_used_any_more_have_no_future():
    """One that is over, and one that was never activated, are left out."""
    assert forecast([status("a", until=until(1)), status("b", days=30)], {}, NOW) == []


def test_offers_of_other_targets_stand_outside():
    """What the chain does not ask does not compete, but is told at its own pace."""
    (found,) = forecast([status("a", pace=10), status("z", pace=500)], {"a": 0}, NOW)

    assert (found.per_day, found.outside, found.configured.order) == (10, ("z",), ("a",))
    assert found.outlooks[1].gone_at == NOW + 2 * DAY_MS


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_no_unit_is_made_or_lost(zone):
    """What is spent, what is lost and what is left are what was there, in every zone."""
    offers = [
        status("a", 997, until=until(12), zone=zone),
        status("b", 1009, until=until(15), zone=zone),
        status("c", 1013, from_=until(11), until=until(20), zone=zone),
    ]

    course = play(offers, 101, NOW)

    end = max(found.over_at or 0 for found in offers)
    asked = 101 * (end - NOW) // DAY_MS
    assert 997 + 1009 + 1013 - course.wasted <= asked
    assert course.wasted > 0


free_offers = st.lists(st.tuples(st.integers(0, 400), st.integers(9, 16), st.integers(0, 3)), min_size=1, max_size=4)


@given(free_offers, st.integers(0, 300))
def test_no_order_wastes_less_than_free_first(drawn, per_day):
    """Against every order of targets, on small cases."""
    offers = [
        status(f"o{n}", 1 + amount, from_=until(last - first), until=until(last))
        for n, (amount, last, first) in enumerate(drawn)
    ]
    best = play(offers, per_day, NOW).wasted

    for order in itertools.permutations(offers):
        assert play(offers, per_day, NOW, order.index).wasted >= best
