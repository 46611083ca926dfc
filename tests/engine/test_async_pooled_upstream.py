"""Plain connections of an event loop: when they are used again, and when not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time

import pytest

from llm_migrate.engine import async_pooled_upstream
from llm_migrate.engine.async_pooled_upstream import AsyncPooledUpstream
from llm_migrate.engine.steps import Failure
from llm_migrate.wire.exchange import Outgoing
from tests.engine.script import END, ROLE, STOP, WORD, completion
from tests.taps.loopback import events, hang, loopback, whole

SOON = 5.0  # seconds; nothing here takes so long


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def upstream():
    return AsyncPooledUpstream()


def soon():
    return time.monotonic() + SOON


async def begin(upstream, server, body=b"{}"):
    outgoing = Outgoing("POST", f"{server.base_url}/chat", (("x", "y"),), body, stream=False, model="m")
    return await upstream.send(outgoing, connect_s=SOON, until=soon())


async def ask(upstream, server):
    """Make a call to its end; return its body."""
    exchange, body = await begin(upstream, server), b""
    while data := await exchange.read(soon()):
        body += data
    await exchange.close()
    return body


def connections(server):
    return len({got.connection for got in server.requests})


def kept():
    """Return the connections of the running loop that wait for a request."""
    _, pool = async_pooled_upstream._pools[asyncio.get_running_loop()]
    return [line for lines in pool._idle.values() for line in lines]


@contextlib.asynccontextmanager
async def speaking(*pieces, closes=True):
    """Run a server that answers each connection's first bytes with these pieces, whatever is asked."""
    transports = []

    async def answer(reader, writer):
        transports.append(writer.transport)
        await reader.read(1 << 20)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if closes:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield server
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)


async def test_one_connection_serves_call_after_call(upstream):
    """A connection whose answer is over carries the next call, also that of another client of the same loop."""
    with loopback() as server:
        assert [await ask(upstream, server), await ask(AsyncPooledUpstream(), server)] == [completion()] * 2

        assert connections(server) == 1


async def test_calls_at_the_same_time_have_connections_of_their_own(upstream):
    """A connection whose answer is not over carries nothing else."""
    with loopback() as server:
        assert await asyncio.gather(*(ask(upstream, server) for _ in range(5))) == [completion()] * 5

        assert connections(server) == 5


async def test_a_connection_is_given_back_once(upstream):
    """Whoever closes twice does not hand the connection to two callers."""
    with loopback() as server:
        exchange = await begin(upstream, server)
        await exchange.read(soon())
        await exchange.close()
        await exchange.close()

        assert len(kept()) == 1


async def test_a_connection_with_half_an_answer_is_closed(upstream):
    """An answer that is left half-way takes its connection with it."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        await (await begin(upstream, server)).close()
        await asyncio.sleep(0)

        assert await asyncio.to_thread(server.gone.get, timeout=SOON) == "caller gone"


async def test_the_end_of_an_answer_may_come_after_its_last_event(upstream):
    """Whoever has seen the last event gives the connection back, though the end of the body is still on its way."""
    last = threading.Event()

    def end(to):
        last.wait(SOON)
        to.wfile.write(b"0\r\n\r\n")

    with loopback(events(ROLE, then=end)) as server:
        exchange = await begin(upstream, server)
        await exchange.read(soon())
        closing = asyncio.ensure_future(exchange.close(whole=True))
        await asyncio.sleep(0)
        last.set()
        await closing

        assert len(kept()) == 1


async def test_a_cancelled_close_leaves_no_connection_behind(upstream):
    """Whoever is cancelled while the end is waited for closes the connection all the same."""
    with loopback(events(ROLE, then=hang)) as server:
        exchange = await begin(upstream, server)
        await exchange.read(soon())
        closing = asyncio.ensure_future(exchange.close(whole=True))
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)

        assert await asyncio.to_thread(server.gone.get, timeout=SOON) == "caller gone"


async def test_a_cancelled_call_ends_upstream(upstream):
    """A call that is cancelled before its answer begins hangs up."""
    with loopback(hang) as server:
        call = asyncio.ensure_future(begin(upstream, server))
        while not server.requests:
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

        assert await asyncio.to_thread(server.gone.get, timeout=SOON) == "caller gone"


async def test_a_connection_that_the_server_closed_is_not_used(upstream):
    """The loop notes what becomes of idle connections."""
    with loopback() as server:
        await ask(upstream, server)
        server.drop_connections()
        while not kept()[0].is_lost:
            await asyncio.sleep(0)

        assert await ask(upstream, server) == completion()
        assert connections(server) == 2


async def test_a_server_that_speaks_unasked_is_not_listened_to(upstream):
    """Bytes on an idle connection, which would be taken for the next answer, close it (R1)."""
    speaks = threading.Event()

    def answer(to):
        whole()(to)
        to.wfile.flush()
        speaks.wait(SOON)
        whole(b'{"of": "another"}')(to)

    with loopback(answer, whole()) as server:
        await ask(upstream, server)
        speaks.set()
        while not kept()[0].is_lost:
            await asyncio.sleep(0)

        assert await ask(upstream, server) == completion()


async def test_a_connection_that_was_idle_for_long_is_closed(upstream, monkeypatch):
    """Idle connections are closed after a while, also those to servers that are not asked any more."""
    with loopback() as old, loopback() as new:
        await ask(upstream, old)
        [line] = kept()
        monkeypatch.setattr(async_pooled_upstream, "_KEEPALIVE_S", -1.0)
        await ask(upstream, new)
        await asyncio.sleep(0)

        assert line.is_lost
        assert line not in kept()


async def test_few_idle_connections_are_kept(upstream, monkeypatch):
    """Of many connections to a server only some outlive their use, those used last."""
    monkeypatch.setattr(async_pooled_upstream, "_MOST_IDLE", 2)
    with loopback() as server:
        exchanges = [await begin(upstream, server) for _ in range(4)]
        for exchange in exchanges:
            await exchange.read(soon())
            await exchange.close()

        assert kept() == [exchange._line for exchange in exchanges[2:]]


async def test_a_slow_reader_slows_the_server(upstream):
    """Of a long answer that nobody reads little is taken in, and all of it comes in the end (R7, R8)."""
    sent = bytes(8 << 20)
    with loopback(whole(sent)) as server:
        exchange = await begin(upstream, server)
        while not exchange._line._is_paused:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        waiting, got = exchange._line._waiting_bytes, b""
        while data := await exchange.read(soon()):
            got += data
        await exchange.close()

        assert waiting < 1 << 20
        assert got == sent
        assert await ask(upstream, server) == sent


async def test_a_connection_with_an_answer_that_nobody_read_can_be_used(upstream):
    """What is left of an answer is not taken for the next one, and what was held back flows again."""
    with loopback(whole(bytes(200_000)), whole()) as server:
        exchange = await begin(upstream, server)
        while not exchange._line.is_over:
            await asyncio.sleep(0)
            exchange._line._transport.resume_reading()
        await exchange.close()

        assert await ask(upstream, server) == completion()
        assert connections(server) == 1


async def test_an_answer_in_the_middle_of_a_request_ends_the_connection(upstream):
    """A server that answers before it has read all is heard, but asked nothing more on that connection."""
    early = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"
    async with speaking(early, closes=False) as server:
        exchange = await begin(upstream, server, bytes(16 << 20))
        await exchange.close()

        assert exchange.head.status == 413
        assert kept() == []


async def test_an_abandoned_exchange_hangs_up(upstream):
    """From another thread, without the loop's help; twice does no harm to a connection that was given back."""
    with loopback(events(ROLE, WORD, then=hang), whole()) as server:
        await asyncio.to_thread((await begin(upstream, server)).abandon)
        assert await asyncio.to_thread(server.gone.get, timeout=SOON) == "caller gone"

        exchange = await begin(upstream, server)
        await exchange.read(soon())
        await exchange.close()
        exchange.abandon()
        for _ in range(9):
            await asyncio.sleep(0)
        assert [line.is_lost for line in kept()] == [False]


def test_an_exchange_of_a_closed_loop_can_be_abandoned(upstream):
    """A loop that ends closes what is in use as well, and a finalizer that comes later does nothing."""
    with loopback(events(ROLE, then=hang)) as server:
        exchange = asyncio.run(begin(upstream, server))
        assert server.gone.get(timeout=SOON) == "caller gone"
        exchange.abandon()


async def test_nothing_is_waited_for_after_the_deadline(upstream):
    """A read that begins too late is a failure at once (R3)."""
    with loopback(events(ROLE, then=hang)) as server:
        exchange = await begin(upstream, server)
        await exchange.read(soon())
        late = await exchange.read(time.monotonic() - 1)
        await exchange.close()

    assert late == Failure("ambiguous", "no answer within the time limit", timed_out=True)


async def test_a_call_without_time_sends_nothing(upstream):
    """A deadline that has passed is a failure before any request."""
    with loopback() as server:
        outgoing = Outgoing("POST", f"{server.base_url}/chat", (), b"{}", stream=False, model="m")
        failure = await upstream.send(outgoing, connect_s=SOON, until=time.monotonic() - 1)

        assert failure == Failure("unsent", "no connection within the time limit", timed_out=True)
        assert server.requests == []


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://127.0.0.1:9/v1", "the connection was refused"),
        ("http://nowhere.invalid/v1", "its host name cannot be resolved"),
        (f"http://{'x' * 70}.invalid/v1", "the connection failed"),
        ("http://127.0.0.1:9/a b", "the address has a character that no URL has"),
    ],
)
async def test_what_cannot_be_reached_was_not_sent(upstream, url, cause):
    """Why nothing was sent is said in words that name no address (S3)."""
    outgoing = Outgoing("POST", url, (), b"{}", stream=False, model="m")

    assert await upstream.send(outgoing, connect_s=SOON, until=soon()) == Failure("unsent", cause)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        ([OK, b"half"], [b"half", "the answer broke off"]),
        ([OK[:20]], ["the answer broke off"]),
        ([b"nonsense\r\n\r\n"], ["the answer broke off"]),
        ([b"HTTP/1.0 200 OK\r\n\r\n", b"until the end"], [b"until the end", b""]),
        ([OK + b"whole one"], [b"whole one", b""]),
        ([CHUNKED + b"2\r\nok\r\n", b"x\r\n"], [b"ok", "the answer broke off"]),
    ],
)
async def test_an_answer_is_whole_or_broken(upstream, sent, got):
    """What breaks off is a failure after what came, and its connection is not kept (R1)."""
    seen = []
    async with speaking(*sent) as server:
        exchange = await begin(upstream, server)
        while not isinstance(exchange, Failure) and (not seen or (seen[-1] and isinstance(seen[-1], bytes))):
            data = await exchange.read(soon())
            seen.append(data.cause if isinstance(data, Failure) else data)
        if isinstance(exchange, Failure):
            seen.append(exchange.cause)
        else:
            await exchange.close()

        # Of bytes that come together with what breaks them off, some may be lost with it.
        assert b"".join(got[:-1]).startswith(b"".join(seen[:-1]))
        assert seen[-1] == got[-1]
        while [line for line in kept() if not line.is_lost]:
            await asyncio.sleep(0)


@pytest.mark.parametrize("begun", [[], [CHUNKED + b"2\r\nok\r\n"]])
async def test_garbage_is_known_at_once(upstream, begun):
    """What is no HTTP is a failure though the server says nothing more and closes nothing."""
    async with speaking(*begun, b"nonsense\r\n", closes=False) as server:
        seen = await begin(upstream, server)
        while not isinstance(seen, Failure):
            exchange = seen
            while isinstance(seen := await exchange.read(soon()), bytes):
                pass

        assert seen == Failure("ambiguous", "the answer broke off")


async def test_a_reset_is_called_so(upstream):
    """A connection that the server resets, in the head or in the body, is a failure that says so."""

    def half(to):
        to.wfile.write(OK + b"half")
        to.reset()

    with loopback(lambda to: to.reset(), half) as server:
        in_head, exchange = await begin(upstream, server), await begin(upstream, server)
        while isinstance(exchange, async_pooled_upstream.AsyncPooledExchange):
            exchange = failure if isinstance(failure := await exchange.read(soon()), Failure) else exchange

    assert in_head == exchange == Failure("ambiguous", "the connection was reset")


async def test_a_call_that_runs_out_of_time_ends_upstream(upstream):
    """When nothing comes in time, the server is hung up on (R3)."""
    with loopback(hang) as server:
        outgoing = Outgoing("POST", f"{server.base_url}/chat", (), b"{}", stream=False, model="m")
        failure = await upstream.send(outgoing, connect_s=SOON, until=time.monotonic() + 0.05)

        assert failure == Failure("ambiguous", "no answer within the time limit", timed_out=True)
        assert await asyncio.to_thread(server.gone.get, timeout=SOON) == "caller gone"


async def test_the_events_of_a_stream_come_as_they_are_sent(upstream):
    """A piece is handed on when it is here, not when the answer is over."""
    seen = threading.Event()

    def later(to):
        seen.wait(SOON)
        to.piece(STOP + END)
        to.wfile.write(b"0\r\n\r\n")

    with loopback(events(ROLE, then=later)) as server:
        exchange = await begin(upstream, server)
        first = await exchange.read(soon())
        seen.set()
        rest = b""
        while data := await exchange.read(soon()):
            rest += data
        await exchange.close()

    assert (first, rest) == (ROLE, STOP + END)


def test_a_loop_closes_its_connections(upstream):
    """`asyncio.run` leaves no socket to the garbage collector, which would warn; the next loop opens its own."""
    with loopback() as server:
        assert [asyncio.run(ask(upstream, server)) for _ in range(2)] == [completion()] * 2
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask(upstream, server))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        gc.collect()

        assert connections(server) == 3
        assert async_pooled_upstream._pools == {}
