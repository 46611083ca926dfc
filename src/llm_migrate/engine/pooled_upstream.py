"""The sync way out: plain sockets kept open for reuse, with a limit on the whole attempt.

The time that is left is kept at every single read, so a server that sends one byte a second cannot hold a caller. What
goes through a proxy is left to `proxied_upstream`.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from llm_migrate.engine import routes
from llm_migrate.engine.causes import plain_cause
from llm_migrate.engine.http1 import AnswerReader, HttpProtocolError, Origin, origin_of, request_head
from llm_migrate.engine.steps import Failure, Head
from llm_migrate.engine.upstream import Exchange
from llm_migrate.wire.exchange import Outgoing

if TYPE_CHECKING:
    from llm_migrate.engine.proxied_upstream import ProxiedUpstream

_DRAIN_S: Final = 0.05  # for the end of a body whose last event was seen
_KEEPALIVE_S: Final = 15.0
_MOST_IDLE: Final = 100  # connections to one origin
_PACKET_BYTES: Final = 65536
_LATE: Final = Failure("ambiguous", "no answer within the time limit", timed_out=True)


class PooledUpstream:
    """Connections for the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = _Idle()
        self._proxied: ProxiedUpstream | None = None
        _ALL.add(self)

    def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> Exchange | Failure:
        """Send one request; see `Upstream`."""
        try:
            proxy = routes.http_proxy_for(outgoing.url)
            if proxy is not None:
                return self._way_through().send(outgoing, proxy=proxy, connect_s=connect_s, until=until)
            head = request_head(outgoing)
        except (HttpProtocolError, routes.RouteError) as e:
            return Failure("unsent", str(e))
        line = self._idle.take(origin_of(outgoing.url))
        if line is None:
            try:
                line = _connect(origin_of(outgoing.url), min(connect_s, until - time.monotonic()))
            except TimeoutError:
                return Failure("unsent", "no connection within the time limit", timed_out=True)
            except (OSError, UnicodeError) as e:  # the latter for a host name that cannot be one
                return Failure("unsent", plain_cause(e))
        return _ask(line, head + outgoing.body, until, self._idle)

    def close(self) -> None:
        """Close all connections that nobody uses; one in use is closed by who uses it."""
        idle, self._idle = self._idle, _Idle()
        idle.close()
        with self._lock:
            proxied, self._proxied = self._proxied, None
        if proxied is not None:
            proxied.close()

    def forget(self) -> None:
        """Let go of connections that belong to the parent of this process, without touching them."""
        _FORGOTTEN.append((self._idle, self._proxied))
        self._lock = threading.Lock()
        self._idle = _Idle()
        self._proxied = None

    def _way_through(self) -> ProxiedUpstream:
        from llm_migrate.engine.proxied_upstream import ProxiedUpstream

        with self._lock:
            if self._proxied is None:
                self._proxied = ProxiedUpstream()
            return self._proxied


class PooledExchange:
    """An answer that is being read; see `Exchange`."""

    def __init__(self, line: _Line, reader: AnswerReader, head: Head, begun: bytes, idle: _Idle) -> None:
        self.head = head
        self._line = line
        self._reader = reader
        self._begun = begun  # what of the body came with the head
        self._idle = idle
        self._closed = False

    def read(self, until: float) -> bytes | Failure:
        """Return the next bytes; empty at the end."""
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        try:
            return _next(self._line, self._reader, until)
        except (OSError, HttpProtocolError) as e:
            return _failure(e)

    def close(self, *, whole: bool = False) -> None:
        """Give the connection back."""
        if self._closed:
            return
        self._closed = True
        if whole and not self._reader.over:
            with contextlib.suppress(OSError, HttpProtocolError):
                _next(self._line, self._reader, time.monotonic() + _DRAIN_S)
        if self._reader.over and self._reader.reusable:
            self._idle.put(self._line)
        else:
            self._line.close()

    def abandon(self) -> None:
        """Close the connection now: whoever was reading from it is gone."""
        if not self._closed:
            self._closed = True
            self._line.close()


class _Line:
    """One connection."""

    __slots__ = ("idle_since", "origin", "sock")

    def __init__(self, origin: Origin, sock: socket.socket) -> None:
        self.origin = origin
        self.sock = sock
        self.idle_since = 0.0

    def send(self, data: bytes, until: float) -> None:
        """Send all of it.

        Raises:
            OSError: it cannot be sent, or not in time.
        """
        # The limit counts anew for every part that the other side takes, so it is set for each.
        view = memoryview(data)
        while view:
            self.sock.settimeout(_left(until))
            view = view[self.sock.send(view[:_PACKET_BYTES]) :]

    def receive(self, until: float) -> bytes:
        """Return what comes next; empty once the other side has closed.

        Raises:
            OSError: nothing can come any more, or nothing came in time.
        """
        self.sock.settimeout(_left(until))
        return self.sock.recv(_PACKET_BYTES)

    def is_dead(self) -> bool:
        """Say whether an idle connection cannot be used any more: the other side has closed it, or spoken unasked."""
        if sys.platform == "win32":
            return bool(select.select([self.sock], [], [], 0)[0])
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.close()


class _Idle:
    """Connections that wait for their next request, the last one first; closed after a while, or if they are many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[Origin, deque[_Line]] = {}
        self._most = _MOST_IDLE

    def take(self, origin: Origin) -> _Line | None:
        """Return a connection that is still open; None if there is none."""
        oldest = time.monotonic() - _KEEPALIVE_S
        while True:
            with self._lock:
                self._drop_old(oldest)
                lines = self._lines.get(origin)
                line = lines.pop() if lines else None
            if line is None or not line.is_dead():
                return line
            line.close()

    def put(self, line: _Line) -> None:
        """Take a connection back."""
        line.idle_since = time.monotonic()
        with self._lock:
            lines = self._lines.setdefault(line.origin, deque())
            lines.append(line)
            surplus = lines.popleft() if len(lines) > self._most else None
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close them all, and from now on each one that comes back."""
        with self._lock:
            self._most = 0
            self._drop_old(float("inf"))

    def _drop_old(self, idle_since: float) -> None:
        for lines in self._lines.values():
            while lines and lines[0].idle_since < idle_since:
                lines.popleft().close()


_ALL: Final[weakref.WeakSet[PooledUpstream]] = weakref.WeakSet()
_Kept: TypeAlias = "tuple[_Idle, ProxiedUpstream | None]"
# Connections of a parent process: closing them here could say goodbye on sockets that the parent still uses.
_FORGOTTEN: Final[list[_Kept]] = []


def _forget_all() -> None:
    for upstream in list(_ALL):
        upstream.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _ask(line: _Line, request: bytes, until: float, idle: _Idle) -> PooledExchange | Failure:
    """Send a request and read the head of its answer."""
    reader = AnswerReader()
    try:
        # A server may refuse a large request before it has read it all: then its answer says why.
        with contextlib.suppress(ConnectionError):
            line.send(request, until)
        body = b""
        while reader.head is None:
            body = _received(line, reader, until)
    except (OSError, HttpProtocolError) as e:
        line.close()
        return _failure(e)
    except BaseException:
        line.close()  # interrupted by the keyboard
        raise
    return PooledExchange(line, reader, reader.head, body, idle)


def _next(line: _Line, reader: AnswerReader, until: float) -> bytes:
    """Return the next bytes of a body; empty at the end."""
    while not reader.over:
        body = _received(line, reader, until)
        if body:
            return body
    return b""


def _received(line: _Line, reader: AnswerReader, until: float) -> bytes:
    data = line.receive(until)
    if data:
        return reader.feed(data)
    reader.end()
    return b""


def _connect(origin: Origin, timeout_s: float) -> _Line:
    """Open a connection.

    Raises:
        OSError: no address, nobody there, or no certificate that can be trusted.
    """
    if timeout_s <= 0:
        raise TimeoutError
    tls = routes.tls() if origin.scheme == "https" else None
    sock = socket.create_connection((origin.host, origin.port), timeout_s)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname=origin.host)
    except BaseException:
        sock.close()
        raise
    return _Line(origin, sock)


def _left(until: float) -> float | None:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return None if left == float("inf") else left


def _failure(error: Exception) -> Failure:
    return _LATE if isinstance(error, TimeoutError) else Failure("ambiguous", plain_cause(error))
