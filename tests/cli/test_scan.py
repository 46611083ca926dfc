from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.scan.scanning import write_tree

PROGRAM = "import openai\nc = openai.OpenAI()\nc.beta.threads.create()\n"


def run(*arguments, cwd=None):
    command = [sys.executable, "-m", "llm_migrate", "scan", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=60)


def test_text_is_the_default(tmp_path):
    """Without options the current folder is reported as text, exit 0, nothing on stderr."""
    write_tree(tmp_path, {"a.py": PROGRAM})

    done = run(cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 places in 1 file (of 1 looked at)\n\na.py\n")


def test_json_goes_to_a_file(tmp_path):
    """`-o` writes the report, nothing else is printed."""
    write_tree(tmp_path, {"tree/a.py": PROGRAM})

    done = run(tmp_path / "tree", "--format", "json", "-o", tmp_path / "found.json", "--to", "zhipu")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((tmp_path / "found.json").read_text())["summary"]["findings"] == 3


@pytest.mark.parametrize(
    ("level", "source", "code"),
    [
        ("never", PROGRAM, 0),
        ("any", PROGRAM, 1),
        ("any", "x = 1\n", 0),
        ("blocked", PROGRAM, 1),
        ("lossy", PROGRAM, 1),
        ("blocked", "import openai\n", 0),
    ],
)
def test_fail_on_sets_the_exit_code(tmp_path, level, source, code):
    """1 when a finding, or a verdict at least so bad, is there; the report is printed all the same."""
    write_tree(tmp_path, {"a.py": source})

    done = run(tmp_path, "--to", "zhipu", "--fail-on", level)

    assert done.returncode == code
    assert done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "llm-migrate: gone: no such file or folder\n"),
        ([".", "--to", "klingon"], "klingon: unknown provider"),
        ([".", "--from", "opneai"], "did you mean 'openai'"),
        ([".", "--format", "sarif"], "'sarif'"),
        ([".", "-o", "no/such/folder/x"], "cannot write no/such/folder/x"),
        ([".", "--jobs", "0"], "--jobs"),
        ([".", "--fail-on", "blocked"], "name a target with --to"),
    ],
)
def test_wrong_use_is_one_message_and_exit_2(tmp_path, arguments, message):
    """A wrong path, provider, format or file gives a clear message and no trace."""
    done = run(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_is_no_unicode_survives_in_json(tmp_path):
    """A file's name in the report can be turned back into its bytes."""
    import os

    with open(os.fsencode(tmp_path) + b"/bad\xff.py", "wb") as file:
        file.write(b"import openai\n")

    done = run(tmp_path, "--format", "json")

    (finding,) = json.loads(done.stdout)["findings"]
    assert os.fsencode(finding["file"]) == b"bad\xff.py"


def test_options_reach_the_scan(tmp_path):
    """`--from`, `--exclude` and `--no-ignore` do what they say."""
    write_tree(
        tmp_path,
        {".gitignore": "b.py\n", "a.py": "import openai\n", "b.py": "import openai\n", "c.py": "import zhipuai\n"},
    )

    def files(*arguments):
        done = run(tmp_path, "--format", "json", *arguments)
        return [finding["file"] for finding in json.loads(done.stdout)["findings"]]

    assert files() == ["a.py", "c.py"]
    assert files("--from", "openai") == ["a.py"]
    assert files("--exclude", "a.*") == ["c.py"]
    assert files("--no-ignore", "--from", "openai") == ["a.py", "b.py"]


def test_help_has_an_example_and_no_more_than_there_is():
    """The help shows how it is used, and lists only formats that exist."""
    done = run("--help")

    assert done.returncode == 0
    assert "llm-migrate scan . --from openai --to zhipu" in done.stdout
    assert "sarif" not in done.stdout
