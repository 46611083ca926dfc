"""A stream on its way from a vendor to the caller: held back until its first content, then handed on piece by piece."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.engine.decode import DecodeError, Decoder
from llm_migrate.engine.faults import before_commit, broken, failed, interrupted
from llm_migrate.engine.steps import Command, Emit, Failure, Limits, Read, Result
from llm_migrate.wire.exchange import (
    DONE,
    Chunk,
    Done,
    Event,
    Fault,
    OpenAIError,
    StreamReader,
    calls_are_whole,
    encode_event,
    error_event,
)


class Source:
    """A stream being read: turns events into bytes for the caller, or into the error that it was.

    With `buffer_tool_calls` all from the first piece of a tool call on is held back until the finish, and a call whose
    arguments are no JSON then is an error like any other.

    Attributes:
        finished: a finish reason was handed on.
        over: nothing follows.
        fault: why it is over, if not because the answer is whole.
    """

    def __init__(
        self, reader: StreamReader, decoder: Decoder, target: Target, limits: Limits, *, buffer_tool_calls: bool = False
    ) -> None:
        self._reader = reader
        self._decoder = decoder
        self._target = target
        self._limits = limits
        self._buffers = buffer_tool_calls
        self._calls: list[bytes] = []  # held back
        self.finished = False
        self.over = False
        self.fault: OpenAIError | None = None

    @property
    def usage(self) -> Mapping[str, JsonValue] | None:
        """What the vendor counted so far."""
        return self._reader.usage

    def preamble(self, gate: float) -> Generator[Command, Result, list[bytes] | OpenAIError]:
        """Read until there is content, or a finish, or nothing more to hope for; hold everything back until then.

        Returns:
            The payloads to hand on, or what was wrong.
        """
        held: list[bytes] = []
        size = 0
        while True:
            data = yield Read(gate)
            content = False
            for event in self._events(data):
                if isinstance(event, Chunk):
                    size += len(event.payload)
                    passed = self._pass(event)
                    held += passed
                    content = content or (bool(passed) and (event.content or event.finish))
                elif isinstance(event, Done):
                    self.over = True
                    return held
                else:
                    # Content that came with it has gone to nobody, so another try is as good as if there were none.
                    self.over = True
                    return failed(data, self._target) if isinstance(data, Failure) else before_commit(event.error)
            if content:
                return held
            if size > self._limits.preamble_bytes:
                return broken(self._target, "the stream holds no content")

    def take(self, data: Result) -> list[bytes]:
        """Return the payloads that go to the caller of what was read."""
        out: list[bytes] = []
        for event in self._events(data):
            if isinstance(event, Chunk):  # asked first and by hand: this is once for every word of an answer
                out += self._pass(event) if self._buffers else (event.payload,)
                self.finished = self.finished or event.finish
            else:
                self.over = True
                if not isinstance(event, Done):
                    self.fault = interrupted(event.error)
                break
        return out

    def _pass(self, chunk: Chunk) -> list[bytes]:
        """Return what may go on now that a chunk is there."""
        if not self._buffers or not (chunk.tool or self._calls):
            self.finished = self.finished or chunk.finish
            return [chunk.payload]
        self._calls.append(chunk.payload)
        if not chunk.finish:
            return []
        self.finished = True
        passed, self._calls = self._calls, []
        return passed

    def _events(self, data: Result) -> list[Event]:
        if not isinstance(data, bytes) or not data:
            return self._reader.finish()
        # One packet of gzip can hold a thousand times its size in short lines, each of which takes far more to read.
        most = max(self._limits.preamble_bytes, len(data))
        try:
            plain = self._decoder.feed(data, most)
        except DecodeError as e:
            return self._broken(str(e))
        if len(plain) > most:
            return self._broken("one piece of the stream is too large")
        events = self._reader.feed(plain)
        return events if not self._buffers else self._checked(events)

    def _broken(self, problem: str) -> list[Event]:
        """Return what it means that nothing more can be read; nothing at all once the finish was there."""
        events = self._reader.finish()
        return events if events and isinstance(events[-1], Done) else [Fault(broken(self._target, problem))]

    def _checked(self, events: list[Event]) -> list[Event]:
        """Return events with a fault in place of a finish whose tool calls are broken."""
        calls = list(self._calls)
        for i, event in enumerate(events):
            if not isinstance(event, Chunk):
                break
            if event.tool or calls:
                calls.append(event.payload)
            if event.finish and calls and not calls_are_whole(calls):
                return [*events[:i], Fault(broken(self._target, "the arguments of a tool call are no JSON"))]
        return events


def encode(payloads: Sequence[bytes], source: Source) -> Emit | None:
    """Return payloads as events for the caller, with the end of the stream if it is over; None for nothing."""
    events = [encode_event(payload) for payload in payloads]
    if source.over:
        events.append(DONE if source.fault is None else error_event(source.fault))
    return Emit(b"".join(events), whole=source.over and source.fault is None) if events else None
