"""What a check says of budgets."""

from __future__ import annotations

from pathlib import Path

from llm_migrate.config import load_config
from llm_migrate.engine.check.budgets import budgets
from llm_migrate.engine.check.finding import Finding, exit_code
from llm_migrate.ledger.books import NEVER, Reserve, Settle, Want
from llm_migrate.ledger.stores import open_store


def look(folder: Path, lines: str, *, policy: str = "refuse", url: str = "") -> list[Finding]:
    file = folder / "llm-migrate.toml"
    url = url or f"sqlite:///{folder}/ledger.db"
    file.write_text(
        '[targets.z]\nprovider = "zhipu"\napi_key = "plain:id.secret"\n'
        f'[budgets.b]\ntarget = "z"\n{lines}\n[ledger]\nurl = "{url}"\non_ledger_error = "{policy}"\n'
    )
    config = load_config(file)
    return budgets(config, list(config.chains.values()))


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.severity, finding.what) for finding in found if finding.where == "budgets.b"]


def test_books_are_not_made_by_a_check(tmp_path):
    """It says where they will be, and what the budget is."""
    found = look(tmp_path, "tokens = 1_000")

    assert found[0].severity == "note" and "ledger.db" in found[0].what
    assert said(found) == [("good", "1,000 tokens left")]
    assert not (tmp_path / "ledger.db").exists()


def test_what_is_left_is_said(tmp_path):
    """As the books have it."""
    store = open_store(f"sqlite:///{tmp_path}/ledger.db")
    store.apply([Reserve("r", 1, (Want("b", 0, NEVER, (0, 0, 0), 1000, True, 300, 300, 300),), "me", 1, 2)])
    store.apply([Settle("r", 1, 250, 2)])
    store.close()

    assert said(look(tmp_path, "tokens = 1_000")) == [("good", "750 tokens left")]
    assert said(look(tmp_path, "tokens = 250")) == [("warning", "it is used up")]


def test_a_budget_that_counts_nothing_is_a_warning(tmp_path):
    """Over, not begun, or never activated: each with what follows from it."""
    assert said(look(tmp_path, "tokens = 5\nuntil = 2024-07-31")) == [("warning", "it is over")]
    assert said(look(tmp_path, "tokens = 5\nfrom = 2999-01-01")) == [("note", "it has not begun")]
    found = look(tmp_path, "tokens = 5\ndays = 30")
    assert said(found) == [("warning", "nobody has said when it was activated")]
    assert "budget activate b" in found[-1].advice


def test_books_that_cannot_be_read_are_wrong_unless_calls_pass(tmp_path):
    """A hard limit without books refuses every call."""
    (tmp_path / "ledger.db").write_text("no database " * 100)

    assert exit_code(look(tmp_path, "tokens = 5")) == 1
    assert exit_code(look(tmp_path, "tokens = 5", policy="pass")) == 0
    assert exit_code(look(tmp_path, "tokens = 5", url="redis://x")) == 1
