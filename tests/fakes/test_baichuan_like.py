"""The fake of Baichuan is as strict as Baichuan documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import baichuan_like as baichuan
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request

TURN = {"role": "user", "content": "hello"}
SYSTEM = {"role": "system", "content": "x"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/chat/completions", key: str = baichuan.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "Baichuan4-Turbo", "messages": [TURN], **fields}).encode()
    return baichuan.serve(Request("POST", "/v1" + path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


def test_a_plain_question_is_answered() -> None:
    """An answer counts its searches, and has its id in Baichuan's header."""
    reply = ask()

    assert reply.payload["choices"][0]["message"]["content"] == "收到: hello"
    assert reply.payload["usage"]["search_count"] == 0
    assert reply.headers["X-BC-Request-Id"] == "fake-request"


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1.1},
        {"top_p": 1},
        {"top_k": -1},
        {"max_tokens": 2049},
        {"model": "Baichuan-M3", "max_tokens": 32001},
        {"n": 1},
        {"seed": 1},
        {"stop": "a"},
        {"presence_penalty": 0},
        {"frequency_penalty": 0},
        {"logit_bias": {}},
        {"logprobs": True},
        {"user": "a"},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"model": "Baichuan-M3", "tools": [TOOL]},
        {"tools": [{"type": "code_interpreter"}]},
        {"model": "Baichuan2-Turbo", "messages": [SYSTEM, TURN]},
        {"messages": [{"role": "developer", "content": "x"}, TURN]},
        {"messages": [PICTURE]},
        {"model": "Baichuan2-Turbo-192k"},
        {"path": "/embeddings", "model": "Baichuan-Text-Embedding", "input": ["a"] * 17},
        {"path": "/embeddings", "model": "text-embedding-3-small", "input": "a"},
    ],
)
def test_parameters_are_refused(fields: dict[str, Any]) -> None:
    """What Baichuan's docs do not have is an invalid request."""
    assert refusal(**fields) == 400


def test_other_refusals_have_their_statuses() -> None:
    """A wrong key and an unknown path are refused."""
    assert refusal(key="sk-other") == 401
    assert refusal(path="/images/generations") == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"top_p": 0.99},
        {"top_k": 50},
        {"max_tokens": 2048},
        {"model": "Baichuan-M3", "max_tokens": 32000},
        {"messages": [SYSTEM, TURN]},
        {"tools": [TOOL]},
        {"model": "Baichuan-M3", "tools": [{"type": "web_search", "web_search": {"enable": True}}]},
    ],
)
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests are answered."""
    assert ask(**fields).status == 200


def test_openais_new_name_of_the_limit_has_no_effect() -> None:
    """Only max_tokens ends an answer early."""
    finishes = [
        ask(**{name: 1}).payload["choices"][0]["finish_reason"] for name in ("max_completion_tokens", "max_tokens")
    ]

    assert finishes == ["stop", "length"]


def test_the_filter_is_a_reason_to_finish() -> None:
    """A filtered prompt gets an empty answer that says why."""
    choice = ask(messages=[{"role": "user", "content": FILTERED}]).payload["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")


def test_models_have_a_shape_of_their_own() -> None:
    """The list names models by `model`, and says which call functions."""
    reply = baichuan.serve(Request("GET", "/v1/models", {}, {"authorization": f"Bearer {baichuan.KEY}"}, b""))

    cards = {card["model"]: card for card in reply.payload["data"]}
    assert cards["Baichuan-M3"]["max_tokens"] == 32000
    assert [cards[model]["function_call"] for model in ("Baichuan-M3", "Baichuan4")] == [False, True]


def test_sixteen_texts_are_embedded() -> None:
    """A vector is 1024 wide."""
    rows = ask("/embeddings", model="Baichuan-Text-Embedding", input=["a"] * 16).payload["data"]

    assert [len(row["embedding"]) for row in rows] == [1024] * 16
