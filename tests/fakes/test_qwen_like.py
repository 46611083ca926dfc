"""The fake of Qwen's compatible mode is as strict as Alibaba documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import qwen_like as qwen
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
ASK_JSON = {"role": "user", "content": "answer as JSON"}
JSON = {"type": "json_object"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/chat/completions", key: str = qwen.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "qwen3.7-plus", "messages": [TURN], **fields}).encode()
    headers = {"authorization": f"Bearer {key}"}
    return qwen.serve(Request("POST", qwen.ROOT + path, {}, headers, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["code"]


def test_a_plain_question_is_answered() -> None:
    """A model that was not asked to think says only the words."""
    message = ask().payload["choices"][0]["message"]

    assert message == {"role": "assistant", "content": "收到: hello"}


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2},
        {"top_p": 0},
        {"n": 5},
        {"n": 2, "tools": [TOOL]},
        {"n": 2, "model": "qwen-max"},
        {"n": 2, "enable_thinking": True},
        {"seed": -1},
        {"logprobs": True, "top_logprobs": 6},
        {"model": "qwen-vl-max", "tools": [TOOL]},
        {"model": "qwen-max", "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]},
        {"messages": [{"role": "system", "content": "hello"}]},
        {"model": "qwen-plus", "enable_thinking": True, "response_format": JSON, "messages": [ASK_JSON]},
        {"store": True},
        {"metadata": {"a": "b"}},
        {"service_tier": "auto"},
        {"logit_bias": {"1": 1}},
        {"functions": []},
        {"model": "qwen-plus", "max_completion_tokens": 5},
        {"model": "qwen-plus", "reasoning_effort": "low"},
        {"messages": [{"role": "developer", "content": "x"}, TURN]},
        {"messages": [{"role": "User", "content": "x"}]},
        {"response_format": {"type": "json_object"}},
        {"model": "qwen-plus", "response_format": {"type": "json_schema", "json_schema": {}}},
        {"enable_thinking": True, "tools": [TOOL], "tool_choice": "required"},
        {"model": "qwen3.8-max", "tools": [TOOL], "tool_choice": NAMED},
        {"model": "qwen3-30b-a3b"},
        {"model": "qwen3-max", "messages": [PICTURE]},
    ],
)
def test_parameters_are_refused(fields: dict[str, Any]) -> None:
    """What the compatible mode does not take is an invalid parameter."""
    assert refusal(**fields) == (400, "invalid_parameter_error")


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1.99},
        {"max_completion_tokens": 5},
        {"frequency_penalty": 1, "seed": 0, "stream_options": {"include_usage": True}},
        {"n": 4, "model": "qwen-plus", "logprobs": True, "top_logprobs": 5},
        {"enable_thinking": True, "response_format": JSON, "messages": [ASK_JSON]},
        {"tools": [TOOL], "tool_choice": "required"},
        {"model": "qwen3.8-max", "enable_thinking": False, "tools": [TOOL], "tool_choice": "required"},
        {"model": "qwen3-30b-a3b", "stream": True},
        {"model": "qwen3-30b-a3b", "enable_thinking": False},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        {"messages": [PICTURE]},
    ],
)
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests are answered."""
    assert ask(**fields).status == 200


def test_other_refusals_have_their_codes() -> None:
    """Key, model, prompt and path are refused each in its way."""
    assert refusal(key="sk-other") == (401, "invalid_api_key")
    assert refusal(model="qwen-72b-chat") == (404, "model_not_found")
    assert refusal(messages=[{"role": "user", "content": FILTERED}]) == (400, "data_inspection_failed")
    assert refusal(path="/images/generations")[0] == 404


def test_thoughts_are_counted_and_kept_apart() -> None:
    """A thinking model says its thoughts in a field of their own, and counts them."""
    told = ask(model="qwen3.8-max").payload

    assert told["choices"][0]["message"]["reasoning_content"] == THOUGHT
    assert told["usage"]["completion_tokens_details"]["reasoning_tokens"] == 1


def test_later_pieces_of_a_call_have_an_empty_id_or_none() -> None:
    """Only the first piece of a streamed call says whose it is."""
    tool = {
        "type": "function",
        "function": {"name": "book", "parameters": {"properties": {"day": {}}, "type": "object"}},
    }
    chunks = ask(tools=[tool], messages=[{"role": "user", "content": "book it"}], stream=True).events or ()

    ids = [call.get("id") for c in chunks for call in c["choices"][0]["delta"].get("tool_calls", [])]
    assert ids[:3] == ["call_fake0", "", None]


def test_the_vl_model_streams_lists_of_parts() -> None:
    """A delta of the VL model holds a list where others hold a string."""
    chunks = ask(model="qwen-vl-max", stream=True).events or ()

    said = [c["choices"][0]["delta"].get("content") for c in chunks]
    assert "".join(part["text"] for parts in said if parts for part in parts) == "收到: hello"


def test_usage_of_a_stream_is_a_chunk_without_choices() -> None:
    """The last chunk counts, if asked, and has no choice."""
    last = (ask(stream=True, stream_options={"include_usage": True}).events or ())[-1]

    assert (last["choices"], last["usage"]["prompt_tokens_details"]["cached_tokens"]) == ([], 1)


def embed(texts: list[str], **fields: Any) -> Reply:
    return ask("/embeddings", model="text-embedding-v4", input=texts, **fields)


def test_ten_texts_are_embedded_in_a_width_of_the_list() -> None:
    """The default width is 1024, and others of the list can be had."""
    assert len(embed(["a"] * 10).payload["data"][9]["embedding"]) == 1024
    assert len(embed(["a"], dimensions=1536).payload["data"][0]["embedding"]) == 1536


@pytest.mark.parametrize(
    "fields", [{"input": ["a"] * 11}, {"input": ["a"], "dimensions": 3072}, {"input": ["a" * 32769]}]
)
def test_embedding_limits(fields: dict[str, Any]) -> None:
    """Eleven texts, an unknown width and a long text are refused."""
    assert refusal(path="/embeddings", model="text-embedding-v4", **fields) == (400, "invalid_parameter_error")
