"""docs/clients.md shows programs that run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_migrate
from llm_migrate import errors
from tests.e2e.environments import environ, python_with
from tests.fakes import Server, fake

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LEGACY = [block for block in BLOCKS if "requestssession" in block]


@pytest.fixture
def zhipu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A vendor, and a configuration in the working directory that leads to it."""
    with fake("zhipu") as server:
        (tmp_path / "llm-migrate.toml").write_text(
            f'[targets.zhipu]\nprovider = "zhipu"\nbase_url = "{server.base_url}"\napi_key = "plain:id.secret"\n'
            '[models]\n"gpt-4o".zhipu = "glm-5.3-flash"\n"text-embedding-3-small".zhipu = "embedding-3"\n',
            encoding="utf-8",
        )
        monkeypatch.chdir(tmp_path)
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_MIGRATE_CONFIG"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.mark.parametrize("block", [block for block in BLOCKS if block not in LEGACY])
def test_every_example_runs(block: str, zhipu: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Each program of the page asks the vendor and prints what it says."""
    exec(compile(block, "docs/clients.md", "exec"), {"__name__": "__main__"})  # the page's own lines

    assert zhipu.requests
    assert "收到" in (printed := capsys.readouterr().out) or "zhipu 1" in printed


@pytest.mark.matrix
def test_the_example_for_the_old_sdk_runs(zhipu: Server, tmp_path: Path) -> None:
    """The one program for openai 0.28 gets its answer under that SDK."""
    [block] = LEGACY
    command = [str(python_with("0.28.1 beside us")), "-c", block]

    done = subprocess.run(command, env=environ(), cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stdout == "收到: Hello\n", done.stderr


def test_the_exceptions_it_names_exist() -> None:
    """Each exception of the table is one of the package's."""
    named = re.findall(r"^\| `(\w+Error)` \|", PAGE, re.MULTILINE)

    assert len(named) == 4
    assert all(issubclass(getattr(errors, name), llm_migrate.MigrateError) for name in named)


def test_the_links_lead_somewhere() -> None:
    """Each relative link of the page is a file beside it."""
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)

    assert links
    assert not [link for link in links if not (Path(__file__).resolve().parents[2] / "docs" / link).exists()]
