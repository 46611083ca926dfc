"""Read a vendor's stream chunk by chunk, completing each to OpenAI's schema (R11).

A chunk that is complete already is handed on as the bytes it came in. A finish that never came is an error, whatever
else came (R1, R5).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final, cast

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.answer import broken, complete_chat, encode, head_of, read_error, turns_of
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import (
    Table,
    UnsoundError,
    complete_extras,
    complete_finish,
    complete_head,
    complete_logprobs,
    complete_text,
    complete_usage,
    is_int,
    missing_usage,
)
from llm_migrate.wire.dialect import READERS
from llm_migrate.wire.event import Chunk, Done, Event, Fault
from llm_migrate.wire.failure import OpenAIError, find_failure
from llm_migrate.wire.memory import Overheard
from llm_migrate.wire.outgoing import Outgoing
from llm_migrate.wire.sse import SseError, SseEvent, SseParser
from llm_migrate.wire.tool_deltas import ToolDeltas

_OBJECT: Final = "chat.completion.chunk"
_CONTENT: Final = ("content", "reasoning_content", "tool_calls", "refusal", "function_call", "audio")
_MAX_HEAD: Final = 64 * 1024  # of a body that turns out to be no stream
_HEAD_KEYS: Final = frozenset({"id", "object", "created", "model", "choices", "usage"})


class StreamReader:
    """Turns the bytes of one stream into chunks, then `Done` or `Fault`, after which nothing follows.

    Attributes:
        usage: what the vendor counted so far; None if it said nothing.
    """

    def __init__(self, target: Target, call: Call, outgoing: Outgoing) -> None:
        self.usage: Table | None = None
        self._target = target
        self._call = call
        self._outgoing = outgoing
        self._facts = target.provider.response
        self._reader = READERS.get(target.dialect)
        self._sse = SseParser()
        self._head = bytearray()  # kept until the first event: it may be no stream at all
        self._seen_event = False
        self._identity: tuple[str, int, str] | None = None
        self._finished: dict[int, bool] = {}  # choice index -> a finish was seen
        self._done_finishes = any(fnmatchcase(target.endpoint.id, g) for g in target.provider.stream.done_is_finish)
        self._tools = ToolDeltas(outgoing)
        self._overheard = Overheard() if outgoing.memory is not None else None
        self._usual: Table | None = None  # a chunk that needed nothing, without its choices
        self._extras: Table = {}  # of chunks without choices, for the next one that has some
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what these bytes complete."""
        if self._over:
            return []
        if not self._seen_event and len(self._head) < _MAX_HEAD:
            self._head += data[:_MAX_HEAD]
        out: list[Event] = []
        try:
            events = self._sse.feed(data)
        except SseError as e:
            return (
                self._end(out) if self._is_finished() else self._fault(out, broken(self._target, f"the stream has {e}"))
            )
        for event in events:
            self._take(event, out)
            if self._over:
                break
        return out

    def finish(self) -> list[Event]:
        """Return what the end of the bytes means."""
        if self._over:
            return []
        out: list[Event] = []
        if self._ends_in_an_error(out):
            return out
        if not self._seen_event:
            return self._no_stream(out)
        return self._end(out)

    def _ends_in_an_error(self, out: list[Event]) -> bool:
        """Take an error whose event the vendor did not end; anything else that is cut off is nothing (R5)."""
        try:
            cut_off = self._sse.feed(b"\n\n")
        except SseError:
            return False
        for event in cut_off:
            chunk = _parsed(event.data)
            if isinstance(chunk, dict) and self._reader is not None:
                chunk = self._reader.read_event(chunk, self._call)
            if isinstance(chunk, dict) and (event.type == "error" or find_failure(chunk) is not None):
                self._take_aside(event, chunk, out)
                return True
        return False

    def _take(self, event: SseEvent, out: list[Event]) -> None:
        data = event.data
        self._seen_event = True
        if data.startswith(b"[DONE]"):
            if self._done_finishes:
                self._finish_unsaid(out)
            self._end(out)
            return
        if not data.strip():
            return
        chunk = _parsed(data)
        if not isinstance(chunk, dict):
            self._garbage(out)
            return
        if self._reader is not None:
            chunk = self._reader.read_event(chunk, self._call)
            data = b"\n"  # whatever came is written anew
        choices = chunk.get("choices")
        if chunk.get("error") or event.type == "error" or not isinstance(choices, list) or not choices:
            self._take_aside(event, chunk, out)
            return
        self._take_sound(chunk, choices, data, out)

    def _finish_unsaid(self, out: list[Event]) -> None:
        """Say the finish of a vendor that says none: to it, [DONE] is the end of an answer that is whole."""
        choices: list[JsonValue] = [
            {"index": i, "delta": {}, "finish_reason": "tool_calls" if self._tools.any_of(i) else "stop"}
            for i, over in self._finished.items()
            if not over
        ]
        if choices:
            self._take_sound({"choices": choices}, choices, b"\n", out)

    def _take_aside(self, event: SseEvent, chunk: Table, out: list[Event]) -> None:
        """Take an event that carries no choice: an error, the count, or facts about the prompt."""
        if event.type == "error" or find_failure(chunk) is not None:
            if self._is_finished():
                self._end(out)
                return
            said = event.data if self._reader is None else encode(chunk)
            self._fault(out, read_error(self._target, self._outgoing, 200, {}, said))
            return
        self._count(chunk.get("usage"))
        self._extras.update({k: v for k, v in chunk.items() if k not in _HEAD_KEYS})

    def _take_sound(self, chunk: Table, choices: list[JsonValue], data: bytes, out: list[Event]) -> None:
        try:
            self._take_choices(chunk, choices, data, out)
        except UnsoundError as e:
            self._fault(out, broken(self._target, f"the stream has {e}"))
        except orjson.JSONEncodeError:
            self._fault(out, broken(self._target, "the stream has a chunk that is nested too deeply"))

    def _take_choices(self, chunk: Table, choices: list[JsonValue], data: bytes, out: list[Event]) -> None:
        changed = b"\n" in data  # such bytes would not fit on one line
        if not changed and self._is_usual(chunk, choices):
            [only] = cast("list[Table]", choices)
            out.append(Chunk(data, bool(cast("Table", only["delta"])["content"]), finish=False))
            return
        if self._identity is None:
            self._identity = head_of(chunk, self._outgoing)
        changed |= complete_head(chunk, _OBJECT, *self._identity)
        changed |= complete_extras(chunk)
        if chunk.get("usage") is not None:
            self._count(chunk.pop("usage"))
            changed = True
        if self._extras:
            chunk.update({k: v for k, v in self._extras.items() if k not in chunk})
            self._extras = {}
            changed = True
        content = finish = tool = False
        for i, choice in enumerate(choices):
            if not isinstance(choice, dict):
                self._garbage(out)
                return
            if self._is_plain(choice):
                content = content or bool(cast("Table", choice["delta"])["content"])
                continue
            changed |= self._complete_choice(choice, i)
            reason = choice["finish_reason"]
            if reason == "error":
                word = choice.get("x_finish_reason", reason)
                self._fault(out, broken(self._target, f"the vendor ended the answer with {word!r}"))
                return
            delta = cast("Table", choice["delta"])
            content = content or any(delta.get(name) for name in _CONTENT)
            tool = tool or bool(delta.get("tool_calls") or delta.get("function_call"))
            finish = finish or reason is not None
        if not changed:
            self._usual = {**chunk, "choices": None}
        out.append(Chunk(_written(chunk) if changed else data, content, finish, tool))

    def _is_usual(self, chunk: Table, choices: list[JsonValue]) -> bool:
        """Say whether a chunk is but for a piece of text one that was complete before, as nearly all are."""
        if self._usual is None or self._extras or len(choices) != 1:
            return False
        if not isinstance(choices[0], dict) or not self._is_plain(choices[0]):
            return False
        chunk["choices"] = None
        same = chunk == self._usual and type(chunk["created"]) is int  # 1.0 is equal to 1
        chunk["choices"] = choices
        return same

    def _is_plain(self, choice: Table) -> bool:
        """Say whether a choice is a complete piece of text in midstream, as nearly all are."""
        index, delta = choice.get("index"), choice.get("delta")
        return (
            is_int(index)
            and self._finished.get(index) is False
            and isinstance(delta, dict)
            and len(delta) == 1
            and isinstance(delta.get("content"), str)
            and choice.get("finish_reason", 0) is None
            and choice.get("logprobs", 0) is None
            and "usage" not in choice
            and "message" not in choice
        )

    def _complete_choice(self, choice: Table, i: int) -> bool:
        index, changed = choice.get("index"), False
        if not is_int(index):
            choice["index"] = index = i
            changed = True
        if "usage" in choice:
            self._count(choice.pop("usage"))
            changed = True
        changed |= _complete_delta(choice, is_first=index not in self._finished)
        delta = cast("Table", choice["delta"])
        changed |= complete_text(delta, self._facts)
        changed |= self._tools.complete(index, delta)
        if self._overheard is not None:
            self._overheard.hear(index, delta)
        changed |= complete_finish(choice, self._facts, has_tools=self._tools.any_of(index), required=False)
        changed |= complete_logprobs(choice)
        if choice["finish_reason"] is not None and self._finished.get(index):
            choice["finish_reason"] = None  # a finish is said once
            changed = True
        self._finished[index] = self._finished.get(index, False) or choice["finish_reason"] is not None
        return changed

    def _count(self, usage: JsonValue) -> None:
        if isinstance(usage, dict) and usage:
            complete_usage(usage, self._facts)
            self.usage = usage

    def _end(self, out: list[Event]) -> list[Event]:
        if not self._is_finished():
            problem = "the stream ended before the answer was finished"
            error = OpenAIError(
                502, f"{problem} [{self._target.name}]", "upstream_error", code="stream_interrupted", outcome="cut"
            )
            return self._fault(out, error)
        if self._call.wants_usage and self._identity is not None:
            last: Table = {"choices": [], "usage": self.usage or missing_usage()}
            complete_head(last, _OBJECT, *self._identity)
            out.append(Chunk(orjson.dumps(last), content=False, finish=False))
        if self._overheard is not None and self._outgoing.memory is not None:
            self._overheard.keep(turns_of(self._call), self._outgoing.memory)
        out.append(Done())
        self._over = True
        return out

    def _is_finished(self) -> bool:
        """Say whether every choice has its finish: then the answer is whole, whatever comes."""
        return bool(self._finished) and all(self._finished.values())

    def _garbage(self, out: list[Event]) -> None:
        if self._is_finished():
            self._end(out)
        else:
            self._fault(out, broken(self._target, "the stream holds an event that is not a chunk"))

    def _fault(self, out: list[Event], error: OpenAIError) -> list[Event]:
        out.append(Fault(error))
        self._over = True
        return out

    def _no_stream(self, out: list[Event]) -> list[Event]:
        """Take a body without a single event: a whole answer, an error, a page, or nothing."""
        head = bytes(self._head)
        if not head.strip():
            return self._fault(out, broken(self._target, "the upstream answered with an empty stream"))
        body = _parsed(head)
        if isinstance(body, dict) and self._reader is not None:
            body = self._reader.read_answer(body, self._call)
            head = encode(body)
        choices = body.get("choices") if isinstance(body, dict) else None
        if isinstance(body, dict) and find_failure(body) is None and isinstance(choices, list) and choices:
            return self._whole(body, out)
        if isinstance(body, dict):
            return self._fault(out, read_error(self._target, self._outgoing, 200, {}, head))
        return self._fault(out, broken(self._target, "the upstream answered with something that is not a stream"))

    def _whole(self, body: Table, out: list[Event]) -> list[Event]:
        """Turn an answer that came in one piece, though a stream was asked for, into a chunk."""
        try:
            if complete_chat(body, self._target, self._outgoing) is None:
                del body["usage"]
        except UnsoundError as e:
            return self._fault(out, broken(self._target, f"the upstream's answer has {e}"))
        for choice in cast("list[Table]", body["choices"]):
            delta = cast("Table", choice.pop("message"))
            for i, tool_call in enumerate(cast("list[Table]", delta.get("tool_calls", []))):
                tool_call["index"] = i
            choice["delta"] = delta
        self._seen_event = True
        self._take_sound(body, cast("list[JsonValue]", body["choices"]), b"\n", out)
        return out if self._over else self._end(out)


def _parsed(data: bytes) -> JsonValue:
    try:
        return cast("JsonValue", orjson.loads(data))
    except orjson.JSONDecodeError:
        return None


def _written(chunk: Table) -> bytes:
    # A copy, because many may be held back for a while, and orjson leaves each in a block of 4 KiB or more.
    return memoryview(orjson.dumps(chunk)).tobytes()


def _complete_delta(choice: Table, *, is_first: bool) -> bool:
    """Give a choice its delta, the first one with the role; a repeated whole message is taken only as the first."""
    message = choice.pop("message", None)
    delta = choice.get("delta")
    changed = message is not None
    if not isinstance(delta, dict):
        delta = message if is_first and isinstance(message, dict) else {}
        choice["delta"] = delta
        changed = True
    if is_first and delta.get("role") != "assistant":
        choice["delta"] = {**delta, "role": "assistant"}
        return True
    if "role" in delta and delta["role"] != "assistant":
        del delta["role"]
        changed = True
    return changed
