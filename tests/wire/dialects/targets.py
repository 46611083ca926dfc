"""Targets at the native endpoints of the catalog, and requests to them."""

from __future__ import annotations

from typing import Any

import orjson

from llm_migrate.catalog.load import load_provider
from llm_migrate.config import Secret, Target
from llm_migrate.config.secret import CredentialSource
from llm_migrate.wire.exchange import Answer, Call, Outgoing, StreamReader, parse_call, prepare, read_answer

NOW = 1720483200.0
KEY = "canary-id-0123456789:canary-secret-0123456789"
TOKEN = Secret("canary-token-0123456789")


def native(provider: str, endpoint: str, auth: str | None = None, key: str = KEY) -> Target:
    """Return a target at an endpoint of the catalog."""
    facts = load_provider(provider)
    at = next(e for e in facts.endpoints if e.id == endpoint)
    way = next(a for a in facts.auth if a.id == (auth or at.auth))
    return Target("main", facts, at, at.base_url, way, None, False, CredentialSource("plain", (key,)))


def call_of(messages: Any = "hi", **fields: Any) -> Call:
    """Return a chat call; a text is one user turn."""
    turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    body = orjson.dumps({"model": "gpt-4o", "messages": turns, **fields})
    return parse_call("POST", "/v1/chat/completions", body)


def ask(target: Target, model: str, messages: Any = "hi", *, now_s: float = NOW, **fields: Any) -> Outgoing:
    """Return the request for a chat."""
    call = call_of(messages, **fields)
    key = Secret(target.source.names[0])
    return prepare(target, call, model=model, secret=key, now_s=now_s, token=token_for(target))


def token_for(target: Target) -> Secret | None:
    """Return a token where the target's way to sign asks for one with its keys."""
    return TOKEN if target.auth.kind == "baidu-oauth" and ":" in target.source.names[0] else None


def body_of(target: Target, model: str, messages: Any = "hi", **fields: Any) -> dict[str, Any]:
    """Return the JSON that is sent for a chat."""
    body: dict[str, Any] = orjson.loads(ask(target, model, messages, **fields).body)
    return body


def told(target: Target, model: str, status: int, body: Any, **fields: Any) -> Any:
    """Return what an answer means: the JSON for the caller, or the error."""
    call = call_of(**fields)
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    out = ask(target, model, **fields)
    found = read_answer(target, call, out, status, {}, raw)
    return orjson.loads(found.body) if isinstance(found, Answer) else found


def reader(target: Target, model: str, **fields: Any) -> StreamReader:
    """Return a reader for the stream that answers a chat."""
    call = call_of(stream=True, **fields)
    return StreamReader(target, call, ask(target, model, stream=True, **fields))
