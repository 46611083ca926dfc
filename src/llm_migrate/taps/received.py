"""What a light client receives: a whole answer as a dictionary, a stream as chunks, a failure as an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, TypedDict, TypeVar, cast

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.engine.async_driver import AsyncRun
from llm_migrate.engine.steps import Reply
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.errors import RequestRefusedError, StreamCutError, UpstreamError
from llm_migrate.taps.shapes import ChatCompletionChunk
from llm_migrate.taps.tap import internal_error
from llm_migrate.wire.exchange import DONE

# 4xx that do not blame the request: a key, money, a time limit, a conflict, a moment too early, too many.
_NOT_THE_REQUEST: Final = frozenset({401, 402, 403, 408, 409, 424, 425, 429})
_BEFORE, _AFTER = b"data: ", b"\n\n"  # what stands around each event

_Kind = TypeVar("_Kind", bound=UpstreamError)


class _Error(TypedDict):
    message: str
    type: str
    param: str | None
    code: str | None


class _ErrorBody(TypedDict):
    error: _Error


def read_whole(reply: Reply, headers: dict[str, str] | None = None) -> JsonValue:
    """Return the JSON of an answer.

    Args:
        reply: what the engine gave, with its body.
        headers: filled with those of the answer.

    Raises:
        UpstreamError: it is an error.
    """
    if headers is not None:
        headers.clear()
        headers.update(reply.headers)
    if reply.status != 200:
        raise failure_of(reply)
    return cast("JsonValue", orjson.loads(reply.body or b"null"))


def failure_of(reply: Reply) -> UpstreamError:
    """Return the exception that says what an error answer says."""
    blamed = 400 <= reply.status < 500 and reply.status not in _NOT_THE_REQUEST
    kind = RequestRefusedError if blamed else UpstreamError
    return _failure(kind, reply.status, _error_in(reply), dict(reply.headers))


class Stream:
    """The chunks of one answer: an iterator for one thread, and a context manager that ends the call upstream.

    The vendor is asked when the block is entered or the first chunk is read. A stream that ends without an exception
    was whole.

    Raises:
        RequestRefusedError: at the beginning, if the request is at fault.
        UpstreamError: at the beginning, if no target could answer.
        StreamCutError: later, if the answer breaks off.
    """

    def __init__(self, begin: Callable[[], SyncRun]) -> None:
        self._begin = begin
        self._run: SyncRun | None = None
        self._inbox = _Inbox()

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer, names in lower case; empty before it has begun."""
        return self._inbox.headers

    def close(self) -> None:
        """End the call; no further chunk comes."""
        self._inbox.close()
        if self._run is not None:
            self._run.close()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> ChatCompletionChunk:
        inbox = self._inbox
        while not inbox.ready:
            if inbox.over:
                self._finish()
                raise StopIteration
            self._fill(self._run or self._start())
        return inbox.ready.pop()

    def __enter__(self) -> Stream:
        if self._run is None:
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start(self) -> SyncRun:
        try:
            run = self._begin()
            reply = run.start()
        except Exception as e:
            self._inbox.close()
            raise failure_of(internal_error(e)) from None
        self._run = run
        self._inbox.begin(reply)
        return run

    def _fill(self, run: SyncRun) -> None:
        try:
            events = next(run, None)
        except Exception as e:
            self._inbox.fail(internal_error(e))
        else:
            self._inbox.take(events)

    def _finish(self) -> None:
        fault = self._inbox.fault
        self.close()
        if fault is not None:
            raise fault


class AsyncStream:
    """The chunks of one answer, for one task; see `Stream`."""

    def __init__(self, begin: Callable[[], AsyncRun]) -> None:
        self._begin = begin
        self._run: AsyncRun | None = None
        self._inbox = _Inbox()

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer, names in lower case; empty before it has begun."""
        return self._inbox.headers

    async def close(self) -> None:
        """End the call; no further chunk comes."""
        self._inbox.close()
        if self._run is not None:
            await self._run.close()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        inbox = self._inbox
        while not inbox.ready:
            if inbox.over:
                await self._finish()
                raise StopAsyncIteration
            await self._fill(self._run or await self._start())
        return inbox.ready.pop()

    async def __aenter__(self) -> AsyncStream:
        if self._run is None:
            await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _start(self) -> AsyncRun:
        try:
            run = self._begin()
            reply = await run.start()
        except Exception as e:
            self._inbox.close()
            raise failure_of(internal_error(e)) from None
        self._run = run
        self._inbox.begin(reply)
        return run

    async def _fill(self, run: AsyncRun) -> None:
        try:
            events = await anext(run, None)
        except Exception as e:
            self._inbox.fail(internal_error(e))
        else:
            self._inbox.take(events)

    async def _finish(self) -> None:
        fault = self._inbox.fault
        await self.close()
        if fault is not None:
            raise fault


class _Inbox:
    """What came of a stream: the chunks that wait for the caller, the next one last, and how it ended."""

    __slots__ = ("fault", "headers", "over", "ready")

    def __init__(self) -> None:
        self.headers: Mapping[str, str] = {}
        self.ready: list[ChatCompletionChunk] = []
        self.over = False
        self.fault: StreamCutError | None = None

    def begin(self, reply: Reply) -> None:
        self.headers = dict(reply.headers)
        if reply.body is not None:
            self.over = True
            raise failure_of(reply)

    def take(self, events: bytes | None) -> None:
        """Take whole events, or None for an end that nothing announced."""
        if events is None:
            self._end({"message": "the stream was closed", "type": "", "param": None, "code": "stream_interrupted"})
            return
        if events.endswith(DONE):
            self.over = True
            events = events[: -len(DONE)]
        if not events:
            return
        # No event holds a line break, so all that came at once can be read at once.
        inner = events[len(_BEFORE) : -len(_AFTER)].replace(_AFTER + _BEFORE, b",")
        chunks = cast("list[ChatCompletionChunk]", orjson.loads(b"[%b]" % inner))
        if "error" in chunks[-1] and not self.over:
            self._end(cast("_ErrorBody", chunks.pop())["error"])
        chunks.reverse()
        self.ready = chunks

    def fail(self, reply: Reply) -> None:
        self._end(_error_in(reply))

    def close(self) -> None:
        self.ready = []
        self.over = True
        self.fault = None

    def _end(self, error: _Error) -> None:
        self.over = True
        self.fault = _failure(StreamCutError, 200, error, self.headers)


def _error_in(reply: Reply) -> _Error:
    return cast("_ErrorBody", orjson.loads(reply.body or b""))["error"]


def _failure(kind: type[_Kind], status: int, error: _Error, headers: Mapping[str, str]) -> _Kind:
    return kind(
        error["message"],
        status=status,
        kind=error["type"],
        code=error["code"],
        param=error["param"],
        headers=headers,
    )
