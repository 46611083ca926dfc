"""The sync way out through a proxy: httpx2's connection pool, with a limit on the whole attempt.

It stands on `httpcore2`, the layer below httpx2's client: there the time that is left can be kept at every single read.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import httpcore2

from llm_migrate.engine import routes
from llm_migrate.engine.causes import plain_cause
from llm_migrate.engine.steps import Failure, Head
from llm_migrate.wire.exchange import Outgoing

_DRAIN_S: Final = 0.05  # for the end of a body whose last event was seen
_KEEPALIVE_S: Final = 15.0
_PACKET_BYTES: Final = 65536
_NEVER_SENT: Final = (
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
_BROKE: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    *_NEVER_SENT,
)


class ProxiedUpstream:
    """Pooled connections through proxies, for the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, httpcore2.ConnectionPool] = {}
        self._lost: SimpleQueue[ProxiedExchange] = SimpleQueue()

    def send(self, outgoing: Outgoing, *, proxy: str, connect_s: float, until: float) -> ProxiedExchange | Failure:
        """Send one request through a proxy; see `Upstream`."""
        self._close_lost()
        timeouts = {"connect": connect_s, "read": None, "write": None, "pool": connect_s}
        url = httpcore2.URL(outgoing.url)
        request = httpcore2.Request(
            outgoing.method,
            url,
            headers=[*_framing(url, outgoing), *((n.encode(), v.encode()) for n, v in outgoing.headers)],
            content=outgoing.body,
            extensions={"timeout": timeouts},
        )
        _DEADLINE.until = until
        try:
            response = self._pool(proxy).handle_request(request)
        except _BROKE as e:
            return _failure(e)
        return ProxiedExchange(response, self._lost)

    def close(self) -> None:
        """Close all connections."""
        self._close_lost()
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _pool(self, proxy: str) -> httpcore2.ConnectionPool:
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = httpcore2.ConnectionPool(
                    ssl_context=routes.tls(),
                    proxy=_proxy(proxy),
                    max_connections=None,
                    max_keepalive_connections=100,
                    keepalive_expiry=_KEEPALIVE_S,
                    network_backend=_TimedBackend(),
                )
            return self._pools[proxy]

    def _close_lost(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._lost.get_nowait().close()


class ProxiedExchange:
    """An answer that is being read; see `Exchange`."""

    def __init__(self, response: httpcore2.Response, lost: SimpleQueue[ProxiedExchange]) -> None:
        headers = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in response.headers}
        self.head = Head(response.status, headers)
        self._response = response
        untyped: Any = response
        self._network = cast("httpcore2.NetworkStream | None", untyped.extensions.get("network_stream"))
        self._body = iter(cast("Iterable[bytes]", response.stream))
        self._lost = lost

    def read(self, until: float) -> bytes | Failure:
        """Return the next bytes; empty at the end."""
        _DEADLINE.until = until
        try:
            return next(self._body, b"")
        except _BROKE as e:
            return _failure(e)

    def close(self, *, whole: bool = False) -> None:
        """Give the connection back."""
        if whole:
            self.read(time.monotonic() + _DRAIN_S)
        with contextlib.suppress(*_BROKE):
            self._response.close()

    def abandon(self) -> None:
        """Have it closed by the next call; the vendor sees the end of the connection now."""
        self._lost.put(self)
        sock: object = self._network.get_extra_info("socket") if self._network is not None else None
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError, ValueError):
                sock.shutdown(socket.SHUT_RDWR)


class _Deadline(threading.local):
    """When the operation of this thread must end; set before each one."""

    until: float = float("inf")


_DEADLINE: Final = _Deadline()


def _left(timeout: float | None) -> float | None:
    left = _DEADLINE.until - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the deadline has passed")
    if left == float("inf"):
        return timeout
    return left if timeout is None else min(left, timeout)


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose every operation ends by the deadline of the thread that uses it."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The limit of a write counts anew for every part that the other side takes, so a large one goes in pieces.
        for start in range(0, len(buffer), _PACKET_BYTES):
            self._stream.write(buffer[start : start + _PACKET_BYTES], _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore2.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        return _TimedStream(super().connect_tcp(host, port, _left(timeout), local_address, socket_options))


def _framing(url: httpcore2.URL, outgoing: Outgoing) -> list[tuple[bytes, bytes]]:
    default = {b"http": 80, b"https": 443}.get(url.scheme)
    host = url.host if url.port in (None, default) else b"%b:%d" % (url.host, url.port)
    return [(b"Host", host), (b"Content-Length", str(len(outgoing.body)).encode())]


def _proxy(url: str) -> httpcore2.Proxy:
    parts = urlsplit(url)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return httpcore2.Proxy(bare, auth=auth)


def _failure(error: Exception) -> Failure:
    if isinstance(error, httpcore2.TimeoutException):
        connecting = isinstance(error, httpcore2.ConnectTimeout | httpcore2.PoolTimeout)
        cause = "no connection within the time limit" if connecting else "no answer within the time limit"
        return Failure("unsent" if connecting else "ambiguous", cause, timed_out=True)
    return Failure("unsent" if isinstance(error, _NEVER_SENT) else "ambiguous", plain_cause(error))
