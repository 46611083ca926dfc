"""The fake of MiniMax is as strict as MiniMax documents it, and errs with HTTP 200."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import minimax_like as minimax
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
TOOL = {
    "type": "function",
    "function": {"name": "book", "parameters": {"type": "object", "properties": {"day": {"type": "string"}}}},
}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/chat/completions", key: str = minimax.KEY, group: str = "", **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "MiniMax-M3", "messages": [TURN], **fields}).encode()
    query, headers = {"GroupId": group} if group else {}, {"authorization": f"Bearer {key}"}
    return minimax.serve(Request("POST", "/v1" + path, query, headers, body))


def refusal(**fields: Any) -> tuple[int, int]:
    """Return the HTTP status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["base_resp"]["status_code"]


def events(**fields: Any) -> tuple[Any, ...]:
    """Return the chunks of a stream."""
    return ask(stream=True, **fields).events or ()


def test_a_plain_question_is_answered() -> None:
    """An answer has base_resp, and its thoughts apart when that is asked for."""
    told = ask(reasoning_split=True).payload

    assert told["base_resp"] == {"status_code": 0, "status_msg": ""}
    assert told["choices"][0]["message"]["content"] == "收到: hello"
    assert told["choices"][0]["message"]["reasoning_content"] == THOUGHT
    assert told["choices"][0]["message"]["reasoning_details"][0]["text"] == THOUGHT


@pytest.mark.parametrize(
    ("model", "thinks"), [("MiniMax-M3", False), ("MiniMax-M2.7", True), ("MiniMax-Text-01", False)]
)
def test_thoughts_stand_in_the_text(model: str, thinks: bool) -> None:
    """Without reasoning_split the text holds the thoughts; only M3 can be told not to think."""
    message = ask(model=model, thinking={"type": "disabled"}).payload["choices"][0]["message"]

    assert message["content"].startswith("<think>") is thinks
    assert "reasoning_content" not in message


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"temperature": 1.1},
        {"top_p": 0},
        {"n": 2},
        {"presence_penalty": 0},
        {"frequency_penalty": 0},
        {"logit_bias": {}},
        {"seed": 1},
        {"parallel_tool_calls": True},
        {"response_format": {"type": "json_object"}},
        {"reasoning_effort": "low"},
        {"thinking": {"type": "enabled"}},
        {"messages": [{"role": "developer", "content": "x"}, TURN]},
        {"model": "MiniMax-M2.7", "messages": [PICTURE]},
        {"model": "abab6.5s-chat"},
        {"path": "/embeddings", "model": "embo-01", "input": "a"},
        {"path": "/embeddings", "model": "embo-01", "type": "db", "texts": ["a"] * 4097},
    ],
)
def test_parameters_are_refused_with_200(fields: dict[str, Any]) -> None:
    """What is not taken is 2013, and HTTP says OK."""
    assert refusal(**fields) == (200, 2013)


def test_other_refusals_have_their_codes() -> None:
    """Key, group, prompt and path are refused each in its way."""
    assert refusal(key="sk-other") == (200, 1004)
    assert refusal(group="1") == (200, 1004)
    assert refusal(messages=[{"role": "user", "content": FILTERED}]) == (200, 1026)
    assert refusal(path="/images")[0] == 404


@pytest.mark.parametrize("fields", [{"temperature": 0.01}, {"top_p": 0.01}, {"n": 1}, {"messages": [PICTURE]}])
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests are answered."""
    assert ask(**fields).payload["base_resp"]["status_code"] == 0


def test_an_unknown_field_is_named_and_ignored() -> None:
    """A field that MiniMax does not know, tool_choice among them, fails nothing and is told about."""
    told = ask(tools=[TOOL], tool_choice="required", colour="red").payload

    assert told["choices"][0]["finish_reason"] == "stop"
    assert told["base_resp"]["status_code"] == 0
    assert told["base_resp"]["status_msg"].endswith("unknown field colour, tool_choice")


def test_an_error_of_a_stream_is_a_chunk() -> None:
    """The only chunk has null choices and the code."""
    (chunk,) = events(messages=[{"role": "user", "content": FILTERED}])

    assert (chunk["choices"], chunk["base_resp"]["status_code"]) == (None, 1026)


def test_streamed_calls_have_no_index() -> None:
    """The pieces of a call come without their index."""
    out = events(tools=[TOOL], messages=[{"role": "user", "content": "book AB-1"}], reasoning_split=True)

    pieces = [piece for chunk in out for piece in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert len(pieces) > 1
    assert not any("index" in piece for piece in pieces)
    assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == {"day": "AB-1"}


def test_the_last_chunk_repeats_the_message() -> None:
    """The finish chunk holds all that the deltas said, thoughts too."""
    out = events(reasoning_split=True)

    deltas = [chunk["choices"][0]["delta"] for chunk in out]
    whole = out[-1]["choices"][0]["message"]
    assert whole["content"] == "".join(d.get("content", "") for d in deltas) == "收到: hello"
    details = "".join(d["text"] for delta in deltas for d in delta.get("reasoning_details", []))
    assert whole["reasoning_content"] == details == THOUGHT


def test_embeddings_have_a_form_of_their_own() -> None:
    """The legacy route takes texts and a type, with a group, and answers vectors."""
    told = ask("/embeddings", group="1", model="embo-01", type="query", texts=["a", "b"]).payload

    assert [len(vector) for vector in told["vectors"]] == [1536, 1536]
