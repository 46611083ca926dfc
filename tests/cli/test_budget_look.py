"""`llm-migrate budget status | forecast | explain | export` over two weeks of books."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_migrate.cli.budget import command
from llm_migrate.ledger.sqlite import SqliteStore
from llm_migrate.report.cells import display_width
from tests.cli.july import AT, CONFIG, USE, July, july


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> July:
    """Books that these tests only read."""
    return july(tmp_path_factory.mktemp("july"))


def run(*words: str, columns: int = 100) -> Result:
    return CliRunner().invoke(command, words, env={"COLUMNS": str(columns)}, catch_exceptions=False)


def look(kept: July, *words: str, columns: int = 100) -> str:
    """Run a command at the instant at which the books end."""
    at = ["--at", AT] if words[0] in ("status", "forecast") else []
    result = run(*words, "--config", str(kept.path), *at, columns=columns)
    assert result.exit_code == 0, result.output
    return result.output


def launch(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "llm_migrate", "budget", *words]
    return subprocess.run(line, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["status", "forecast", "explain", "export", "offers", "add", "activate"])
def test_each_command_has_an_example(name):
    """`--help` shows how it is used, line by line."""
    page = run(name, "--help").output

    assert f"Examples:\n    llm-migrate budget {name}" in page
    assert "\\b" not in page


def test_the_group_lists_its_commands_and_loads_none():
    """`--help` of the group is cheap."""
    code = (
        "import sys; from llm_migrate.cli.budget import command\n"
        "try: command(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('llm_migrate.cli.budget_') or m == 'pydantic'])"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.splitlines()[-1] == "[]"
    assert all(f"  {name} " in out for name in ("status", "forecast", "explain", "export", "offers", "add", "activate"))


def test_status_has_a_bar_for_each_offer(kept):
    """Spent, reserved, unresolved and free show in the bar, a state beside it."""
    lines = look(kept, "status").splitlines()

    bars = {line.split("[")[0].strip(): line for line in lines if "[" in line}
    assert list(bars) == list(kept.config.budgets)
    assert "[#########=....................]     32 %  open" in bars["gift"]
    assert "?" in bars["通义千问-搬家"]
    assert bars["trial"].endswith("0 %  never activated")
    assert bars["monthly"].endswith("114 %  used up")
    assert bars["past"].endswith("90 %  over")
    assert bars["next"].endswith("0 %  not begun")
    assert bars["open"].endswith("no limit  open")


def test_bars_stand_below_each_other(kept):
    """A Chinese name takes two columns a character, so all bars begin in the same column."""
    lines = [line for line in look(kept, "status").splitlines() if "[" in line]

    assert len({display_width(line.partition("[")[0]) for line in lines}) == 1
    assert len({len(line.partition("[")[0]) for line in lines}) > 1


@pytest.mark.parametrize("columns", [60, 100, 140])
@pytest.mark.parametrize("name", ["status", "forecast"])
def test_no_line_is_wider_than_the_terminal(kept, name, columns):
    """Chinese and English alike."""
    lines = look(kept, name, columns=columns).splitlines()

    assert [line for line in lines if display_width(line) > columns] == []


def test_a_very_long_name_has_a_line_of_its_own(tmp_path):
    """So that it does not push its bar out of the row."""
    name = "名" * 30
    kept = july(tmp_path, f'{CONFIG}[budgets."{name}"]\ntarget = "kimi"\ncalls = 5\n')

    lines = look(kept, "status", columns=80).splitlines()

    assert name in lines
    assert len({display_width(line.partition("[")[0]) for line in lines if "[" in line}) == 1


def test_status_says_amounts_time_and_pace(kept):
    """To the unit, with how long it lasts and how fast it goes."""
    output = look(kept, "status")

    assert "spent 15,487,993 tokens, reserved 600,000 tokens, free 33,912,007 tokens of 50,000,000 tokens" in output
    assert "22 days left, ends 2024-08-01 00:00 Asia/Shanghai" in output
    assert "pace: 1.24 M tokens in the last 24 h, 1.24 M tokens a day over 7 days" in output
    assert "whole again 2024-07-10 00:00 Asia/Shanghai, 12 hours from now" in output
    assert "4 days left, ends 2024-07-13 12:00 Asia/Shanghai" in output
    assert "overrun 8 calls" in output


def test_status_in_json_is_what_the_books_hold(kept):
    """Integers and UTC, and every balance is the sum of its entries."""
    body = json.loads(look(kept, "status", "--format", "json"))

    assert body["schema"] == "llm-migrate/budget-status/1"
    assert body["at"] == "2024-07-09T04:00:00.000Z"
    rows = {row["offer"]: row for row in body["offers"]}
    store = SqliteStore(kept.books)
    for name in ("gift", "通义千问-搬家", "purse", "calls", "past"):
        assert rows[name]["spent"] == sum(entry.amount for entry in store.entries(name)) > 0
    store.close()
    assert rows["gift"]["over_at"] == "2024-07-31T16:00:00.000Z"
    assert rows["通义千问-搬家"]["unresolved"] == 900_000
    assert (rows["open"]["limit"], rows["open"]["free"]) == (None, None)


def test_status_writes_to_a_file(kept, tmp_path):
    """`-o` takes the place of a file in one step, and leaves nothing beside it."""
    place = tmp_path / "page.html"
    place.write_text("old")
    reader = place.open()

    result = run("status", "--config", str(kept.path), "--at", AT, "--format", "html", "-o", str(place))

    assert (result.exit_code, result.output) == (0, "")
    assert place.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    with reader:  # who has the old page open reads that to its end
        assert reader.read() == "old"


def test_a_configuration_without_budgets_is_no_fault(tmp_path):
    """Status says how to add one, and makes no books."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text('[targets.zhipu]\nprovider = "zhipu"\n')

    text, page, body = (run("status", "--config", str(path), "--format", form) for form in ("text", "html", "json"))

    assert "llm-migrate budget add NAME" in text.output
    assert "no budgets" in page.output
    assert json.loads(body.output)["offers"] == []
    assert [found.name for found in tmp_path.iterdir()] == ["llm-migrate.toml"]


def test_forecast_says_when_and_what_expires(kept):
    """In words that need no reckoning, at the pace of the last 24 hours."""
    output = " ".join(look(kept, "forecast", columns=140).split())

    assert "gift: at the pace of the last 24 h 6.01 M tokens will expire unused on 31 July" in output
    assert "purse: at the pace of the last 24 h gone on 18 July" in output
    assert "next: not used in the last 24 h: begins on 1 August; 5 M tokens will expire unused on 31 August" in output
    assert "monthly: it is past its limit, and goes on, as that is a soft one" in output
    assert "calls: nothing is left" in output
    assert "daily: at the pace of the last 24 h 140 k tokens expire unused each day" in output


def test_forecast_names_the_order_that_wastes_least(kept):
    """And how much less that is than the chain's own."""
    output = " ".join(look(kept, "forecast", columns=140).split())

    assert "Chain 'default' spends: gift, open, next, started, 通义千问-搬家, daily. 42.5 M tokens expire" in output
    assert "ends first: daily, started, 通义千问-搬家, gift, next, open. 12.3 M tokens expire unused: 30.2 M" in output
    assert 'Write order = "free-first" in the chain.' in output


def test_forecast_of_a_given_demand(kept):
    """`--tokens-per-day` is the demand of tokens, and of nothing else."""
    body = json.loads(look(kept, "forecast", "--tokens-per-day", "3000000", "--format", "json"))

    assert body["schema"] == "llm-migrate/budget-forecast/1"
    tokens, money = body["forecasts"][:2]
    assert (tokens["unit"], tokens["per_day"], tokens["given"]) == ("tokens", 3_000_000, True)
    assert (money["currency"], money["given"]) == ("CNY", False)
    assert tokens["free_first"]["wasted"] < tokens["configured"]["wasted"]
    (gift,) = [row for row in tokens["offers"] if row["offer"] == "gift"]
    assert gift["gone_at"].startswith("2024-07-20")


def test_forecast_of_a_chain_that_puts_free_first(kept, tmp_path):
    """Its own order is the best one."""
    config = CONFIG.replace("[chains.default]\n", '[chains.default]\norder = "free-first"\n')
    path = tmp_path / "other.toml"
    path.write_text(config.format(books=kept.books), encoding="utf-8")

    body = json.loads(run("forecast", "--config", str(path), "--at", AT, "--format", "json").output)

    assert body["order"] == "free-first"
    assert all(found["configured"] == found["free_first"] for found in body["forecasts"])


def test_explain_accounts_for_every_unit(kept):
    """Each way of adding up gives what is spent."""
    output = look(kept, "explain", "gift")

    for heading in ("by basis", "by mark", "by model", "by day"):
        block = output.partition(f"  {heading}\n")[2]
        lines = indented(block)
        assert sum(int(line.split()[-5].replace(",", "")) for line in lines) == 15_487_993, heading
    assert "The books balance: 51 entries of 15,487,993 tokens in all, and 1 open reservation." in output
    assert "open: held attempt 1, sent, 600,000 tokens, since 2024-07-09 11:59 Asia/Shanghai" in output


def indented(block: str) -> list[str]:
    found: list[str] = []
    for line in block.splitlines():
        if not line.startswith("    "):
            break
        found.append(line)
    return found


@pytest.mark.parametrize("name", USE)
def test_every_offer_of_the_books_balances(kept, name):
    """Of each kind of window and unit."""
    body = json.loads(look(kept, "explain", name, "--all", "--format", "json"))

    assert body["schema"] == "llm-migrate/budget-explain/1"
    (account,) = body["offers"]
    assert account["balanced"] is True
    assert sum(row["amount"] for row in account["entries"]) == account["entry_sum"]
    assert account["entry_sum"] == sum(balance["spent"] for balance in account["balances"])


def test_explain_shows_each_line_if_asked(kept):
    """Money to the last billionth, an adjustment as what it is."""
    assert "1.234567891 CNY  r" in look(kept, "explain", "purse", "--all", columns=140)
    assert "-12,345 tokens  bill 2024-07-05 adjustment (bill)" in look(kept, "explain", "gift", "--all", columns=140)


def test_explain_of_shares_tells_each(tmp_path):
    """The name of a budget whose offer has shares means all of them."""
    config = CONFIG + '[budgets.launch]\ntarget = "zhipu"\noffer = "move-from-openai-2024"\n'
    kept = july(tmp_path, config)

    body = json.loads(look(kept, "explain", "launch", "--format", "json"))

    assert [account["offer"] for account in body["offers"]] == ["launch/glm-4", "launch/glm-4-air"]


def test_explain_knows_what_the_configuration_has_forgotten(tmp_path):
    """A budget that was taken out of the file stays in the books."""
    kept = july(tmp_path)
    text = kept.path.read_text(encoding="utf-8")
    kept.path.write_text(text.replace("[budgets.gift]", "[budgets.present]"), encoding="utf-8")

    output = run("explain", "gift", "--config", str(kept.path)).output
    row = json.loads(
        run("export", "--offer", "gift", "--format", "jsonl", "--config", str(kept.path)).output.split("\n")[0]
    )

    assert "The books balance: 51 entries of 15,487,993 in all" in output
    assert (row["amount"], row["unit"], row["quantity"]) == (310_001, None, None)


def test_books_that_do_not_balance_end_with_code_1(tmp_path):
    """Which must never be, so it is said in both formats."""
    kept = july(tmp_path)
    with sqlite3.connect(kept.books) as db:
        db.execute("UPDATE balances SET spent = spent + 1 WHERE offer = 'gift'")
    db.close()

    text = run("explain", "gift", "--config", str(kept.path), columns=140)
    body = run("explain", "gift", "--config", str(kept.path), "--format", "json")

    assert (text.exit_code, body.exit_code) == (1, 1)
    assert "The books do NOT balance: spent of balance 0 is 15,487,994 tokens, but 15,487,993 tokens" in text.output
    assert json.loads(body.output)["offers"][0]["faults"] == [
        {"bucket": 0, "what": "spent", "said": 15_487_994, "found": 15_487_993}
    ]


@pytest.mark.parametrize("name", ["explain", "activate", "export"])
def test_a_budget_that_is_not_there_is_wrong_use(kept, name):
    """The nearest name is proposed."""
    words = {"explain": ["gfit"], "activate": ["gfit", "--at", "now"], "export": ["--offer", "gfit"]}[name]

    done = launch(name, *words, "--config", str(kept.path), cwd=kept.path.parent)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("llm-migrate: gfit: no such budget; did you mean 'gift'?")


def test_export_is_every_entry(kept, tmp_path):
    """As CSV with a head and as JSON lines, the same rows, in the order of booking."""
    place = tmp_path / "entries.csv"
    look(kept, "export", "-o", str(place))

    rows = list(csv.DictReader(io.StringIO(place.read_text(encoding="utf-8"))))
    lines = [json.loads(line) for line in look(kept, "export", "--format", "jsonl").splitlines()]

    store = SqliteStore(kept.books)
    entries = store.entries()
    store.close()
    assert [int(row["number"]) for row in rows] == [entry.number for entry in entries] == [r["number"] for r in lines]
    assert [int(row["amount"]) for row in rows] == [entry.amount for entry in entries]
    money = next(row for row in lines if row["offer"] == "purse")
    assert (money["unit"], money["amount"], money["quantity"]) == ("CNY", 1_234_567_891, "1.234567891")


def test_export_of_one_offer_since_a_day(kept):
    """The day is one of the budget's zone: it begins at 16:00 of the day before in UTC."""
    output = look(kept, "export", "--offer", "gift", "--since", "2024-07-09", "--format", "jsonl")

    rows = [json.loads(line) for line in output.splitlines()]
    assert [row["at"] for row in rows] == ["2024-07-09T00:00:04.000Z", "2024-07-09T03:00:04.000Z"]
    assert {row["offer"] for row in rows} == {"gift"}


@pytest.mark.parametrize("when", ["2024-07-09", "noon", "2024-07-09T12:00:00", "2024-07-01T12:00:00+08:00"])
def test_an_instant_is_one_ahead_with_its_offset(kept, when):
    """A day, a time that could be anywhere, and one before what the books have seen, are refused."""
    done = launch("status", "--config", str(kept.path), "--at", when, cwd=kept.path.parent)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("llm-migrate: --at: ")


def test_books_that_cannot_be_opened_end_with_code_3(kept, tmp_path):
    """It is not the command line that is wrong."""
    other = tmp_path / "no.db"
    other.write_text("this is no ledger at all, but a text that is long enough to look like one" * 50)
    path = tmp_path / "llm-migrate.toml"
    path.write_text(CONFIG.format(books=other), encoding="utf-8")

    done = launch("status", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"llm-migrate: {other}: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["status", "forecast"])
def test_books_in_memory_cannot_be_looked_at(tmp_path, name):
    """They belong to the program that keeps them."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(CONFIG.format(books=":memory:"), encoding="utf-8")

    done = launch(name, cwd=tmp_path)

    assert done.returncode == 2
    assert "books in memory can only be seen by the program that keeps them" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_it_says_no(kept, env, coloured):
    """NO_COLOR is respected."""
    import pty

    settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    settings |= {"TERM": "xterm-256color", "COLUMNS": "100", **env}
    main, side = pty.openpty()
    line = [sys.executable, "-m", "llm_migrate", "budget", "status", "--config", str(kept.path)]
    with subprocess.Popen(line, env=settings, stdin=subprocess.DEVNULL, stdout=side, stderr=side) as process:
        os.close(side)
        output = b""
        try:
            while piece := os.read(main, 65536):
                output += piece
        except OSError:  # the other end closed: that is how a terminal ends
            pass
        os.close(main)

    assert process.returncode == 0
    assert b"gift" in output
    assert (b"\x1b[" in output) == coloured


def test_no_key_is_ever_shown(kept):
    """Not even one that stands in the file itself."""
    shown = [look(kept, *words) for words in (["status"], ["status", "--format", "html"], ["forecast"], ["export"])]

    assert "id.secret" not in "".join(shown)
