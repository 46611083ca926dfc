"""Entries for programs."""

from __future__ import annotations

import csv
import io

import pytest

from llm_migrate.config.budgets import Budget
from llm_migrate.ledger.books import Entry
from llm_migrate.report.budget_json import entries_to_csv, entry_row, utc

MONEY = Budget("a", "t", "zhipu", (), "money", 1, "CNY")


def entry(amount: int, model: str = "m") -> Entry:
    return Entry(1, "adjust", "r", 0, "a", 0, amount, 0, "bill", "", model, 1_720_497_600_001)


@pytest.mark.parametrize(
    ("amount", "quantity"),
    [
        (9_007_199_254_740_993, "9007199.254740993"),  # more than a binary fraction holds
        (-1, "-0.000000001"),
        (5_000_000_000, "5"),
    ],
)
def test_money_keeps_every_digit(amount, quantity):
    """As text, in whole units of its currency."""
    row = entry_row(entry(amount), MONEY)

    assert (row["amount"], row["quantity"], row["unit"]) == (amount, quantity, "CNY")


def test_a_table_without_entries_has_its_head():
    """So that a program which reads it finds its columns."""
    (head,) = csv.reader(io.StringIO("".join(entries_to_csv([], {}))))

    assert head == list(entry_row(entry(1), None))


def test_text_of_every_kind_comes_back():
    """Commas, quotes, line ends and Chinese in the id of a model."""
    model = 'a,"b"\n模型'

    rows = list(csv.DictReader(io.StringIO("".join(entries_to_csv([entry(1, model)], {})), newline="")))

    assert [row["model"] for row in rows] == [model]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_720_497_600_001, "2024-07-09T04:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_instants_are_utc_to_the_millisecond(at, text):
    """Whatever zone the machine is in."""
    assert utc(at) == text
