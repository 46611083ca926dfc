"""Connections of aiohttp's: what is said of them, and when they are closed."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest

from llm_migrate.engine.aiohttp_upstream import AiohttpUpstream
from llm_migrate.engine.steps import Failure
from llm_migrate.wire.exchange import Outgoing
from tests.taps.loopback import loopback, whole

SOON = 5.0  # seconds; nothing here takes so long


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def begin(upstream, server):
    outgoing = Outgoing("POST", f"{server.base_url}/chat", (), b"{}", stream=False, model="m")
    return await upstream.send(outgoing, connect_s=SOON, until=time.monotonic() + SOON)


async def test_a_connection_that_breaks_while_idle_is_no_news():
    """A reset that concerns no answer is reported nowhere."""
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    begun, answered = threading.Event(), threading.Event()

    def slowly_then_reset(to):
        to.head(200, content_length="2")
        begun.wait(SOON)
        to.wfile.write(b"ok")
        answered.wait(SOON)
        to.reset()

    upstream = AiohttpUpstream()
    with loopback(slowly_then_reset, whole()) as server:
        exchange = await begin(upstream, server)
        begun.set()
        assert await exchange.read(time.monotonic() + SOON) == b"ok"
        await exchange.close()
        answered.set()
        while not exchange._lost.done():
            await asyncio.sleep(0)
        exchange = await begin(upstream, server)  # over a new connection: the broken one is thrown away
        await exchange.close()
        gc.collect()
        await asyncio.sleep(0)

    assert reported == []


async def test_nothing_is_read_after_the_deadline():
    """Even what is here already is not handed on once the time is over (R3)."""
    with loopback() as server:
        exchange = await begin(AiohttpUpstream(), server)
        late = await exchange.read(time.monotonic() - 1)
        await exchange.close()

    assert late == Failure("ambiguous", "no answer within the time limit", timed_out=True)
