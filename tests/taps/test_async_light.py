"""The async light client, under asyncio and trio; what both clients share is tested with the sync one."""

from __future__ import annotations

import asyncio
import gc
import threading

import anyio
import pytest

import llm_migrate
from llm_migrate.engine import async_pooled_upstream
from llm_migrate.engine.source import Source
from llm_migrate.errors import RequestRefusedError, StreamCutError, UpstreamError, UsageError
from llm_migrate.taps.tap import Tap
from tests.engine.script import ROLE, WORD, completion
from tests.taps.loopback import events, hang, loopback, refusal, reset, whole

MESSAGES = [{"role": "user", "content": "hi"}]
ASK = {"model": "gpt-4o", "messages": MESSAGES}

# httpx leaves generators of its own unfinished, which trio warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


async def texts(chunks):
    return [chunk["choices"][0]["delta"].get("content") async for chunk in chunks if chunk["choices"]]


async def test_answers_and_streams_are_dictionaries(config):
    """`chat` and `stream` give what OpenAI's schema has, and the target gets its own key (S1)."""
    headers = {}
    with loopback(whole(), events()) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            answer = await client.chat(**ASK, temperature=0.5, answer_headers=headers)
            stream = client.stream(**ASK)
            assert await texts(stream) == ["", "hello", "hello", None]

    assert answer["choices"][0]["message"]["content"] == "hello"
    assert server.requests[0].body == {**ASK, "temperature": 0.5}
    assert {got.headers["authorization"] for got in server.requests} == {"Bearer key-of-a"}
    assert headers["x-llm-migrate-provider"] == stream.headers["x-llm-migrate-provider"] == "openai"


async def test_embeddings_and_models(config):
    """`embed` and `models` are awaited like `chat`."""
    body = b'{"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}'
    with loopback(whole(body)) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            found = await client.embed(model="text-embedding-3-small", input="a")
            models = await client.models()

    assert found["data"][0]["embedding"] == [0.5]
    assert "gpt-4o" in {model["id"] for model in models["data"]}


async def test_errors_have_the_same_classes(config):
    """A refused request is told from a failed vendor, in whole answers and streams."""
    with loopback(refusal(400), refusal(401)) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            with pytest.raises(RequestRefusedError):
                await client.chat(**ASK)
            with pytest.raises(UpstreamError) as caught:
                await anext(client.stream(**ASK))

    assert type(caught.value) is UpstreamError


@pytest.mark.parametrize("then", [reset, None], ids=["reset", "clean end"])
async def test_a_cut_stream_raises_after_its_chunks(config, then):
    """A break after the first content gives what came, then an exception (R1)."""
    got = []
    with loopback(events(ROLE, WORD, then=then)) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            stream = client.stream(**ASK)
            with pytest.raises(StreamCutError):
                async for chunk in stream:
                    got.append(chunk)  # noqa: PERF401 (a comprehension would lose them)
            assert await anext(stream, None) is None

    assert len(got) == 2


async def test_leaving_the_block_ends_the_call_upstream(config):
    """A stream is an async context manager; nothing is asked before it is entered."""
    with loopback(events(ROLE, WORD, WORD, then=hang)) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            stream = client.stream(**ASK)
            assert server.requests == []
            async with stream:
                assert (await anext(stream))["choices"][0]["delta"]["content"] == ""
            assert await anyio.to_thread.run_sync(lambda: server.gone.get(timeout=3)) == "caller gone"
            assert await texts(stream) == []


async def test_a_stream_left_early_ends_the_call_upstream(config):
    """Leaving a loop without closing hangs up when the stream is dropped."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            async for _ in client.stream(**ASK):
                break
            with anyio.fail_after(30):  # each look costs a collection of all that the suite has made
                while server.gone.empty():
                    gc.collect()
                    await anyio.lowlevel.checkpoint()


async def test_a_cancelled_task_ends_the_call_upstream(config):
    """Cancelling before there is an answer hangs up on the vendor, and is not turned into an error."""
    with loopback(hang) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(lambda: client.chat(**ASK))
                    while not server.requests:
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
            assert scope.cancelled_caught
            assert await anyio.to_thread.run_sync(lambda: server.gone.get(timeout=1)) == "caller gone"


async def test_connections_are_used_again(config):
    """Answers and whole streams give their connection back."""
    with loopback(whole(), events(), whole()) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            await client.chat(**ASK)
            await texts(client.stream(**ASK))
            await client.chat(**ASK)

    assert len({got.connection for got in server.requests}) == 1


async def test_calls_at_once_do_not_mix(config):
    """Each of many calls at once gets its own answer."""

    def echo(to):
        mine = [got for got in to.server.loopback.requests if got.connection == id(to.connection)]
        whole(completion(mine[-1].body["user"]))(to)

    got = {}
    with loopback(echo) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:

            async def one(i):
                got[i] = (await client.chat(**ASK, user=f"user {i}"))["choices"][0]["message"]["content"]

            async with anyio.create_task_group() as group:
                for i in range(20):
                    group.start_soon(one, i)

    assert got == {i: f"user {i}" for i in range(20)}


async def test_a_closed_client_says_so(config):
    """After `close` nothing is asked."""
    with loopback() as server:
        client = llm_migrate.AsyncClient(config=config(server))
        await client.close()
        with pytest.raises(UsageError, match="closed"):
            await client.chat(**ASK)


@pytest.mark.parametrize("way", ["chat", "stream"])
async def test_a_fault_of_ours_is_an_error_without_its_text(config, monkeypatch, caplog, way):
    """A bug in this package is an error of its tree that shows the place, not the prompt (S3)."""

    def bug(*args):
        raise ValueError("prompt text")

    with loopback() as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            monkeypatch.setattr(Tap, "_plan", bug)
            with pytest.raises(UpstreamError) as caught:
                await (client.chat(**ASK) if way == "chat" else anext(client.stream(**ASK)))

    assert caught.value.code == "internal_error"
    assert "prompt text" not in str(caught.value) + caplog.text


async def test_a_fault_of_ours_in_mid_stream_is_an_error_without_its_text(config, monkeypatch, caplog):
    """A bug that shows after the first content ends the stream with an error of the tree (S3)."""

    def bug(*args):
        raise ValueError("prompt text")

    go_on = threading.Event()

    def later(to):
        go_on.wait(3)
        to.piece(WORD)

    with loopback(events(ROLE, WORD, then=later)) as server:
        async with llm_migrate.AsyncClient(config=config(server)) as client:
            stream = client.stream(**ASK)
            await anext(stream)
            monkeypatch.setattr(Source, "take", bug)
            go_on.set()
            with pytest.raises(StreamCutError) as caught:
                await texts(stream)

    assert caught.value.code == "internal_error"
    assert "prompt text" not in str(caught.value) + caplog.text


def test_several_event_loops_share_a_client(config):
    """A client serves loop after loop; each loop's session ends with it."""
    with loopback() as server:
        client = llm_migrate.AsyncClient(config=config(server))
        answers = [asyncio.run(client.chat(**ASK)) for _ in range(3)]

    assert [answer["choices"][0]["message"]["content"] for answer in answers] == ["hello"] * 3
    assert async_pooled_upstream._pools == {}
