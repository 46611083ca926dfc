"""The fake of Gemini enforces the little that is known of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import gemini_like as gemini
from tests.fakes.server import RefusalError, Reply, Request

TURN = {"role": "user", "content": "hello"}


def ask(path: str = gemini.ROOT + "/chat/completions", key: str = gemini.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "gemini-flash-latest", "messages": [TURN], **fields}).encode()
    return gemini.serve(Request("POST", path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


@pytest.mark.parametrize(
    "fields",
    [{"n": 7}, {"stop": ["1", "2", "3", "4", "5"]}, {"seed": 1, "extra_body": {"google": {"thinking_config": {}}}}],
)
def test_a_plain_question_is_answered(fields: dict[str, Any]) -> None:
    """What OpenAI's shape has, and Google's own fields, are taken within the limits."""
    assert ask(**fields).payload["choices"][0]["message"]["content"] == "收到: hello"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"key": "sk-other"}, 401),
        ({"model": "gpt-4o"}, 404),
        ({"path": gemini.ROOT + "/images/generations"}, 404),
        ({"messages": []}, 400),
        ({"stop": ["1", "2", "3", "4", "5", "6"]}, 400),
        ({"n": 8}, 400),
    ],
)
def test_what_is_refused(fields: dict[str, Any], status: int) -> None:
    """Key, model, path and the two limits are refused each in its way."""
    assert refusal(**fields) == status


def test_many_choices_of_a_stream_are_not_refused() -> None:
    """The limit of n is documented for whole answers only."""
    assert ask(n=8, stream=True).status == 200
