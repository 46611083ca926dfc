"""The light clients: plain dictionaries in, plain dictionaries out, answered from a chain.

For scripts, functions-as-a-service and hot paths. No SDK is needed or imported; `llm_migrate.taps.shapes` says what is
in the dictionaries.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias, Unpack, cast

import orjson

from llm_migrate.config import Config, load_config
from llm_migrate.engine.async_driver import AsyncRun
from llm_migrate.engine.plan import World
from llm_migrate.engine.steps import Reply
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.errors import UsageError
from llm_migrate.taps.received import AsyncStream, Stream, read_whole
from llm_migrate.taps.shapes import ChatCompletion, ChatParams, EmbeddingParams, Embeddings, Models
from llm_migrate.taps.tap import RETRIES, Asked, Tap, internal_error
from llm_migrate.taps.way import AsyncWay

Timeout: TypeAlias = float | tuple[float, float]

_CHAT: Final = "/chat/completions"
_EMBEDDINGS: Final = "/embeddings"
_MODELS: Final = "/models"


class Client:
    """Asks the targets of a chain; for any number of threads.

    All methods that ask take a `timeout` of their own and `extra_body`, for parameters that OpenAI does not know.

    Args:
        config: path of a `llm-migrate.toml`, or a configuration; found by the usual rules if None.
        chain: which chain.
        timeout: seconds until a whole answer must be there, for streams between two pieces; or a pair: seconds to
            connect, and these. 5 and 600 if None.
        max_retries: further tries at one target, 2 at most; 0 makes one try at each.

    Raises:
        ConfigError: no configuration, or one that is wrong.
    """

    def __init__(
        self,
        *,
        config: str | Path | Config | None = None,
        chain: str = "default",
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        _world: World | None = None,  # a driven clock, for examples
    ) -> None:
        from llm_migrate.engine.pooled_upstream import PooledUpstream

        self._desk = _Desk(Tap(load_config(config), chain, _world), _limits(timeout), max_retries)
        self._upstream = PooledUpstream()

    def chat(
        self,
        *,
        model: str,
        messages: Sequence[Mapping[str, object]],
        timeout: Timeout | None = None,
        extra_body: Mapping[str, object] | None = None,
        answer_headers: dict[str, str] | None = None,
        **params: Unpack[ChatParams],
    ) -> ChatCompletion:
        """Return the answer to a conversation.

        Args:
            model: as the program calls it; the configuration says what it is at each target.
            messages: the turns.
            timeout: seconds, instead of the client's.
            extra_body: parameters that OpenAI does not know.
            answer_headers: filled with the headers of the answer, `x-llm-migrate-provider` and the like.
            params: parameters that OpenAI knows.

        Raises:
            RequestRefusedError: the request is at fault.
            UpstreamError: no target could answer; `status`, `code` and `retry_after_s` say why.
            UsageError: something that is no JSON, or the client is closed.
        """
        asked = self._desk.post(_CHAT, timeout, {"model": model, "messages": messages}, params, extra_body)
        return cast("ChatCompletion", read_whole(self._ask(asked), answer_headers))

    def stream(
        self,
        *,
        model: str,
        messages: Sequence[Mapping[str, object]],
        timeout: Timeout | None = None,
        extra_body: Mapping[str, object] | None = None,
        **params: Unpack[ChatParams],
    ) -> Stream:
        """Return the answer as chunks. What can go wrong does so when they are read; see `Stream`."""
        wanted = {"model": model, "messages": messages, "stream": True}
        asked = self._desk.post(_CHAT, timeout, wanted, params, extra_body)
        return Stream(lambda: SyncRun(self._desk.tap.open(asked), self._upstream, time.sleep))

    def embed(
        self,
        *,
        model: str,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002 (OpenAI's word)
        timeout: Timeout | None = None,
        extra_body: Mapping[str, object] | None = None,
        answer_headers: dict[str, str] | None = None,
        **params: Unpack[EmbeddingParams],
    ) -> Embeddings:
        """Return one vector for each input, in their order; raises as `chat` does."""
        asked = self._desk.post(_EMBEDDINGS, timeout, {"model": model, "input": input}, params, extra_body)
        return cast("Embeddings", read_whole(self._ask(asked), answer_headers))

    def models(self) -> Models:
        """Return what the chain serves. It stands in the configuration and the catalog: nobody is asked."""
        return cast("Models", read_whole(self._ask(self._desk.get(_MODELS))))

    def close(self) -> None:
        """Close the connections; nothing can be asked any more."""
        self._desk.closed = True
        self._upstream.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, asked: Asked) -> Reply:
        try:
            return SyncRun(self._desk.tap.open(asked), self._upstream, time.sleep).start()
        except Exception as e:
            return internal_error(e)


class AsyncClient:
    """Asks the targets of a chain; for any number of tasks and of event loops, asyncio's and trio's; see `Client`."""

    def __init__(
        self,
        *,
        config: str | Path | Config | None = None,
        chain: str = "default",
        timeout: Timeout | None = None,
        max_retries: int | None = None,
    ) -> None:
        self._desk = _Desk(Tap(load_config(config), chain), _limits(timeout), max_retries)
        self._way = AsyncWay()

    async def chat(
        self,
        *,
        model: str,
        messages: Sequence[Mapping[str, object]],
        timeout: Timeout | None = None,  # noqa: ASYNC109 (the engine keeps it)
        extra_body: Mapping[str, object] | None = None,
        answer_headers: dict[str, str] | None = None,
        **params: Unpack[ChatParams],
    ) -> ChatCompletion:
        """Return the answer to a conversation; see `Client.chat`."""
        asked = self._desk.post(_CHAT, timeout, {"model": model, "messages": messages}, params, extra_body)
        return cast("ChatCompletion", read_whole(await self._ask(asked), answer_headers))

    def stream(
        self,
        *,
        model: str,
        messages: Sequence[Mapping[str, object]],
        timeout: Timeout | None = None,
        extra_body: Mapping[str, object] | None = None,
        **params: Unpack[ChatParams],
    ) -> AsyncStream:
        """Return the answer as chunks, without awaiting anything yet; see `AsyncStream`."""
        wanted = {"model": model, "messages": messages, "stream": True}
        asked = self._desk.post(_CHAT, timeout, wanted, params, extra_body)
        return AsyncStream(lambda: AsyncRun(self._desk.tap.open(asked), self._way.upstream(), self._way.sleep))

    async def embed(
        self,
        *,
        model: str,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002 (OpenAI's word)
        timeout: Timeout | None = None,  # noqa: ASYNC109 (the engine keeps it)
        extra_body: Mapping[str, object] | None = None,
        answer_headers: dict[str, str] | None = None,
        **params: Unpack[EmbeddingParams],
    ) -> Embeddings:
        """Return one vector for each input, in their order; raises as `Client.chat` does."""
        asked = self._desk.post(_EMBEDDINGS, timeout, {"model": model, "input": input}, params, extra_body)
        return cast("Embeddings", read_whole(await self._ask(asked), answer_headers))

    async def models(self) -> Models:
        """Return what the chain serves. It stands in the configuration and the catalog: nobody is asked."""
        return cast("Models", read_whole(await self._ask(self._desk.get(_MODELS))))

    async def close(self) -> None:
        """Close what this client alone uses; nothing can be asked any more."""
        self._desk.closed = True
        await self._way.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, asked: Asked) -> Reply:
        try:
            return await AsyncRun(self._desk.tap.open(asked), self._way.upstream(), self._way.sleep).start()
        except Exception as e:
            return internal_error(e)


@dataclass(slots=True)
class _Desk:
    """Writes down what is asked, the same for both clients."""

    tap: Tap
    limits: Mapping[str, float]
    max_retries: int | None
    closed: bool = field(default=False, init=False)

    def post(
        self,
        path: str,
        timeout: Timeout | None,
        wanted: Mapping[str, object],
        params: Mapping[str, object],
        extra_body: Mapping[str, object] | None,
    ) -> Asked:
        body = {**wanted, **params, **(extra_body or {})}
        if bool(body.get("stream")) != ("stream" in wanted):
            raise UsageError("stream: chat() gives a whole answer, stream() gives chunks")
        try:
            content = orjson.dumps(body)
        except orjson.JSONEncodeError as e:
            raise UsageError(f"{path.lstrip('/')}: not JSON: {e}") from None
        return self._asked("POST", path, content, self.limits if timeout is None else _limits(timeout))

    def get(self, path: str) -> Asked:
        return self._asked("GET", path, b"", self.limits)

    def _asked(self, method: str, path: str, content: bytes, limits: Mapping[str, float]) -> Asked:
        if self.closed:
            raise UsageError("the client is closed")
        return Asked(method, path, content, {"timeout": limits, RETRIES: self.max_retries})


def _limits(timeout: Timeout | None) -> Mapping[str, float]:
    """Return time limits under the names that the SDK's transports have for them."""
    if timeout is None:
        return {}
    connect_s, read_s = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if not (connect_s > 0 and read_s > 0):
        raise UsageError("timeout: seconds, more than 0: a number, or a pair of them")
    return {"connect": connect_s, "read": read_s}
