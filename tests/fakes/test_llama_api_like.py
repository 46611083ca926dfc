"""The fake of Meta's APIs enforces the little that is known of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import llama_api_like as llama_api
from tests.fakes.server import RefusalError, Reply, Request

TURN = {"role": "user", "content": "hello"}


def ask(path: str = llama_api.ROOT + "/chat/completions", key: str = llama_api.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "Llama-3.3-70B-Instruct", "messages": [TURN], **fields}).encode()
    return llama_api.serve(Request("POST", path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


@pytest.mark.parametrize(
    "fields", [{}, {"path": "/v1/chat/completions", "model": "muse-spark"}, {"seed": 1, "store": True}]
)
def test_a_plain_question_is_answered(fields: dict[str, Any]) -> None:
    """Each address serves its family, and OpenAI's fields are taken."""
    assert ask(**fields).payload["choices"][0]["message"]["content"] == "收到: hello"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"key": "sk-other"}, 401),
        ({"model": "muse-spark"}, 404),
        ({"path": llama_api.ROOT + "/images/generations"}, 404),
        ({"messages": []}, 400),
        ({"path": "/v1/chat/completions"}, 404),
    ],
)
def test_what_is_refused(fields: dict[str, Any], status: int) -> None:
    """Key, a model of the other address, path and an empty conversation are refused each in its way."""
    assert refusal(**fields) == status
