"""What a call needs beside one exchange: several at once, a key from the program, a word of the books. In tasks."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import cast

from llm_migrate.config.secret import TokenProvider
from llm_migrate.engine.steps import Book, Failure, Fan, Result, Send, Whole
from llm_migrate.engine.sync_fan import AT_ONCE, LATE_BOOKS, TOO_LARGE, leave
from llm_migrate.engine.upstream import AsyncUpstream
from llm_migrate.errors import LedgerError


async def fan(command: Fan, upstream: AsyncUpstream) -> tuple[Whole | Failure, ...]:
    """Send all requests, some at a time, and read each answer to its end."""
    import anyio  # asyncio and trio alike

    found: dict[int, Whole | Failure] = {}
    places = anyio.CapacityLimiter(AT_ONCE)

    async def one(i: int, send: Send) -> None:
        async with places:
            found[i] = await _one(send, command.most, upstream)

    try:
        async with anyio.create_task_group() as tasks:
            for i, send in enumerate(command.sends):
                tasks.start_soon(one, i, send)
    except BaseException:
        leave(command)
        raise
    return tuple(found[i] for i in range(len(command.sends)))


async def ask(provider: TokenProvider) -> str | Failure:
    """Return the key that a function of the program gives; one that is not async runs in a thread."""
    try:
        if inspect.iscoroutinefunction(provider):
            return cast("str", await provider())
        import anyio.to_thread

        (key,) = await anyio.to_thread.run_sync(lambda: [provider()])  # in a list: trio refuses to carry a coroutine
        return await key if inspect.isawaitable(key) else key
    except Exception as e:
        return Failure("unsent", type(e).__name__)


async def book(command: Book) -> Result:
    """Return what the books say of a reservation."""
    future = command.submit()
    left = max(0.0, command.until - time.monotonic())
    try:
        if future.done():  # mostly; waiting for it would take a turn of the loop
            return future.result()
        if _runs_asyncio():
            async with asyncio.timeout(left):
                return await asyncio.wrap_future(future)
        import anyio.to_thread

        return await anyio.to_thread.run_sync(future.result, left, abandon_on_cancel=True)
    except LedgerError as e:
        return e
    except TimeoutError:
        future.add_done_callback(command.forgo)
        return LATE_BOOKS
    except BaseException:
        future.add_done_callback(command.forgo)  # cancelled
        raise


def _runs_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _one(send: Send, most: int, upstream: AsyncUpstream) -> Whole | Failure:
    send.attempt.state = "sent"
    exchange = await upstream.send(send.outgoing, connect_s=send.connect_s, until=send.until)
    if isinstance(exchange, Failure):
        return exchange
    send.attempt.state = "answered"
    pieces: list[bytes] = []
    left = most
    try:
        while True:
            data = await exchange.read(send.until)
            if not isinstance(data, bytes):
                break
            if not data:
                send.attempt.state = "done"
                await exchange.close(whole=True)
                return Whole(exchange.head, b"".join(pieces))
            left -= len(data)
            if left < 0:
                data = TOO_LARGE
                break
            pieces.append(data)
    except BaseException:
        exchange.abandon()  # cancelled: nothing may be awaited any more
        raise
    await exchange.close()
    return data
