"""What the README promises, on a copy of the example in a repository of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environments import EXAMPLE, ROOT, environ, python_with
from tests.fakes import fake

MAP = ("--map", "text-embedding-3-small=embedding-3")
TO_ZHIPU = ("rewrite", "app", "--to", "zhipu", *MAP)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Path]:
    """The example, committed."""
    folder = tmp_path / "support_desk"
    shutil.copytree(
        EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".venv", "index.json", "node_modules")
    )
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "Before")
    return folder


def git(folder: Path, *words: str, stdin: str | None = None) -> str:
    done = subprocess.run(["git", *words], cwd=folder, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def migrate(folder: Path, *words: str, exit_code: int = 0) -> str:
    """Run the command line as a person would, and return its standard output."""
    command = [sys.executable, "-m", "llm_migrate", *words]
    done = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


def run_tests(folder: Path, vendor: str, **more: str) -> list[str]:
    """Run the app's own tests against a fake; returns the models that were asked for."""
    command = [str(python_with("1.35.7")), "-m", "unittest", "discover", "-t", ".", "-s", "app"]
    with fake(vendor) as server:
        env = environ(**server.env, **more)
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return sorted({body["model"] for body in server.bodies()})


def scan(folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(migrate(folder, "scan", ".", *words, "--format", "json"))
    return found


def test_the_scan_finds_every_service(desk: Path) -> None:
    """Code of both SDK generations, the Node script and all configuration files are in the list."""
    found = scan(desk, "--to", "zhipu")

    assert found["schema"] == "llm-migrate/scan/1"
    assert {f["file"] for f in found["findings"]} >= {
        "app/clients.py",
        "app/desk.py",
        "app/index.py",
        "app/config.yaml",
        "app/requirements.txt",
        "legacy/classify.py",
        "legacy/requirements.txt",
        "scripts/nightly_digest.mjs",
        "scripts/package.json",
        ".env.example",
        "docker-compose.yml",
    }
    assert found["skipped"] == []


def test_the_scan_says_what_breaks(desk: Path) -> None:
    """What Zhipu refuses or clamps is named at the call that sends it."""
    found = scan(desk, "--to", "zhipu")

    calls = [f for f in found["findings"] if f["file"] == "app/desk.py" and f["kind"] == "api-call"]
    subjects = {(n["subject"], n["effect"]) for f in calls for c in f["compat"] for n in c["notes"]}
    named = {subject for subject, effect in subjects if effect not in {"keep"}}
    assert named >= {"temperature", "stop", "tool_choice", "presence_penalty"}


def test_unmapped_embeddings_are_blocked(desk: Path) -> None:
    """An embedding model is never switched silently."""
    found = scan(desk, "--to", "zhipu")

    verdicts = [
        c["verdict"]
        for f in found["findings"]
        if f["file"] == "app/index.py" and f["kind"] in {"model", "api-call"}
        for c in f["compat"]
    ]
    assert "blocked" in verdicts


def test_a_plan_changes_nothing(desk: Path) -> None:
    """Without --write the diff is only printed."""
    assert migrate(desk, *TO_ZHIPU).count("\n+++ ") >= 2

    assert git(desk, "status", "--porcelain") == ""


def test_the_diff_applies_with_git(desk: Path) -> None:
    """What is printed is what --write does, byte for byte."""
    diff = migrate(desk, *TO_ZHIPU)
    git(desk, "apply", stdin=diff)
    applied = contents(desk)
    git(desk, "checkout", "-q", ".")
    migrate(desk, *TO_ZHIPU, "--write")

    assert contents(desk) == applied


def contents(desk: Path) -> dict[str, bytes]:
    return {name: (desk / name).read_bytes() for name in git(desk, "ls-files").splitlines()}


@pytest.mark.matrix
def test_the_app_passes_its_tests_at_the_new_vendor(desk: Path) -> None:
    """Before on an OpenAI-like server, after the rewrite on a Zhipu-like one, by the same tests."""
    before = run_tests(desk, "openai")
    migrate(desk, *TO_ZHIPU, "--write")
    after = run_tests(desk, "zhipu")

    assert before == ["gpt-3.5-turbo", "gpt-4o", "text-embedding-3-small"]
    assert all(model.startswith(("glm-", "embedding-")) for model in after)


@pytest.mark.matrix
@pytest.mark.parametrize("vendor", ["openai", "azure"])
def test_the_switch_leads_back(desk: Path, vendor: str) -> None:
    """The old provider stays behind LLM_PROVIDER, its Azure branch included."""
    migrate(desk, *TO_ZHIPU, "--write")

    models = run_tests(desk, vendor, LLM_PROVIDER="openai")

    assert models == ["gpt-3.5-turbo", "gpt-4o", "text-embedding-3-small"]


@pytest.mark.matrix
def test_in_place_leaves_no_switch(desk: Path) -> None:
    """With --replace the program knows the new vendor only."""
    migrate(desk, *TO_ZHIPU, "--replace", "--write")

    assert "LLM_PROVIDER" not in git(desk, "diff")
    assert "embedding-3" in run_tests(desk, "zhipu")


@pytest.mark.parametrize("more", [(), ("--replace",)])
def test_undo_brings_every_byte_back(desk: Path, more: tuple[str, ...]) -> None:
    """After undo git sees no change, and nothing is left over (W2)."""
    before = contents(desk)
    migrate(desk, *TO_ZHIPU, *more, "--write")
    assert git(desk, "status", "--porcelain") != ""

    migrate(desk, "undo", "app")

    assert git(desk, "status", "--porcelain") == ""
    assert contents(desk) == before


def test_a_second_rewrite_has_nothing_to_do(desk: Path) -> None:
    """A tree that was moved is left as it is."""
    migrate(desk, *TO_ZHIPU, "--write")
    once = contents(desk)

    migrate(desk, *TO_ZHIPU, "--write", "--force")

    assert contents(desk) == once


def test_legacy_is_listed_as_needing_the_newer_sdk(desk: Path) -> None:
    """Code on openai 0.28 is found and judged, not edited, and told what it needs."""
    before = (desk / "legacy" / "classify.py").read_bytes()

    told = migrate(desk, "rewrite", "legacy", "--to", "zhipu", *MAP, "--write")

    assert (desk / "legacy" / "classify.py").read_bytes() == before
    assert "classify.py" in told
    assert "0.28" in told


def test_the_index_of_the_old_model_is_refused(desk: Path) -> None:
    """After the move the program asks for a rebuilt index instead of searching in foreign vectors."""
    code = "import app.index as i, pathlib; i.search(None, 'q', pathlib.Path('old.json'))"
    (desk / "old.json").write_text('{"model": "text-embedding-3-small", "dimensions": 2, "rows": []}', encoding="utf-8")
    migrate(desk, *TO_ZHIPU, "--write")

    done = subprocess.run(
        [str(python_with("1.35.7")), "-c", code], cwd=desk, env=environ(), capture_output=True, text=True, check=False
    )

    assert "StaleIndexError" in done.stderr
    assert "python -m app.index --rebuild" in done.stderr


def test_the_walk_through_runs_as_written(desk: Path) -> None:
    """Every llm-migrate command of docs/support-desk.md works, in the order of the page, and ends where it began."""
    page = (ROOT / "docs" / "support-desk.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in page.splitlines() if line.startswith("    llm-migrate ")]

    for words in commands:
        migrate(desk, *words)

    assert [words[0] for words in commands] == ["scan", "rewrite", "rewrite", "undo"]
    assert git(desk, "status", "--porcelain") == ""
