"""Wrong use gets one clear message with the place and the remedy, exit code 2, and no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import openai
import pytest

import llm_migrate
from llm_migrate.errors import ConfigError, CredentialError
from tests.e2e.environments import environ

CALL = 'from openai import OpenAI\n\nclient = OpenAI()\nclient.chat.completions.create(model="gpt-4o", messages=[])\n'


def run(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llm_migrate", *words]
    return subprocess.run(command, cwd=folder, env=environ(**env), capture_output=True, text=True, check=False)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one message of a failed command."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with one program in it."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "good.py").write_text(CALL, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "words", [("scan", "absent"), ("rewrite", "absent", "--to", "zhipu"), ("undo", "absent"), ("history", "absent")]
)
def test_a_path_that_does_not_exist_is_named(tree: Path, words: tuple[str, ...]) -> None:
    """The message holds the path."""
    said = complaint(run(tree, *words))

    assert "absent" in said
    assert "not exist" in said or "no such" in said.lower()


@pytest.mark.parametrize(
    "words",
    [
        ("scan", ".", "--to", "zhipoo"),
        ("rewrite", ".", "--to", "zhipoo"),
        ("providers", "zhipoo"),
        ("scan", ".", "--from", "zhipoo"),
    ],
)
def test_an_unknown_provider_gets_a_suggestion(tree: Path, words: tuple[str, ...]) -> None:
    """The message names the nearest provider there is."""
    said = complaint(run(tree, *words))

    assert "zhipoo" in said
    assert "zhipu" in said.replace("zhipoo", "")


@pytest.mark.parametrize("verb", ["scan", "rewrite"])
def test_an_unknown_model_gets_a_suggestion(tree: Path, verb: str) -> None:
    """The message names the nearest model of that provider."""
    said = complaint(run(tree, verb, ".", "--to", "zhipu:glm-5.3-flsh"))

    assert "glm-5.3-flsh" in said
    assert "glm-5.3-flash" in said


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("scan", ".", "--format", "pdf"), "--format"),
        (("rewrite", "."), "--to"),
        (("scan", ".", "--fail-on", "sometimes"), "--fail-on"),
        (("scna", "."), "scna"),
    ],
)
def test_a_wrong_option_is_named(tree: Path, words: tuple[str, ...], place: str) -> None:
    """Wrong use of the command line exits with 2 and names the option."""
    assert place in complaint(run(tree, *words))


def test_broken_syntax_is_skipped_and_said(tree: Path) -> None:
    """A scan never fails because of one file: it is listed with its reason, or still gives its findings."""
    (tree / "broken.py").write_text("import openai\nopenai.OpenAI(\n", encoding="utf-8")
    (tree / "utf16.py").write_bytes(CALL.encode("utf-16"))

    done = run(tree, "scan", ".", "--format", "json")

    assert done.returncode == 0, done.stderr
    assert "good.py" in done.stdout
    assert "utf16.py" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_unreadable_file_is_skipped_and_said(tree: Path) -> None:
    """A file that cannot be read stands under `skipped` with its reason."""
    (tree / "gone.py").symlink_to(tree / "nowhere.py")
    if os.geteuid() != 0:
        (tree / "closed.py").write_text(CALL, encoding="utf-8")
        (tree / "closed.py").chmod(0)

    done = run(tree, "scan", ".", "--format", "json")

    assert done.returncode == 0, done.stderr
    assert "good.py" in done.stdout
    assert os.geteuid() == 0 or "closed.py" in done.stdout


def test_a_broken_file_is_not_rewritten(tree: Path) -> None:
    """What cannot be parsed is left alone and reported, and the rest is done (W3)."""
    broken = tree / "broken.py"
    broken.write_text(CALL + "def (:\n", encoding="utf-8")

    done = run(tree, "rewrite", ".", "--to", "zhipu", "--write")

    assert done.returncode == 0, done.stderr
    assert broken.read_text(encoding="utf-8") == CALL + "def (:\n"
    assert "broken.py" in done.stdout + done.stderr


def configured(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "llm-migrate.toml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("LLM_MIGRATE_CONFIG", str(path))
    return path


TARGET = (
    '[targets.newhome]\nprovider = "zhipu"\n{more}\n'
    '[chains.default]\ntargets = ["newhome"]\n[models."gpt-4o"]\nnewhome = "glm-5.3"\n'
)


def test_a_wrong_key_in_the_configuration_gets_a_suggestion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the file, the key and the nearest right one."""
    configured(tmp_path, TARGET.format(more='api_kee = "env:X"'), monkeypatch)

    with pytest.raises(ConfigError) as caught:
        llm_migrate.OpenAI()

    assert "llm-migrate.toml" in str(caught.value)
    assert "api_kee" in str(caught.value)
    assert "did you mean" in str(caught.value)
    assert "api_key" in str(caught.value)


def test_an_unknown_provider_in_the_configuration_gets_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the target's provider and the nearest one there is."""
    configured(tmp_path, TARGET.format(more="").replace('"zhipu"', '"zhipoo"'), monkeypatch)

    with pytest.raises(ConfigError) as caught:
        llm_migrate.OpenAI()

    assert "zhipoo" in str(caught.value)
    assert "zhipu" in str(caught.value).replace("zhipoo", "")


def test_a_missing_configuration_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file and without base_url there is nothing to talk to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("LLM_MIGRATE_CONFIG", raising=False)

    with pytest.raises(ConfigError, match=r"llm-migrate\.toml"):
        llm_migrate.OpenAI()


def test_a_missing_key_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable to set, and shows no other secret."""
    configured(tmp_path, TARGET.format(more='api_key = "env:DESK_ZHIPU_KEY"'), monkeypatch)
    monkeypatch.delenv("DESK_ZHIPU_KEY", raising=False)

    with pytest.raises((CredentialError, openai.OpenAIError), match="DESK_ZHIPU_KEY"), llm_migrate.OpenAI() as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])


def test_a_refused_connection_is_the_sdk_s_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No target can be reached: an openai error that names the target and no address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    more = f'base_url = "http://127.0.0.1:{port}/api/paas/v4"\napi_key = "plain:id.secret"'
    configured(tmp_path, TARGET.format(more=more), monkeypatch)

    with pytest.raises(openai.APIError) as caught, llm_migrate.OpenAI() as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])

    assert "newhome" in str(caught.value)
    assert str(port) not in str(caught.value)


def test_an_unmapped_model_names_the_line_to_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message holds the table and the target for which the mapping is missing."""
    configured(tmp_path, TARGET.format(more='api_key = "plain:id.secret"'), monkeypatch)

    with pytest.raises(openai.APIError) as caught, llm_migrate.OpenAI() as client:
        client.chat.completions.create(model="gpt-4-turbo", messages=[{"role": "user", "content": "x"}])

    assert '[models."gpt-4-turbo"]' in str(caught.value)
    assert "newhome" in str(caught.value)
