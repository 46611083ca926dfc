"""The group: what a person sees first, and how cheap it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llm_migrate.cli.main import VERBS


def run(*words: str) -> str:
    """Run the command line and return what it prints."""
    command = [sys.executable, "-m", "llm_migrate", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("words", [[], *([verb] for verb in VERBS)], ids=lambda words: words[0] if words else "group")
def test_help_shows_an_example_line_by_line(words: list[str]) -> None:
    """Each help page ends in, or holds, an example whose lines are not run together."""
    page = run(*words, "--help")

    assert "\n  Example" in page
    examples = [line for line in page.splitlines() if line.lstrip().startswith("llm-migrate ")]
    assert examples
    assert "\\b" not in page
    assert all(line.count("llm-migrate ") == 1 for line in examples)


def test_the_group_imports_no_verb() -> None:
    """`--version` loads neither a verb nor anything heavy."""
    heavy = ("openai", "pydantic", "rich", "ast_grep_py", "httpx2", "aiohttp", "orjson")
    code = (
        "import sys; from llm_migrate.cli.main import cli\n"
        "try: cli(['--version'])\n"
        "except SystemExit: pass\n"
        f"heavy = {heavy!r}\n"
        "verbs = [m for m in sys.modules if m.startswith('llm_migrate.cli.') and m != 'llm_migrate.cli.main']\n"
        "print(verbs + [m for m in heavy if m in sys.modules])"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.splitlines()[-1] == "[]"


def test_an_unknown_verb_is_refused() -> None:
    """A misspelt verb ends with code 2 and the usage."""
    done = subprocess.run([sys.executable, "-m", "llm_migrate", "scna"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "scna" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("verb", [["providers"], ["scan", "."], ["scan", ".", "--format", "json"], ["history"]])
@pytest.mark.parametrize(("output", "code"), [(">&-", 0), (">/dev/full", 2)])
def test_an_output_that_takes_nothing_is_no_traceback(tmp_path: Path, verb: list[str], output: str, code: int) -> None:
    """A closed standard output is silence; a full disk behind it is one message and code 2."""
    command = f"exec {sys.executable} -m llm_migrate {' '.join(verb)} {output}"

    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)

    assert done.returncode == code
    assert done.stderr.count("\n") == (code != 0)
    assert "Traceback" not in done.stderr
