"""Streams, chunk by chunk, in OpenAI's form."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from llm_migrate.wire.exchange import Chunk, Done, Event, Fault, StreamReader, encode_event, error_event
from tests.wire import streams
from tests.wire.openai_schema import problems
from tests.wire.streams import HEAD, RECORDED, TEXT, USAGE, chunk, sse
from tests.wire.vendors import HOST, KEY, make_call, make_target, send

TARGET = make_target(
    response={"finish_reasons": {"sensitive": "content_filter", "network_error": "error"}},
    errors=[{"code": ["1302"], "outcome": "limited", "to_status": 429, "to_type": "rate_limit_error"}],
)


def reader(*, usage: bool = False, target=TARGET) -> StreamReader:
    call = make_call(stream=True, **({"stream_options": {"include_usage": True}} if usage else {}))
    return StreamReader(target, call, send(target, call))


def read(raw: bytes, *, usage: bool = False, target=TARGET) -> list[Event]:
    stream = reader(usage=usage, target=target)
    return [*stream.feed(raw), *stream.finish()]


def bodies(events: list[Event]) -> list[dict]:
    return [orjson.loads(event.payload) for event in events if isinstance(event, Chunk)]


def deltas(events: list[Event]) -> list[dict]:
    return [choice["delta"] for body in bodies(events) for choice in body["choices"]]


def fault(events: list[Event]):
    assert isinstance(events[-1], Fault), events
    return events[-1].error


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_stream_comes_out_by_openais_schema(name, usage):
    """R11: chunks fit the schema and the SDK's class, share one head, finish once, and count once if asked."""
    events = read(sse(*RECORDED[name]), usage=usage)

    chunks = bodies(events)
    assert isinstance(events[-1], Done)
    assert [p for body in chunks for p in problems("CreateChatCompletionStreamResponse", body)] == []
    assert all(ChatCompletionChunk.model_validate(body) for body in chunks)
    assert len({(body["id"], body["created"], body["model"]) for body in chunks}) == 1
    choices = [choice for body in chunks for choice in body["choices"]]
    finishes = [choice["index"] for choice in choices if choice["finish_reason"]]
    assert sorted(finishes) == sorted({choice["index"] for choice in choices})
    assert choices[0]["delta"]["role"] == "assistant"
    counted = [body for body in chunks if body.get("usage")]
    assert counted == ([chunks[-1]] if usage else [])
    assert not counted or counted[0]["choices"] == []


@pytest.mark.parametrize("name", RECORDED)
def test_completing_twice_changes_nothing(name):
    """R11: what went out once, read again, comes out as the same bytes."""
    once = [e.payload for e in read(sse(*RECORDED[name]), usage=True) if isinstance(e, Chunk)]

    again = [e.payload for e in read(b"".join(map(encode_event, once)), usage=True) if isinstance(e, Chunk)]

    assert again == once


@pytest.mark.parametrize("name", RECORDED)
@given(cuts=st.lists(st.integers(0, 4000), max_size=12))
def test_every_split_gives_the_same_events(name, cuts):
    """R6: however the bytes are split, the same chunks come out."""
    raw = sse(*RECORDED[name])
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    stream = reader(usage=True)

    events = [e for a, b in pairwise(edges) for e in stream.feed(raw[a:b])]

    assert [*events, *stream.finish()] == read(raw, usage=True)


@pytest.mark.parametrize("name", RECORDED)
def test_a_stream_cut_before_its_last_finish_is_a_fault(name):
    """R1, R5: cut at any byte before the finish, the end is an error, never Done, and nothing claims to be finished."""
    raw = sse(*RECORDED[name])
    whole = _bytes_to_the_finish(raw)

    for at in range(whole):
        events = read(raw[:at])
        assert isinstance(events[-1], Fault), at
        assert not any(isinstance(event, Done) for event in events)


@pytest.mark.parametrize("name", RECORDED)
def test_a_stream_that_says_done_too_early_is_a_fault(name):
    """[DONE] without a finish is a cut."""
    raw = sse(*RECORDED[name][:1])

    assert fault(read(raw)).outcome == "cut"


def _bytes_to_the_finish(raw: bytes) -> int:
    """Return the fewest bytes that are a finished answer."""
    return next(at for at in range(len(raw) + 1) if isinstance(read(raw[:at])[-1], Done))


@pytest.mark.parametrize("name", RECORDED)
def test_a_finish_without_done_is_complete(name):
    """A vendor that just closes after the finish has finished."""
    assert isinstance(read(sse(*RECORDED[name], done=False))[-1], Done)


def test_a_complete_chunk_is_handed_on_as_its_own_bytes():
    """The fast path: odd spacing and key order of the vendor survive, for nothing was rebuilt."""
    body = (
        '{ "id":"chatcmpl-1",  "model":"m","created":7, "object":"chat.completion.chunk", "choices":[ {"index":0,'
        '"delta":{"role":"assistant","content":"x"},"finish_reason":null,"logprobs":null} ], "usage":null}'
    )

    first = reader().feed(sse(body, done=False))[0]

    assert isinstance(first, Chunk)
    assert first.payload == body.encode()


def test_a_chunk_over_several_lines_becomes_one():
    """JSON spread over data lines is written on one, for a caller's line readers."""
    raw = b"data: " + orjson.dumps(chunk({"role": "assistant", "content": "x"}), option=orjson.OPT_INDENT_2).replace(
        b"\n", b"\ndata: "
    )

    first = reader().feed(raw + b"\n\n")[0]

    assert isinstance(first, Chunk)
    assert b"\n" not in first.payload


@pytest.mark.parametrize(
    ("delta", "content"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"role": "assistant", "content": None}, False),
        ({"content": "x"}, True),
        ({"reasoning_content": "x"}, True),
        ({"refusal": "no"}, True),
        ({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]}, True),
        ({"function_call": {"name": "f", "arguments": ""}}, True),
    ],
)
def test_content_is_what_the_caller_would_see(delta, content):
    """R4: the role preamble is no content; text, reasoning, a refusal or a call is."""
    first = read(sse(chunk(delta)))[0]

    assert isinstance(first, Chunk)
    assert (first.content, first.finish) == (content, False)


def test_facts_about_the_prompt_ride_on_the_next_chunk():
    """Azure's first chunk without choices is folded, so that nobody meets an empty list, and loses nothing."""
    first, *others = bodies(read(sse(*streams.AZURE)))

    assert first["prompt_filter_results"] == [{"prompt_index": 0}]
    assert first["id"] == "chatcmpl-1"
    assert all("prompt_filter_results" not in body for body in others)


def test_a_choice_without_delta_gets_an_empty_one():
    """Azure's late filter results come with an empty delta."""
    last = bodies(read(sse(*streams.AZURE)))[-1]["choices"][0]

    assert (last["delta"], last["content_filter_offsets"]) == ({}, {"check_offset": 44})


@pytest.mark.parametrize("name", ["zhipu", "kimi", "repeated message", "usage asked"])
def test_usage_is_lifted_from_wherever_it_stands(name):
    """On a chunk with text, inside the choice, or in a chunk of its own: it is counted, and shown only if asked."""
    stream = reader(usage=True)

    out = bodies([*stream.feed(sse(*RECORDED[name])), *stream.finish()])

    assert stream.usage == USAGE
    assert (out[-1]["usage"], out[-1]["choices"]) == (USAGE, [])


@pytest.mark.parametrize("count", ["", "1e3", 0, 1.5, True, [1]])
def test_usage_that_is_no_count_is_not_passed_on(count):
    """R11: a `usage` of another type is left out, so that every chunk fits the SDK's class."""
    raw = sse(chunk({"content": "x"}, usage=count), chunk({}, "stop"))

    first = bodies(read(raw))[0]

    assert "usage" not in first
    ChatCompletionChunk.model_validate(first)


def test_lifted_usage_is_left_nowhere_else():
    """A count is not said twice: it leaves the choice or chunk that it stood in."""
    raw = sse(*streams.KIMI, {**chunk(None), "usage": USAGE})

    chunks = bodies(read(raw))

    assert all("usage" not in choice for body in chunks for choice in body["choices"])
    assert not any(body.get("usage") for body in chunks)


def test_a_finish_is_said_once():
    """A vendor that repeats its finish does not end an answer twice."""
    chunks = bodies(read(sse(*streams.TEXT, chunk(None, "stop"))))

    assert [c["finish_reason"] for body in chunks for c in body["choices"] if c["finish_reason"]] == ["stop"]


def test_usage_that_never_came_is_marked():
    """A caller that asked gets its usage chunk, whose zeros say that nothing was counted."""
    stream = reader(usage=True)

    out = bodies([*stream.feed(sse(*streams.TEXT)), *stream.finish()])

    assert stream.usage is None
    assert out[-1]["usage"]["x_missing"] is True


def test_a_repeated_message_is_not_sent_twice():
    """A last chunk that repeats the whole answer adds no text."""
    assert "".join(d.get("content") or "" for d in deltas(read(sse(*streams.REPEATED)))) == "你好🙂"


def test_the_role_is_said_once_when_it_is_missing_or_wrong():
    """R11: the first delta of each choice has the role; a null or empty one later is taken away."""
    raw = sse(chunk({"content": "a"}), chunk({"role": "", "content": "b"}), chunk({"role": None}, "stop"))

    assert deltas(read(raw)) == [{"content": "a", "role": "assistant"}, {"content": "b"}, {}]


def test_the_head_of_the_first_chunk_holds_for_all():
    """R11: one id, one model, one created, whatever later chunks say."""
    raw = sse(chunk({"content": "a"}), {**chunk(None, "stop"), "id": "other", "created": 9, "model": "z"})

    assert {(b["id"], b["created"], b["model"]) for b in bodies(read(raw))} == {
        (HEAD["id"], HEAD["created"], HEAD["model"])
    }


def test_a_word_of_the_vendors_own_is_mapped_and_kept():
    """A finish reason outside OpenAI's set is mapped; an empty one is none."""
    raw = sse({**chunk({"content": "a"}, "")}, chunk(None, "sensitive"))

    first, last = (body["choices"][0] for body in bodies(read(raw)))
    assert first["finish_reason"] is None
    assert (last["finish_reason"], last["x_finish_reason"]) == ("content_filter", "sensitive")


def test_a_finish_that_means_failure_is_a_fault():
    """A vendor's word for a failed answer is an error, not an end."""
    assert fault(read(sse(chunk({"content": "a"}), chunk(None, "network_error")))).outcome == "ambiguous"


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"code":"1302","message":"fast"}}\n\n',
        b'data: {"code":"1302","message":"fast"}\n\n',
        b'event: error\ndata: {"code":"1302","message":"fast"}\n\n',
        b'{"error":{"code":"1302","message":"fast"}}',
    ],
)
def test_an_error_in_a_stream_is_judged_by_the_table(event):
    """R1: an error event, or an error body in place of a stream, means what it would mean as a status."""
    assert (fault(read(event)).outcome, fault(read(event)).status) == ("limited", 429)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b": hello\n\n",
        b"<html>",
        b"<html>\n\n</html>",
        b"data: {bad\n\n",
        b"data: 7\n\n",
        b'{"choices":[]}',
        b"{}",
    ],
)
def test_what_is_no_stream_is_ambiguous(raw):
    """R1: nothing, a page, garbage or an empty answer is an error, and whether it was paid for is unknown."""
    assert (fault(read(raw)).status, fault(read(raw)).outcome) == (502, "ambiguous")


def test_garbage_after_the_finish_does_no_harm():
    """A finished answer stays finished."""
    assert isinstance(read(sse(chunk({"content": "a"}), chunk(None, "stop"), "{bad"))[-1], Done)


def test_a_whole_answer_in_place_of_a_stream_is_streamed():
    """A vendor that ignores `stream` has answered all the same."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {
        "choices": [{"message": {"content": "x", "tool_calls": [call]}, "finish_reason": "tool_calls"}],
        "usage": USAGE,
    }

    events = read(orjson.dumps(body), usage=True)

    first, last = bodies(events)
    assert isinstance(events[-1], Done)
    assert (first["choices"][0]["delta"]["content"], first["choices"][0]["finish_reason"]) == ("x", "tool_calls")
    assert first["choices"][0]["delta"]["tool_calls"] == [{**call, "index": 0}]
    assert last["usage"] == USAGE


def test_a_whole_answer_without_a_count_has_none():
    """The zeros that a schema needs are not taken for a count in a stream either."""
    stream = reader()

    stream.feed(b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}')

    assert isinstance(stream.finish()[-1], Done)
    assert stream.usage is None


@pytest.mark.parametrize("raw", [b'{"choices":[{"message":{"tool_calls":[7]}}]}', sse({**HEAD, "choices": [7]})])
def test_a_broken_choice_is_a_fault(raw):
    """R5: a choice or call that is no object ends the stream as an error."""
    assert fault(read(raw)).outcome == "ambiguous"


def test_a_chunk_too_deep_to_write_is_a_fault():
    """S5: nesting that can be read but not written is an error, not a crash."""
    raw = b'data: {"choices":[{"delta":{"content":"x"}}],"x":' + b"[" * 300 + b"]" * 300 + b"}\n\n"

    assert fault(read(raw)).outcome == "ambiguous"


def test_empty_events_say_nothing():
    """A data line without data is passed over."""
    assert isinstance(read(b"data:\n\n" + sse(*streams.TEXT))[-1], Done)


def test_a_giant_line_is_a_fault():
    """R7: a line that never ends is not collected."""
    stream = reader()

    events = [event for _ in range(5) for event in stream.feed(b"data: " + b"x" * 1_000_000)]

    assert fault(events).outcome == "ambiguous"


def test_nothing_follows_the_end():
    """After Done or Fault a reader is silent."""
    stream = reader()
    stream.feed(sse(*streams.TEXT))

    assert stream.feed(sse(*streams.TEXT)) == []
    assert stream.finish() == []


def test_an_error_repeats_neither_key_nor_address():
    """S3: what a vendor says of its own address or our key stays here."""
    error = fault(read(f'data: {{"error":{{"message":"{KEY} at {HOST}"}}}}\n\n'.encode()))

    assert KEY not in error.message
    assert HOST not in error.message


def test_an_error_event_ends_a_stream_in_openais_form():
    """R1: the event that the SDK raises on, and no [DONE]."""
    error = fault(read(b""))

    event = error_event(error)
    assert event.startswith(b'data: {"error":')
    assert problems("ErrorResponse", orjson.loads(event.removeprefix(b"data: "))) == []


def test_an_error_that_the_vendor_did_not_end_is_told():
    """An error as the last thing of a stream is read though no empty line follows; content never is (R5)."""
    error = b'data:{"error":{"code":"rate_limit_exceeded","message":"slow down"}}'
    content = sse(*TEXT, done=False)[:-2]

    assert (fault(read(error)).status, fault(read(error)).outcome) == (429, "limited")
    assert fault(read(content)).code == "stream_interrupted"


@pytest.mark.parametrize(("endpoint", "finish"), [("main", "stop"), ("other", None)])
def test_done_is_a_finish_only_where_the_vendor_says_none(endpoint, finish):
    """At an endpoint whose streams never name a finish, [DONE] is one; anywhere else it is a cut."""
    events = read(sse(*TEXT[:-1]), target=make_target(stream={"done_is_finish": [endpoint]}))

    assert [c["finish_reason"] for body in bodies(events) for c in body["choices"]][-1] == finish
    assert isinstance(events[-1], Done if finish else Fault)


def test_a_tool_call_is_finished_by_done_as_one():
    """The finish that nobody said names the tool calls that there were."""
    piece = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}

    events = read(sse(chunk({"role": "assistant", **piece})), target=make_target(stream={"done_is_finish": ["main"]}))

    assert bodies(events)[-1]["choices"][0]["finish_reason"] == "tool_calls"


WORD = chunk({"content": "x"})


@pytest.mark.parametrize(
    ("later", "came_out"),
    [
        (WORD, WORD),
        ({**WORD, "created": 1_700_000_000.0}, WORD),
        ({**WORD, "id": "chatcmpl-2"}, WORD),
        ({**WORD, "usage": USAGE}, WORD),
        ({**WORD, "system_fingerprint": None}, WORD),
        ({**WORD, "x_new": 1}, {**WORD, "x_new": 1}),
        ({**WORD, "choices": [{**WORD["choices"][0], "logprobs": 1}]}, None),
    ],
)
def test_a_chunk_is_judged_by_itself_however_like_the_one_before(later, came_out):
    """After many chunks that need nothing, one that does is completed all the same (R11)."""
    events = read(sse(TEXT[0], WORD, WORD, later, TEXT[-1]))

    written = bodies(events)[3]
    if came_out is None:
        came_out = {**WORD, "choices": [{**WORD["choices"][0], "x_logprobs": 1}]}
    assert written == came_out
    assert type(written["created"]) is int


def test_a_chunk_that_needs_nothing_is_handed_on_as_it_came():
    """The bytes of a complete chunk are the vendor's own, spaces and all."""
    spaced = b'{"id": "chatcmpl-1",  "object": "chat.completion.chunk", "created": 1700000000, "model": "acme-1-0101",'
    spaced += b' "choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": null, "finish_reason": null}]}'

    events = read(sse(TEXT[0], spaced.decode(), WORD, spaced.decode(), TEXT[-1]))

    assert [event.payload for event in events[1:4]] == [spaced, orjson.dumps(WORD), spaced]
    assert "x" not in repr(events[1])


def test_chunks_that_are_held_back_take_little_memory():
    """A chunk that was written anew takes no more room than its text: the engine may hold thousands (R7)."""
    raw = sse(*[chunk({"role": "assistant", "content": ""}, extra=i) for i in range(500)], done=False)
    stream = reader()
    tracemalloc.start()
    events = stream.feed(raw)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(events) == 500
    assert held < 500 * 600
