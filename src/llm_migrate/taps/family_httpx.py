"""The transports for clients of httpx, which want requests, answers and streams of their own family."""

from __future__ import annotations

import time

import httpx as hx

from llm_migrate.engine.async_driver import AsyncRun
from llm_migrate.engine.steps import Reply
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.engine.upstream import Upstream
from llm_migrate.taps.tap import HTTP2, Asked, Tap, internal_cut, internal_error
from llm_migrate.taps.way import AsyncWay


class Transport(hx.BaseTransport):
    """Serves a sync client from a chain."""

    def __init__(self, tap: Tap, upstream: Upstream) -> None:
        self._tap = tap
        self._upstream = upstream

    def handle_request(self, request: hx.Request) -> hx.Response:
        """Answer a request; what goes wrong is an answer too, never an exception that the SDK would try again."""
        try:
            run = SyncRun(self._tap.open(_asked(request, _content(request))), self._upstream, time.sleep)
            reply = run.start()
        except Exception as e:
            return _response(internal_error(e))
        return _response(reply, None if reply.body is not None else _Stream(run))

    def close(self) -> None:
        """Close the connections."""
        self._upstream.close()


class AsyncTransport(hx.AsyncBaseTransport):
    """Serves an async client from a chain."""

    def __init__(self, tap: Tap, way: AsyncWay) -> None:
        self._tap = tap
        self._way = way

    async def handle_async_request(self, request: hx.Request) -> hx.Response:
        """Answer a request; what goes wrong is an answer too, never an exception that the SDK would try again."""
        try:
            content = b"" if _is_upload(request) else await request.aread()
            run = AsyncRun(self._tap.open(_asked(request, content)), self._way.upstream(), self._way.sleep)
            reply = await run.start()
        except Exception as e:
            return _response(internal_error(e))
        return _response(reply, None if reply.body is not None else _AsyncStream(run))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._way.close()


class _Stream(hx.SyncByteStream):
    def __init__(self, run: SyncRun) -> None:
        self._run = run

    def __iter__(self) -> _Stream:
        return self  # the SDK may ask twice and must not start a second run

    def __next__(self) -> bytes:
        try:
            return next(self._run)
        except StopIteration:
            raise
        except Exception as e:
            self._run.close()
            return internal_cut(e)

    def close(self) -> None:
        self._run.close()


class _AsyncStream(hx.AsyncByteStream):
    def __init__(self, run: AsyncRun) -> None:
        self._run = run

    def __aiter__(self) -> _AsyncStream:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._run.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as e:
            await self._run.close()
            return internal_cut(e)

    async def aclose(self) -> None:
        await self._run.close()


def _asked(request: hx.Request, content: bytes) -> Asked:
    return Asked(request.method, request.url.raw_path.decode("ascii"), content, request.extensions)


def _content(request: hx.Request) -> bytes:
    return b"" if _is_upload(request) else request.read()


def _is_upload(request: hx.Request) -> bool:
    # No API that is served takes forms; their bodies may be large and are not read.
    return str(request.headers.get("content-type", "")).startswith("multipart/")


def _response(reply: Reply, stream: hx.SyncByteStream | hx.AsyncByteStream | None = None) -> hx.Response:
    headers = list(reply.headers)
    if stream is not None:
        return hx.Response(reply.status, headers=headers, stream=stream, extensions=dict(HTTP2))
    return hx.Response(reply.status, headers=headers, content=reply.body or b"", extensions=dict(HTTP2))
