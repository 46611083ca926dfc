"""The fake of LongCat is as strict as Meituan documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import longcat_like as longcat
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/chat/completions", key: str = longcat.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "LongCat-2.0", "messages": [TURN], **fields}).encode()
    return longcat.serve(Request("POST", "/openai/v1" + path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


@pytest.mark.parametrize(
    ("fields", "thought"), [({}, THOUGHT), ({"thinking": {"type": "disabled"}}, None)], ids=["thinking", "not"]
)
def test_a_plain_question_is_answered(fields: dict[str, Any], thought: str | None) -> None:
    """An answer has its thoughts apart, and none when told so."""
    message = ask(**fields).payload["choices"][0]["message"]

    assert (message["content"], message.get("reasoning_content")) == ("收到: hello", thought)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"temperature": 1.1}, 400),
        ({"max_tokens": 131073}, 400),
        ({"max_completion_tokens": 5}, 400),
        ({"reasoning_effort": "low"}, 400),
        ({"n": 1}, 400),
        ({"seed": 1}, 400),
        ({"presence_penalty": 0}, 400),
        ({"frequency_penalty": 0}, 400),
        ({"stop": "a"}, 400),
        ({"logprobs": True}, 400),
        ({"response_format": {"type": "json_object"}}, 400),
        ({"user": "a"}, 400),
        ({"thinking": {"type": "adaptive"}}, 400),
        ({"messages": [PICTURE]}, 400),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}, 400),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, 400),
        ({"model": "LongCat-Flash-Chat"}, 400),
        ({"key": "sk-other"}, 401),
        ({"path": "/embeddings", "input": "a"}, 404),
    ],
)
def test_refusals(fields: dict[str, Any], status: int) -> None:
    """What the chat page does not list is refused; key and path have their statuses."""
    assert refusal(**fields) == status


@pytest.mark.parametrize("fields", [{"temperature": 1}, {"max_tokens": 131072}, {"tools": [TOOL]}])
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests are answered."""
    assert ask(**fields).status == 200


def test_the_filter_is_a_reason_to_finish() -> None:
    """A filtered prompt gets an empty answer that says why."""
    choice = ask(messages=[{"role": "user", "content": FILTERED}]).payload["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")
