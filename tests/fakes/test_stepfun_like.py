"""The fake of StepFun is as strict as StepFun documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import stepfun_like as stepfun
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
VIDEO = {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://a.example/a.mp4"}}]}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


def ask(path: str = "/chat/completions", key: str = stepfun.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "step-3.5-flash", "messages": [TURN], **fields}).encode()
    return stepfun.serve(Request("POST", "/v1" + path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


def test_a_plain_question_is_answered() -> None:
    """An answer counts what was cached beside the totals."""
    told = ask().payload

    assert told["choices"][0]["message"] == {"role": "assistant", "content": "收到: hello"}
    assert told["usage"]["cached_tokens"] == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"temperature": 2.1}, 400),
        ({"frequency_penalty": -0.1}, 400),
        ({"frequency_penalty": 1.1}, 400),
        ({"presence_penalty": 0}, 400),
        ({"seed": 1}, 400),
        ({"logit_bias": {}}, 400),
        ({"logprobs": True}, 400),
        ({"user": "a"}, 400),
        ({"parallel_tool_calls": True}, 400),
        ({"max_completion_tokens": 5}, 400),
        ({"response_format": SCHEMA}, 400),
        ({"model": "step-3.7-flash", "reasoning_effort": "none"}, 400),
        ({"model": "step-3.5-flash-2603", "reasoning_effort": "medium"}, 400),
        ({"reasoning_format": "openai"}, 400),
        ({"tools": [{"type": "web_search"}]}, 400),
        ({"tools": [{"type": "retrieval"}]}, 400),
        ({"messages": [PICTURE]}, 400),
        ({"messages": [VIDEO]}, 400),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, 400),
        ({"key": "sk-other"}, 401),
        ({"model": "step-1-8k"}, 404),
        ({"path": "/embeddings", "input": "a"}, 404),
        ({"messages": [{"role": "user", "content": FILTERED}]}, 451),
    ],
)
def test_refusals(fields: dict[str, Any], status: int) -> None:
    """What is not in StepFun's page is refused; key, model, path and filter have their statuses."""
    assert refusal(**fields) == status


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2, "frequency_penalty": 1, "n": 6, "stop": ["a"]},
        {"response_format": {"type": "json_object"}},
        {"model": "step-5-preview", "response_format": SCHEMA},
        {"model": "step-3.7-flash", "reasoning_effort": "medium"},
        {"tools": [TOOL], "stream": True},
        {"tools": [{"type": "web_search", "function": {"description": "news"}}]},
        {"model": "step-3.7-flash", "messages": [PICTURE]},
        {"model": "step-5-preview", "messages": [VIDEO]},
    ],
)
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests are answered."""
    assert ask(**fields).status == 200


@pytest.mark.parametrize(
    ("fields", "name"), [({}, "reasoning"), ({"reasoning_format": "deepseek-style"}, "reasoning_content")]
)
def test_thoughts_stand_where_they_are_asked_for(fields: dict[str, Any], name: str) -> None:
    """A whole answer and a stream name the thoughts alike."""
    asked = {"model": "step-3.7-flash", **fields}

    deltas = [chunk["choices"][0]["delta"] for chunk in ask(stream=True, **asked).events or ()]
    assert ask(**asked).payload["choices"][0]["message"][name] == THOUGHT
    assert "".join(delta.get(name, "") for delta in deltas) == THOUGHT
