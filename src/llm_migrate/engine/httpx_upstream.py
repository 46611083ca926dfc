"""Ways out over a client of the httpx families: the caller's own transport or client, and any loop but asyncio's.

The two families have the same classes under two names; which one is meant follows from the object that is given.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, cast

from llm_migrate.engine.causes import plain_cause
from llm_migrate.engine.steps import Failure, Head
from llm_migrate.errors import UsageError
from llm_migrate.wire.exchange import Outgoing

if TYPE_CHECKING:
    import httpx2

FAMILIES: Final = ("httpx2", "httpx")


def family_of(thing: object) -> str:
    """Return the package, "httpx2" or "httpx", whose class a client or transport is.

    Raises:
        UsageError: neither.
    """
    for kind in type(thing).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in FAMILIES:
            return root
    raise UsageError(f"upstream_transport: {type(thing).__name__} is no transport of httpx2 or httpx")


class HttpxUpstream:
    """Sends over a sync client; see `Upstream`."""

    def __init__(self, *, transport: object = None, client: object = None) -> None:
        self._family = family_of(transport if client is None else client)
        hx = _module(self._family)
        _require_kind(transport, client, client_class=hx.Client, method="handle_request")
        self._client: httpx2.Client = cast(
            "httpx2.Client", hx.Client(transport=transport, trust_env=False) if client is None else client
        )
        self._lost: SimpleQueue[HttpxExchange] = SimpleQueue()

    def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> HttpxExchange | Failure:
        """Send one request."""
        with contextlib.suppress(Empty):
            while True:
                self._lost.get_nowait().close()
        hx = _module(self._family)
        try:
            response = self._client.send(
                _request(self._family, outgoing, connect_s, until), stream=True, auth=None, follow_redirects=False
            )
        except hx.HTTPError as e:
            return _failure(self._family, e)
        return HttpxExchange(self._family, response, self._lost)

    def close(self) -> None:
        """Close the client, the caller's transport with it."""
        self._client.close()


class HttpxExchange:
    """An answer that is being read; see `Exchange`."""

    def __init__(self, family: str, response: httpx2.Response, lost: SimpleQueue[HttpxExchange]) -> None:
        self.head = _head(response)
        self._family = family
        self._response = response
        self._body: Iterator[bytes] = iter((response.content,)) if _is_read(response) else response.iter_raw()
        self._lost = lost

    def read(self, until: float) -> bytes | Failure:
        """Return the next bytes; the time limit is looked at between reads."""
        if time.monotonic() >= until:
            return _LATE
        hx = _module(self._family)
        try:
            return next(self._body, b"")
        except (hx.HTTPError, hx.StreamError) as e:
            return _failure(self._family, e)

    def close(self, *, whole: bool = False) -> None:
        """Give the connection back."""
        if not whole:
            self._response.close()
            return
        # The end of the body is due, but a read of this client takes no new limit: a vendor that never sends the end
        # shall hold a thread of ours and not the caller.
        end = threading.Thread(target=self._end, name="llm-migrate", daemon=True)
        end.start()
        end.join(_DRAIN_S)

    def _end(self) -> None:
        self.read(float("inf"))
        self._response.close()

    def abandon(self) -> None:
        """Have it closed by the next call."""
        self._lost.put(self)


class AsyncHttpxUpstream:
    """Sends over an async client; see `AsyncUpstream`."""

    def __init__(self, *, transport: object = None, client: object = None) -> None:
        self._family = "httpx2" if transport is client is None else family_of(transport if client is None else client)
        hx = _module(self._family)
        _require_kind(transport, client, client_class=hx.AsyncClient, method="handle_async_request")
        if client is None:
            client = hx.AsyncClient(transport=transport, trust_env=transport is None)
        self._client: httpx2.AsyncClient = cast("httpx2.AsyncClient", client)

    async def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> AsyncHttpxExchange | Failure:
        """Send one request."""
        import anyio

        hx = _module(self._family)
        try:
            with anyio.fail_after(until - time.monotonic()):
                response = await self._client.send(
                    _request(self._family, outgoing, connect_s, until), stream=True, auth=None, follow_redirects=False
                )
        except (hx.HTTPError, TimeoutError) as e:
            return _failure(self._family, e)
        return AsyncHttpxExchange(self._family, response)

    async def close(self) -> None:
        """Close the client, the caller's transport with it."""
        await self._client.aclose()


class AsyncHttpxExchange:
    """An answer that is being read; see `AsyncExchange`."""

    def __init__(self, family: str, response: httpx2.Response) -> None:
        self.head = _head(response)
        self._family = family
        self._response = response
        self._body = _once(response.content) if _is_read(response) else response.aiter_raw()
        self._close_soon = _closer(self.close)

    async def read(self, until: float) -> bytes | Failure:
        """Return the next bytes; empty at the end."""
        import anyio

        hx = _module(self._family)
        try:
            with anyio.fail_after(until - time.monotonic()):
                return await anext(self._body, b"")
        except (hx.HTTPError, hx.StreamError, TimeoutError) as e:
            return _failure(self._family, e)

    async def close(self, *, whole: bool = False) -> None:
        """Give the connection back."""
        if whole:
            until = time.monotonic() + _DRAIN_S
            while isinstance(rest := await self.read(until), bytes) and rest:
                pass
        await self._body.aclose()
        await self._response.aclose()

    def abandon(self) -> None:
        """Have it closed by its own loop."""
        with contextlib.suppress(RuntimeError):  # the loop is over, and its sockets with it
            self._close_soon()


_DRAIN_S: Final = 0.05
_LATE: Final = Failure("ambiguous", "no answer within the time limit", timed_out=True)


def _require_kind(transport: object, client: object, *, client_class: type[object], method: str) -> None:
    """Refuse at once what would fail at every call: a sync one where an async one is needed, and the reverse."""
    if client is not None and not isinstance(client, client_class):
        # The SDK's own class for this mistake.
        raise TypeError(f"http_client: needed is a {client_class.__name__}, given was a {type(client).__name__}")
    if transport is not None and not hasattr(transport, method):
        raise UsageError(f"upstream_transport: {type(transport).__name__} has no {method}")


def _module(family: str) -> Any:
    return importlib.import_module(family)


def _request(family: str, outgoing: Outgoing, connect_s: float, until: float) -> httpx2.Request:
    left = max(0.001, until - time.monotonic())
    request: httpx2.Request = _module(family).Request(
        outgoing.method,
        outgoing.url,
        headers=list(outgoing.headers),
        content=outgoing.body,
        extensions={"timeout": {"connect": connect_s, "read": left, "write": left, "pool": connect_s}},
    )
    return request


def _head(response: httpx2.Response) -> Head:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if _is_read(response):
        headers.pop("content-encoding", None)  # its content is plain already
    return Head(response.status_code, headers)


def _is_read(response: httpx2.Response) -> bool:
    """Say whether a transport gave the whole body at once, as mocks and caches do."""
    return bool(response.is_stream_consumed)


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


def _failure(family: str, error: BaseException) -> Failure:
    hx = _module(family)
    if isinstance(error, TimeoutError | hx.TimeoutException):
        if isinstance(error, hx.ConnectTimeout | hx.PoolTimeout):
            return Failure("unsent", "no connection within the time limit", timed_out=True)
        return _LATE
    never_sent = isinstance(error, hx.ConnectError | hx.ProxyError | hx.UnsupportedProtocol)
    return Failure("unsent" if never_sent else "ambiguous", plain_cause(error))


def _closer(close: Callable[[], Coroutine[object, object, None]]) -> Callable[[], object]:
    """Return a function that has an answer closed by the loop that runs now, callable from anywhere."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio

        token = trio.lowlevel.current_trio_token()

        return lambda: token.run_sync_soon(trio.lowlevel.spawn_system_task, close)

    def close_there() -> None:
        task = loop.create_task(close())
        _CLOSING.add(task)
        task.add_done_callback(_CLOSING.discard)

    return lambda: loop.call_soon_threadsafe(close_there)


_CLOSING: Final[set[object]] = set()  # a loop holds its tasks only weakly
