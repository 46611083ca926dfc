"""What a call needs beside one exchange: several at once, a key from the program, a word of the books. In threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from llm_migrate.config.secret import TokenProvider
from llm_migrate.engine.steps import Book, Failure, Fan, Result, Send, Whole
from llm_migrate.engine.upstream import Upstream
from llm_migrate.errors import LedgerError

AT_ONCE: Final = 8  # requests of one call that are open at a time
LATE_BOOKS: Final = LedgerError("the books did not answer in time")
TOO_LARGE: Final = Failure("ambiguous", "the answer is too large")


def fan(command: Fan, upstream: Upstream) -> tuple[Whole | Failure, ...]:
    """Send all requests, some at a time, and read each answer to its end."""

    def one(send: Send) -> Whole | Failure:
        return _one(send, command.most, upstream)

    try:
        with ThreadPoolExecutor(min(AT_ONCE, len(command.sends)), thread_name_prefix="llm-migrate") as pool:
            return tuple(pool.map(one, command.sends))
    except BaseException:
        leave(command)
        raise


def leave(command: Fan) -> None:
    """Tell that the caller of all these requests went away."""
    for send in command.sends:
        send.attempt.leave()


def ask(provider: TokenProvider) -> str | Failure:
    """Return the key that a function of the program gives; its error's text may hold anything, so only its name."""
    try:
        key = provider()
    except Exception as e:
        return Failure("unsent", type(e).__name__)
    return key if isinstance(key, str) else Failure("unsent", "an async function needs an async client")


def book(command: Book) -> Result:
    """Return what the books say of a reservation."""
    future = command.submit()
    try:
        return future.result(max(0.0, command.until - time.monotonic()))
    except LedgerError as e:
        return e
    except TimeoutError:
        future.add_done_callback(command.forgo)
        return LATE_BOOKS
    except BaseException:
        future.add_done_callback(command.forgo)  # interrupted by the keyboard
        raise


def _one(send: Send, most: int, upstream: Upstream) -> Whole | Failure:
    send.attempt.state = "sent"
    exchange = upstream.send(send.outgoing, connect_s=send.connect_s, until=send.until)
    if isinstance(exchange, Failure):
        return exchange
    send.attempt.state = "answered"
    pieces: list[bytes] = []
    left = most
    whole = False
    try:
        while True:
            data = exchange.read(send.until)
            if isinstance(data, Failure):
                return data
            if not data:
                whole = True
                send.attempt.state = "done"
                return Whole(exchange.head, b"".join(pieces))
            left -= len(data)
            if left < 0:
                return TOO_LARGE
            pieces.append(data)
    finally:
        exchange.close(whole=whole)
