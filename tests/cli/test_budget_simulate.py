"""`llm-migrate budget simulate` as a person or a script runs it, on the example of July 2024."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_migrate.cli.budget_simulate import command
from llm_migrate.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "july_2024" / "workload.toml"


def run(*arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "140", "NO_COLOR": "1"})
    return runner.invoke(command, list(arguments), prog_name="llm-migrate budget simulate")


@pytest.fixture(scope="module")
def report() -> Result:
    """The whole report, made once."""
    return run(str(EXAMPLE))


def test_all_orders_stand_side_by_side(report: Result):
    """In two months of the example, gifts used in order of their ends save all that the listed order pays."""
    assert report.exit_code == 0, report.output
    table = report.output.partition("all orders\n")[2].splitlines()

    assert table[0].split() == ["ORDER", "TO", "PAY", "EXPIRED", "UNUSED", "NOT", "ANSWERED"]
    assert table[1].startswith("  ordered     343.00 USD + ")
    assert "150 M tokens" in table[1]
    assert table[2].startswith("  free-first  nothing ")
    assert table[3].startswith("  cheapest ")


def test_what_prices_are_worth_is_said(report: Result):
    """Prices that lack, or are of another time, are named below."""
    assert "the catalog has no price of glm-4:" in report.output
    assert "not of the simulated days" in report.output


def test_each_order_has_its_offers_and_targets(report: Result):
    """Per offer what was used and lost, per target what is to be paid."""
    ordered = report.output.partition("\nordered\n")[2].partition("\nfree-first\n")[0]

    assert "hunyuan    nothing of 100 M tokens       100 M tokens" in ordered
    assert "openai     gpt-4o-2024-05-13  800    46.2 M tokens  343.00 USD" in ordered


def test_json_has_every_figure():
    """Amounts to the last billionth, for the orders that were asked for, each once."""
    result = run(str(EXAMPLE), "--order", "free-first", "--order", "free-first", "--format", "json")

    body = json.loads(result.output)
    assert (body["schema"], body["days"], body["rates"]) == ("llm-migrate/simulate/1", 62, {"CNY": "1", "USD": "7.25"})
    (outcome,) = body["orders"]
    assert (outcome["order"], outcome["money"], outcome["unserved_calls"]) == ("free-first", {}, 0)
    assert outcome["total"] == {"currency": "CNY", "nano": 0}
    offers = {use["name"]: use for use in outcome["offers"]}
    assert offers["ernie"]["used"] + offers["ernie"]["expired_unused"] == 50_000_000
    assert sum(use["tokens"] for use in outcome["targets"]) == 353_100_000


def test_everything_that_can_be_said_of_a_bill_is(tmp_path: Path):
    """Calls without an answer, unknown prices, packages, tiny amounts and offers that were of no use."""
    (tmp_path / "w.toml").write_text(
        """
start = 2024-07-01
days = 2
calls_per_day = 4
input_tokens_per_day = 400
[targets.pack]
provider = "kimi"
model = "k"
price = { currency = "CNY", input_per_mtok = "1", output_per_mtok = "1" }
until = 2024-07-01
[targets.dark]
provider = "kimi"
model = "z"
[budgets.pack]
target = "pack"
tokens = 100
kind = "prepaid"
[budgets.purse]
target = "pack"
money = "0.0002 CNY"
kind = "prepaid"
[budgets.trial]
target = "pack"
models = ["other"]
tokens = 5
days = 3
[budgets.later]
target = "pack"
points = 10
points_per_call = 1
from = 2025-01-01
[budgets.twice]
target = "dark"
calls = 2
every = "day"
""",
        encoding="utf-8",
    )

    text = run(str(tmp_path / "w.toml"), "--order", "ordered").output

    assert "0.0002 CNY + 100 tokens paid before" in text
    assert "trial  never activated" in text
    assert "later  not open" in text
    assert "twice  3 calls, 2 calls each day" in text
    assert "2 calls (200 tokens) found nobody to answer them." in text


def test_without_offers_there_is_only_the_bill(tmp_path: Path):
    """No table of offers, an unknown price beside a known one, and an amount too small for two digits."""
    (tmp_path / "w.toml").write_text(
        """
start = 2024-07-01
days = 2
input_tokens_per_day = 100
[targets.dark]
provider = "kimi"
model = "z"
until = 2024-07-01
[targets.cheap]
provider = "kimi"
model = "k"
price = { currency = "USD", input_per_mtok = "1", output_per_mtok = "1" }
""",
        encoding="utf-8",
    )

    text = run(str(tmp_path / "w.toml"), "--order", "ordered").output

    assert "OFFER" not in text
    assert "  ordered  0.0001 USD + 100 tokens at an unknown price  nothing" in text


def test_a_wrong_file_is_explained(tmp_path: Path):
    """What lacks is named with the file."""
    (tmp_path / "w.toml").write_text("start = 2024-07-01\n", encoding="utf-8")
    result = run(str(tmp_path / "w.toml"))
    assert isinstance(result.exception, ConfigError)
    assert "w.toml: days: Field required" in str(result.exception)
