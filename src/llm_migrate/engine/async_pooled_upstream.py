"""The async way out: plain connections of the running loop kept open for reuse, with a limit on the whole attempt.

It takes a third of the processor time that aiohttp's client takes for a short call. What goes through a proxy is left
to `aiohttp_upstream`. The connections of a loop belong to it; an async generator owns them, so that `asyncio.run`
closes them with the loop's other generators.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
import weakref
from collections import deque
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final, cast

import aiohappyeyeballs

from llm_migrate.engine import routes
from llm_migrate.engine.causes import plain_cause
from llm_migrate.engine.http1 import AnswerReader, HttpProtocolError, Origin, origin_of, request_head
from llm_migrate.engine.steps import Failure, Head
from llm_migrate.engine.upstream import AsyncExchange
from llm_migrate.wire.exchange import Outgoing

if TYPE_CHECKING:
    from llm_migrate.engine.aiohttp_upstream import AiohttpUpstream

_DRAIN_S: Final = 0.05  # for the end of a body whose last event was seen
_KEEPALIVE_S: Final = 15.0
_MOST_IDLE: Final = 1000  # connections to one origin
_MOST_WAITING: Final = 64 * 1024  # bytes of an answer that nobody has read yet
_SECOND_ADDRESS_S: Final = 0.25  # until the next address of a host is tried as well, as browsers do
_LATE: Final = Failure("ambiguous", "no answer within the time limit", timed_out=True)


class AsyncPooledUpstream:
    """Sends over the connections of the running loop; see `AsyncUpstream`."""

    def __init__(self) -> None:
        self._proxied: AiohttpUpstream | None = None

    async def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> AsyncExchange | Failure:
        """Send one request."""
        try:
            if routes.http_proxy_for(outgoing.url) is not None:
                return await self._way_through().send(outgoing, connect_s=connect_s, until=until)
            head = request_head(outgoing)
        except (HttpProtocolError, routes.RouteError) as e:
            return Failure("unsent", str(e))
        pool = await _pool()
        line = pool.take(origin_of(outgoing.url))
        if line is None:
            try:
                async with asyncio.timeout(min(connect_s, until - time.monotonic())):
                    line = await _connect(origin_of(outgoing.url))
            except TimeoutError:
                return Failure("unsent", "no connection within the time limit", timed_out=True)
            except (OSError, UnicodeError) as e:  # the latter for a host name that cannot be one
                return Failure("unsent", plain_cause(e))
            pool.add(line)
        return await _ask(line, head + outgoing.body, until, pool)

    async def close(self) -> None:
        """Do nothing: the connections serve every client of this loop and end with it."""

    def _way_through(self) -> AiohttpUpstream:
        if self._proxied is None:
            from llm_migrate.engine.aiohttp_upstream import AiohttpUpstream

            self._proxied = AiohttpUpstream()
        return self._proxied


class AsyncPooledExchange:
    """An answer that is being read; see `AsyncExchange`."""

    def __init__(self, line: _Line, head: Head, pool: _Pool) -> None:
        self.head = head
        self._line = line
        self._pool = pool
        self._closed = False
        self._loop = asyncio.get_running_loop()

    async def read(self, until: float) -> bytes | Failure:
        """Return the next bytes; empty at the end."""
        try:
            return await self._line.receive(until)
        except (OSError, HttpProtocolError) as e:
            return _failure(e)

    async def close(self, *, whole: bool = False) -> None:
        """Give the connection back."""
        if self._closed:
            return
        self._closed = True
        try:
            if whole and not self._line.is_over:
                with contextlib.suppress(OSError, HttpProtocolError):
                    await self._line.receive(time.monotonic() + _DRAIN_S)
        finally:
            if self._line.is_reusable:
                self._pool.put(self._line)
            else:
                self._line.abort()

    def abandon(self) -> None:
        """Have the connection closed by its own loop."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(RuntimeError):  # the loop is closed, and its sockets with it
                self._loop.call_soon_threadsafe(self._line.abort)


class _Line(asyncio.Protocol):
    """One connection, and what came on it and is not read yet."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._reader: AnswerReader | None = None
        self._body: list[bytes] = []
        self._waiting_bytes = 0
        self._is_paused = False
        self._fault: Exception | None = None  # why nothing more can come
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the answer has come to its end."""
        return self._reader is not None and self._reader.over

    @property
    def is_reusable(self) -> bool:
        """Whether the connection may carry another request."""
        reader, transport = self._reader, self._transport
        if reader is None or transport is None:
            return False
        # A server may answer before it has read all of the request.
        return reader.over and reader.reusable and transport.get_write_buffer_size() == 0

    async def ask(self, request: bytes, until: float) -> Head:
        """Send a request and return the head of its answer.

        Raises:
            OSError: the connection broke, or the time is over.
            HttpProtocolError: what came is no answer.
        """
        reader = self._reader = AnswerReader()
        self._take()  # what was left of the answer before
        if self._transport is not None:
            self._transport.write(request)
        while reader.head is None:
            await self._wait(until)
        return reader.head

    async def receive(self, until: float) -> bytes:
        """Return what has come of the body; empty at its end.

        Raises:
            OSError: the connection broke, or the time is over.
            HttpProtocolError: what came is no answer, or less than was announced.
        """
        while not self._body and not self.is_over:
            await self._wait(until)
        return self._take()

    def _take(self) -> bytes:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._waiting_bytes = 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return body

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._reader is None or self.is_over:
            # Nobody asked: whatever it is, it would be taken for an answer to the next request.
            self.is_lost = True
            self.abort()
            return
        try:
            body = self._reader.feed(data)
        except HttpProtocolError as e:
            self._break(e)
            self.abort()
            return
        if body:
            self._body.append(body)
            self._waiting_bytes += len(body)
            if self._waiting_bytes > _MOST_WAITING and not self._is_paused and self._transport is not None:
                self._is_paused = True
                self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.is_lost = True
        if self._reader is not None and not self._reader.over:
            try:
                self._reader.end()
            except HttpProtocolError as e:
                self._break(e)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if not self.is_over:
            self._break(exc or HttpProtocolError("the connection was closed before the end of the answer"))

    def _break(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, until: float) -> None:
        """Wait until something happens."""
        if self._fault is not None:
            raise self._fault
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        left = until - time.monotonic()
        timer = loop.call_later(left, _expire, waiter) if left != float("inf") else None
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()


class _Pool:
    """The connections of one loop: those that wait for their next request, and, to be closed in the end, all."""

    def __init__(self) -> None:
        self._all: weakref.WeakSet[_Line] = weakref.WeakSet()
        self._idle: dict[Origin, deque[_Line]] = {}

    def add(self, line: _Line) -> None:
        """Note a new connection."""
        self._all.add(line)

    def take(self, origin: Origin) -> _Line | None:
        """Return a connection that is still open; None if there is none."""
        self._drop_old(time.monotonic() - _KEEPALIVE_S)
        lines = self._idle.get(origin)
        while lines:
            line = lines.pop()
            if not line.is_lost:
                return line
        return None

    def put(self, line: _Line) -> None:
        """Take a connection back."""
        line.idle_since = time.monotonic()
        lines = self._idle.setdefault(line.origin, deque())
        lines.append(line)
        if len(lines) > _MOST_IDLE:
            lines.popleft().abort()

    def close(self) -> None:
        """Close them all, also those in use: their loop ends."""
        for line in list(self._all):
            line.abort()

    def _drop_old(self, idle_since: float) -> None:
        for lines in self._idle.values():
            while lines and lines[0].idle_since < idle_since:
                lines.popleft().abort()


_Owner = AsyncGenerator[_Pool, None]
_pools: dict[asyncio.AbstractEventLoop, tuple[_Owner, _Pool]] = {}
# Connections of a parent process: closing them here could say goodbye on sockets that the parent still uses.
_FORGOTTEN: Final[list[object]] = []


async def _pool() -> _Pool:
    loop = asyncio.get_running_loop()
    found = _pools.get(loop)
    if found is not None:
        return found[1]
    owner = _own_pool()
    pool = await anext(owner)  # returns without letting another task in
    _pools[loop] = (owner, pool)
    for other in [known for known in _pools if known.is_closed()]:
        del _pools[other]  # its loop ended without its generators; nothing can be closed there
    return pool


async def _own_pool() -> _Owner:
    pool = _Pool()
    try:
        yield pool
    finally:
        _pools.pop(asyncio.get_running_loop(), None)
        pool.close()


def _forget_all() -> None:
    _FORGOTTEN.append(dict(_pools))
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


async def _ask(line: _Line, request: bytes, until: float, pool: _Pool) -> AsyncPooledExchange | Failure:
    try:
        return AsyncPooledExchange(line, await line.ask(request, until), pool)
    except (OSError, HttpProtocolError) as e:
        line.abort()
        return _failure(e)
    except BaseException:
        line.abort()  # cancelled
        raise


async def _connect(origin: Origin) -> _Line:
    """Open a connection.

    Raises:
        OSError: no address, nobody there, or no certificate that can be trusted.
    """
    loop = asyncio.get_running_loop()
    tls = routes.tls() if origin.scheme == "https" else None
    addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    # Not every loop's own `create_connection` tries a second address before the first has failed.
    untyped: Any = aiohappyeyeballs
    try:
        sock: socket.socket = await untyped.start_connection(
            addresses, happy_eyeballs_delay=_SECOND_ADDRESS_S, interleave=1
        )
    except RuntimeError as e:  # of uvloop, in place of an OSError
        raise OSError("no connection") from e
    try:
        _, line = await loop.create_connection(
            lambda: _Line(origin), sock=sock, ssl=tls, server_hostname=origin.host if tls is not None else None
        )
    except BaseException:
        sock.close()
        raise
    return line


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _failure(error: Exception) -> Failure:
    return _LATE if isinstance(error, TimeoutError) else Failure("ambiguous", plain_cause(error))
