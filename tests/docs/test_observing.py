"""docs/observing.md shows programs that run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from llm_migrate.engine.events import CallEvent
from tests.fakes import Server, fake

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "observing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def zhipu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A vendor, and a configuration in the working directory that leads to it."""
    with fake("zhipu") as server:
        (tmp_path / "llm-migrate.toml").write_text(
            f'[targets.zhipu]\nprovider = "zhipu"\nbase_url = "{server.base_url}"\napi_key = "plain:id.secret"\n'
            '[models]\n"gpt-4o".zhipu = "glm-5.3-flash"\n',
            encoding="utf-8",
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("LLM_MIGRATE_CONFIG", raising=False)
        yield server


@pytest.mark.parametrize(("block", "says"), list(zip(BLOCKS, ("Ended(", '"message":"ended"', ""), strict=True)))
def test_every_example_runs(block: str, says: str, zhipu: Server, tmp_path: Path) -> None:
    """Each program of the page asks the vendor, and the first two print what happened."""
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert zhipu.requests
    assert says in done.stdout + done.stderr


def test_every_event_is_named() -> None:
    """The page lists the events that there are."""
    assert {event.__name__ for event in get_args(CallEvent)} <= set(re.findall(r"`(\w+)`", PAGE))
