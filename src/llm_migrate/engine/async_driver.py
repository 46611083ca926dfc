"""Does what a call says, on the running event loop."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable

from llm_migrate.engine.async_fan import ask, book, fan
from llm_migrate.engine.call import Steps
from llm_migrate.engine.steps import Ask, Attempt, Book, Emit, Failure, Fan, Read, Reply, Result, Send, Sleep
from llm_migrate.engine.upstream import AsyncExchange, AsyncUpstream


class AsyncRun:
    """One call under way: `start` it, then iterate what it streams, then `close` it."""

    def __init__(self, steps: Steps, upstream: AsyncUpstream, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._steps = steps
        self._upstream = upstream
        self._sleep = sleep
        self._holding = _Holding()

    async def start(self) -> Reply:
        """Go on until the caller can be answered."""
        try:
            command = await self._advance()
        except BaseException:
            self._holding.abandon()  # cancelled: nothing may be awaited any more
            raise
        if not isinstance(command, Reply):
            raise RuntimeError("a call ended without a reply")
        if command.body is not None:
            self._holding.note_whole(command)
            await self.close()
        else:
            # Not every SDK closes a stream that is dropped half-way.
            weakref.finalize(self, self._holding.abandon).atexit = False
        return command

    def __aiter__(self) -> AsyncRun:
        return self

    async def __anext__(self) -> bytes:
        """Return the next events.

        Raises:
            StopAsyncIteration: nothing follows; what came before was complete only if it ended with `[DONE]`.
        """
        try:
            command = await self._advance()
        except BaseException:
            self._holding.abandon()
            raise
        if not isinstance(command, Emit):
            raise StopAsyncIteration
        self._holding.note(command)
        return command.payload

    async def close(self) -> None:
        """Stop here; the connection is given back."""
        self._steps.close()
        await self._holding.release()

    async def _advance(self) -> Reply | Emit | None:
        holding = self._holding
        result: Result = None
        while True:
            try:
                command = self._steps.send(result)
            except StopIteration:
                await holding.release()
                return None
            if isinstance(command, Read):
                result = await holding.read(command.until)
            elif isinstance(command, (Emit, Reply)):  # a tuple: a union would be made anew each time
                return command
            else:
                await holding.release()
                result = await self._act(command)

    async def _act(self, command: Send | Sleep | Ask | Fan | Book) -> Result:
        if isinstance(command, Sleep):
            await self._sleep(command.seconds)
            return None
        if isinstance(command, Ask):
            return await ask(command.provider)
        if isinstance(command, Fan):
            return await fan(command, self._upstream)
        if isinstance(command, Book):
            return await book(command)
        command.attempt.state = "sent"
        self._holding.attempt = command.attempt
        exchange = await self._upstream.send(command.outgoing, connect_s=command.connect_s, until=command.until)
        if isinstance(exchange, Failure):
            return exchange
        command.attempt.state = "answered"
        self._holding.exchange = exchange
        return exchange.head


class _Holding:
    """The answer that is open just now; apart from the run, so that a finalizer can hold it."""

    __slots__ = ("attempt", "exchange")

    def __init__(self) -> None:
        self.attempt: Attempt | None = None
        self.exchange: AsyncExchange | None = None

    async def read(self, until: float) -> bytes | Failure:
        if self.exchange is None:
            return Failure("ambiguous", "the answer was closed")
        return await self.exchange.read(until)

    def note(self, emit: Emit) -> None:
        attempt = self.attempt
        if attempt is not None:
            attempt.state = "done" if emit.whole else "committed"
            attempt.delivered_bytes += len(emit.payload)

    def note_whole(self, reply: Reply) -> None:
        if self.attempt is not None and reply.status == 200 and reply.body is not None:
            self.attempt.state = "done"
            self.attempt.delivered_bytes = len(reply.body)

    async def release(self) -> None:
        if self.attempt is not None:
            self.attempt.leave()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            await exchange.close(whole=self.attempt is not None and self.attempt.state == "done")

    def abandon(self) -> None:
        if self.attempt is not None:
            self.attempt.leave()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon()
