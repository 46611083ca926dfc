"""Remember what a model thought before it called tools, for vendors that want it back and programs that drop it.

Bounded by entries and bytes, kept in this process only, and asked with more than the id of a call: some vendors number
their calls, so another conversation may well have the same id.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, cast

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.wire.complete import table_of

_ENTRIES: Final = 4096
_BYTES: Final = 16 * 1024 * 1024


class Reasoning:
    """What was thought before each of the last tool calls; safe to use from any thread."""

    def __init__(self, entries: int = _ENTRIES, size: int = _BYTES) -> None:
        self._entries = entries
        self._left = size
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, before: Sequence[JsonValue], calls: JsonValue, thought: str) -> None:
        """Remember a thought.

        Args:
            before: the messages that were answered.
            calls: the tool calls of the answer.
            thought: its reasoning.
        """
        key = _key(before, calls)
        if not thought or key is None:
            return
        with self._lock:
            self._forget(key)
            self._kept[key] = thought
            self._left -= len(thought)
            while self._kept and (len(self._kept) > self._entries or self._left < 0):
                self._forget(next(iter(self._kept)))

    def find(self, before: Sequence[JsonValue], calls: JsonValue) -> str | None:
        """Return what was thought before these calls; None if it is not known any more."""
        key = _key(before, calls)
        with self._lock:
            found = self._kept.get(key) if key is not None else None
            if found is not None and key is not None:
                self._kept.move_to_end(key)
            return found

    def _forget(self, key: bytes) -> None:
        thought = self._kept.pop(key, None)
        if thought is not None:
            self._left += len(thought)


def _key(before: Sequence[JsonValue], calls: JsonValue) -> bytes | None:
    """Return a digest of the calls and of the last user turn before them, None where no call has an id."""
    tables = [table_of(call) for call in calls] if isinstance(calls, list) else []
    named = [_identity(call) for call in tables if isinstance(call.get("id"), str)]
    if not named:
        return None
    users = (turn for turn in reversed(before) if table_of(turn).get("role") == "user")
    said = table_of(next(users, None)).get("content")
    return hashlib.blake2b(orjson.dumps([said, named]), digest_size=16).digest()


def _identity(call: Mapping[str, JsonValue]) -> list[JsonValue]:
    function = table_of(call.get("function"))
    return [call["id"], function.get("name"), function.get("arguments")]


class Overheard:
    """What a stream says of thoughts and tool calls, piece by piece, until it can be remembered."""

    def __init__(self) -> None:
        self._thoughts: dict[int, list[str]] = {}
        self._calls: dict[int, dict[int, tuple[JsonValue, JsonValue, list[str]]]] = {}

    def hear(self, choice: int, delta: Mapping[str, JsonValue]) -> None:
        """Take in a delta whose tool calls are complete in form."""
        thought = delta.get("reasoning_content")
        if isinstance(thought, str):
            self._thoughts.setdefault(choice, []).append(thought)
        pieces = delta.get("tool_calls")
        for piece in map(table_of, pieces if isinstance(pieces, list) else ()):
            function = table_of(piece.get("function"))
            begun = self._calls.setdefault(choice, {})
            call = begun.setdefault(cast("int", piece["index"]), (piece.get("id"), function.get("name"), []))
            call[2].append(str(function.get("arguments") or ""))

    def keep(self, before: Sequence[JsonValue], memory: Reasoning) -> None:
        """Remember all of it."""
        for choice, calls in self._calls.items():
            said: list[JsonValue] = [
                {"id": call_id, "function": {"name": name, "arguments": "".join(pieces)}}
                for call_id, name, pieces in calls.values()
            ]
            memory.keep(before, said, "".join(self._thoughts.get(choice, ())))
