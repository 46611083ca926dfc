"""`llm-migrate providers` as a person or a script runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from llm_migrate.catalog.load import load_provider, provider_ids
from llm_migrate.cli.providers import command


def run(*args: str, columns: int = 80) -> Result:
    return CliRunner().invoke(command, args, env={"COLUMNS": str(columns)}, catch_exceptions=False)


def launch(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own, its output piped."""
    line = [sys.executable, "-m", "llm_migrate", "providers", *args]
    return subprocess.run(line, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def test_the_list_has_one_row_a_provider_with_its_key():
    """Without a name every provider is shown with the variable that holds its key."""
    result = run(columns=120)

    assert result.exit_code == 0
    for provider_id in provider_ids():
        provider = load_provider(provider_id)
        row = next(line for line in result.output.splitlines() if line.split()[:1] == [provider_id])
        assert provider.name in row
        assert not provider.auth[0].env or provider.auth[0].env[0] in row


@pytest.mark.parametrize("provider_id", provider_ids())
@pytest.mark.parametrize("columns", [80, 120])
def test_the_page_of_each_provider_fits_the_terminal(provider_id: str, columns: int):
    """No line is wider than the terminal, but for an address or id that cannot be broken, or ends in blanks."""
    result = run(provider_id, columns=columns)

    assert result.exit_code == 0
    wide = [line for line in result.output.splitlines() if len(line) > columns]
    assert wide == []
    assert [line for line in result.output.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("provider_id", provider_ids())
def test_the_page_shows_every_endpoint_and_model_that_answers(provider_id: str):
    """Addresses and ids stand whole on the page, so that they can be copied."""
    provider = load_provider(provider_id)

    page = run(provider_id).output.split()

    assert [e.base_url for e in provider.endpoints if e.base_url not in page] == []
    gone = {m.id for m in provider.models if m.retired or m.retires_on is not None}
    assert [m.id for m in provider.models if m.id not in page and m.id not in gone] == []


def test_an_alias_is_as_good_as_the_id():
    """People say moonshot, in any case."""
    assert run("Moonshot").output == run("kimi").output


def test_models_shows_retired_ones_too():
    """`--models` leaves nothing out and shows nothing else."""
    output = run("openai", "--models").output

    assert set(output.split()) >= {model.id for model in load_provider("openai").models}
    assert "Endpoints" not in output


def test_offers_of_all_providers_can_be_listed():
    """`--offers` without a name shows every provider that has one."""
    output = run("--offers", columns=120).output

    for provider_id in provider_ids():
        provider = load_provider(provider_id)
        assert (f"Offers of {provider.name}" in output) == bool(provider.offers)


def test_a_provider_without_offers_says_so():
    """An empty answer is an answer."""
    assert "Nothing of the kind is known." in run("azure-openai", "--offers").output


def test_json_of_the_list_is_a_document_with_a_schema():
    """The list in JSON names its schema and has a row a provider, in order."""
    body = json.loads(run("--format", "json").output)

    assert body["schema"] == "llm-migrate/providers/1"
    assert [row["id"] for row in body["providers"]] == list(provider_ids())
    assert set(body["providers"][0]) >= {"id", "name", "aliases", "dialect", "endpoints", "auth"}
    assert "models" not in body["providers"][0]


def test_json_of_one_provider_loses_no_fact():
    """What JSON says can be read back into the very same facts."""
    from llm_migrate.catalog.schema import Provider

    (row,) = json.loads(run("zhipu", "--format", "json").output)["providers"]

    assert Provider.model_validate_json(json.dumps(row)) == load_provider("zhipu")
    assert row["equivalents"][0]["for"], "keys are those of the TOML file"


def test_json_of_one_section_holds_only_that():
    """`--models` and `--offers` narrow the JSON, too."""
    (row,) = json.loads(run("zhipu", "--models", "--offers", "--format", "json").output)["providers"]

    assert set(row) == {"id", "name", "models", "offers"}
    assert all(isinstance(p["input_per_mtok"], str) for m in row["models"] for p in m["prices"])


def test_an_unknown_provider_is_one_line_and_exit_2():
    """A slip in the name gives the nearest name, no traceback, nothing on stdout."""
    done = launch("zhipuu")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("llm-migrate: zhipuu: unknown provider; did you mean 'zhipu'?")


def test_piped_output_has_no_escape_sequences():
    """Colour is for terminals."""
    done = launch("kimi")

    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "api.moonshot.cn" in done.stdout


def test_help_has_an_example():
    """`--help` shows how the verb is used, line by line."""
    assert "  llm-migrate providers kimi --models\n" in run("--help").output


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colour_unless_it_says_no(env: dict[str, str], coloured: bool):
    """NO_COLOR and a dumb terminal are respected."""
    import pty

    settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    settings |= {"TERM": "xterm-256color", "COLUMNS": "100", **env}
    main, side = pty.openpty()
    line = [sys.executable, "-m", "llm_migrate", "providers"]
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
    assert b"zhipu" in output
    assert (b"\x1b[" in output) == coloured


def test_a_reader_that_stops_early_is_no_traceback():
    """`llm-migrate providers openai | head -1` ends quietly."""
    line = [sys.executable, "-m", "llm_migrate", "providers", "openai", "--format", "json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()

    assert b"Traceback" not in said
