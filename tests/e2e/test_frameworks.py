"""instructor, pydantic-ai and llama-index, unmodified, over our transport and drop-in (R9)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environments import environ, python_with
from tests.fakes import Server, fake

pytestmark = pytest.mark.matrix

HERE = Path(__file__).parent
TENT = "收到: how do I wash the tent?"


@pytest.fixture
def server() -> Iterator[Server]:
    """A vendor that the programs know nothing of, and that takes forced tool calls."""
    with fake("kimi") as running:
        yield running


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Callable[[str, str], dict[str, Any]]:
    """Runs a program in an environment, in a folder whose llm-migrate.toml names the vendor."""
    (tmp_path / "llm-migrate.toml").write_text(
        f'[targets.new]\nprovider = "kimi"\nbase_url = "{server.base_url}"\napi_key = "plain:sk-test"\n'
        '[models."gpt-4o"]\nnew = "kimi-k2.6"\n',
        encoding="utf-8",
    )

    def started(environment: str, program: str) -> dict[str, Any]:
        command = [str(python_with(environment)), str(HERE / program)]
        done = subprocess.run(
            command, env=environ(), cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    return started


def test_instructor_gets_its_objects(run: Callable[[str, str], dict[str, Any]], server: Server) -> None:
    """Objects arrive plainly, in pieces, asynchronously and with the drop-in: instructor forces a tool of its own."""
    said = run("instructor, pydantic-ai", "instructor_program.py")

    assert said == dict.fromkeys(("plain", "streamed", "drop-in", "async"), "LN-2041")
    assert {body["model"] for body in server.bodies()} == {"kimi-k2.6"}
    assert all(body["tools"][0]["function"]["name"].endswith("Order") for body in server.bodies())


def test_pydantic_ai_runs_its_agents(run: Callable[[str, str], dict[str, Any]]) -> None:
    """An agent answers, streams and calls its tool, over the transport and over the drop-in."""
    said = run("instructor, pydantic-ai", "pydantic_ai_program.py")

    for way in ("transport", "drop-in"):
        assert said[way]["plain"] == said[way]["streamed"] == TENT
        assert said[way]["tokens"] > 0
        assert said[way]["looked_up"] == ["LN-2041"]
        assert said[way]["helped"]


def test_llama_index_answers(run: Callable[[str, str], dict[str, Any]]) -> None:
    """Its OpenAI-like class chats, streams, awaits and calls tools."""
    said = run("llama-index", "llama_index_program.py")

    assert said["plain"] == said["streamed"] == said["async"] == TENT
    assert said["calls"] == [["find_order", {"number": "LN-2041"}]]
