"""Carry a program from one LLM provider to the next.

Importing this package imports nothing heavy: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib

from llm_migrate._version import __version__

TYPE_CHECKING = False  # type checkers take it for typing's own, whose import takes as long as all of Python's start
if TYPE_CHECKING:
    from llm_migrate.config import load_config
    from llm_migrate.errors import MigrateError, RequestRefusedError, StreamCutError, UpstreamError
    from llm_migrate.taps.client import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
    from llm_migrate.taps.light import AsyncClient, Client
    from llm_migrate.taps.logs import JsonFormatter
    from llm_migrate.taps.requests_adapter import requests_session
    from llm_migrate.taps.shapes import ChatCompletion, ChatCompletionChunk, Embeddings
    from llm_migrate.taps.tracing import otel_listener
    from llm_migrate.taps.transport import async_http_client, http_client

__all__ = [
    "AsyncAzureOpenAI",
    "AsyncClient",
    "AsyncOpenAI",
    "AzureOpenAI",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Client",
    "Embeddings",
    "JsonFormatter",
    "MigrateError",
    "OpenAI",
    "RequestRefusedError",
    "StreamCutError",
    "UpstreamError",
    "__version__",
    "async_http_client",
    "http_client",
    "load_config",
    "otel_listener",
    "requests_session",
]

_HOME = {
    "load_config": "llm_migrate.config",
    "OpenAI": "llm_migrate.taps.client",
    "AsyncOpenAI": "llm_migrate.taps.client",
    "AzureOpenAI": "llm_migrate.taps.client",
    "AsyncAzureOpenAI": "llm_migrate.taps.client",
    "http_client": "llm_migrate.taps.transport",
    "async_http_client": "llm_migrate.taps.transport",
    "requests_session": "llm_migrate.taps.requests_adapter",
    "Client": "llm_migrate.taps.light",
    "AsyncClient": "llm_migrate.taps.light",
    "ChatCompletion": "llm_migrate.taps.shapes",
    "ChatCompletionChunk": "llm_migrate.taps.shapes",
    "Embeddings": "llm_migrate.taps.shapes",
    "JsonFormatter": "llm_migrate.taps.logs",
    "otel_listener": "llm_migrate.taps.tracing",
    "MigrateError": "llm_migrate.errors",
    "UpstreamError": "llm_migrate.errors",
    "RequestRefusedError": "llm_migrate.errors",
    "StreamCutError": "llm_migrate.errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value  # next time without this function
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
