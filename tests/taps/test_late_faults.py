"""A fault of this package itself that comes after the first content of a stream: a cut like any other (R1, S3)."""

from __future__ import annotations

import json
import time

import anyio
import httpx
import httpx2
import openai
import pytest
import requests

import llm_migrate
from llm_migrate.config import load_config
from llm_migrate.engine.call import World
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.engine.steps import Head
from llm_migrate.taps import family_httpx, family_httpx2
from llm_migrate.taps.requests_adapter import _Adapter
from llm_migrate.taps.tap import Tap
from llm_migrate.taps.way import AsyncWay
from tests.engine.script import ROLE, WORD
from tests.taps.loopback import events, hang, loopback

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
URL = "https://any.invalid/v1/chat/completions"
TEXT = "the words of a prompt"
# httpx leaves generators of its own unfinished, which trio warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
FAMILIES = pytest.mark.parametrize(("hx", "family"), [(httpx, family_httpx), (httpx2, family_httpx2)])


class Clock:
    """A clock that breaks when it is told to: every step of a call looks at it."""

    broken = False

    def __call__(self):
        if self.broken:
            raise ValueError(TEXT)
        return time.monotonic()


class Wire:
    """An upstream whose first answer begins well, and then breaks as no upstream should."""

    def __init__(self):
        self.head = Head(200, {"content-type": "text/event-stream"})
        self.pieces = [ROLE + WORD]
        self.closed = 0

    def send(self, outgoing, *, connect_s, until):
        return self

    def read(self, until):
        if not self.pieces:
            raise ValueError(TEXT)
        return self.pieces.pop()

    def close(self, *, whole=False):
        self.closed += 1

    abandon = close


class AsyncWire(Wire):
    """The same, awaited."""

    async def send(self, outgoing, *, connect_s, until):
        return self

    async def read(self, until):
        return Wire.read(self, until)

    async def close(self, *, whole=False):
        self.closed += 1


def tap_of(file, clock=time.monotonic):
    return Tap(load_config(file), world=World(clock, time.time, lambda: 0.5, lambda: "id-1"))


def assert_cut(received, caplog):
    """What was there comes, then one error event and nothing more; the log names the place, and nobody the text."""
    *chunks, last, rest = received.split(b"\n\n")
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert [json.loads(chunk[6:])["choices"][0]["delta"]["content"] for chunk in chunks] == ["", "hello"]
    assert rest == b""
    assert (error["type"], error["param"], error["code"]) == ("upstream_error", None, "stream_interrupted")
    assert "ValueError at test_late_faults.py:" in error["message"]
    assert "ValueError at test_late_faults.py:" in caplog.text
    assert TEXT not in received.decode() + caplog.text


@FAMILIES
def test_a_fault_in_the_steps_is_a_cut(config, caplog, hx, family):
    """A bug in the engine after the first content ends the stream with an error event."""
    clock = Clock()
    with loopback(events(ROLE, WORD)) as server:
        transport = family.Transport(tap_of(config(server), clock), PooledUpstream())
        with hx.Client(transport=transport) as client, client.stream("POST", URL, json=ASK) as answer:
            clock.broken = True
            received = b"".join(answer.iter_raw())

    assert_cut(received, caplog)


@FAMILIES
async def test_a_fault_in_the_steps_is_a_cut_async(config, caplog, hx, family):
    """The same, for an async client."""
    clock = Clock()
    with loopback(events(ROLE, WORD)) as server:
        transport = family.AsyncTransport(tap_of(config(server), clock), AsyncWay())
        async with hx.AsyncClient(transport=transport) as client, client.stream("POST", URL, json=ASK) as answer:
            clock.broken = True
            received = b"".join([piece async for piece in answer.aiter_raw()])

    assert_cut(received, caplog)


@FAMILIES
def test_a_fault_below_the_steps_is_a_cut(config, caplog, hx, family):
    """A bug while the call waits for the upstream ends it there: the connection is given up, no second error comes."""
    wire = Wire()
    with loopback() as server:
        file = config(server)
    with hx.Client(transport=family.Transport(tap_of(file), wire)) as client:
        received = client.post(URL, json=ASK).content

    assert_cut(received, caplog)
    assert wire.closed > 0


@FAMILIES
async def test_a_fault_below_the_steps_is_a_cut_async(config, caplog, hx, family):
    """The same, for an async client."""
    wire = AsyncWire()
    with loopback() as server:
        file = config(server)
    async with hx.AsyncClient(transport=family.AsyncTransport(tap_of(file), AsyncWay(wire))) as client:
        received = (await client.post(URL, json=ASK)).content

    assert_cut(received, caplog)
    assert wire.closed > 0


def test_a_fault_is_a_cut_for_requests(config, caplog):
    """The session of requests ends its stream the same way."""
    clock = Clock()
    with loopback(events(ROLE, WORD)) as server, requests.Session() as session:
        session.mount("https://", _Adapter(tap_of(config(server), clock)))
        answer = session.post(URL, json=ASK, stream=True)
        clock.broken = True
        received = b"".join(answer.iter_content(None))

    assert_cut(received, caplog)


def test_the_sdk_raises_what_a_cut_raises(config, caplog):
    """The openai SDK gives the words that came and then its `APIError`, without the text, and asks nobody again."""
    clock = Clock()
    with loopback(events(ROLE, WORD)) as server:
        http_client = httpx2.Client(transport=family_httpx2.Transport(tap_of(config(server), clock), PooledUpstream()))
        with openai.OpenAI(api_key="x", http_client=http_client) as client:
            stream = client.chat.completions.create(**ASK)
            clock.broken = True
            with pytest.raises(openai.APIError) as caught:
                list(stream)

    assert caught.value.code == "stream_interrupted"
    assert TEXT not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert len(server.requests) == 1


async def test_cancelling_is_not_a_fault(config, caplog):
    """A caller that goes away in the middle of a stream is no fault: nothing is logged, nothing swallowed."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        async with openai.AsyncOpenAI(
            api_key="x", http_client=llm_migrate.async_http_client(config=config(server))
        ) as client:
            stream = await client.chat.completions.create(**ASK)
            with anyio.move_on_after(0.1) as scope:
                async for _ in stream:
                    pass
            assert await anyio.to_thread.run_sync(lambda: server.gone.get(timeout=5)) == "caller gone"

    assert scope.cancelled_caught
    assert "a fault of llm-migrate" not in caplog.text
