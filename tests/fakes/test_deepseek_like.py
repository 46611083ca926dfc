"""The fake of DeepSeek is as strict as DeepSeek documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import deepseek_like as deepseek
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}
TOOL = {"type": "function", "function": {"name": "get_weather"}}
STRICT = {"type": "function", "function": {"name": "get_weather", "strict": True}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
CALLED = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "get_weather"}}]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "sunny"}
OFF = {"thinking": {"type": "disabled"}}


def ask(path: str = "/chat/completions", key: str = deepseek.KEY, method: str = "POST", **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "deepseek-flash", "messages": [TURN], **fields}).encode()
    return deepseek.serve(Request(method, path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the words of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["message"]


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])
def test_a_plain_question_is_answered_with_thoughts(path: str) -> None:
    """Thinking is the default, under either address."""
    message = ask(path).payload["choices"][0]["message"]

    assert message == {"role": "assistant", "content": "收到: hello", "reasoning_content": THOUGHT}


def test_thinking_can_be_switched_off() -> None:
    """Without thinking there are no thoughts."""
    assert "reasoning_content" not in ask(**OFF).payload["choices"][0]["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2.1},
        {"max_tokens": 400_000},
        {"seed": 1},
        {"n": 1},
        {"logit_bias": {"1": 1}},
        {"max_completion_tokens": 5},
        {"parallel_tool_calls": True},
        {"user": "u"},
        {"user_id": "a b"},
        {"reasoning_effort": "none"},
        {"thinking": {"type": "auto"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
    ],
)
def test_parameters_are_refused(fields: dict[str, Any]) -> None:
    """What DeepSeek does not take is an invalid parameter."""
    assert refusal(**fields)[0] == 422


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": [{"type": "custom"}]}, "unknown variant `custom`"),
        ({"tools": [TOOL] * 129}, "at most 128"),
        ({"tools": [STRICT]}, "/beta only"),
        ({"tools": [TOOL], "tool_choice": "required"}, "does not support this tool_choice"),
        ({"tools": [TOOL], "tool_choice": NAMED}, "does not support this tool_choice"),
        ({"messages": [TURN, CALLED, RESULT]}, "reasoning_content in the thinking mode must be passed back"),
        ({"messages": [TURN, CALLED, TURN]}, "must be followed by tool messages"),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, "developer"),
        ({"messages": [TURN, {"role": "assistant", "content": "x", "prefix": True}]}, "/beta only"),
        ({"model": "deepseek-v4-pro", "messages": [PICTURE]}, "image_url"),
        ({"model": "deepseek-chat"}, "Model Not Exist"),
    ],
)
def test_forms_are_refused(fields: dict[str, Any], words: str) -> None:
    """What has the wrong form for the mode or the address answers 400."""
    status, said = refusal(**fields)

    assert status == 400
    assert words in said


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2, "presence_penalty": 1, "frequency_penalty": 1, "stop": ["x"], "reasoning_effort": "xhigh"},
        {"tools": [TOOL], "tool_choice": "required", **OFF},
        {"tools": [TOOL], "tool_choice": "auto"},
        {"messages": [TURN, {**CALLED, "reasoning_content": ""}, RESULT]},
        {"messages": [TURN, CALLED, RESULT], **OFF},
        {"messages": [TURN, TURN]},
        {"messages": [PICTURE]},
        {"path": "/beta/chat/completions", "tools": [STRICT]},
        {"model": "deepseek-v4-flash"},
    ],
)
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests, and what sources differ on, are answered."""
    assert ask(**fields).status == 200


def test_a_wrong_key_and_a_wrong_path_are_refused() -> None:
    """There are no embeddings."""
    assert refusal(key="sk-other")[0] == 401
    assert refusal(path="/v1/embeddings", input="a")[0] == 404


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("word", "finish"), [(FILTERED, "content_filter"), (deepseek.EXHAUSTED, "insufficient_system_resource")]
)
def test_a_cut_is_told_by_the_finish(word: str, finish: str, stream: bool) -> None:
    """Neither the filter nor a lack of resources is an error."""
    told = ask(messages=[{"role": "user", "content": word}], stream=stream)

    assert (told.events or [told.payload])[-1]["choices"][0]["finish_reason"] == finish


def test_the_cache_is_counted_beside_the_details() -> None:
    """Hits and misses stand at the top of usage, and add up to the prompt."""
    usage = ask().payload["usage"]

    assert usage["prompt_cache_hit_tokens"] == 1
    assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
    assert "prompt_tokens_details" not in usage


def test_models_are_listed() -> None:
    """The list holds the current names only."""
    rows = ask("/models", method="GET").payload["data"]

    assert [row["id"] for row in rows] == ["deepseek-flash", "deepseek-v4-pro"]
