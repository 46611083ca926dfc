"""Budgets in a terminal: what the two weeks of the commands' tests do not have."""

from __future__ import annotations

import datetime as dt

import pytest

from llm_migrate.config.budgets import Budget
from llm_migrate.ledger.books import Balance, Entry
from llm_migrate.ledger.forecast import forecast
from llm_migrate.ledger.offers import offers_of
from llm_migrate.ledger.status import Account, Fault, Status, statuses_of
from llm_migrate.ledger.windows import buckets
from llm_migrate.report.budget_text import account_to_text, forecast_to_text, status_to_text

NOW = int(dt.datetime.fromisoformat("2024-07-09T12:00:00+08:00").timestamp() * 1000)


def status(name: str, *, used: int = 0, pace: int = 0, amount: int | None = 1000, **more: object) -> Status:
    budget = Budget(name, name, "zhipu", (), "tokens", amount, zone="Asia/Shanghai", **more)  # type: ignore[arg-type]
    offer = offers_of([budget], {})[name]
    charged = buckets(offer.window, NOW)[2] if offer.window is not None else 0
    entries = [Entry(1, "settle", "r", 1, name, charged, pace, 0, "vendor", "", "m", NOW - 1000)]
    (found,) = statuses_of([offer], [Balance(name, charged, spent=used)], entries, NOW)
    return found


def bar(used: int) -> str:
    text = status_to_text([status("a", used=used)], NOW, width=100, colour=False)
    return text.partition("[")[2].partition("]")[0]


@pytest.mark.parametrize(
    ("used", "drawn"),
    [
        (0, "." * 30),
        (1, "#" + "." * 29),
        (500, "#" * 15 + "." * 15),
        (999, "#" * 29 + "."),
        (1000, "#" * 30),
        (1500, "#" * 30),
    ],
)
def test_a_bar_is_empty_or_full_only_if_the_offer_is(used, drawn):
    """A little that is used, and a little that is free, both show."""
    assert bar(used) == drawn


def look_ahead(*statuses: Status, chain: str = "abc") -> str:
    found = forecast(statuses, {name: place for place, name in enumerate(chain)}, NOW)
    text = forecast_to_text(found, NOW, chain="default", order="weighted", width=140, colour=False)
    return " ".join(text.split())


def test_a_future_without_offers_is_told():
    """Rather than nothing at all."""
    over = status("a", until=dt.date(2024, 7, 1))

    assert look_ahead(over) == "No offer can be used any more, or none ever could."


@pytest.mark.parametrize(
    ("offer", "said"),
    [
        (status("a", pace=10_000, rolling_hours=5), "calls will find too little left now and then, first today at"),
        (status("a", pace=500, hard=False), "past its limit on Thursday, and goes on, as it is a soft one"),
        (status("a", pace=1500, used=600, every="day"), "used up today at 18:24"),
        (status("a", pace=500), "at the pace of the last 24 h gone on Thursday"),
        (status("a", pace=500, used=1000), "a: nothing is left"),
        (status("a", pace=500, used=1500, hard=False), "a: it is past its limit, and goes on, as that is a soft one"),
        (status("a", pace=1), "it lasts for more than a year"),
        (status("a", pace=1, amount=None), "a: it has no limit"),
        (
            status("a", until=dt.date(2024, 7, 11)),
            "not used in the last 24 h: 1 k tokens will expire unused on 11 July",
        ),
    ],
)
def test_each_end_has_its_words(offer, said):
    """Gone, used up for today, past a soft limit, too little now and then, or never."""
    assert said in look_ahead(offer)


def test_offers_outside_the_chain_are_named():
    """And an order that cannot be reckoned is taken as listed, which is said."""
    text = look_ahead(status("a", pace=5), status("b", pace=5), status("z", pace=5))

    assert "Not in this chain: z." in text
    assert "Chain 'default' spends (taken as listed, though its order is 'weighted'): a, b." in text
    assert "Orders are compared as if each of these offers could serve any call." in text


def test_a_shortage_is_told():
    """From when on some calls find no offer with anything left."""
    text = look_ahead(status("a", pace=500), status("b", pace=500))

    assert "Nothing expires unused, and from Thursday on nothing is left for some calls." in text


def account(**more: object) -> str:
    values: dict[str, object] = {"balances": [], "entries": [], "open": [], "faults": [], **more}
    budget = values.pop("budget", None)
    found = Account("a", **values)  # type: ignore[arg-type]
    return account_to_text(found, budget, every=False, width=140, colour=False)  # type: ignore[arg-type]


def test_an_offer_that_was_never_used_balances():
    """Nothing is nothing."""
    assert account() == "a\n  no entries\n  The books balance: 0 entries of 0 in all, and 0 open reservations.\n"


@pytest.mark.parametrize(
    ("every", "number", "name"),
    [("day", dt.date(2024, 7, 9).toordinal(), "of 2024-07-09"), ("month", 2024 * 12 + 7, "of 2024-07"), (None, 0, "0")],
)
def test_a_balance_is_called_by_its_day_or_month(every, number, name):
    """December, too, is a month of its own year."""
    budget = Budget("a", "a", "zhipu", (), "tokens", 5, every=every)

    assert f"balance {name}: spent 3 tokens" in account(balances=[Balance("a", number, 3)], budget=budget)
    if every == "month":
        december = account(balances=[Balance("a", 2024 * 12 + 12, 3)], budget=budget)
        assert "balance of 2024-12: " in december


def test_books_that_are_never_quiet_are_not_accused():
    """It is said that they could not be checked."""
    text = account(faults=[Fault(0, "spent", 4, 5)], settled=False)

    assert "could not be checked; run it again (spent of balance 0 is 4, but 5 by the lines)" in text
