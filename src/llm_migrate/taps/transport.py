"""A client for under the OpenAI SDK that a program constructs itself: `openai.OpenAI(http_client=http_client())`."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from llm_migrate.config import Config, load_config
from llm_migrate.engine.httpx_upstream import FAMILIES, AsyncHttpxUpstream, HttpxUpstream
from llm_migrate.errors import MissingExtraError
from llm_migrate.taps.tap import Tap
from llm_migrate.taps.way import AsyncWay

if TYPE_CHECKING:
    import httpx2

    from llm_migrate.engine.upstream import Upstream

_TAPPED: WeakKeyDictionary[object, Tap] = WeakKeyDictionary()


def http_client(
    *, config: str | Path | Config | None = None, chain: str = "default", upstream_transport: object = None
) -> httpx2.Client:
    """Return a client that answers the OpenAI SDK from the targets of a chain.

    It is of the family that the installed SDK takes (httpx2 for openai 3, httpx before) and keeps the SDK's default
    time limits. Closing the SDK's client closes it.

    Args:
        config: path of a `llm-migrate.toml`, or a configuration; found by the usual rules if None.
        chain: which chain.
        upstream_transport: a sync transport of httpx2 or httpx that carries the requests to the vendors, for proxies
            or certificates of your own.

    Raises:
        ConfigError: no configuration, or one that is wrong.
        MissingExtraError: the OpenAI SDK is not installed.
    """
    way = None if upstream_transport is None else HttpxUpstream(transport=upstream_transport)
    return tapped_client(Tap(load_config(config), chain), way)


def async_http_client(
    *, config: str | Path | Config | None = None, chain: str = "default", upstream_transport: object = None
) -> httpx2.AsyncClient:
    """Return an async client that answers the OpenAI SDK from the targets of a chain; see `http_client`."""
    way = None if upstream_transport is None else AsyncHttpxUpstream(transport=upstream_transport)
    return async_tapped_client(Tap(load_config(config), chain), way)


def tapped_client(tap: Tap, upstream: Upstream | None = None, **client_kwargs: object) -> httpx2.Client:
    """Return a sync client over a tap; `client_kwargs` go to the SDK's own client class."""
    from llm_migrate.engine.pooled_upstream import PooledUpstream

    sdk = _sdk()
    transport = _family(sdk.DefaultHttpxClient).Transport(tap, upstream or PooledUpstream())
    client = cast("httpx2.Client", sdk.DefaultHttpxClient(transport=transport, **client_kwargs))
    _TAPPED[client] = tap
    return client


def async_tapped_client(
    tap: Tap, upstream: AsyncHttpxUpstream | None = None, **client_kwargs: object
) -> httpx2.AsyncClient:
    """Return an async client over a tap; `client_kwargs` go to the SDK's own client class."""
    sdk = _sdk()
    transport = _family(sdk.DefaultAsyncHttpxClient).AsyncTransport(tap, AsyncWay(upstream))
    client = cast("httpx2.AsyncClient", sdk.DefaultAsyncHttpxClient(transport=transport, **client_kwargs))
    _TAPPED[client] = tap
    return client


def tap_of(client: object) -> Tap | None:
    """Return the tap that a client made here stands on; None for any other client."""
    try:
        return _TAPPED.get(client)
    except TypeError:  # cannot be referred to weakly, so it is none of ours
        return None


def _sdk() -> Any:
    try:
        return importlib.import_module("openai")
    except ImportError as e:
        raise MissingExtraError("the OpenAI SDK", "openai") from e


def _family(client_class: type[object]) -> Any:
    """Return our transports of the family that a client class belongs to."""
    roots = [kind.__module__.partition(".")[0] for kind in client_class.__mro__]
    family = next(root for root in roots if root in FAMILIES)
    module: ModuleType = importlib.import_module(f"llm_migrate.taps.family_{family}")
    return module
