"""What is said of budgets in words."""

from __future__ import annotations

import datetime as dt

import pytest

from llm_migrate.config.budgets import Budget
from llm_migrate.report.budget_words import exact, say_day, say_last_day, short

TOKENS = Budget("a", "t", "zhipu", (), "tokens", 1)
MONEY = Budget("a", "t", "zhipu", (), "money", 1, "CNY")
POINTS = Budget("a", "t", "zhipu", (), "points", 1)
NOW = "2024-07-09T12:00:00+08:00"


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("amount", "budget", "text"),
    [
        (0, TOKENS, "0 tokens"),
        (999, TOKENS, "999 tokens"),
        (1000, TOKENS, "1 k tokens"),
        (3_100_000, TOKENS, "3.1 M tokens"),
        (12_345_678, TOKENS, "12.3 M tokens"),
        (123_456_789, TOKENS, "123 M tokens"),
        (999_600_000, TOKENS, "1 G tokens"),
        (5 * 10**12, TOKENS, "5 T tokens"),
        (4_938_271_564, MONEY, "4.94 CNY"),
        (60_000 * 10**9, POINTS, "60 k points"),
        (500_000_000, POINTS, "0.5 points"),
    ],
)
def test_an_amount_in_three_figures(amount, budget, text):
    """With its unit, so that it cannot be taken for another."""
    assert short(amount, budget) == text


@pytest.mark.parametrize(
    ("amount", "budget", "text"),
    [
        (1_234_567_891, MONEY, "1.234567891 CNY"),
        (-1, MONEY, "-0.000000001 CNY"),
        (-2_500_000_000, POINTS, "-2.5 points"),
        (10**21, MONEY, "1,000,000,000,000 CNY"),
        (100 * 10**9, MONEY, "100 CNY"),
        (-1234, TOKENS, "-1,234 tokens"),
    ],
)
def test_an_amount_to_the_last_billionth(amount, budget, text):
    """No digit is lost, however many there are."""
    assert exact(amount, budget) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2024-07-09T23:59:00+08:00", "today at 23:59"),
        ("2024-07-10T00:00:00+08:00", "on Wednesday"),
        ("2024-07-11T12:00:00+08:00", "on Thursday"),
        ("2024-07-15T23:00:00+08:00", "on Monday"),
        ("2024-07-16T00:00:00+08:00", "on 16 July"),
        ("2025-01-02T00:00:00+08:00", "on 2 January 2025"),
        ("2024-07-09T16:30:00+00:00", "on Wednesday"),
    ],
)
def test_a_day_is_called_as_people_call_it(at, text):
    """By its hour, its name, its date, or its date and year; in the zone of the budget."""
    assert say_day(ms(at), ms(NOW), "Asia/Shanghai") == text


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("2024-08-01T00:00:00+08:00", "on 31 July"),
        ("2025-01-01T00:00:00+08:00", "on 31 December"),
        ("2024-07-13T12:00:00+08:00", "on 13 July at 12:00"),
    ],
)
def test_the_last_day_is_the_one_that_still_counts(end, text):
    """Ends are instants that do not count any more; people name the day before."""
    assert say_last_day(ms(end), ms(NOW), "Asia/Shanghai") == text
