"""Every vendor's streams, as its fake sends them: split anywhere they say the same, cut anywhere they are an error."""

from __future__ import annotations

import json
import time
from functools import cache

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_migrate.config import Secret
from llm_migrate.wire.exchange import (
    Chunk,
    Done,
    Event,
    Fault,
    Outgoing,
    RefusedError,
    StreamReader,
    parse_call,
    prepare,
)
from tests.e2e.test_any_request import as_request
from tests.fakes.served import SERVED, Served
from tests.openai_requests import WEATHER
from tests.wire.openai_schema import problems

TEXT = {"messages": [{"role": "user", "content": "hello, 你好 🙂"}]}
TOOLS = {"messages": [{"role": "user", "content": "what is the weather in Paris?"}], "tools": [WEATHER]}
THOUGHT = {**TEXT, "reasoning_effort": "high"}
ASKED = {"text": TEXT, "tools": TOOLS, "thought": THOUGHT}
CASES = [pytest.param(served, name, id=f"{served.fake}-{name}") for served in SERVED.values() for name in ASKED]


@cache
def recorded(fake: str, name: str) -> tuple[Served, Outgoing, bytes] | None:
    """Return who was asked, what, and the bytes of the stream; None where the vendor is not asked such a thing."""
    served = SERVED[fake]
    body = {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}, **ASKED[name]}
    call = parse_call("POST", "/v1/chat/completions", orjson.dumps(body))
    try:
        out = prepare(served.target(), call, model=served.models[0], secret=Secret(served.key), now_s=time.time())
    except RefusedError:
        return None
    reply = served.module.serve(as_request(out))
    begin = b"data: " if reply.space else b"data:"
    lines = [e if isinstance(e, bytes) else json.dumps(e, ensure_ascii=False).encode() for e in reply.events]
    raw = b"".join(begin + line + b"\n\n" for line in [*lines, *[b"[DONE]"] * reply.done])
    return served, out, raw


def read(served: Served, out: Outgoing, name: str, *pieces: bytes) -> list[Event]:
    body = {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}, **ASKED[name]}
    reader = StreamReader(served.target(), parse_call("POST", "/v1/chat/completions", orjson.dumps(body)), out)
    return [*(event for piece in pieces for event in reader.feed(piece)), *reader.finish()]


@pytest.mark.parametrize(("served", "name"), CASES)
def test_a_stream_comes_out_by_openai_s_schema(served: Served, name: str) -> None:
    """R11: every chunk fits OpenAI's own schema, there is one finish, and the usage comes last."""
    found = recorded(served.fake, name)
    if found is None:
        return

    events = read(*found[:2], name, found[2])

    bodies = [orjson.loads(event.payload) for event in events if isinstance(event, Chunk)]
    assert isinstance(events[-1], Done), events[-1]
    assert [p for body in bodies for p in problems("CreateChatCompletionStreamResponse", body)] == []
    finishes = [c["finish_reason"] for body in bodies for c in body["choices"] if c["finish_reason"]]
    assert finishes == ["tool_calls" if name == "tools" else "stop"]
    assert bodies[-1]["choices"] == []
    assert bodies[-1]["usage"]["total_tokens"] >= 0


@pytest.mark.parametrize(("served", "name"), CASES)
@settings(max_examples=25)
@given(data=st.data())
def test_any_split_gives_the_same_events(served: Served, name: str, data: st.DataObject) -> None:
    """R6: UTF-8, JSON and events may be cut at any byte."""
    found = recorded(served.fake, name)
    if found is None:
        return
    raw = found[2]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))

    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    assert read(*found[:2], name, *pieces) == read(*found[:2], name, raw)


@pytest.mark.parametrize(("served", "name"), CASES)
@settings(max_examples=25)
@given(data=st.data())
def test_any_cut_before_the_finish_is_an_error(served: Served, name: str, data: st.DataObject) -> None:
    """R1, R5: a stream that breaks off is never taken for a whole answer, nor a call for a finished one."""
    found = recorded(served.fake, name)
    if found is None:
        return
    raw = found[2]
    at = data.draw(st.integers(0, len(raw) - 1))

    events = read(*found[:2], name, raw[:at])

    finished = any(isinstance(event, Chunk) and event.finish for event in events)
    assert isinstance(events[-1], Done if finished else Fault)
