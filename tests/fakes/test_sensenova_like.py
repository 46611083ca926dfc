"""The fake of SenseNova's token platform refuses what the list of parameters lacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import sensenova_like as nova
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
SYSTEM = {"role": "system", "content": "x"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "x"}
STRICT = {"type": "function", "function": {**TOOL["function"], "strict": True}}


def picture(url: str) -> list[dict[str, Any]]:
    """A conversation that shows a picture."""
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


def ask(path: str = "/v1/chat/completions", key: str = nova.KEY, method: str = "POST", **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": nova.FLASH, "messages": [TURN], **fields}).encode()
    return nova.serve(Request(method, path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["code"]


@pytest.mark.parametrize(
    ("model", "field"), [(nova.FLASH, "reasoning"), ("glm-5.2", "reasoning_content"), ("kimi-k3", "reasoning_content")]
)
def test_each_house_has_its_field_for_thoughts(model: str, field: str) -> None:
    """SenseTime's own models say `reasoning`; no effort, no thought."""
    thought, silent = (
        ask(model=model, **fields).payload["choices"][0]["message"] for fields in ({}, {"reasoning_effort": "none"})
    )

    assert thought == {"role": "assistant", "content": "收到: hello", field: THOUGHT}
    assert field not in silent


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"key": "wrong"}, (401, "16")),
        ({"path": "/v1/embeddings"}, (404, "5")),
        ({"model": "sensenova-6.7-flash-lite"}, (404, "5")),
        *(
            ({name: value}, (400, "3"))
            for name, value in (
                ("max_completion_tokens", 5),
                ("response_format", {"type": "json_object"}),
                ("logprobs", True),
                ("logit_bias", {}),
                ("user", "u"),
                ("metadata", {}),
                ("store", False),
                ("service_tier", "auto"),
                ("thinking", {"type": "disabled"}),
                ("enable_thinking", False),
                ("temperature", 2.1),
                ("max_tokens", 65537),
                ("tools", [STRICT]),
                ("messages", [SYSTEM, SYSTEM, TURN]),
                ("messages", [TURN, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]),
                ("messages", [{"role": "developer", "content": "x"}, TURN]),
                ("messages", picture("data:image/gif;base64,AA==")),
            )
        ),
        ({"model": "deepseek-v4-flash", "max_tokens": 65537}, (400, "3")),
        ({"model": "glm-5.2", "max_tokens": 131073}, (400, "3")),
        ({"model": "glm-5.2", "thinking": {"type": "disabled"}}, (400, "3")),
        ({"model": "glm-5.2", "messages": picture("https://example.com/a.png")}, (400, "3")),
        ({"model": "kimi-k3", "temperature": 0.6}, (400, "3")),
        ({"model": "kimi-k3", "top_p": 1}, (400, "3")),
        ({"model": "kimi-k3", "presence_penalty": 0}, (400, "3")),
        ({"model": "kimi-k3", "max_tokens": 5}, (400, "3")),
        ({"model": "kimi-k3", "messages": picture("https://example.com/a.png")}, (400, "3")),
        ({"messages": [{**TURN, "content": FILTERED}]}, (400, "18")),
        ({"messages": [{**TURN, "content": "x" * 1100000}]}, (400, "17")),
    ],
)
def test_what_is_not_listed_is_refused(fields: dict[str, Any], refused: tuple[int, str]) -> None:
    """The codes are gRPC's numbers as text."""
    assert refusal(**fields) == refused


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 65536, "temperature": 0, "n": 2, "seed": 7, "stop": "END", "presence_penalty": 1},
        {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": True},
        {"messages": [TURN, {"role": "assistant", "tool_calls": [CALL]}, RESULT]},
        {"messages": picture("https://example.com/a.png")},
        {"model": "glm-5.2", "max_tokens": 131072},
        {"model": "kimi-k3", "temperature": 1, "top_p": 0.95, "max_completion_tokens": 5},
        {"model": "glm-5.2", "response_format": {"type": "json_object"}},
    ],
)
def test_what_is_listed_passes(fields: dict[str, Any]) -> None:
    """The fake is no stricter than it says."""
    assert ask(**fields).status == 200


def test_two_refusals_say_why() -> None:
    """Of all others the words are hidden."""
    messages = []
    for fields in ({"temperature": 3}, {"max_tokens": 65537}, {"user": "u"}):
        with pytest.raises(RefusalError) as caught:
            ask(**fields)
        messages.append(caught.value.reply.payload["error"]["message"])

    assert messages == ["invalid temperature, should in [0,2].", "max_tokens exceeds upper bound 65536", nova.VAGUE]


def test_the_list_of_models_says_their_sizes() -> None:
    """Sizes and modalities stand on each card."""
    card = ask("/v1/models", method="GET").payload["data"][0]

    assert (card["id"], card["context_length"], card["max_output_length"]) == (nova.FLASH, 262144, 65536)
    assert card["input_modalities"] == ["text", "image"]
