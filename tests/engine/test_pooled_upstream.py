"""Plain connections: when they are used again, and when not."""

from __future__ import annotations

import gc
import socket
import threading
import time

import pytest

from llm_migrate.engine import pooled_upstream
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.engine.steps import Failure
from llm_migrate.wire.exchange import Outgoing
from tests.engine.script import ROLE, WORD, completion
from tests.taps.loopback import events, hang, loopback, refusal, whole

SOON = 5.0  # seconds; nothing here takes so long


@pytest.fixture
def upstream():
    upstream = PooledUpstream()
    yield upstream
    upstream.close()


def asked(server, body=b"{}"):
    return Outgoing("POST", f"{server.base_url}/chat", (("x", "y"),), body, stream=False, model="m")


def begin(upstream, server, body=b"{}"):
    return upstream.send(asked(server, body), connect_s=SOON, until=time.monotonic() + SOON)


def ask(upstream, server):
    """Make a call to its end; return its status and body."""
    exchange, body = begin(upstream, server), b""
    while data := exchange.read(time.monotonic() + SOON):
        body += data
    exchange.close()
    return exchange.head.status, body


def connections(server):
    return len({got.connection for got in server.requests})


def test_one_connection_serves_call_after_call(upstream):
    """A connection whose answer is over carries the next call."""
    with loopback() as server:
        assert [ask(upstream, server) for _ in range(3)] == [(200, completion())] * 3

        assert connections(server) == 1


def test_calls_at_the_same_time_have_connections_of_their_own(upstream):
    """A connection whose answer is not over carries nothing else."""
    with loopback() as server:
        first, second = begin(upstream, server), begin(upstream, server)
        for exchange in (first, second):
            assert exchange.read(time.monotonic() + SOON) == completion()
            exchange.close()

        assert connections(server) == 2


def test_a_connection_is_given_back_once(upstream):
    """Whoever closes twice does not hand the connection to two callers."""
    with loopback() as server:
        exchange = begin(upstream, server)
        exchange.read(time.monotonic() + SOON)
        exchange.close()
        exchange.close()
        for other in [begin(upstream, server), begin(upstream, server)]:
            other.close()

        assert connections(server) == 2


def test_nothing_is_waited_for_after_the_deadline(upstream):
    """A read that begins too late is a failure at once (R3)."""
    with loopback(events(then=hang)) as server:
        exchange = begin(upstream, server)
        exchange.read(time.monotonic() + SOON)
        late = exchange.read(time.monotonic() - 1)
        exchange.close()

    assert late == Failure("ambiguous", "no answer within the time limit", timed_out=True)


def test_a_connection_with_half_an_answer_is_closed(upstream):
    """An answer that is left half-way takes its connection with it."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        exchange = begin(upstream, server)
        exchange.close()
        exchange.close()  # twice does no harm

        assert server.gone.get(timeout=SOON) == "caller gone"


def test_the_end_of_an_answer_may_come_after_its_last_event(upstream):
    """Whoever has seen the last event gives the connection back, though the end of the body is still on its way."""
    with loopback(events(ROLE)) as server:
        for _ in range(2):
            exchange = begin(upstream, server)
            while exchange.read(time.monotonic() + SOON) != ROLE:
                pass
            exchange.close(whole=True)

        assert connections(server) == 1


def test_a_connection_that_the_server_closed_is_not_used(upstream):
    """An idle connection is looked at before it is used."""
    with loopback() as server:
        ask(upstream, server)
        server.drop_connections()
        line = upstream._idle._lines[next(iter(upstream._idle._lines))][0]
        while not line.is_dead():
            time.sleep(0)

        assert ask(upstream, server) == (200, completion())
        assert connections(server) == 2


def test_a_connection_that_was_idle_for_long_is_closed(upstream, monkeypatch):
    """Idle connections are closed after a while, also those to servers that are not asked any more."""
    with loopback() as old, loopback() as new:
        ask(upstream, old)
        monkeypatch.setattr(pooled_upstream, "_KEEPALIVE_S", -1.0)
        [line] = upstream._idle._lines[next(iter(upstream._idle._lines))]
        ask(upstream, new)

        assert line.sock.fileno() == -1


def test_few_idle_connections_are_kept(upstream):
    """Of many connections to a server only some outlive their use, those used last."""
    upstream._idle._most = 2
    with loopback() as server:
        exchanges = [begin(upstream, server) for _ in range(4)]
        for exchange in exchanges:
            exchange.read(time.monotonic() + SOON)
            exchange.close()

        kept = upstream._idle._lines[next(iter(upstream._idle._lines))]
        assert list(kept) == [exchange._line for exchange in exchanges[2:]]


def test_closing_closes_idle_connections_and_a_later_call_opens_one(upstream):
    """After `close` the next call begins anew; one that is under way goes to its end and is closed."""
    with loopback() as server:
        ask(upstream, server)
        under_way = begin(upstream, server)
        upstream.close()
        assert under_way.read(time.monotonic() + SOON) == completion()
        under_way.close()

        assert ask(upstream, server) == (200, completion())
        assert connections(server) == 2


def test_a_refusal_in_the_middle_of_a_large_request_is_read(upstream):
    """A server that answers before it has read the whole request, and reads no more, is heard."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse():
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        connection.close()  # what it has not read makes this a reset

    thread = threading.Thread(target=refuse)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    outgoing = Outgoing("POST", url, (), bytes(8 << 20), stream=False, model="m")
    exchange = upstream.send(outgoing, connect_s=SOON, until=time.monotonic() + SOON)
    exchange.close()
    thread.join()
    listener.close()

    assert exchange.head.status == 413


def test_an_abandoned_exchange_hangs_up_at_once(upstream):
    """A finalizer closes the connection; the pool never sees it again."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        exchange = begin(upstream, server)
        exchange.abandon()
        assert server.gone.get(timeout=SOON) == "caller gone"
        exchange.close()

        assert not upstream._idle._lines


def test_what_was_given_back_is_not_hung_up_on(upstream):
    """To abandon what is closed already does nothing to the connection, which may serve another call."""
    with loopback() as server:
        exchange = begin(upstream, server)
        exchange.read(time.monotonic() + SOON)
        exchange.close()
        exchange.abandon()

        ask(upstream, server)
        assert connections(server) == 1


def test_a_call_without_time_opens_nothing(upstream):
    """A deadline that has passed is a failure before any connection."""
    with loopback() as server:
        failure = upstream.send(asked(server), connect_s=SOON, until=time.monotonic() - 1)

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
def test_what_cannot_be_reached_was_not_sent(upstream, url, cause):
    """Why nothing was sent is said in words that name no address (S3)."""
    outgoing = Outgoing("POST", url, (), b"{}", stream=False, model="m")

    assert upstream.send(outgoing, connect_s=SOON, until=time.monotonic() + SOON) == Failure("unsent", cause)


def test_a_broken_connection_is_a_failure_and_is_not_kept(upstream):
    """What breaks off in head or body is named, and its connection is closed."""
    with loopback(
        lambda to: to.reset(), lambda to: to.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    ) as server:
        in_head = begin(upstream, server)
        server.drop_connections()
        exchange = begin(upstream, server)
        first = exchange.read(time.monotonic() + SOON)
        server.drop_connections()
        second = exchange.read(time.monotonic() + SOON)
        exchange.close()

        assert in_head == Failure("ambiguous", "the connection was reset")
        assert (first, second) == (b"half", Failure("ambiguous", "the answer broke off"))
        assert not upstream._idle._lines


def test_errors_are_answers_like_any_other(upstream):
    """A status does not matter to the connection."""
    with loopback(refusal(429), whole()) as server:
        assert [ask(upstream, server)[0] for _ in range(2)] == [429, 200]
        assert connections(server) == 1


def test_nothing_is_left_open():
    """Closing leaves no socket to the garbage collector, which would warn."""
    upstream = PooledUpstream()
    with loopback() as server:
        ask(upstream, server)
        upstream.close()
        gc.collect()
