"""The async way out: aiohttp, one session for each event loop of the process.

aiohttp takes a tenth of the processor time of httpx2's pool at hundreds of calls at once. A session belongs to the
loop it was opened on; an async generator owns it, so that `asyncio.run` closes it with the loop's other generators.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator
from typing import Final

import aiohttp
from yarl import URL

from llm_migrate.engine import routes
from llm_migrate.engine.causes import plain_cause
from llm_migrate.engine.steps import Failure, Head
from llm_migrate.wire.exchange import Outgoing

_OWN_HEADERS: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")  # aiohttp's, which we do not send
_LATE: Final = Failure("ambiguous", "no answer within the time limit", timed_out=True)
_MAX_HEADER_BYTES: Final = 64 * 1024  # of one header; aiohttp's own limit is met by long policies and cookies
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    routes.RouteError,
)


class AiohttpUpstream:
    """Sends over the session of the running loop; see `AsyncUpstream`."""

    async def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> AiohttpExchange | Failure:
        """Send one request."""
        session = await _session()
        try:
            async with asyncio.timeout(until - time.monotonic()):
                response = await session.request(
                    outgoing.method,
                    URL(outgoing.url, encoded=True),
                    data=outgoing.body,
                    headers=outgoing.headers,
                    allow_redirects=False,
                    proxy=routes.http_proxy_for(outgoing.url),
                    ssl=routes.tls() if outgoing.url.startswith("https:") else True,
                    timeout=aiohttp.ClientTimeout(total=None, connect=connect_s, sock_connect=connect_s),
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            return _failure(e)
        return AiohttpExchange(response)

    async def close(self) -> None:
        """Do nothing: the session serves every client of this loop and ends with it."""


class AiohttpExchange:
    """An answer that is being read; see `AsyncExchange`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.head = Head(response.status, {name.lower(): value for name, value in response.headers.items()})
        self._response = response
        self._loop = asyncio.get_running_loop()
        # aiohttp closes a connection whose chunks are garbage, and forgets to tell who reads from it.
        protocol = response.connection.protocol if response.connection is not None else None
        self._lost: asyncio.Future[None] | None = getattr(protocol, "closed", None)  # newer than our oldest aiohttp
        if self._lost is not None:
            self._lost.remove_done_callback(_heed)  # once for a connection, however many answers it carries
            self._lost.add_done_callback(_heed)
            self._lost.add_done_callback(self._break_off)

    async def read(self, until: float) -> bytes | Failure:
        """Return the next bytes; empty at the end."""
        content = self._response.content
        left = until - time.monotonic()
        if left <= 0:
            return _LATE
        try:
            # What is here already needs no timer, which takes longer than the reading.
            data = content.read_nowait()
            if data or content.at_eof():
                return data
            async with asyncio.timeout(left):
                return await content.readany()
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            return _failure(e)

    async def close(self, *, whole: bool = False) -> None:
        """Give the connection back; aiohttp closes one whose answer is not over."""
        if whole and not self._response.content.at_eof():
            await asyncio.sleep(0)  # lets the last bytes in, if they are there
        if self._lost is not None:
            self._lost.remove_done_callback(self._break_off)
        self._response.release()

    def abandon(self) -> None:
        """Have it closed by its own loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and its sockets with it
            self._loop.call_soon_threadsafe(self._response.close)

    def _break_off(self, lost: asyncio.Future[None]) -> None:
        """Tell who reads that the connection is gone."""
        content = self._response.content
        if not lost.cancelled() and content.exception() is None and not content.is_eof():
            content.set_exception(lost.exception() or aiohttp.ClientPayloadError())


def _heed(lost: asyncio.Future[None]) -> None:
    """Take note of why a connection is gone; asyncio complains of what nobody took note of."""
    if not lost.cancelled():
        lost.exception()


_Owner = AsyncGenerator[aiohttp.ClientSession, None]
_sessions: dict[asyncio.AbstractEventLoop, tuple[_Owner, aiohttp.ClientSession]] = {}
# Sessions of a parent process: closing them here would say goodbye on sockets that the parent still uses.
_FORGOTTEN: Final[list[object]] = []


async def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    found = _sessions.get(loop)
    if found is not None and not found[1].closed:
        return found[1]
    owner = _own_session()
    session = await anext(owner)  # returns without letting another task in
    _sessions[loop] = (owner, session)
    for other in [known for known in _sessions if known.is_closed()]:
        await _sessions.pop(other)[1].close()  # its loop ended without its generators; nothing is awaited there
    return session


async def _own_session() -> _Owner:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_OWN_HEADERS,
        auto_decompress=False,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
        trust_env=False,  # it would read ~/.netrc and overwrite a target's credential; `routes` finds the proxies
    )
    try:
        yield session
    finally:
        _sessions.pop(asyncio.get_running_loop(), None)
        await session.close()


def _forget_all() -> None:
    _FORGOTTEN.append(dict(_sessions))
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _failure(error: BaseException) -> Failure:
    never_sent = isinstance(error, _NEVER_SENT)
    if isinstance(error, TimeoutError):
        cause = "no connection within the time limit" if never_sent else "no answer within the time limit"
        return Failure("unsent" if never_sent else "ambiguous", cause, timed_out=True)
    return Failure("unsent" if never_sent else "ambiguous", plain_cause(error))
