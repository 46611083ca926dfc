"""The drop-in clients: the installed SDK's own classes, answered from the targets of a chain.

Same signatures, same types, same errors. What the caller says about OpenAI's address and key is not used, and a
warning says so once; `llm-migrate.toml` decides.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from llm_migrate.config import Config, load_config
from llm_migrate.errors import MissingExtraError, UsageError
from llm_migrate.taps import quick
from llm_migrate.taps.tap import RETRIES, Tap
from llm_migrate.taps.transport import async_tapped_client, tap_of, tapped_client

try:
    import openai
except ImportError as missing:
    raise MissingExtraError("llm_migrate.OpenAI", "openai") from missing

if TYPE_CHECKING:
    import httpx2

_Class = TypeVar("_Class", bound=type)

# The SDK demands an address, a key and a version; none of them leaves the process (".invalid" never resolves).
_NOWHERE: Final = "https://llm-migrate.invalid"
_UNUSED: Final = "unused"
_API_VERSION: Final = "unused"
# Settings that say whom to ask and as whom, which the configuration says instead.
_IDENTITY: Final = (
    "api_key",
    "admin_api_key",
    "workload_identity",
    "provider",
    "data_residency",
    "azure_ad_token",
    "azure_ad_token_provider",
)
_VARIABLES: Final = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
_AZURE_VARIABLES: Final = (
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_API_VERSION",
)

_log = logging.getLogger("llm_migrate")
_told: set[tuple[str, ...]] = set()


def _like(parent: type) -> Callable[[_Class], _Class]:
    """Give a class's `__init__` the signature of the SDK's, with our two keywords in front."""

    def change(kind: _Class) -> _Class:
        init: Any = vars(kind)["__init__"]
        own = [p for p in inspect.signature(init).parameters.values() if p.kind is not p.VAR_KEYWORD]
        theirs = inspect.signature(parent).parameters.values()
        init.__signature__ = inspect.Signature([*own, *theirs])
        return kind

    return change


class _DropIn:
    """Stays on its chain when copied, and builds response objects many times faster than the SDK does."""

    if not TYPE_CHECKING:  # type checkers shall see the SDK's own signature

        def copy(self, **options: Any) -> Any:
            """Return a copy as the SDK does; one over another `http_client` keeps the chain too."""
            other, tap = options.get("http_client"), tap_of(self._client)
            if other is not None and tap is not None and tap_of(other) is None:
                ours = {"config": tap.config, "chain": tap.chain.name}
                options["_extra_kwargs"] = {**options.get("_extra_kwargs", {}), **ours}
            return super().copy(**options)

        with_options = copy

    def _process_response_data(self, *, data: object, cast_to: Any, response: Any) -> Any:
        if not getattr(self, "_strict_response_validation", False) and quick.hook_is_known():
            built = quick.build(cast_to, data)
            if built is not None:
                return built
        sdk: Any = super()
        return sdk._process_response_data(data=data, cast_to=cast_to, response=response)


class _Sync(_DropIn):
    max_retries: int

    def _prepare_request(self, request: httpx2.Request) -> None:
        request.extensions[RETRIES] = self.max_retries
        sdk: Any = super()
        sdk._prepare_request(request)


class _Async(_DropIn):
    max_retries: int

    async def _prepare_request(self, request: httpx2.Request) -> None:
        request.extensions[RETRIES] = self.max_retries
        sdk: Any = super()
        await sdk._prepare_request(request)


@_like(openai.OpenAI)
class OpenAI(_Sync, openai.OpenAI):
    """`openai.OpenAI` over a chain of `llm-migrate.toml`.

    Args:
        config: path of the file, or a configuration; found by the usual rules if None.
        chain: which chain.
        openai_kwargs: as for `openai.OpenAI`. The transport of a given `http_client` carries the requests to the
            vendors; `base_url` counts only where there is no configuration; `max_retries=0` means one attempt for
            each target.

    Raises:
        ConfigError: no configuration, or one that is wrong.
    """

    def __init__(
        self, *, config: str | Path | Config | None = None, chain: str = "default", **openai_kwargs: Any
    ) -> None:
        super().__init__(**_settled(openai_kwargs, config, chain, tapped_client, "HttpxUpstream"))


@_like(openai.AsyncOpenAI)
class AsyncOpenAI(_Async, openai.AsyncOpenAI):
    """`openai.AsyncOpenAI` over a chain of `llm-migrate.toml`; see `OpenAI`."""

    def __init__(
        self, *, config: str | Path | Config | None = None, chain: str = "default", **openai_kwargs: Any
    ) -> None:
        super().__init__(**_settled(openai_kwargs, config, chain, async_tapped_client, "AsyncHttpxUpstream"))


@_like(openai.AzureOpenAI)
class AzureOpenAI(_Sync, openai.AzureOpenAI):
    """`openai.AzureOpenAI` over a chain of `llm-migrate.toml`; a deployment counts as the model asked for."""

    def __init__(
        self, *, config: str | Path | Config | None = None, chain: str = "default", **openai_kwargs: Any
    ) -> None:
        settled = _settled(openai_kwargs, config, chain, tapped_client, "HttpxUpstream", azure=True)
        super().__init__(**settled)


@_like(openai.AsyncAzureOpenAI)
class AsyncAzureOpenAI(_Async, openai.AsyncAzureOpenAI):
    """`openai.AsyncAzureOpenAI` over a chain of `llm-migrate.toml`; see `AzureOpenAI`."""

    def __init__(
        self, *, config: str | Path | Config | None = None, chain: str = "default", **openai_kwargs: Any
    ) -> None:
        settled = _settled(openai_kwargs, config, chain, async_tapped_client, "AsyncHttpxUpstream", azure=True)
        super().__init__(**settled)


def _settled(
    given: dict[str, Any],
    config: str | Path | Config | None,
    chain: str,
    client_over: Callable[..., object],
    upstream_class: str,
    *,
    azure: bool = False,
) -> dict[str, Any]:
    """Return the arguments for the SDK's own constructor."""
    own = given.get("http_client")
    if tap_of(own) is not None:
        # `copy` and `with_options` come here with the client that they share, and so does who made it by hand.
        if config is not None:
            raise UsageError("config: give it to http_client(...) or to the client, not to both")
        return _complete(given, azure=azure)
    base_url = given.get("base_url")
    key = given.get("api_key")
    tap = Tap(
        load_config(
            config,
            base_url=str(base_url) if isinstance(base_url, str) or hasattr(base_url, "host") else None,
            api_key=key if isinstance(key, str) else None,
        ),
        chain,
    )
    if tap.config.path is not None:
        _warn_of_unused(given, tap, azure=azure)
        given = {name: value for name, value in given.items() if name != "base_url"}
    given = {name: value for name, value in given.items() if name not in _IDENTITY}
    given["http_client"] = client_over(tap, *_over(own, upstream_class))
    if own is not None:
        given.setdefault("timeout", own.timeout)
    return _complete(given, azure=azure)


def _over(own: object, upstream_class: str) -> tuple[object, ...]:
    """Return the way to the vendors over a client of the caller's."""
    if own is None:
        return ()
    from llm_migrate.engine import httpx_upstream

    return (getattr(httpx_upstream, upstream_class)(client=own),)


def _complete(given: dict[str, Any], *, azure: bool) -> dict[str, Any]:
    """Return arguments with which the SDK asks its environment for nothing."""
    given = {**given}
    if given.get("api_key") is None and given.get("azure_ad_token") is None:
        given["api_key"] = _UNUSED
    if azure:
        if given.get("base_url") is None:
            given["azure_endpoint"] = given.get("azure_endpoint") or _NOWHERE
        given["api_version"] = given.get("api_version") or _API_VERSION
    elif not isinstance(given.get("base_url"), str) and not hasattr(given.get("base_url"), "host"):
        given["base_url"] = f"{_NOWHERE}/v1"
    return given


def _warn_of_unused(given: dict[str, Any], tap: Tap, *, azure: bool) -> None:
    """Say once which of the caller's settings do nothing."""
    used = {name for target in tap.chain.targets for name in target.source.names if target.source.kind == "env"}
    variables: Iterable[str] = (*_VARIABLES, *_AZURE_VARIABLES) if azure else _VARIABLES
    names = [name for name in (*_IDENTITY, "base_url", "azure_endpoint") if _is_set(given.get(name))]
    names += [name for name in variables if os.environ.get(name) and name not in used]
    if names and (key := tuple(names)) not in _told:
        _told.add(key)
        _log.warning("not used, because %s decides whom to ask: %s", tap.config.path, ", ".join(names))


def _is_set(value: object) -> bool:
    """Say whether a setting is the caller's: a copy hands on what stands in for one."""
    return value not in (None, _UNUSED) and not str(value).startswith(_NOWHERE)
