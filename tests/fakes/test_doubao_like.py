"""The fake of Ark is as strict as Volcengine documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import doubao_like as doubao
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
VISION = "doubao-embedding-vision-251215"
CALLED = {"role": "assistant", "tool_calls": [{"id": "a", "function": {}}, {"id": "b", "function": {}}]}
OFF = {"thinking": {"type": "disabled"}}
DESK = "ep-20261101000000-desk1"


def ask(path: str = "/chat/completions", key: str = doubao.KEY, method: str = "POST", **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "doubao-seed-2-1-pro-260628", "messages": [TURN], **fields}).encode()
    return doubao.serve(Request(method, doubao.ROOT + path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["code"]


def tool(**parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "go", "parameters": {"type": "object", **parameters}}}


@pytest.mark.parametrize("model", ["doubao-seed-2-0-pro-260215", DESK])
def test_a_plain_question_is_answered_with_thoughts(model: str) -> None:
    """A Seed model thinks unasked, by its id and by the account's endpoint."""
    message = ask(model=model).payload["choices"][0]["message"]

    assert (message["content"], message["reasoning_content"]) == ("收到: hello", THOUGHT)
    assert message["encrypted_content"]


@pytest.mark.parametrize("fields", [OFF, {"reasoning_effort": "minimal"}])
def test_thinking_is_switched_off_in_two_ways(fields: dict[str, Any]) -> None:
    """Without thinking there are no thoughts, neither readable nor encrypted."""
    assert ask(**fields).payload["choices"][0]["message"].keys() == {"role", "content"}


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2.1},
        {"top_p": 1.1},
        {"max_completion_tokens": 65537},
        {"stop": ["x"], **OFF},
        {"stop": ["1", "2", "3", "4", "5"], "model": DESK},
        {"logprobs": True},
        {"logit_bias": {}},
        {"frequency_penalty": 1, "model": "doubao-seed-2-0-pro-260215"},
        {"frequency_penalty": 2.5},
        {"store": True},
        {"metadata": {}},
        {"prediction": {}},
        {"modalities": ["text"]},
        {"audio": {}},
        {"functions": []},
        {"function_call": "auto"},
        {"reasoning_effort": "none"},
        {"service_tier": "flex"},
        {"thinking": {"type": "adaptive"}},
        {"response_format": {"type": "grammar"}},
        {"messages": [{"role": "developer", "content": "x"}, TURN]},
        {"messages": [TURN, CALLED, {"role": "tool", "tool_call_id": "a", "content": "1"}, TURN]},
        {"tools": [tool(properties={"day": {"type": "string", "minLength": 1}})]},
        {"tools": [tool(properties={"days": {"anyOf": [{"type": "array", "items": {"maxItems": 2}}]}})]},
    ],
)
def test_parameters_are_refused(fields: dict[str, Any]) -> None:
    """What Ark does not take is an invalid parameter."""
    assert refusal(**fields) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2, "seed": 1, "max_tokens": 5, "max_completion_tokens": 5},
        {"stop": ["1", "2", "3", "4"], "logprobs": True, "model": DESK},
        {"frequency_penalty": 2, "presence_penalty": -2, "service_tier": "fast"},
        {"tools": [tool(properties={"minLength": {"type": "integer", "minimum": 1}})]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}]},
    ],
)
def test_what_is_near_a_limit_passes(fields: dict[str, Any]) -> None:
    """The neighbours of refused requests, and what sources differ on, are answered."""
    assert ask(**fields).status == 200


def test_other_refusals_have_their_codes() -> None:
    """Key, model, prompt and path are refused each in its way."""
    assert refusal(key="sk-other") == (401, "AuthenticationError")
    assert refusal(model="doubao-seed-2-1-pro") == (404, "InvalidEndpointOrModel.NotFound")
    assert refusal(messages=[{"role": "user", "content": FILTERED}]) == (400, "InputTextSensitiveContentDetected")
    assert refusal(path="/images")[0] == 404


@pytest.mark.parametrize("stream", [False, True])
def test_moderation_marks_a_choice(stream: bool) -> None:
    """A hit stands at the choice, in a stream at the one that finishes."""
    told = ask(messages=[{"role": "user", "content": doubao.HIT}], stream=stream)

    choice = (told.events or [told.payload])[-1]["choices"][0]
    assert (choice["moderation_hit_type"], choice["finish_reason"]) == ("violence", "stop")


def test_the_default_limit_is_4096_tokens() -> None:
    """A longer answer is cut when no limit was sent."""
    long = ask(messages=[{"role": "user", "content": "x" * 20000}]).payload["choices"][0]

    assert (long["finish_reason"], len(long["message"]["content"])) == ("length", 4096 * 4)


def test_the_catalogue_shows_what_is_shut_down() -> None:
    """A model of the catalogue may be one that answers no more."""
    rows = {row["id"]: row["status"] for row in ask("/models", method="GET").payload["data"]}

    assert rows["doubao-embedding-text-240715"] == "Shutdown"
    assert rows["doubao-seed-2-1-pro-260628"] == "Active"


def test_an_embedding_is_one_vector_for_all_parts() -> None:
    """The vector stands directly in data, and its width can be chosen."""
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a/b.png"}}]
    told = ask("/embeddings/multimodal", model=VISION, input=parts, dimensions=1024)

    assert len(told.payload["data"]["embedding"]) == 1024


def test_embeddings_of_openais_shape_are_refused() -> None:
    """The text models and their route are gone, and the new route takes parts only."""
    gone = (404, "InvalidEndpointOrModel.NotFound")

    assert refusal(path="/embeddings", model="doubao-embedding-text-240715", input=["a"]) == gone
    assert refusal(path="/embeddings/multimodal", model=VISION, input=["a"]) == (400, "InvalidParameter")
    assert refusal(path="/embeddings/multimodal", model=VISION, input=[{"type": "text"}]) == (400, "InvalidParameter")
