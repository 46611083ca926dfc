"""Adding to the configuration while others are at it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llm_migrate.config.append import append_table
from llm_migrate.errors import ConfigError, UsageError

TARGETS = '[targets.z]\nprovider = "zhipu"\n'
BUDGET = {"target": "z", "tokens": 5}


def test_a_change_by_somebody_else_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written between reading and replacing stays, and the command says to run it again."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(TARGETS)

    # The new text waits for the disk, and somebody else is faster.
    monkeypatch.setattr(os, "fsync", lambda _: path.write_text(TARGETS + "# mine\n"))

    with pytest.raises(UsageError, match="somebody else changed it just now"):
        append_table(path, ("budgets", "x"), BUDGET, dry_run=False)

    assert path.read_text() == TARGETS + "# mine\n"
    assert [found.name for found in tmp_path.iterdir()] == ["llm-migrate.toml"]


def test_a_table_that_cannot_stand_at_the_end_is_refused(tmp_path: Path) -> None:
    """Where budgets are one inline table, TOML lets nobody add to it."""
    path = tmp_path / "llm-migrate.toml"
    text = f'budgets = {{ a = {{ target = "z", tokens = 5 }} }}\n{TARGETS}'
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"llm-migrate\.toml: not valid TOML"):
        append_table(path, ("budgets", "x"), BUDGET, dry_run=False)

    assert path.read_text() == text


def test_text_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    """Such as a byte of another encoding in an argument."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(TARGETS)

    with pytest.raises(UsageError, match="not valid Unicode"):
        append_table(path, ("budgets", "x\udcff"), BUDGET, dry_run=False)

    assert path.read_text() == TARGETS


def test_the_diff_counts_lines_from_the_end(tmp_path: Path) -> None:
    """Also where the last line has no end, which the table gives it."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(TARGETS.rstrip("\n"))

    diff = append_table(path, ("budgets", "x"), BUDGET, dry_run=False)

    assert diff.splitlines()[2:] == ["@@ -2,0 +3,4 @@", "+", "+[budgets.x]", '+target = "z"', "+tokens = 5"]
    assert path.read_text() == TARGETS + '\n[budgets.x]\ntarget = "z"\ntokens = 5\n'
