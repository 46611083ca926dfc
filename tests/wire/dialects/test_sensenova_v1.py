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
    assert body == {k: v for k, v in theirs.items() if k != "tool_choice"}


def test_a_forced_choice_is_refused():
    """The form of the object is not known, so nothing is made up."""
    with pytest.raises(RefusedError, match="tool_choice"):
        ask(NATIVE, **vector("tools are passed through untouched by the SDK")["input"] | {"tool_choice": "required"})


def test_an_image_is_a_text_not_an_object():
    """The address of an image stands in the part itself."""
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]

    body = body_of(NATIVE, "SenseChat-Vision", [{"role": "user", "content": parts}])

    assert body["messages"][0]["content"] == [parts[0], {"type": "image_url", "image_url": "https://x.test/a.png"}]


@pytest.mark.parametrize(("asked", "sent"), [(0, 0.000001), (0.8, 0.8), (2, 2)])
def test_zero_temperature_is_the_least(asked, sent):
    """0 is refused by the vendor, so the least that it takes is sent."""
    assert body_of(NATIVE, MODEL, temperature=asked)["temperature"] == sent


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
