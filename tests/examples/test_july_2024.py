"""The story of July 2024, told once: calls never fail, gifts are used in time, and no limit is passed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from llm_migrate.config import load_config
from llm_migrate.config.workload import load_workload
from llm_migrate.ledger.books import Balance, Entry
from llm_migrate.ledger.sqlite import SqliteStore

EXAMPLE = Path(__file__).parents[2] / "examples" / "july_2024"
HOURLY = 272_000


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the program prints, and the folder that it leaves."""
    folder = tmp_path_factory.mktemp("july")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "run.py"), "--folder", str(folder)], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, folder


@pytest.fixture(scope="module")
def books(told: tuple[str, Path]) -> tuple[dict[str, Balance], list[Entry]]:
    """Balances by offer, and all entries."""
    store = SqliteStore(told[1] / "books.db")
    try:
        assert store.open_reservations() == []
        return {balance.offer: balance for balance in store.balances()}, store.entries()
    finally:
        store.close()


def test_the_program_never_stops(told: tuple[str, Path]):
    """On the day of the blackout all calls are refused by the old vendor and answered by the next one."""
    text = told[0]

    assert "Mon  8 July  openai 6.5 M" in text
    assert (
        "Tue  9 July  ernie 6.5 M\n               openai answers 403 unsupported_country_region_territory, 24 times"
        in text
    )
    assert len(re.findall(r"^\w{3} [ \d]\d July  ", text, re.MULTILINE)) == 27


def test_every_call_is_in_the_books(books: tuple[dict[str, Balance], list[Entry]]):
    """One entry for each hour, by the vendor's own count; what was refused cost nothing."""
    entries = books[1]

    assert len(entries) == 27 * 24
    assert {entry.basis for entry in entries} == {"vendor"}
    assert {entry.amount for entry in entries if entry.offer != "openai"} == {HOURLY}
    assert sum(entry.offer == "openai" for entry in entries) == 4 * 24


def test_what_ends_first_goes_first_and_no_limit_is_passed(
    told: tuple[str, Path], books: tuple[dict[str, Balance], list[Entry]]
):
    """Both gifts that end in July are used but for less than one call's room; those without an end are kept."""
    budgets = load_config(told[1] / "llm-migrate.toml").budgets

    for name in ("ernie", "hunyuan"):
        balance, limit = books[0][name], budgets[name].amount or 0
        assert limit - 2 * HOURLY < balance.spent <= limit
        assert (balance.reserved, balance.unresolved, balance.overrun) == (0, 0, 0)
    assert "zhipu" not in books[0]


def test_budgets_are_shown_at_the_end(told: tuple[str, Path]):
    """The forecast in the middle, the status and the page at the end."""
    text, folder = told

    assert "ernie: at the pace of the last 24 h gone today at" in text
    assert re.search(r"^hunyuan +\[#+\.\] +99 %  over$", text, re.MULTILINE)
    page = (folder / "budgets.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "腾讯混元" in page


def test_both_files_of_the_example_name_the_same_offers():
    """The simulation and the story are about the same gifts."""
    simulated = {
        budget.name: (budget.amount, budget.until) for budget in load_workload(EXAMPLE / "workload.toml").budgets
    }
    lived = load_config(EXAMPLE / "llm-migrate.toml").budgets

    assert simulated == {name: (budget.amount, budget.until) for name, budget in lived.items() if name != "openai"}


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_says_how_to_run_it(page: str):
    """Both languages name the command and every file beside them."""
    text = (EXAMPLE / page).read_text(encoding="utf-8")

    assert "python examples/july_2024/run.py" in text
    assert "llm-migrate budget simulate examples/july_2024/workload.toml" in text
    for file in ("town.py", "llm-migrate.toml", "workload.toml"):
        assert f"`{file}`" in text
