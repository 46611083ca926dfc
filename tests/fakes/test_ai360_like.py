"""The fake of 360 refuses the little that is known to be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import ai360_like as ai360
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request

TURN = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/chat/completions", key: str = ai360.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "360gpt2-pro", "messages": [TURN], **fields}).encode()
    return ai360.serve(Request("POST", "/v1" + path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"top_k": 5, "repetition_penalty": 1.05, "num_beams": 1},
        {"tools": [TOOL, {"type": "web_search", "web_search": {"search_mode": "auto"}}]},
        {"model": "volcengine/doubao-seed-2-0-pro"},
    ],
)
def test_a_plain_question_is_answered(fields: dict[str, Any]) -> None:
    """Own fields, the search tool and resold models pass."""
    assert ask(**fields).payload["choices"][0]["message"] == {"role": "assistant", "content": "收到: hello"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"temperature": 2.1}, 400),
        ({"messages": [PICTURE]}, 400),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, 400),
        ({"model": "doubao-seed-2-0-pro"}, 400),
        ({"key": "sk-other"}, 401),
        ({"path": "/embeddings", "input": "a"}, 404),
    ],
)
def test_refusals(fields: dict[str, Any], status: int) -> None:
    """A resold model needs its vendor's name; key and path have their statuses."""
    assert refusal(**fields) == status


def test_models_have_their_sizes() -> None:
    """The list says how long a conversation and an answer may be."""
    reply = ai360.serve(Request("GET", "/v1/models", {}, {"authorization": f"Bearer {ai360.KEY}"}, b""))

    assert {"total_tokens", "max_tokens"} <= reply.payload["data"][0].keys()


def test_the_filter_is_a_reason_to_finish() -> None:
    """A filtered prompt gets an empty answer that says why."""
    choice = ask(messages=[{"role": "user", "content": FILTERED}]).payload["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")
