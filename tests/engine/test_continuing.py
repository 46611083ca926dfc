"""A text that broke off is continued, where the configuration asks for it and a vendor can."""

from __future__ import annotations

import json

import pytest

from llm_migrate.engine.steps import Failure
from tests.engine.script import END, ROLE, STOP, STREAM, Play, event, refusal, two_targets

RESET = Failure("ambiguous", "the connection was reset")
KIMI = 'provider = "kimi"'
MODELS = '[models."gpt-4o"]\nb = "kimi-k2.6"\n'
HELLO = [STREAM, ROLE, event({"content": "Hel"}), RESET]
REST = [STREAM, ROLE, event({"content": "lo"}), STOP, END]


@pytest.fixture
def config(tmp_path):
    return two_targets(tmp_path, extra=MODELS, second=KIMI + "\ntrust_host = true")


def chunks(play: Play) -> list[dict]:
    lines = [line.removeprefix(b"data: ") for line in play.events.split(b"\n\n") if line]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def said(play: Play) -> str:
    return "".join(c["delta"].get("content") or "" for chunk in chunks(play) for c in chunk.get("choices", []))


def test_another_target_goes_on_with_the_text(config):
    """The caller gets one stream under one head; the second part says where it is from."""
    play = Play(config, stream=True, on_cut="continue").against(HELLO, REST)

    assert said(play) == "Hello"
    assert play.events.endswith(END)
    assert len({(c["id"], c["model"], c["created"]) for c in chunks(play)}) == 1
    assert [c.get("x_llm_migrate_continued") for c in chunks(play)] == [None, None, "b", "b", "b"]
    assert sum("role" in choice["delta"] for c in chunks(play) for choice in c["choices"]) == 1


def test_it_is_asked_by_the_words_so_far(config):
    """The vendor gets what the caller has, as a turn to go on with."""
    play = Play(config, stream=True, on_cut="continue").against(HELLO, REST)

    turn = json.loads(play.sent[1].outgoing.body)["messages"][-1]
    assert turn == {"role": "assistant", "content": "Hel", "partial": True}


def test_by_default_a_cut_is_an_error(config):
    """Nothing is switched after the first content, unless the configuration says so (R4)."""
    play = Play(config, stream=True).against(HELLO)

    assert b"stream_interrupted" in play.events
    assert END not in play.events


@pytest.mark.parametrize("again", [RESET, refusal(500), [STREAM, ROLE, event({"content": "lo"}), RESET]])
def test_it_is_tried_once(config, again):
    """A second break is the error that the first one was."""
    play = Play(config, stream=True, on_cut="continue").against(HELLO, again)

    assert b"stream_interrupted" in play.events
    assert END not in play.events
    assert len(play.sent) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
    ],
)
def test_only_plain_text_is_continued(config, fields):
    """A tool call, a JSON document or several choices cannot be taken up in the middle."""
    play = Play(config, "one", stream=True, on_cut="continue", **fields).against(HELLO)

    assert b"stream_interrupted" in play.events


def test_a_vendor_without_such_turns_is_not_asked(tmp_path):
    """Where no target can go on, the cut is an error."""
    play = Play(two_targets(tmp_path), stream=True, on_cut="continue").against(HELLO)

    assert b"stream_interrupted" in play.events
    assert len(play.sent) == 1
