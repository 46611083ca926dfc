"""The fake of TokenHub is as strict as Tencent documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import hunyuan_like as hunyuan
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}


def ask(path: str = "/v1/chat/completions", key: str = hunyuan.KEY, method: str = "POST", **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "hy4", "messages": [TURN], **fields}).encode()
    return hunyuan.serve(Request(method, path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["code"]


def test_a_plain_question_is_answered() -> None:
    """Nothing is thought unless asked for, and cached tokens are counted."""
    answered = ask().payload

    assert answered["choices"][0]["message"] == {"role": "assistant", "content": "收到: hello"}
    assert answered["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"key": "wrong"}, (401, "401002")),
        ({"path": "/v1/rerank"}, (404, "404")),
        ({"model": "hunyuan-pro"}, (400, "400004")),
        ({"temperature": 2.1}, (400, "400001")),
        ({"max_tokens": 65537}, (400, "400001")),
        ({"max_completion_tokens": 65537}, (400, "400001")),
        ({"presence_penalty": 0}, (400, "400001")),
        ({"frequency_penalty": 0.5}, (400, "400001")),
        ({"thinking": {"type": "adaptive"}}, (400, "400001")),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, (400, "400001")),
        ({"messages": []}, (400, "400002")),
        ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, (400, "400002")),
        ({"model": "hy3", "messages": [PICTURE]}, (400, "400005")),
        ({"model": "hy-mt2-pro", "response_format": {"type": "json_schema", "json_schema": {}}}, (400, "400006")),
        ({"model": "hy-mt2-pro", "messages": [{**TURN, "content": "x" * 140000}]}, (400, "400003")),
        ({"messages": [{**TURN, "content": FILTERED}]}, (451, "451001")),
        ({"path": "/v1/embeddings", "input": "x"}, (400, "400004")),
    ],
)
def test_tokenhub_refuses_by_its_own_codes(fields: dict[str, Any], refused: tuple[int, str]) -> None:
    """Each limit has its status and a code of six digits."""
    assert refusal(**fields) == refused


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2, "seed": 7, "stop": ["END"], "user": "u", "store": True, "metadata": {"a": "b"}, "logprobs": True},
        {"messages": [PICTURE]},
        {"messages": [{**TURN, "role": "developer"}, TURN]},
        {"path": "/v1/embeddings", "model": "kinfra-text-embedding-4b", "input": ["x", "y"]},
    ],
)
def test_what_tencent_does_not_deny_passes(fields: dict[str, Any]) -> None:
    """The fake is no stricter than it says."""
    assert ask(**fields).status == 200


@pytest.mark.parametrize(
    ("fields", "thought"),
    [
        ({"thinking": {"type": "enabled"}}, THOUGHT),
        ({"reasoning_effort": "low"}, THOUGHT),
        ({"reasoning_effort": "none"}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({"model": "hunyuan-role-latest", "reasoning_effort": "low"}, None),
    ],
)
def test_a_model_thinks_when_asked(fields: dict[str, Any], thought: str | None) -> None:
    """Either field asks; any effort but none does."""
    assert ask(**fields).payload["choices"][0]["message"].get("reasoning_content") == thought


def test_an_error_says_where_it_came_from() -> None:
    """What is refused at the gate names no source; the model's side does."""
    gate, side = (hunyuan.ERRORS[name].fault.body["error"] for name in ("credential", "server 502001"))

    assert (gate["type"], "source" in gate) == ("gateway_error", False)
    assert (side["source"], side["upstream_status"]) == ("upstream", 502)
