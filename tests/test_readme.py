"""The READMEs say what is true: their commands run, their example output is what comes out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import fake

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(readme: str, language: str) -> list[str]:
    """Return the code blocks of one language, in order."""
    return [text for kind, text in BLOCK.findall((ROOT / readme).read_text(encoding="utf-8")) if kind == language]


def commands(block: str) -> list[tuple[str, str]]:
    """Return (command, output shown below it) for each line of a console block that begins with `$ `."""
    out: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        out.append((command, shown))
    return out


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A copy of the example in a repository of its own."""
    copy = tmp_path / "support_desk"
    shutil.copytree(ROOT / "examples" / "support_desk", copy, ignore=shutil.ignore_patterns("__pycache__"))
    who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    for step in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "before"]):
        subprocess.run(["git", *step], cwd=copy, check=True)
    return copy


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A folder with the configuration that both READMEs show."""
    folder = tmp_path / "configured"
    folder.mkdir()
    [config] = blocks(READMES[0], "toml")
    (folder / "llm-migrate.toml").write_text(config, encoding="utf-8")
    return folder


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a `llm-migrate` command line as a user would, in an 80-column world without colour."""
    words = shlex.split(command)
    assert words[0] == "llm-migrate", command
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    done = [sys.executable, "-m", "llm_migrate", *words[1:]]
    return subprocess.run(done, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("readme", READMES)
def test_every_command_runs_in_order(readme: str, desk: Path, configured: Path) -> None:
    """Each `$ llm-migrate` line works, in order, and prints the lines that the README shows.

    They run in the example; a check runs where the README's configuration is.
    """
    ran = 0
    for block in blocks(readme, "console"):
        for command, shown in commands(block):
            done = run(command, configured if command.startswith("llm-migrate check") else desk)

            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            missing = [
                line for line in shown.splitlines() if line.strip() not in ("", "...") and line not in done.stdout
            ]
            assert not missing, f"{command}: no longer prints {missing}"
            ran += 1
    assert ran >= 7
    assert "llm-migrate.toml" not in os.listdir(desk)


@pytest.mark.parametrize("readme", READMES)
def test_the_scripts_it_names_exist(readme: str) -> None:
    """Each `python3 scripts/...` line names a script of this repository."""
    named = re.findall(r"python3 (scripts/\w+\.py)", "".join(blocks(readme, "sh")))

    assert named == ["scripts/demo.py", "scripts/test.py"]
    assert all((ROOT / script).is_file() for script in named)


@pytest.mark.parametrize("readme", READMES)
def test_the_links_lead_somewhere(readme: str) -> None:
    """Each relative link of a README is a file."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / readme).read_text(encoding="utf-8"))

    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_both_readmes_show_the_same_commands() -> None:
    """The Chinese README has the code blocks of the English one, comments and text apart."""
    languages = ("console", "toml")

    for language in languages:
        assert blocks(READMES[0], language) == blocks(READMES[1], language)


@pytest.mark.parametrize("readme", READMES)
def test_the_python_blocks_run_against_its_configuration(
    readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client blocks build clients from the README's own llm-migrate.toml, and the drop-in gets an answer."""
    [config] = blocks(readme, "toml")
    with fake("zhipu") as zhipu:
        here = f'provider = "zhipu"\nbase_url = "{zhipu.base_url}"\napi_key = "plain:id.secret"'
        (tmp_path / "llm-migrate.toml").write_text(config.replace('provider = "zhipu"', here), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
            monkeypatch.delenv(name, raising=False)

        for source in blocks(readme, "python"):
            names: dict[str, object] = {}
            exec(compile(source, readme, "exec"), names)  # the README's own lines
            client = names["client"]
            assert client is not None
            client.close()  # type: ignore[attr-defined]

        assert len(zhipu.requests) == 1
