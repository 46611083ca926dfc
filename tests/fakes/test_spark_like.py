"""The fake of Spark has four addresses, and the odd answers of the oldest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import spark_like as spark
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
SYSTEM = {"role": "system", "content": "x"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
WEATHER = [{"role": "user", "content": "what is the weather?"}]
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(base: str = "/v1", key: str = spark.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    model = "4.0Ultra" if base == "/v1" else "spark-x"
    body = json.dumps({"model": model, "messages": [TURN], **fields}).encode()
    return spark.serve(Request("POST", base + "/chat/completions", {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["code"]


@pytest.mark.parametrize(("base", "name"), [("/v2", "x1.5"), ("/x2", "x2"), ("/agent/v1", "x2-flash")])
def test_the_address_says_which_model_answers(base: str, name: str) -> None:
    """One name, three models; each thinks unless told not to."""
    answered, silent = (ask(base, **fields).payload for fields in ({}, {"thinking": {"type": "disabled"}}))

    assert (answered["code"], answered["sid"]) == (0, f"cha-fake@{name}")
    assert answered["choices"][0]["message"]["reasoning_content"] == THOUGHT
    assert "reasoning_content" not in silent["choices"][0]["message"]


def test_an_answer_of_v1_is_bare() -> None:
    """An envelope, and neither a model nor a reason to finish."""
    answered = ask(key=spark.PAIR).payload

    assert answered.keys() == {"code", "message", "sid", "choices", "usage"}
    assert answered["choices"] == [{"message": {"role": "assistant", "content": "收到: hello"}, "index": 0}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_v1_is_an_object(stream: bool) -> None:
    """Not a list, and without an id."""
    answered = ask(messages=WEATHER, tools=[TOOL], stream=stream)

    parts = [choice["delta"] for event in answered.events or () for choice in event["choices"]]
    parts = parts or [answered.payload["choices"][0]["message"]]
    [call] = [part["tool_calls"] for part in parts if "tool_calls" in part]
    assert call == CALL


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_v1_are_listed_when_asked(stream: bool) -> None:
    """`tool_calls_switch` makes a list of the object."""
    answered = ask(messages=WEATHER, tools=[TOOL], stream=stream, tool_calls_switch=True)

    parts = [choice["delta"] for event in answered.events or () for choice in event["choices"]]
    parts = parts or [answered.payload["choices"][0]["message"]]
    assert [part["tool_calls"] for part in parts if "tool_calls" in part] == [[CALL]]


def test_a_stream_of_v1_counts_in_its_last_delta() -> None:
    """No chunk without choices, no finish reason, and no space behind the colon."""
    answered = ask(stream=True)
    events = list(answered.events or ())

    assert not answered.space
    assert "".join(event["choices"][0]["delta"]["content"] for event in events) == "收到: hello"
    assert ["usage" in event for event in events] == [False] * (len(events) - 1) + [True]
    assert not any("finish_reason" in event["choices"][0] for event in events)


def test_a_stream_of_the_x_line_counts_in_a_chunk_of_its_own() -> None:
    """Unasked, and after the finish."""
    events = list(ask("/v2", stream=True).events or ())

    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert (events[-1]["choices"], events[-1]["code"]) == ([], 0)
    assert events[-1]["usage"]["total_tokens"]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"model": "spark-x"}, (400, "10005")),
        ({"model": "generalv3.5"}, (400, "10005")),
        ({"base": "/x2", "model": "4.0Ultra"}, (400, "10005")),
        *(
            ({name: value}, (400, "10163"))
            for name, value in (
                ("seed", 7),
                ("stop", ["END"]),
                ("logprobs", True),
                ("logit_bias", {}),
                ("stream_options", {"include_usage": True}),
                ("n", 1),
                ("top_p", 0),
                ("max_completion_tokens", 5),
                ("temperature", 2.1),
                ("top_k", 7),
                ("tool_choice", "custom"),
                ("response_format", {"type": "json_schema"}),
                ("user", "u" * 513),
            )
        ),
        ({"base": "/x2", "stream_options": {"include_usage": True}}, (400, "10163")),
        ({"model": "lite", "max_tokens": 8193}, (400, "10163")),
        ({"model": "lite", "tools": [TOOL]}, (400, "10163")),
        ({"model": "lite", "messages": [SYSTEM, TURN]}, (400, "10003")),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, (400, "10003")),
        ({"messages": [PICTURE]}, (400, "10003")),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}, (400, "10003")),
        ({"base": "/v2", "messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, (400, "10003")),
        ({"messages": [{**TURN, "content": FILTERED}]}, (500, "10013")),
        ({"model": "lite", "messages": [{**TURN, "content": "x" * 40000}]}, (500, "10907")),
    ],
)
def test_spark_refuses_by_its_own_codes(fields: dict[str, Any], refused: tuple[int, str]) -> None:
    """Bad parameters are 400, all else 500; the code tells."""
    assert refusal(**fields) == refused


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0, "top_p": 0.5, "top_k": 4, "max_tokens": 8192, "presence_penalty": 0.5, "user": "u"},
        {"messages": [SYSTEM, TURN], "tools": [TOOL], "tool_choice": "auto"},
        {"response_format": {"type": "json_object"}},
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        {"base": "/x2", "tool_choice": "required", "tools": [TOOL], "top_p": 0.95},
    ],
)
def test_what_spark_lists_passes(fields: dict[str, Any]) -> None:
    """The fake is no stricter than it says."""
    assert ask(**fields).status == 200


def test_a_wrong_key_gets_the_gateways_words() -> None:
    """There is no `error` in this body."""
    with pytest.raises(RefusalError) as caught:
        ask(key="wrong")

    assert caught.value.reply.status == 401
    assert caught.value.reply.payload["message"].startswith("HMAC signature cannot be verified")


def test_there_is_no_list_of_models() -> None:
    """What is not there is said in plain text."""
    with pytest.raises(RefusalError) as caught:
        spark.serve(Request("GET", "/v1/models", {}, {"authorization": f"Bearer {spark.KEY}"}, b""))

    assert (caught.value.reply.status, caught.value.reply.payload) == (404, b"404 page not found")


def test_each_code_is_there_in_both_forms() -> None:
    """Wrapped with its status, and as an envelope with HTTP 200."""
    wrapped, plain = (spark.ERRORS[name].fault for name in ("quota 11201", "quota 11201 as 200"))

    assert (wrapped.status, wrapped.body["error"]["code"]) == (500, "11201")
    assert (plain.status, plain.body["code"]) == (200, 11201)
