"""Server-sent events, read by the standard from bytes that may be split anywhere."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One event. `type` is "message" where the stream names none."""

    type: str
    data: bytes


class SseError(ValueError):
    """A line, or the data of one event, is longer than is read."""


class SseParser:
    """Turns bytes into events; lines end with CR, LF or CRLF; an event that the stream breaks off in is discarded."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._tail = bytearray()  # of a line whose end has not come
        self._after_cr = False
        self._at_start = True
        self._type = ""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, data: bytes) -> list[SseEvent]:
        """Return the events that these bytes complete.

        Raises:
            SseError: a line is too long; nothing after it can be trusted.
        """
        if self._after_cr and data:
            # The CR before ended a line already; its LF ends nothing.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *lines = data.split(b"\n")
        if not lines:
            self._tail += first
            self._check(len(self._tail))
            return []
        if self._tail:
            self._tail += first
            first = bytes(self._tail)
            self._tail.clear()
        tail = lines.pop()
        events: list[SseEvent] = []
        self._line(first, events)
        for line in lines:
            self._line(line, events)
        self._tail += tail
        self._check(len(tail))
        return events

    def _line(self, line: bytes, events: list[SseEvent]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
            return
        if len(line) > self._max:
            raise SseError(f"a line of more than {self._max} bytes")
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._data_bytes += len(value)
            self._check(self._data_bytes)
        elif name == b"event":
            self._type = value.removeprefix(b" ").decode("utf-8", "replace")
        # Comments (an empty name), `id` and `retry` say nothing about a single answer.

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(SseEvent(self._type or "message", data))
            self._data.clear()
            self._data_bytes = 0
        self._type = ""

    def _check(self, size: int) -> None:
        if size > self._max:
            raise SseError(f"a line or event of more than {self._max} bytes")
