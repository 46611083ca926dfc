"""`llm-migrate budget add | activate`: not a byte that is there changes, and nothing unsound is written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_migrate.cli.budget import command
from llm_migrate.config import load_config
from llm_migrate.errors import ConfigError, UsageError
from llm_migrate.ledger.sqlite import SqliteStore
from tests.cli.july import NOW, july

TARGETS = """\
[targets.zhipu]  # "智谱"
provider = "zhipu"
api_key = "plain:id.secret"

[targets.s]
provider = "sensenova"
"""


def run(*words: str, ends: type[Exception] | None = None) -> Result:
    result = CliRunner().invoke(command, words)
    if ends is not None:
        assert isinstance(result.exception, ends), result.output
    else:
        assert result.exception is None, (result.output, result.exception)
    return result


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "llm-migrate.toml"
    file.write_text(TARGETS, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("old", "between"),
    [
        (TARGETS, "\n"),
        (TARGETS + "\n", ""),
        (TARGETS.rstrip("\n"), "\n\n"),
        (TARGETS + "# the end", "\n\n"),
        (TARGETS.replace("\n", "\r\n"), "\r\n"),
        (TARGETS.replace("\n", "\r\n") + "\r\n", ""),
        (TARGETS.replace("\n", "\r\n").rstrip("\r\n"), "\r\n\r\n"),
    ],
)
def test_what_is_there_keeps_every_byte(path, old, between):
    """A table is added at the end, with the line ends of the file, behind one empty line."""
    path.write_bytes(old.encode())

    run("add", "gift", "--target", "zhipu", "--tokens", "5000000", "--until", "2024-07-31")

    end = "\r\n" if "\r\n" in old else "\n"
    table = ["[budgets.gift]", 'target = "zhipu"', "tokens = 5_000_000", "until = 2024-07-31", ""]
    assert path.read_bytes() == (old + between + end.join(table)).encode()
    assert load_config(path).budgets["gift"].amount == 5_000_000


def test_all_options_come_to_be_what_they_say(path):
    """Text of every kind, numbers to the last digit, days and instants."""
    title = 'a "b" \\ c\x7f 智谱 \t'
    words = ["--points", "60000", "--points-per-mtok", "1.25", "20", "--points-per-call", "0.001", "--title", title]
    words += ["--soft", "--kind", "prepaid", "--model", "Sense*", "--model", "商量", "--rolling-hours", "5"]
    words += ["--from", "2024-07-01T09:00:00+08:00", "--until", "2024-07-31", "--zone", "UTC"]

    run("add", "一 b", "--target", "s", *words)

    budget = load_config(path).budgets["一 b"]
    assert (budget.title, budget.models, budget.kind, budget.hard) == (title, ("Sense*", "商量"), "prepaid", False)
    assert (budget.points_per_mtok, budget.points_per_call) == ((1_250_000_000, 20_000_000_000), 1_000_000)
    assert (str(budget.from_), str(budget.until)) == ("2024-07-01 09:00:00+08:00", "2024-07-31")
    assert (budget.rolling_hours, budget.zone, budget.amount) == (5, "UTC", 60_000 * 10**9)


@pytest.mark.parametrize(
    "words",
    [
        ["--offer", "move-from-openai-2024", "--until", "2024-07-31"],
        ["--input-tokens", "5"],
        ["--output-tokens", "5"],
        ["--calls", "5", "--every", "month"],
        ["--money", "12.50 CNY", "--kind", "postpaid"],
        ["--tokens", "5", "--days", "30"],
    ],
)
def test_every_kind_of_amount_can_be_added(path, words):
    """And is read back."""
    run("add", "x", "--target", "zhipu", *words)

    assert load_config(path).budgets


def test_the_diff_shows_only_what_is_added(path):
    """Lines around it may hold a key, so none is shown."""
    result = run("add", "gift", "--target", "zhipu", "--tokens", "5")

    assert result.stdout == (
        "--- a/llm-migrate.toml\n+++ b/llm-migrate.toml\n@@ -6,0 +7,4 @@\n"
        '+\n+[budgets.gift]\n+target = "zhipu"\n+tokens = 5\n'
    )
    assert result.stderr == f"{path}: has the budget gift\n"


def test_a_dry_run_changes_nothing(path):
    """It shows the same, and leaves file and folder as they are."""
    before = path.stat()

    result = run("add", "gift", "--target", "zhipu", "--tokens", "5", "--dry-run")

    assert "+[budgets.gift]" in result.stdout
    assert (path.read_text(encoding="utf-8"), path.stat().st_mtime_ns) == (TARGETS, before.st_mtime_ns)
    assert [found.name for found in path.parent.iterdir()] == ["llm-migrate.toml"]


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["x", "--target", "zhipuu", "--tokens", "5"], "no such target; did you mean 'zhipu'?"),
        (["x", "--target", "zhipu"], "how much?"),
        (["x", "--target", "zhipu", "--tokens", "5", "--calls", "5"], "one budget counts in one unit"),
        (["x", "--target", "zhipu", "--offer", "nope"], "zhipu has no offer of that name"),
        (["x", "--target", "zhipu", "--tokens", "5", "--until", "2024-07-31T12:00:00"], "needs its offset"),
        (["x", "--target", "zhipu", "--money", "5 EUR"], "CNY or USD"),
        (["x", "--target", "s", "--points", "5"], "no rate of points is published"),
    ],
)
def test_what_is_unsound_is_not_written(path, words, problem, dry):
    """The message names the file and the place, and the file is as it was."""
    result = run("add", *words, *dry, ends=ConfigError)

    assert problem in str(result.exception)
    assert f"{path}: budgets.x" in str(result.exception)
    assert path.read_text(encoding="utf-8") == TARGETS
    assert [found.name for found in path.parent.iterdir()] == ["llm-migrate.toml"]


@pytest.mark.parametrize(
    "words",
    [
        ["x", "--target", "zhipu", "--tokens", "0"],
        ["x", "--target", "zhipu", "--tokens", "5", "--until", "tomorrow"],
        ["x", "--target", "s", "--points", "5", "--points-per-call", "-1"],
        ["x", "--target", "s", "--points", "5", "--points-per-call", "nan"],
        ["x", "--tokens", "5"],
    ],
)
def test_a_slip_on_the_command_line_is_wrong_use(path, words):
    """With the usage, code 2, before anything is read."""
    result = CliRunner().invoke(command, ["add", *words])

    assert result.exit_code == 2
    assert "Usage:" in result.output
    assert path.read_text(encoding="utf-8") == TARGETS


@pytest.mark.parametrize("name", ["gift", "launch"])
def test_a_name_that_exists_is_refused(path, name):
    """That of an offer with shares, too."""
    run("add", "gift", "--target", "zhipu", "--tokens", "5")
    run("add", "launch", "--target", "zhipu", "--offer", "move-from-openai-2024")
    before = path.read_bytes()

    result = run("add", name, "--target", "zhipu", "--tokens", "6", ends=UsageError)

    assert f"{name}: there is a budget of that name" in str(result.exception)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_name_that_could_be_a_share_is_refused(path, name):
    """A stroke stands between an offer and its share."""
    run("add", name, "--target", "zhipu", "--tokens", "5", ends=UsageError)

    assert path.read_text(encoding="utf-8") == TARGETS


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_the_mode_is_kept_and_a_link_stays_a_link(path, tmp_path):
    """A file that only its owner may read stays so, wherever it lies."""
    real = tmp_path / "elsewhere" / "real.toml"
    real.parent.mkdir()
    path.rename(real)
    real.chmod(0o640)
    path.symlink_to(real)

    run("add", "gift", "--target", "zhipu", "--tokens", "5")

    assert path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "[budgets.gift]" in real.read_text(encoding="utf-8")
    assert [found.name for found in real.parent.iterdir()] == ["real.toml"]


def test_without_a_configuration_it_says_where_it_looked(tmp_path, monkeypatch):
    """And makes none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))

    result = run("add", "gift", "--target", "zhipu", "--tokens", "5", ends=ConfigError)

    assert "no configuration found; looked at:" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def activation(kept, name: str) -> int | None:
    store = SqliteStore(kept.books)
    found = store.activations().get(name)
    store.close()
    return found


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ("2024-07-09", NOW - 12 * 3_600_000),
        ("2024-07-09T12:00:00+08:00", NOW),
        ("2024-07-09T04:00:00Z", NOW),
    ],
)
def test_an_activation_is_a_day_of_the_vendor_or_an_instant(tmp_path, when, at):
    """A day begins at its midnight in the budget's zone."""
    kept = july(tmp_path)

    result = run("activate", "trial", "--config", str(kept.path), "--at", when)

    assert activation(kept, "trial") == at
    assert result.output.startswith("trial: 2024-07-09 ")
    assert "Asia/Shanghai to 2024-08-08 " in result.output


def test_an_activation_can_be_mended(tmp_path):
    """The later word counts, and the earlier one is told."""
    kept = july(tmp_path)
    run("activate", "trial", "--config", str(kept.path), "--at", "2024-07-01")

    result = run("activate", "trial", "--config", str(kept.path), "--at", "2024-07-02")

    assert activation(kept, "trial") == NOW - 7 * 86_400_000 - 12 * 3_600_000
    assert "(was 2024-07-01 00:00 Asia/Shanghai)" in result.output


def test_now_is_now(tmp_path):
    """The clock of this machine."""
    kept = july(tmp_path)

    run("activate", "trial", "--config", str(kept.path), "--at", "now")

    assert (activation(kept, "trial") or 0) > NOW


@pytest.mark.parametrize(("offer", "when"), [("gift", "now"), ("trial", "yesterday"), ("trial", "2024-07-09T12:00:00")])
def test_what_cannot_be_activated_is_refused(tmp_path, offer, when):
    """An offer that does not count from an activation, or no instant."""
    kept = july(tmp_path)

    run("activate", offer, "--config", str(kept.path), "--at", when, ends=UsageError)

    assert activation(kept, offer) is None
