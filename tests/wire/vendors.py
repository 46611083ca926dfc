"""Invented vendors with just the facts that a test is about, and calls to them."""

from __future__ import annotations

import orjson

from llm_migrate.catalog.schema import Provider
from llm_migrate.config import Secret, Target
from llm_migrate.config.secret import CredentialSource
from llm_migrate.wire.exchange import Call, Manner, Outgoing, parse_call, prepare

KEY = "sk-canary-0123456789"
HOST = "llm.example.test"
SCHEMA_NOW = 1_732_000_000.5

_FACT = {"source": "invented", "checked": "2026-11-22"}


def make_target(*, chat=None, auth="bearer", api_version=None, base_url=f"https://{HOST}/v1", **facts) -> Target:
    """Return a target at a vendor that is like OpenAI but for `chat` (facts of that API) and `facts`."""
    provider = Provider.model_validate(
        {
            "id": "acme",
            "name": "Acme",
            "dialect": "openai-chat",
            "endpoints": [{"id": "main", "base_url": base_url, "region": "global", "default": True, **_FACT}],
            "auth": [{"id": "key", "kind": auth, "env": ["ACME_API_KEY"]}],
            "apis": {
                "chat": {"offered": True, "path": "/chat/completions", **(chat or {})},
                **facts.pop("more_apis", {}),
                "embeddings": {
                    "offered": True,
                    "path": "/embeddings",
                    "token_input": True,
                    **facts.pop("embeddings", {}),
                },
            },
            **facts,
        }
    )
    source = CredentialSource("plain", (KEY,))
    return Target("main", provider, provider.endpoints[0], base_url, provider.auth[0], api_version, False, source)


def make_call(path="/v1/chat/completions", **fields) -> Call:
    """Return a call as an SDK would send it."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **fields}
    if path.endswith("/embeddings"):
        del body["messages"]
    return parse_call("POST", path, orjson.dumps(body))


def send(target: Target, call: Call, *, model="acme-1", adapt="warn") -> Outgoing:
    """Return the request for a call."""
    return prepare(target, call, model=model, manner=Manner(adapt), secret=Secret(KEY), now_s=SCHEMA_NOW)


def sent_body(target: Target, **fields) -> dict:
    """Return the JSON that a vendor is sent for a chat call with these fields."""
    return orjson.loads(send(target, make_call(**fields)).body)
