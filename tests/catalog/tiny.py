"""Provider files of a few lines, made for one test."""

from __future__ import annotations

from typing import Any

from llm_migrate.catalog.policy import UNKNOWN, Policy, Ruling, judge
from llm_migrate.catalog.schema import Provider

SOURCE = "https://example.com/docs"
FACTS = {"source": SOURCE, "checked": "2026-11-22"}


def provider(*, chat: dict[str, Any] | None = None, apis: dict[str, Any] | None = None, **facts: Any) -> Provider:
    """Return a provider that offers chat with these rules, on the endpoints "main" and "side"."""
    return Provider.model_validate(
        {
            "id": "tiny",
            "name": "Tiny",
            "dialect": "openai-chat",
            "endpoints": [
                {"id": "main", "base_url": "https://a.example/v1", "region": "global", "default": True, **FACTS},
                {"id": "side", "base_url": "https://b.example/v1", "region": "global", **FACTS},
            ],
            "auth": [{"id": "key", "kind": "bearer"}],
            "apis": {"chat": {"offered": True, "source": SOURCE, **(chat or {})}, **(apis or {})},
            **facts,
        }
    )


def policy(made: Provider, model: object = "m", **rest: Any) -> Policy:
    """Return its policy for chat on the endpoint "main"."""
    return Policy(made, **{"endpoint": "main", "api": "chat", "model": model, **rest})


def model(name: str, **facts: Any) -> dict[str, Any]:
    """Return the entry of a model."""
    return {"id": name, **FACTS, **facts}


def rule_on(
    body: dict[str, Any], model: object = "m", facts: dict[str, Any] | None = None, **params: Any
) -> list[Ruling]:
    """Judge a body by the rules of a few parameters; a single rule may stand without its list."""
    rules = {name: rules if isinstance(rules, list) else [rules] for name, rules in params.items()}
    return judge(policy(provider(chat={"params": rules}, **(facts or {})), model), body)


def talk_on(messages: object, model: object = "m", facts: dict[str, Any] | None = None, **rules: Any) -> list[Ruling]:
    """Judge messages by message rules."""
    made = provider(chat={"messages": rules}, **(facts or {}))
    return judge(policy(made, model), {"messages": messages})


def nasty() -> Provider:
    """Return a provider whose rules meet, cross and exclude each other in every way that a file can say."""
    keep_low = {"effect": "clamp", "low": 0.1, "high": 1.0}
    return provider(
        chat={
            "unlisted": "drop",
            "params": {
                "temperature": [
                    {"effect": "omit", "values": [1]},
                    {"effect": "drop", "when": {"reasoning_effort": ["present"]}},
                    {"effect": "map", "values": [0], "map": {"0": 0.01}, "set": {"do_sample": False}},
                    keep_low,
                ],
                "top_p": [{**keep_low, "models": ["small*"]}, {"effect": "drop", "lacks": "tools"}],
                "max_tokens": [
                    {"effect": "rename", "to": "limit", "when": {"stream": ["absent", True]}},
                    {"effect": "clamp", "low": 1, "limit": "max_output_tokens", "also": ["max_new_tokens"]},
                ],
                "max_completion_tokens": [{"effect": "clamp", "to": "limit", "low": 1, "limit": "max_output_tokens"}],
                "max_new_tokens": [{"effect": "keep"}],
                "user": [{"effect": "rename", "to": "user_id"}],
                "safety_identifier": [{"effect": "rename", "to": "user_id", "chars": [1, 64]}, {"effect": "drop"}],
                "user_id": [{"effect": "keep"}],
                "stop": [{"effect": "clamp", "max_items": 2, "as_list": True}],
                "input": [{"effect": "keep", "as_list": True}],
                "tool_choice": [
                    {"effect": "keep", "values": ["auto"], "when": {"tools": ["present"]}},
                    {"effect": "omit", "when": {"tools": ["absent"]}},
                    {"effect": "emulate", "how": "schema-instruction", "values": ["required", "function"]},
                    {"effect": "refuse"},
                ],
                "tools": [{"effect": "refuse", "lacks": "tools"}, {"effect": "keep", "set": {"tool_stream": True}}],
                "thinking": [
                    {"effect": "map", "to": "reasoning_effort", "map": {"disabled": "none", "enabled": "high"}},
                ],
                "reasoning_effort": [
                    {"effect": "map", "map": {"minimal": "low"}, "models": ["small*"]},
                    {"effect": "omit", "values": ["none"], "set": {"thinking": {"type": "disabled"}}},
                ],
                "response_format": [{"effect": "refuse", "values": ["json_schema"], "lacks": "json_schema"}],
                "seed": [{"effect": "clamp", "low": 1, "high": 10, "endpoints": ["side"]}],
                "n": [
                    {"effect": "omit", "values": [1]},
                    {"effect": "emulate", "how": "n-calls", "advice": "one a call"},
                ],
                "tools.function.strict": [{"effect": "drop", "models": ["small*"]}],
                "tools.custom": [{"effect": "refuse"}],
                "messages.name": [{"effect": "drop", "endpoints": ["main"]}],
                "messages.role": [{"effect": "keep"}],
                "messages.content": [{"effect": "keep"}],
                "messages.content.image_url.detail": [{"effect": "omit", "values": ["auto"]}, {"effect": "drop"}],
                "messages.tool_calls": [{"effect": "keep"}],
                "messages.reasoning_content": [{"effect": "keep"}],
                "messages.*": [{"effect": "drop", "models": ["big"]}],
                "logprobs": [{"effect": "omit", "values": [False]}, {"effect": "refuse", "models": ["big"]}],
            },
            "defaults": [
                {"field": "reasoning_effort", "value": "low", "models": ["big"], "unless": ["thinking"]},
                {"field": "calm", "value": True, "asked": ["plain"]},
                {"field": "limit", "value": 100, "unless": ["max_tokens", "max_completion_tokens"]},
                {"field": "tool_stream", "value": True, "when": {"tools": ["present"], "stream": [True]}},
                {"field": "do_sample", "value": True, "when": {"reasoning_effort": ["low", "absent"]}},
            ],
            "messages": {
                "roles": {"developer": "system", "function": "tool"},
                "system": "first",
                "fold_system": ["small*"],
                "alternate": True,
                "needs_user": True,
                "first": ["user"],
                "last": ["user", "tool"],
                "empty_content": "omit",
                "reasoning_content": "strip",
                "text_parts": "join",
                "text_parts_models": ["small*"],
                "image_data_url": "strip-prefix",
                "parts": {
                    "image_url": [{"effect": "refuse", "lacks": "vision"}, {"effect": "drop", "values": ["url"]}],
                    "input_audio": [{"effect": "emulate", "how": "schema-instruction", "models": ["big"]}],
                    "file": [{"effect": "refuse"}],
                },
            },
        },
        models=[
            model("big", abilities=["tools", "json_schema"], max_output_tokens=1000, endpoints=["main"]),
            model("gone", retires_on="2026-01-01", abilities=["vision"], unsure=["tools"]),
            model("small-1", abilities=["vision"], unsure=["json_schema"], max_output_tokens=10),
        ],
    )


__all__ = ["SOURCE", "UNKNOWN", "model", "nasty", "policy", "provider", "rule_on", "talk_on"]
