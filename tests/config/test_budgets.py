"""Budgets of the configuration, by themselves and over offers of the catalog."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from llm_migrate.config import load_config
from llm_migrate.config.budgets import NANO, Budget
from llm_migrate.errors import ConfigError

TARGETS = """
[targets.z]
provider = "zhipu"
[targets.q]
provider = "qwen"
[targets.s]
provider = "sensenova"
"""


def read(tmp_path: Path, budgets: str) -> dict[str, Budget]:
    file = tmp_path / "llm-migrate.toml"
    file.write_text(TARGETS + budgets)
    return dict(load_config(file).budgets)


def test_a_budget_of_ones_own(tmp_path):
    """What the file says is what holds; days are the vendor's."""
    read_ = read(
        tmp_path,
        '[budgets.free]\ntarget = "z"\nmodels = ["glm-4"]\ntokens = 150_000_000\n'
        "from = 2024-06-25\nuntil = 2024-07-31\n",
    )

    assert read_ == {
        "free": Budget(
            "free",
            "z",
            "zhipu",
            ("glm-4",),
            "tokens",
            150_000_000,
            from_=dt.date(2024, 6, 25),
            until=dt.date(2024, 7, 31),
            zone="Asia/Shanghai",
        )
    }


def test_an_offer_with_shares_is_a_budget_for_each(tmp_path):
    """Fifty million for one model and a hundred for another do not mix."""
    budgets = read(tmp_path, '[budgets.launch]\ntarget = "z"\noffer = "move-from-openai-2024"\nuntil = 2024-07-31\n')

    assert {name: (b.models, b.amount) for name, b in budgets.items()} == {
        "launch/glm-4": (("glm-4",), 50_000_000),
        "launch/glm-4-air": (("glm-4-air",), 100_000_000),
    }
    assert {b.until for b in budgets.values()} == {dt.date(2024, 7, 31)}


def test_the_file_says_over_the_offer(tmp_path):
    """An offer without a stated length needs the user's word for it."""
    budgets = read(tmp_path, '[budgets.new]\ntarget = "q"\noffer = "new-free-quota"\ndays = 90\nkind = "prepaid"\n')

    budget = budgets["new"]
    assert (budget.amount, budget.days, budget.kind, budget.at_zero) == (1_000_000, 90, "prepaid", "bill")
    assert budget.exclusions == ("batch", "context cache")


def test_money_is_counted_in_billionths(tmp_path):
    """No float is ever asked what a cent is."""
    budgets = read(tmp_path, '[budgets.cap]\ntarget = "z"\nmoney = "99.95 CNY"\nkind = "postpaid"\nevery = "month"\n')

    assert (budgets["cap"].amount, budgets["cap"].currency) == (99_950_000_000, "CNY")


def test_points_need_a_rate(tmp_path):
    """Where the vendor publishes none, the user says what a call takes."""
    budgets = read(
        tmp_path, '[budgets.p]\ntarget = "s"\noffer = "free-plan-5h"\npoints_per_mtok = { input = 10, output = 30.5 }\n'
    )

    budget = budgets["p"]
    assert (budget.amount, budget.rolling_hours) == (60_000 * NANO, 5)
    assert budget.points_per_mtok == (10 * NANO, 30_500_000_000)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('target = "zz"\ntokens = 5', "budgets.b: target: no such target"),
        ('target = "z"\noffer = "mov"', "zhipu has no offer of that name"),
        ('target = "z"', "how much?"),
        ('target = "z"\ntokens = 5\ncalls = 5', "one budget counts in one unit"),
        ('target = "z"\nmoney = "5 EUR"', "CNY or USD"),
        ('target = "z"\nmoney = "-5 USD"', "CNY or USD"),
        ('target = "z"\nmoney = "much"', "CNY or USD"),
        ('target = "z"\ntokens = 5\nevery = "day"\nrolling_hours = 5', "every and rolling_hours"),
        ('target = "z"\ntokens = 5\nfrom = 2024-08-01\nuntil = 2024-07-31', "before its beginning"),
        ('target = "z"\ntokens = 5\nuntil = 2024-07-31T12:00:00', "needs its offset"),
        ('target = "z"\ntokens = 5\nzone = "Asia/Peking"', "no such time zone"),
        ('target = "z"\npoints = 5', "no rate of points"),
        ('target = "z"\ntokens = 5\npoints_per_call = 5', "go with  points"),
        ('target = "z"\noffer = "free-models"\nhard = true', "no stated limit"),
        ('target = "q"\noffer = "new-free-quota"', "add  days ="),
        ('target = "z"\ntokens = 0', "greater than 0"),
        ('target = "z"\ntokns = 5', 'did you mean "tokens"'),
    ],
)
def test_what_is_wrong_is_said(tmp_path, lines, words):
    """The budget, the key and the way out are named."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[budgets.b]\n{lines}\n")

    assert words.replace('"', "'") in str(caught.value).replace('"', "'")


def test_free_first_needs_something_free(tmp_path):
    """Without budgets nobody knows what is free."""
    with pytest.raises(ConfigError, match="free-first needs"):
        read(tmp_path, '[chains.default]\ntargets = ["z"]\norder = "free-first"\n')


def test_books_are_where_programs_keep_their_state(tmp_path, monkeypatch):
    """By default in the user's state folder; nowhere without budgets."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "llm-migrate.toml"
    file.write_text(TARGETS + '[budgets.b]\ntarget = "z"\ntokens = 5\n')
    ledger = load_config(file).ledger
    file.write_text(TARGETS)

    assert ledger is not None
    assert ledger.url == f"sqlite:///{tmp_path}/llm-migrate/ledger.db"
    assert load_config(file).ledger is None


def test_an_address_with_a_password_may_stand_in_the_environment(tmp_path, monkeypatch):
    """It is shown nowhere (S3)."""
    monkeypatch.setenv("BOOKS", "postgresql://me:CANARY@db/x")
    file = tmp_path / "llm-migrate.toml"
    file.write_text(TARGETS + '[budgets.b]\ntarget = "z"\ntokens = 5\n[ledger]\nurl = "env:BOOKS"\n')
    config = load_config(file)

    assert config.ledger is not None and config.ledger.url.endswith("CANARY@db/x")
    assert "CANARY" not in repr(config) + repr(config.ledger)
    monkeypatch.delenv("BOOKS")
    with pytest.raises(ConfigError, match="BOOKS is not set"):
        load_config(file)
