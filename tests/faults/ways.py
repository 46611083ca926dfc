"""The ways in which a program asks: classes, families of HTTP clients, sync and async; and what it sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
import httpx2
import openai

import llm_migrate
from llm_migrate.engine import routes
from llm_migrate.engine.httpx_upstream import AsyncHttpxUpstream, HttpxUpstream
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.taps import family_httpx
from llm_migrate.taps.tap import Tap
from llm_migrate.taps.transport import async_tapped_client, tapped_client
from llm_migrate.taps.way import AsyncWay

ASKED: Final = {"model": "gpt-4o", "messages": [{"role": "user", "content": "canary"}]}


@dataclass(slots=True)
class Seen:
    """What a program sees of one call.

    Attributes:
        end: an answer that looks whole, an error in place of one, or an error in the middle of one.
        text: all content, in the order in which it came.
        arguments: of tool calls.
        finish: the finish reason, "" if none came.
        headers: of the answer or the error.
        error: what the SDK raised.
        took_s: until the end.
    """

    end: Literal["answer", "error", "cut"] = "answer"
    text: str = ""
    arguments: str = ""
    finish: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    error: openai.APIError | None = None
    took_s: float = 0.0

    def take(self, part: Any) -> None:
        """Note a message, or what a stream adds to it."""
        self.text += part.content or ""
        self.arguments += "".join(call.function.arguments or "" for call in part.tool_calls or ())


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask: makes the SDK's client over a chain."""

    name: str
    client_over: Callable[[Tap, httpx2.Timeout], Any]

    def ask(
        self, tap: Tap, limit: httpx2.Timeout, *, streamed: bool, on: Callable[[Seen], None] = lambda seen: None
    ) -> Seen:
        """Make one call and see it to its end.

        Args:
            tap: the chain.
            limit: the caller's time limits.
            streamed: ask for a stream.
            on: called at each piece of a stream.
        """
        seen, began = Seen(), time.monotonic()
        client = self.client_over(tap, limit)
        try:
            if isinstance(client, openai.AsyncOpenAI):
                asyncio.run(_see_async(client, streamed, seen, on))
            else:
                _see(client, streamed, seen, on)
        except openai.APIError as e:
            seen.error = e
            if isinstance(e, openai.APIStatusError):
                seen.end, seen.headers = "error", dict(e.response.headers)
            else:
                seen.end = "cut"
        seen.took_s = time.monotonic() - began
        return seen


def _see(client: Any, streamed: bool, seen: Seen, on: Callable[[Seen], None]) -> None:
    with client:
        if not streamed:
            _note_whole(client.chat.completions.with_raw_response.create(**ASKED), seen)
            return
        stream = client.chat.completions.create(**ASKED, stream=True)
        seen.headers = dict(stream.response.headers)
        for chunk in stream:
            _note_chunk(chunk, seen, on)


async def _see_async(client: Any, streamed: bool, seen: Seen, on: Callable[[Seen], None]) -> None:
    async with client:
        if not streamed:
            _note_whole(await client.chat.completions.with_raw_response.create(**ASKED), seen)
            return
        stream = await client.chat.completions.create(**ASKED, stream=True)
        seen.headers = dict(stream.response.headers)
        async for chunk in stream:
            _note_chunk(chunk, seen, on)


def _note_whole(raw: Any, seen: Seen) -> None:
    [choice] = raw.parse().choices
    seen.headers = dict(raw.headers)
    seen.finish = choice.finish_reason
    seen.take(choice.message)


def _note_chunk(chunk: Any, seen: Seen, on: Callable[[Seen], None]) -> None:
    for choice in chunk.choices:
        seen.take(choice.delta)
        seen.finish += choice.finish_reason or ""
    on(seen)


def _drop_in(tap: Tap, limit: httpx2.Timeout) -> openai.OpenAI:
    return llm_migrate.OpenAI(http_client=tapped_client(tap), timeout=limit)


def _async_drop_in(tap: Tap, limit: httpx2.Timeout) -> openai.AsyncOpenAI:
    return llm_migrate.AsyncOpenAI(http_client=async_tapped_client(tap), timeout=limit)


def _httpx2(tap: Tap, limit: httpx2.Timeout) -> openai.OpenAI:
    return openai.OpenAI(api_key="x", http_client=tapped_client(tap), timeout=limit)


def _async_httpx2(tap: Tap, limit: httpx2.Timeout) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="x", http_client=async_tapped_client(tap), timeout=limit)


def _httpx(tap: Tap, limit: httpx2.Timeout) -> openai.OpenAI:
    client = httpx.Client(transport=family_httpx.Transport(tap, PooledUpstream()))
    return openai.OpenAI(api_key="x", http_client=client, timeout=limit)


def _async_httpx(tap: Tap, limit: httpx2.Timeout) -> openai.AsyncOpenAI:
    client = httpx.AsyncClient(transport=family_httpx.AsyncTransport(tap, AsyncWay()))
    return openai.AsyncOpenAI(api_key="x", http_client=client, timeout=limit)


def _own(tap: Tap, limit: httpx2.Timeout) -> openai.OpenAI:
    client = tapped_client(tap, HttpxUpstream(transport=httpx2.HTTPTransport(verify=routes.tls())))
    return openai.OpenAI(api_key="x", http_client=client, timeout=limit)


def _async_own(tap: Tap, limit: httpx2.Timeout) -> openai.AsyncOpenAI:
    client = async_tapped_client(tap, AsyncHttpxUpstream(transport=httpx2.AsyncHTTPTransport(verify=routes.tls())))
    return openai.AsyncOpenAI(api_key="x", http_client=client, timeout=limit)


WAYS: Final = (
    Way("drop-in", _drop_in),
    Way("async drop-in", _async_drop_in),
    Way("httpx2", _httpx2),
    Way("async httpx2", _async_httpx2),
    Way("httpx", _httpx),
    Way("async httpx", _async_httpx),
    Way("own transport", _own),
    Way("async own transport", _async_own),
)
