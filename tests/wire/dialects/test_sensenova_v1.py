"""SenseNova's classic API beside what its SDK sends and reads; where ours differs, the test says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llm_migrate.wire.exchange import RefusedError
from tests.wire.dialects.targets import ask, body_of, native, told
from tests.wire.openai_schema import problems
from tests.wire.recorded import load_vectors, one

NATIVE = native("sensenova", "native", key="2EXAMPLEaccessKeyId000000000:exampleSecretAccessKey00000000000")
MODEL = "SenseChat-5"


def vector(name: str) -> dict[str, Any]:
    return one("sensenova", "chat-native", name)


def test_a_plain_call_is_its_sdks():
    """Address, token and body are the SDK's, from OpenAI's fields; one choice and no stream need no word."""
    given = vector("non-stream")

    out = ask(
        NATIVE,
        MODEL,
        given["input"]["messages"],
        max_tokens=1024,
        temperature=0.8,
        top_p=0.7,
        repetition_penalty=1.05,
        user="u1",
        n=1,
    )

    theirs = {k: v for k, v in json.loads(given["expected"]["body"]).items() if k != "stream"}
    assert json.loads(out.body) == theirs
    assert out.url == "https://api.sensenova.cn/v1/llm/chat-completions"
    assert dict(out.headers)["authorization"] == dict(given["expected"]["headers"])["Authorization"]


def test_tools_are_its_sdks_but_for_a_choice_that_says_nothing():
    """The SDK passes `tool_choice = "auto"` through; the page wants an object, and auto is what happens anyway."""
    given = vector("tools are passed through untouched by the SDK")

    body = body_of(NATIVE, **given["input"])

    theirs = json.loads(given["expected"]["body"])
    assert body == {**{k: v for k, v in theirs.items() if k != "tool_choice"}, "max_new_tokens": 2048}


def test_a_forced_choice_is_refused():
    """The form of the object is not known, so nothing is made up."""
    with pytest.raises(RefusedError, match="tool_choice"):
        ask(NATIVE, **vector("tools are passed through untouched by the SDK")["input"] | {"tool_choice": "required"})


def test_an_image_is_a_text_not_an_object():
    """The address of an image stands in the part itself."""
    image = {"url": "https://x.test/a.png", "detail": "low"}
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": image}]

    out = ask(NATIVE, "SenseChat-Vision", [{"role": "user", "content": parts}])

    sent = json.loads(out.body)["messages"][0]["content"]
    assert sent == [parts[0], {"type": "image_url", "image_url": "https://x.test/a.png"}]
    assert out.adapted == "messages.content.image_url.detail=dropped"


@pytest.mark.parametrize(
    ("name", "asked", "sent"),
    [
        ("temperature", 0, 1e-6),
        ("temperature", 0.8, 0.8),
        ("temperature", 2, 2),
        ("top_p", 0, 1e-6),
        ("top_p", 1, 0.999999),
    ],
)
def test_the_ends_of_open_ranges_are_the_next_best(name, asked, sent):
    """0 and, for top_p, 1 are refused by the vendor, so the nearest that it takes is sent."""
    assert body_of(NATIVE, MODEL, **{name: asked})[name] == sent


def test_an_answer_is_not_cut_because_nobody_said_how_long_it_may_be():
    """The vendor stops at 1024 tokens unasked; what a program asks for stands, and so does a small context."""
    assert body_of(NATIVE, MODEL)["max_new_tokens"] == 2048
    assert body_of(NATIVE, MODEL, max_tokens=5)["max_new_tokens"] == 5
    assert "max_new_tokens" not in body_of(NATIVE, "SenseChat")


def test_turns_of_tools_go_to_models_with_tools_only():
    """The role is unknown to the others, so a conversation that goes on with such a model is refused by name."""
    turns = vector("tools are passed through untouched by the SDK")["input"]["messages"]
    call = {"id": "c", "type": "function", "function": {"name": "w", "arguments": "{}"}}
    turns = [*turns, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "r"}]

    with pytest.raises(RefusedError) as caught:
        ask(NATIVE, "SenseNova-V6-Pro", turns)

    assert caught.value.error.param == "messages.tool_calls"


def test_an_answer_is_openais():
    """The text becomes a message; the vendor's own counts stay."""
    body = vector("non-stream")["response_body_used"]

    found = told(NATIVE, MODEL, 200, body)

    assert problems("CreateChatCompletionResponse", found) == []
    assert found["choices"][0]["message"]["content"] == "2"
    assert (found["id"], found["model"], found["choices"][0]["finish_reason"]) == ("s-1", MODEL, "stop")
    assert found["usage"]["knowledge_tokens"] == 0


def test_calls_and_thoughts_beside_the_text_belong_to_the_message():
    """Tool calls and reasoning stand in the vendor's choice, beside the text."""
    call = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}}
    choice = {
        "index": 0,
        "role": "assistant",
        "message": "",
        "finish_reason": "tool_calls",
        "tool_calls": [call],
        "reasoning_content": "hm",
    }

    found = told(NATIVE, MODEL, 200, {"data": {"id": "s", "choices": [choice], "usage": {}}})

    message = found["choices"][0]["message"]
    assert problems("CreateChatCompletionResponse", found) == []
    assert (message["content"], message["tool_calls"], message["reasoning_content"]) == (None, [call], "hm")
    assert "tool_calls" not in found["choices"][0]


STATUS = {400: 400, 401: 401, 403: 403, 404: 404, 409: 429, 415: 400, 429: 429, 500: 500, 503: 503, 504: 504}
ERRORS = [v for v in load_vectors("sensenova", "error") if "body" in v["input"]]


@pytest.mark.parametrize("sample", ERRORS, ids=lambda v: v["name"])
def test_an_error_is_openais(sample):
    """Each of the SDK's sample errors has the status that a program expects; 409 never."""
    status = sample["input"]["http_status"]

    error = told(NATIVE, MODEL, status, sample["input"]["body"])

    assert error.status == STATUS[status]


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"choices": []}},
        {"data": {"id": "s"}},
        {"data": {"choices": ["x"]}},
        {"data": []},
        {},
        b"__import__('os').system('false')",
    ],
)
def test_what_is_no_answer_is_an_error(body):
    """R1: nothing half is taken for an answer; the SDK would run the last one as Python."""
    error = told(NATIVE, MODEL, 200, body)

    assert (error.status, error.outcome) == (502, "ambiguous")
