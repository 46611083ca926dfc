"""Streams of native APIs: whatever way they are split or cut."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.wire.exchange import Chunk, Done, Event, Fault
from tests.wire.dialects.targets import KEY, native, reader
from tests.wire.openai_schema import problems
from tests.wire.recorded import load_vectors, one

ERNIE, TC3 = native("ernie", "v1", key="24.token"), native("hunyuan", "native")
NOVA = native("sensenova", "native")
TOOLS = [{"type": "function", "function": {"name": "w", "parameters": {}}}]


def ernie(**fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    event = {"id": "as-1", "object": "chat.completion", "created": 1720483200, "sentence_id": 0, "is_end": False}
    return {**event, "is_truncated": False, "result": "", "finish_reason": "normal", "usage": usage, **fields}


def tc3(finish: str = "", **delta: Any) -> dict[str, Any]:
    choice = {"Index": 0, "Delta": {"Role": "assistant", "Content": "", **delta}, "FinishReason": finish}
    usage = {"PromptTokens": 5, "CompletionTokens": 1, "TotalTokens": 6}
    return {"Note": "n", "Choices": [choice], "Created": 1720483200, "Id": "rq", "Usage": usage}


def tc3_call(arguments: str, call_id: str = "c1") -> dict[str, Any]:
    function = {"Name": "w", "Arguments": arguments}
    return tc3(ToolCalls=[{"Id": call_id, "Type": "function", "Index": 0, "Function": function}])


def nova(finish: str = "", delta: str = "", **beside: Any) -> dict[str, Any]:
    choice = {"index": 0, "role": "assistant", "delta": delta, "finish_reason": finish, **beside}
    return {"data": {"id": "s-1", "choices": [choice], "usage": {"prompt_tokens": 5}}, "status": {"code": 0}}


def sse(*events: dict[str, Any], space: bytes = b" ", done: bool = False) -> bytes:
    lines = [orjson.dumps(event) for event in events] + [b"[DONE]"] * done
    return b"".join(b"data:" + space + line + b"\n\n" for line in lines)


NOVA_CALL = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"x":1}'}}
# name -> (target, model, bytes, text, arguments)
STREAMS: dict[str, tuple[Any, str, bytes, str, str]] = {
    "ernie": (ERNIE, "ernie-4.0-8k", one("ernie", "chat-v1-stream")["input"]["sse"].encode(), "你好", ""),
    "ernie-call": (
        ERNIE,
        "ernie-4.0-8k",
        sse(ernie(is_end=True, finish_reason="function_call", function_call={"name": "w", "arguments": '{"x":1}'})),
        "",
        '{"x":1}',
    ),
    "hunyuan": (
        TC3,
        "hunyuan-pro",
        one("hunyuan", "stream", "two events, no Response wrapper, no [DONE]")["input"]["sse"].encode(),
        "你好",
        "",
    ),
    "hunyuan-call": (TC3, "hunyuan-pro", sse(tc3_call('{"x"'), tc3_call(":1}"), tc3("tool_calls")), "", '{"x":1}'),
    "sensenova-call": (
        NOVA,
        "SenseChat-5",
        sse(nova(tool_calls=[NOVA_CALL]), nova("tool_calls"), space=b"", done=True),
        "",
        '{"x":1}',
    ),
    **{
        f"sensenova-{i}": (NOVA, "SenseChat-5", v["input"]["sse"].encode(), "你好", "")
        for i, v in enumerate(load_vectors("sensenova", "chat-native-stream"))
    },
}


def read(name: str, *pieces: bytes, usage: bool = False) -> list[Event]:
    target, model, raw, _, _ = STREAMS[name]
    fields: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    stream = reader(target, model, tools=TOOLS, **fields)
    events = [event for piece in pieces or (raw,) for event in stream.feed(piece)]
    return [*events, *stream.finish()]


def bodies(events: list[Event]) -> list[Any]:
    return [orjson.loads(event.payload) for event in events if isinstance(event, Chunk)]


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_openais(name, usage):
    """R11: chunks fit OpenAI's schema, join to the answer, finish once, and count once if asked."""
    _, _, _, text, arguments = STREAMS[name]

    events = read(name, usage=usage)

    chunks = bodies(events)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls", [])]
    assert isinstance(events[-1], Done)
    assert [p for chunk in chunks for p in problems("CreateChatCompletionStreamResponse", chunk)] == []
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == text
    assert "".join(call["function"].get("arguments", "") for call in calls) == arguments
    assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["tool_calls" if arguments else "stop"]
    assert [bool(chunk.get("usage")) for chunk in chunks].count(True) == usage


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_any_split_gives_the_same_events(name, data):
    """R6: where the network cuts the bytes does not matter."""
    raw = STREAMS[name][2]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=8)))

    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    assert read(name, *pieces) == read(name)


@pytest.mark.parametrize("name", STREAMS)
def test_any_cut_before_the_end_is_an_error(name):
    """R5: a stream that stops before its last event is never finished."""
    raw = STREAMS[name][2]
    end = raw.removesuffix(b"\n\n").removesuffix(b"[DONE]").rstrip(b" :dat\n")

    for at in range(len(end)):
        events = read(name, raw[:at])
        assert isinstance(events[-1], Fault), at
        assert not any(isinstance(event, Chunk) and event.finish for event in events), at


FAULTS: list[tuple[str, bytes, int, str]] = [
    ("ernie", sse(ernie(result="a"), {"error_code": 336100, "error_msg": "busy"}), 503, "limited"),
    ("ernie", orjson.dumps({"error_code": 336003, "error_msg": "odd"}), 400, "request"),
    ("hunyuan", sse({"ErrorMsg": {"Msg": "m", "Code": 4000}, "Choices": [], "Id": "r"}), 500, "ambiguous"),
    ("hunyuan", sse({"ErrorMsg": {"Msg": "m", "Code": "InternalError"}, "Choices": []}), 500, "ambiguous"),
    (
        "hunyuan",
        sse({"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "m"}}}),
        429,
        "limited",
    ),
    ("hunyuan", orjson.dumps({"Response": {"Error": {"Code": "LimitExceeded", "Message": "m"}}}), 429, "limited"),
    ("sensenova-0", b'data:{"error":{"code":8,"message":"rpm","details":[]}}\n\n', 429, "limited"),
    ("sensenova-0", sse({"error": {"code": 8, "message": "rpm"}, **nova(delta="a")}), 429, "limited"),
    ("sensenova-0", orjson.dumps({"error": {"code": 7, "message": "no"}}), 403, "credential"),
]


@pytest.mark.parametrize(("name", "raw", "status", "outcome"), FAULTS)
def test_an_error_in_a_stream_is_raised(name, raw, status, outcome):
    """An error event, which the vendors' SDKs may pass on as an ordinary one, ends the stream with its meaning."""
    events = read(name, raw)

    assert isinstance(events[-1], Fault)
    assert (events[-1].error.status, events[-1].error.outcome) == (status, outcome)


def test_an_empty_error_message_is_none():
    """An ErrorMsg that says nothing stands beside sound choices."""
    raw = sse({**tc3(Content="a"), "ErrorMsg": {"Msg": "", "Code": 0}}, tc3("stop"))

    assert isinstance(read("hunyuan", raw)[-1], Done)


def test_a_whole_answer_in_place_of_a_stream_is_taken():
    """A server that ignores `stream` is understood."""
    message = {"Role": "assistant", "Content": "hi"}
    body = {"Response": {"Id": "i", "Choices": [{"Index": 0, "FinishReason": "stop", "Message": message}]}}

    events = read("hunyuan", orjson.dumps(body))

    assert [c["choices"][0]["delta"]["content"] for c in bodies(events)] == ["hi"]
    assert isinstance(events[-1], Done)


@pytest.mark.parametrize("name", ["ernie", "hunyuan", "sensenova-0"])
@pytest.mark.parametrize(
    "event",
    [
        b"[1]",
        b'"x"',
        b"{}",
        b'{"Choices": {}}',
        b'{"data": {"choices": [1]}}',
        b'{"result": 5, "is_end": true}',
        b'{"Response":' + b'{"A":' * 700 + b"1" + b"}" * 700 + b"}",
    ],
)
def test_odd_events_never_crash_the_reader(name, event):
    """R1: whatever stands in an event ends in chunks or a fault."""
    events = read(name, b"data: " + event + b"\n\n")

    assert isinstance(events[-1], Done | Fault)
    assert KEY.split(":")[1] not in repr(events)
