"""The fake of Bedrock enforces the little that is known of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import bedrock_like as bedrock
from tests.fakes.server import RefusalError, Reply, Request

TURN = {"role": "user", "content": "hello"}


def ask(path: str = bedrock.ROOT + "/chat/completions", key: str = bedrock.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "gpt-6-luna", "messages": [TURN], **fields}).encode()
    return bedrock.serve(Request("POST", path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


@pytest.mark.parametrize("fields", [{}, {"model": "openai.gpt-6-luna"}, {"seed": 1, "store": True}])
def test_a_plain_question_is_answered(fields: dict[str, Any]) -> None:
    """A model is served with and without the prefix, and OpenAI's fields are taken."""
    assert ask(**fields).payload["choices"][0]["message"]["content"] == "收到: hello"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"key": "sk-other"}, 401),
        ({"model": "gpt-4o"}, 404),
        ({"path": bedrock.ROOT + "/images/generations"}, 404),
        ({"messages": []}, 400),
    ],
)
def test_what_is_refused(fields: dict[str, Any], status: int) -> None:
    """Key, model, path and an empty conversation are refused each in its way."""
    assert refusal(**fields) == status
