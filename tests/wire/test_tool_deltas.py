"""Pieces of tool calls."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.wire.exchange import Chunk, Event, Fault, StreamReader
from tests.wire.streams import chunk, sse
from tests.wire.vendors import make_call, make_target, send


def read(*pieces: list) -> list[Event]:
    target, call = make_target(), make_call(stream=True)
    stream = StreamReader(target, call, send(target, call))
    raw = sse(*(chunk({"role": "assistant", "tool_calls": piece}) for piece in pieces), chunk(None, "tool_calls"))
    return [*stream.feed(raw), *stream.finish()]


def assembled(*pieces: list) -> dict[int, list[str]]:
    """Return index -> [id, name, arguments], joined as the openai SDK joins them."""
    calls: dict[int, list[str]] = {}
    for event in read(*pieces):
        if not isinstance(event, Chunk):
            continue
        for piece in orjson.loads(event.payload)["choices"][0]["delta"].get("tool_calls", []):
            call = calls.setdefault(piece["index"], ["", "", ""])
            function = piece.get("function", {})
            call[0] += piece.get("id", "")
            call[1] += function.get("name", "")
            call[2] += function.get("arguments", "")
    return calls


def piece(name=None, arguments=None, **fields) -> list[dict]:
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return [{**fields, "function": function}]


def test_pieces_without_index_follow_the_call_that_began_last():
    """A vendor that numbers nothing still gives whole calls."""
    calls = assembled(piece("f", "{", id="a"), piece(arguments="}"), piece("g", "[", id="b"), piece(arguments="]"))

    assert calls == {0: ["a", "f", "{}"], 1: ["b", "g", "[]"]}


def test_repeated_ids_and_names_are_said_once():
    """A vendor that repeats id, type and name on every piece does not get them doubled in the SDK."""
    again = {"index": 0, "id": "a", "type": "function"}

    assert assembled(piece("f", "{", **again), piece("f", "}", **again)) == {0: ["a", "f", "{}"]}


def test_two_calls_under_one_number_are_told_apart():
    """A new id under a used index is a new call, and the pieces after it are its own."""
    calls = assembled(
        piece("f", "{", index=0, id="a"),
        piece(arguments="}", index=0),
        piece("g", "[", index=0, id="b"),
        piece(arguments="]", index=0),
    )

    assert calls == {0: ["a", "f", "{}"], 1: ["b", "g", "[]"]}


def test_calls_that_come_whole_in_one_piece_are_numbered():
    """Two whole calls in one delta, without index or id, are two calls with ids of their own."""
    calls = assembled([*piece("f", {"x": 1}), *piece("g", None)])

    assert [(call[1], call[2]) for call in calls.values()] == [("f", '{"x":1}'), ("g", "")]
    assert calls[0][0] != calls[1][0] != ""


@pytest.mark.parametrize("broken", [[None], "f", {"index": 0}, [{"index": 0}], piece(None, "{}", index=0, id="a")])
def test_a_call_without_a_name_is_a_fault(broken):
    """R5: what cannot be a call of the model is never finished as one."""
    events = read(broken)

    assert isinstance(events[-1], Fault)
    assert not any(isinstance(event, Chunk) for event in events)


def test_one_call_that_is_no_list_is_taken_for_a_list():
    """Some vendors give a single call as an object, without index and id."""
    (call,) = assembled({"function": {"name": "f", "arguments": "{}"}}).values()

    assert call[0]
    assert call[1:] == ["f", "{}"]
