"""`llm-migrate check` as a person or a script runs it, as far as no target is asked or only a fake one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_migrate.cli.check import command
from llm_migrate.engine.mishaps import MISHAPS
from tests.fakes import Server, fake
from tests.fakes.served import SERVED

CHAIN = """
[targets.main]
provider = "zhipu"
base_url = "{main}"
api_key = "plain:id.secret"
[targets.spare]
provider = "kimi"
base_url = "{spare}"
api_key = "plain:sk-canary"
[models."gpt-4o"]
main = "glm-5.3-flash"
spare = "kimi-k2.6"
[chains.default]
targets = ["main", "spare"]
[chains.alone]
targets = ["main"]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and a home without a configuration."""
    for name in ("LLM_MIGRATE_CONFIG", "XDG_CONFIG_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def main() -> Iterator[Server]:
    with fake("zhipu") as server:
        yield server


@pytest.fixture
def spare() -> Iterator[Server]:
    with fake("kimi") as server:
        yield server


@pytest.fixture
def written(main: Server, spare: Server, tmp_path: Path) -> Path:
    """A sound configuration over two fakes, where the check looks for it."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(CHAIN.format(main=main.base_url, spare=spare.base_url), encoding="utf-8")
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False)


def launch(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own, its output piped."""
    line = [sys.executable, "-m", "llm_migrate", "check", *words]
    return subprocess.run(line, env=os.environ, capture_output=True, text=True, check=False, timeout=60)


def said(result: Result) -> str:
    """The text without its line breaks."""
    return " ".join(result.output.split())


def document(result: Result) -> dict:
    return json.loads(result.output)


def test_a_sound_setup_is_exit_0(written: Path, main: Server, spare: Server) -> None:
    """All is well: 0, each target answers, and no key left this machine."""
    result = run()

    assert result.exit_code == 0
    assert "Nothing found that would fail a call." in result.output
    assert said(result).count("it wants a key, as it should") == 2
    assert [request.method for server in (main, spare) for request in server.requests] == ["GET", "GET"]
    assert not any("authorization" in request.headers for request in (*main.requests, *spare.requests))


def test_the_json_has_all_that_the_text_has(written: Path) -> None:
    """The document names its schema, targets with addresses, findings with their place, and the exit code."""
    body = document(run("--format", "json"))

    assert body["schema"] == "llm-migrate/check/1"
    assert (body["exit_code"], body["config"]) == (0, str(written))
    assert body["chains"][0] == {"name": "default", "targets": ["main", "spare"]}
    assert [(t["name"], t["provider"], t["answer"]["status"], t["live"]) for t in body["targets"]] == [
        ("main", "zhipu", 401, None),
        ("spare", "kimi", 401, None),
    ]
    assert body["summary"]["wrong"] == body["summary"]["failed"] == 0
    assert {"severity", "topic", "where", "what", "advice", "target", "source"} == set(body["findings"][0])


def test_one_chain_is_looked_at_alone(written: Path, main: Server, spare: Server) -> None:
    """`--chain` asks the targets of that chain only."""
    body = document(run("--chain", "alone", "--format", "json"))

    assert [target["name"] for target in body["targets"]] == ["main"]
    assert len(spare.requests) == 0


def test_something_wrong_here_is_exit_1(written: Path) -> None:
    """A key that is missing fails calls: 1, with the place and what to do."""
    written.write_text(written.read_text().replace("plain:sk-canary", 'env:NO_SUCH_KEY"\ntrust_host = true#'))

    result = run()

    assert result.exit_code == 1
    assert "no key: set NO_SUCH_KEY" in result.output
    assert "at targets.spare.api_key" in result.output


def test_a_configuration_that_is_unsound_is_exit_1_with_every_problem(written: Path) -> None:
    """All slips are listed at once, as findings, also in JSON; nobody is asked."""
    written.write_text('[targets.a]\nprovidr = "zhipu"\nbase_ur = "x"\n')

    result, body = run(), document(run("--format", "json"))

    assert result.exit_code == body["exit_code"] == 1
    wrong = [finding["what"] for finding in body["findings"] if finding["severity"] == "wrong"]
    assert any("did you mean 'provider'?" in what for what in wrong)
    assert any("did you mean 'base_url'?" in what for what in wrong)
    assert body["targets"] == []


def test_a_target_that_is_down_is_exit_3(written: Path, spare: Server) -> None:
    """A refused connection is the far side's: 3, with host and port."""
    written.write_text(written.read_text().replace(spare.address, "http://127.0.0.1:9"))

    result = run()

    assert result.exit_code == 3
    assert "the connection was refused" in result.output
    assert "targets.spare: 127.0.0.1:9" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", "none.toml"], "none.toml: no such file"),
        (["--chain", "defualt"], "did you mean 'default'?"),
        (["--live", "--explain", "429"], "take one of them"),
        (["--model", "gpt-4o"], "--model goes with"),
        (["--retry-after", "3"], "--retry-after goes with"),
        (["--explain", "timout"], "did you mean 'timeout'?"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_wrong_use_is_exit_2(written: Path, words: list[str], message: str) -> None:
    """A slip on the command line is one message on stderr, nothing on stdout, no traceback."""
    done = launch(*words)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_without_a_configuration_it_says_where_it_looked() -> None:
    """Nothing to check is wrong use: 2, with the places and a small example."""
    done = launch()

    assert done.returncode == 2
    assert "no configuration found" in done.stderr
    assert "[targets.main]" in done.stderr


def test_live_tells_what_came(written: Path, main: Server, spare: Server) -> None:
    """One tiny request a target through the engine: model, time, tokens, and what was adapted."""
    result = run("--live")

    assert result.exit_code == 0
    assert "glm-5.3-flash answered in " in said(result)
    assert "adapted: thinking=added" in said(result)
    assert [len(server.requests) for server in (main, spare)] == [2, 2]
    assert spare.requests[1].headers["authorization"] == "Bearer sk-canary"
    assert spare.requests[1].body["max_completion_tokens"] == 1


def test_live_asks_for_the_model_that_is_named(written: Path) -> None:
    """`--model` chooses; a model that a target does not have is that target's failure."""
    body = document(run("--live", "--model", "glm-5.2", "--format", "json"))

    lived = {target["name"]: target["live"] for target in body["targets"]}
    assert (lived["main"]["model"], lived["main"]["outcome"]) == ("glm-5.2", "ok")
    assert (lived["spare"]["status"], lived["spare"]["outcome"]) == (404, "request")
    assert body["exit_code"] == 3


def test_live_asks_no_target_without_its_key(written: Path, spare: Server) -> None:
    """A missing key is told once, by its own finding."""
    written.write_text(written.read_text().replace("plain:sk-canary", 'env:NO_SUCH_KEY"\ntrust_host = true#'))

    body = document(run("--live", "--format", "json"))

    assert [f["topic"] for f in body["findings"] if f["severity"] in ("wrong", "failed")] == ["key"]
    assert len(spare.requests) == 1


def test_live_says_when_it_does_not_know_a_model(tmp_path: Path) -> None:
    """Deployments are called as each customer calls them: without a mapping the model is to be named."""
    with fake("azure") as azure:
        (tmp_path / "llm-migrate.toml").write_text(SERVED["azure"].lines(azure.address))

        unnamed, named = document(run("--live", "--format", "json")), run("--live", "--model", "gpt-4o")

    [warning] = [finding for finding in unnamed["findings"] if finding["topic"] == "live"]
    assert (warning["severity"], warning["advice"]) == ("warning", "give one with --model")
    assert unnamed["targets"][0]["live"] is None
    assert "gpt-4o answered in" in said(named)


def test_explain_sends_nothing(written: Path, main: Server, spare: Server) -> None:
    """The walk is shown for plain and streamed calls, and nobody is asked."""
    result = run("--explain", "429")

    assert result.exit_code == 0
    assert result.output.startswith("gpt-4o along chain 'default', when main answers with status 429\n")
    assert "main: busy (limited, 429" in result.output
    assert "spare: request 2, for kimi-k2.6" in result.output
    assert "When all targets do the same" in result.output
    assert "openai.RateLimitError" in result.output
    assert main.requests == spare.requests == []


def test_explain_in_json_has_every_step(written: Path) -> None:
    """Steps carry their time, the events' fields, and what the program sees."""
    body = document(run("--explain", "key", "--chain", "alone", "--format", "json"))

    assert body["schema"] == "llm-migrate/explain/1"
    plain, streamed = body["walks"]
    assert [step["step"] for step in plain["steps"] if step["step"] != "adapted"] == [
        "began",
        "sent",
        "failed",
        "ended",
    ]
    assert streamed["program"]["raises"] == "AuthenticationError"
    assert plain["benches"] == [{"target": "main", "reason": "credential", "seconds": 300.0}]


def test_explain_shows_waits(written: Path) -> None:
    """A wait is a step, and the next one stands at its time."""
    result = run("--explain", "429", "--chain", "alone", "--retry-after", "2")

    assert "       0 s  waits 2.1 s\n     2.1 s  main: request 2" in result.output


def test_explain_shows_targets_that_are_passed_over(written: Path) -> None:
    """Too long a prompt goes past a target that is no larger, and that is a step."""
    table = '[targets.{}]\nprovider = "zhipu"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "plain:key"\n'
    row = '[models."gpt-4o"]\na = "glm-4.5"\nb = "glm-4.5-air"\nc = "glm-5.2"\n'
    written.write_text("".join(map(table.format, "abc")) + row)

    result = run("--explain", "context")

    assert "b: passed over, too small\n" in result.output
    assert "c: request 2, for glm-5.2" in result.output


def test_explain_shows_from_when_on_nothing_is_switched(written: Path) -> None:
    """The first content is a step where the answer breaks off behind it, and goes without saying elsewhere."""
    first = "main: the program has its first content\n"

    assert first in run("--explain", "cut").output
    assert first not in run("--explain", "refused").output
    written.write_text(written.read_text().replace('["main", "spare"]', '["main", "spare"]\non_cut = "continue"'))
    assert f"{first}       0 s  spare: request 2" in run("--explain", "cut").output


@pytest.mark.parametrize("word", MISHAPS)
def test_every_word_of_the_help_is_explained(written: Path, word: str) -> None:
    """What `--help` lists can be asked for."""
    listed = run("--help").output.replace("\n", " ")

    assert word in listed
    assert run("--explain", word).exit_code == 0


def test_no_key_is_printed(written: Path, spare: Server) -> None:
    """Neither text nor JSON, live or not, holds a key (S3)."""
    for words in ([], ["--live"], ["--live", "--format", "json"], ["--explain", "key", "--format", "json"]):
        assert "canary" not in run(*words).output


def test_piped_output_has_no_escape_sequences(written: Path) -> None:
    """Colour is for terminals."""
    assert "\x1b" not in launch().stdout
    assert "\x1b" not in launch("--explain", "429").stdout
