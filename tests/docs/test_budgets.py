"""docs/budgets.md says what the configuration takes and what the commands print."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from llm_migrate.cli.budget import command
from llm_migrate.config import load_config
from llm_migrate.config.file import BudgetTable, LedgerTable
from llm_migrate.ledger.status import State
from tests.cli.july import AT, July, july

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "budgets.md").read_text(encoding="utf-8")
CONSOLE = re.compile(r"^```console\n\$ llm-migrate budget (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> July:
    return july(tmp_path_factory.mktemp("july"))


def rows(heading: str) -> list[str]:
    """Return the first cells of the table under a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `?([^`|]+?)`? \|", part, re.MULTILINE)


def test_the_example_loads(tmp_path: Path) -> None:
    """The file on the page is a configuration, and its budgets are those that the page tells of."""
    [example] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "llm-migrate.toml"
    path.write_text(example, encoding="utf-8")

    budgets = load_config(path).budgets

    assert list(budgets) == ["gift/glm-4", "gift/glm-4-air", "trial", "purse", "limit"]
    assert set(tomllib.loads(example)["ledger"]) == {"url"}


@pytest.mark.parametrize(("heading", "table"), [("`[budgets.NAME]`", BudgetTable), ("`[ledger]`", LedgerTable)])
def test_every_key_is_explained(heading: str, table: type[BudgetTable] | type[LedgerTable]) -> None:
    """In the order of the file's own shape, and none that does not exist."""
    assert rows(heading)[1:] == [field.alias or name for name, field in table.model_fields.items()]


def test_every_state_is_explained() -> None:
    """What a bar says is on the page."""
    assert set(State.__args__) <= set(rows("How an offer stands"))


def test_every_command_is_there(kept: July) -> None:
    """One that is added must be told of."""
    listed = re.findall(r"^  (\w+) ", CliRunner().invoke(command, ["--help"]).output.partition("Commands:")[2], re.M)

    assert [name for name in listed if f"`budget {name}" not in PAGE] == []


@pytest.mark.parametrize(("words", "shown"), CONSOLE.findall(PAGE))
def test_what_is_shown_is_what_is_printed(kept: July, words: str, shown: str) -> None:
    """Line by line, in order, with gaps where the page has dots."""
    line = [*words.split(), "--config", str(kept.path), "--at", AT]
    printed = iter(CliRunner().invoke(command, line, env={"COLUMNS": "100"}).output.splitlines())

    missing = [text for text in shown.splitlines() if text != "..." and text not in printed]

    assert missing == []
