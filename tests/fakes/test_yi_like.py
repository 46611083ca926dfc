"""The fake of Yi is as strict as 01.AI documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import yi_like as yi
from tests.fakes.answers import FILTERED
from tests.fakes.server import RefusalError, Reply, Request

TURN = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/chat/completions", key: str = yi.KEY, **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "yi-lightning", "messages": [TURN], **fields}).encode()
    return yi.serve(Request("POST", "/v1" + path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> int:
    """Return the status of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status


def test_a_plain_question_is_answered() -> None:
    """An answer has OpenAI's shape."""
    assert ask().payload["choices"][0]["message"] == {"role": "assistant", "content": "收到: hello"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"tools": [TOOL]}, 400),
        ({"messages": [PICTURE]}, 400),
        ({"messages": []}, 400),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, 400),
        ({"key": "sk-other"}, 401),
        ({"model": "yi-34b-chat"}, 404),
        ({"path": "/embeddings", "input": "a"}, 404),
    ],
)
def test_refusals(fields: dict[str, Any], status: int) -> None:
    """Tools and images belong to one model each; key, model and path have their statuses."""
    assert refusal(**fields) == status


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "yi-large-fc", "tools": [TOOL]},
        {"model": "yi-vision-v2", "messages": [PICTURE]},
        {"seed": 1, "presence_penalty": 1, "logit_bias": {}},
    ],
)
def test_what_is_not_known_to_be_refused_passes(fields: dict[str, Any]) -> None:
    """The right model takes tools or images, and undocumented fields pass."""
    assert ask(**fields).status == 200


def test_chunks_repeat_the_text_so_far() -> None:
    """Beside its delta a chunk holds the text so far, and the last says that it is."""
    out = ask(stream=True).events or ()

    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in out) == "收到: hello"
    assert [chunk["content"] for chunk in out] == ["", "收到: h", "收到: hello", "收到: hello"]
    assert [chunk["lastOne"] for chunk in out] == [False, False, False, True]


def test_the_filter_is_a_reason_to_finish() -> None:
    """A filtered prompt gets an empty answer that says why."""
    choice = ask(messages=[{"role": "user", "content": FILTERED}]).payload["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")
