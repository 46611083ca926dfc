"""Calls that take several requests, and keys that a program gives, through the real SDK: sync, asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import openai
import pytest

import llm_migrate
from llm_migrate.config import load_config
from tests.fakes import Fault, Server, fake

TEXTS = [f"text number {i}" for i in range(130)]  # the fake takes 64 in a call
MESSAGES = [{"role": "user", "content": "hello"}]
LIMITED = Fault(429, {"error": {"code": "1302", "message": "slow down"}}, (("retry-after-ms", "1"),))
pytestmark = [pytest.mark.filterwarnings("ignore:.*async generator.*:ResourceWarning")]


@pytest.fixture
def zhipu() -> Iterator[Server]:
    with fake("zhipu") as server:
        yield server


@pytest.fixture
def kimi() -> Iterator[Server]:
    with fake("kimi") as server:
        yield server


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(server: Server, models: str, more: str = "") -> Path:
        path = tmp_path / "llm-migrate.toml"
        name = server.vendor.name
        path.write_text(
            f'[targets.main]\nprovider = "{name}"\nbase_url = "{server.base_url}"\napi_key = "plain:id.secret"\n'
            f"{models}\n{more}"
        )
        return path

    return write


EMBED = '[models."text-embedding-3-small"]\nmain = "embedding-3"'
CHAT = '[models."gpt-4o"]\nmain = "kimi-k2.6"'


def test_many_texts_are_embedded_in_calls_that_the_vendor_takes(zhipu, write):
    """130 texts are three requests; vectors come back in order, tokens added up, and the header says so."""
    with llm_migrate.OpenAI(config=write(zhipu, EMBED)) as client:
        raw = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input=TEXTS, dimensions=256)
        last = client.embeddings.create(model="text-embedding-3-small", input=TEXTS[-1], dimensions=256)

    answer = raw.parse()
    assert sorted(len(body["input"]) for body in zhipu.bodies()[:3]) == [2, 64, 64]
    assert [row.index for row in answer.data] == list(range(130))
    assert answer.data[-1].embedding == last.data[0].embedding
    assert answer.usage.total_tokens > 400
    assert raw.headers["x-llm-migrate-adapted"] == "input=emulated"
    assert raw.headers["x-llm-migrate-attempts"] == "3"


def test_only_the_piece_that_failed_is_sent_again(zhipu, write):
    """A rate limit on one of three requests costs one more, not three."""
    zhipu.script(LIMITED)

    with llm_migrate.OpenAI(config=write(zhipu, EMBED)) as client:
        answer = client.embeddings.create(model="text-embedding-3-small", input=TEXTS, dimensions=256)

    assert len(zhipu.requests) == 4
    assert len(answer.data) == 130


def test_pieces_that_nobody_serves_are_the_vendors_error(zhipu, write):
    """Half a list of vectors is never handed on: the error is."""
    zhipu.script(*[LIMITED] * 9)

    with llm_migrate.OpenAI(config=write(zhipu, EMBED)) as client, pytest.raises(openai.RateLimitError):
        client.embeddings.create(model="text-embedding-3-small", input=TEXTS, dimensions=256)


def test_choices_are_asked_for_where_the_user_said_so(kimi, write):
    """N = 3 is three calls with the consent, and a refusal that names it without."""
    with llm_migrate.OpenAI(config=write(kimi, CHAT, '[adapt]\nn = "calls"')) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, n=3)
    with llm_migrate.OpenAI(config=write(kimi, CHAT)) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, n=3)

    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(kimi.requests) == 3
    assert 'n = "calls"' in caught.value.message


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_pieces_go_out_together_from_an_async_client(anyio_backend, zhipu, write):
    """The same under both event loops."""
    async with llm_migrate.AsyncOpenAI(config=write(zhipu, EMBED)) as client:
        answer = await client.embeddings.create(model="text-embedding-3-small", input=TEXTS, dimensions=256)

    assert [row.index for row in answer.data] == list(range(130))
    assert len(zhipu.requests) == 3


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_caller_who_leaves_takes_all_pieces_along(anyio_backend, zhipu, write):
    """Cancelling the call ends every request of it at once."""
    zhipu.script(*[Fault(hang=True)] * 3)

    async with llm_migrate.AsyncOpenAI(config=write(zhipu, EMBED)) as client:
        with anyio.move_on_after(0.5) as scope:
            await client.embeddings.create(model="text-embedding-3-small", input=TEXTS, dimensions=256)

    assert scope.cancelled_caught
    assert len(zhipu.requests) == 3


def keyed(config, key: Callable[[], object]):
    return load_config(config).with_token_provider("main", key)


def test_a_function_gives_the_key_of_each_request(kimi, write):
    """It is asked anew each time, so that it may renew what it gives."""
    keys = iter(["first-token", "second-token"])

    with llm_migrate.OpenAI(config=keyed(write(kimi, CHAT), lambda: next(keys))) as client:
        for _ in range(2):
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert [r.headers["authorization"] for r in kimi.requests] == ["Bearer first-token", "Bearer second-token"]


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_an_async_client_takes_both_kinds_of_functions(anyio_backend, kimi, write):
    """A plain function runs beside the loop, an async one on it."""

    async def later() -> str:
        await anyio.sleep(0)
        return "awaited-token"

    for key in (later, lambda: "plain-token", lambda: later()):
        async with llm_migrate.AsyncOpenAI(config=keyed(write(kimi, CHAT), key)) as client:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    sent = [r.headers["authorization"].removeprefix("Bearer ") for r in kimi.requests]
    assert sent == ["awaited-token", "plain-token", "awaited-token"]


def test_a_function_that_fails_is_told_by_name_only(kimi, write):
    """S3: its message may hold anything, so it goes nowhere."""

    def broken() -> str:
        raise RuntimeError("canary-secret")

    config = keyed(write(kimi, CHAT), broken)
    with llm_migrate.OpenAI(config=config) as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert "RuntimeError" in caught.value.message
    assert "canary" not in str(caught.value)
    assert kimi.requests == []


async def later() -> str:
    return "token"


@pytest.mark.filterwarnings("ignore:coroutine.*was never awaited:RuntimeWarning")
def test_a_sync_client_says_that_it_cannot_wait(kimi, write):
    """An async function under a sync client is refused, not sent as text."""
    config = keyed(write(kimi, CHAT), later)
    with llm_migrate.OpenAI(config=config) as client, pytest.raises(openai.AuthenticationError, match="async client"):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
