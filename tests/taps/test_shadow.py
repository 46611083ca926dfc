"""A copy of each call goes to one more target, and both answers are recorded."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llm_migrate
from tests.fakes import Fault, Server, fake

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with fake("openai") as first, fake("kimi") as second:
        yield first, second


@pytest.fixture
def shadowed(servers: tuple[Server, Server], tmp_path: Path) -> Path:
    first, second = servers
    path = tmp_path / "llm-migrate.toml"
    path.write_text(
        f'[targets.old]\nprovider = "openai"\nbase_url = "{first.base_url}"\napi_key = "plain:sk-fake"\n'
        f'[targets.new]\nprovider = "kimi"\nbase_url = "{second.base_url}"\napi_key = "plain:sk-fake"\n'
        '[models."gpt-4o"]\nold = "gpt-4o"\nnew = "kimi-k2.6"\n'
        f'[chains.default]\ntargets = ["old"]\nshadow = "new"\nshadow_file = "{tmp_path}/shadow.jsonl"\n'
    )
    return path


def recorded(folder: Path, lines: int) -> list[dict[str, Any]]:
    """Return what is in the file once it has so many lines."""
    path = folder / "shadow.jsonl"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        time.sleep(0.01)
    raise AssertionError("nothing was recorded")


def text_of(answer: dict[str, Any]) -> str:
    text: str = answer["body"]["choices"][0]["message"]["content"]
    return text


@pytest.mark.parametrize("stream", [False, True])
def test_both_answers_are_recorded(shadowed, servers, tmp_path, stream):
    """The caller has the first target's answer; the file has both, with the request, for its owner only."""
    with llm_migrate.OpenAI(config=shadowed) as client:
        answer = client.chat.completions.create(**ASK, stream=stream)
        said = (
            "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
        )

    (row,) = recorded(tmp_path, 1)
    assert said == text_of(row["answer"]) == text_of(row["shadow"]) == "收到: hello"
    assert (row["answer"]["provider"], row["shadow"]["provider"]) == ("openai", "kimi")
    assert row["shadow"]["model"] == "kimi-k2.6"
    assert row["request"]["messages"] == ASK["messages"]
    assert "stream" not in row["request"]
    assert stat.S_IMODE((tmp_path / "shadow.jsonl").stat().st_mode) == 0o600
    assert len(servers[0].requests) == 1


def test_what_the_shadow_fails_at_is_a_record_only(shadowed, servers, tmp_path):
    """The caller sees nothing of it, not even in time."""
    servers[1].script(*[Fault(401, {"error": {"type": "incorrect_api_key_error", "message": "no"}})] * 3)

    with llm_migrate.OpenAI(config=shadowed) as client:
        answer = client.chat.completions.create(**ASK)

    (row,) = recorded(tmp_path, 1)
    assert answer.choices[0].message.content == "收到: hello"
    assert row["shadow"]["status"] == 401


async def ask_async(path: Path) -> str:
    async with llm_migrate.AsyncOpenAI(config=path) as client:
        answer = await client.chat.completions.create(**ASK)
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_async_client_is_shadowed_too(anyio_backend, shadowed, tmp_path):
    """The same from an event loop, which is not held up."""
    assert await ask_async(shadowed) == "收到: hello"
    (row,) = recorded(tmp_path, 1)
    assert text_of(row["shadow"]) == "收到: hello"


def test_an_answer_that_is_an_error_is_not_copied_as_one(shadowed, servers, tmp_path):
    """A call that failed is recorded with its error and asked of the shadow all the same."""
    servers[0].script(*[Fault(400, {"error": {"message": "bad", "type": "invalid_request_error", "code": None}})] * 2)

    with llm_migrate.OpenAI(config=shadowed) as client, pytest.raises(Exception, match="bad"):
        client.chat.completions.create(**ASK)

    (row,) = recorded(tmp_path, 1)
    assert (row["answer"]["status"], row["shadow"]["status"]) == (400, 200)
