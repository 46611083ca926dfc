"""Server-sent events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.wire.sse import SseError, SseParser

STREAM = (
    '\ufeffdata: {"a": "中文🙂"}\r\n\r\n'
    ": comment\n"
    "event: ping\rdata:no space\rdata:  two\r\r"
    "id: 7\nretry: 10\nunknown: x\ndata\n\n"
    "event: lost type\n\n"
    "data: [DONE]\n\n"
    "data: broken off"
).encode()

EVENTS = [
    ("message", '{"a": "中文🙂"}'.encode()),
    ("ping", b"no space\n two"),
    ("message", b""),
    ("message", b"[DONE]"),
]


def read(*pieces: bytes) -> list[tuple[str, bytes]]:
    parser = SseParser()
    return [tuple(event) for piece in pieces for event in parser.feed(piece)]


def test_events_are_read_by_the_standard():
    """R6: CR, LF, CRLF, a byte order mark, comments, all fields and unknown ones are read by the standard."""
    assert read(STREAM) == EVENTS


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_every_split_in_two_gives_the_same_events(at):
    """R6: a stream split at any byte, inside a character or between CR and LF, gives the same events."""
    assert read(STREAM[:at], STREAM[at:]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_any_number_of_splits_gives_the_same_events(cuts):
    """R6: however many pieces a stream comes in, empty ones included, the events are the same."""
    edges = [0, *sorted(cuts), len(STREAM)]

    assert read(*(STREAM[a:b] for a, b in pairwise(edges))) == EVENTS


def test_byte_by_byte_gives_the_same_events():
    """R6: single bytes give the same events."""
    assert read(*(bytes([byte]) for byte in STREAM)) == EVENTS


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 100],
        [b"data: " + b"x" * 30, b"x" * 30, b"x" * 30],
        [b"data: " + b"x" * 100 + b"\n\n"],
        [b"data: " + b"x" * 40 + b"\n", b"data: " + b"x" * 40 + b"\n"],
    ],
)
def test_a_line_or_event_over_the_limit_is_an_error(pieces):
    """R7: neither a line without an end nor an event of many lines is collected without bound."""
    parser = SseParser(max_line_bytes=64)

    with pytest.raises(SseError):
        for piece in pieces:
            parser.feed(piece)


def test_long_streams_of_short_lines_pass():
    """R7: the limit is for a line, not for the stream."""
    parser = SseParser(max_line_bytes=64)

    assert sum(len(parser.feed(b"data: 1234567890\n\n")) for _ in range(100)) == 100
