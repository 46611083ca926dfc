"""Pieces of tool calls in a stream: each with an index, and with its id, type and name exactly once.

The openai SDK joins the strings of all pieces, so an id or a name that a vendor repeats would come out doubled.
"""

from __future__ import annotations

from typing import cast

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.wire.complete import Table, UnsoundError, complete_function, is_int
from llm_migrate.wire.outgoing import Outgoing


class ToolDeltas:
    """Remembers the calls of one stream that have begun."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._begun: dict[tuple[int, int], tuple[str, str]] = {}  # (choice, index) -> (id, name)
        self._now: dict[tuple[int, int], int] = {}  # (choice, vendor's index) -> index that its pieces go to

    def any_of(self, choice: int) -> bool:
        """Say whether a choice has called a tool."""
        return any(of == choice for of, _ in self._begun)

    def complete(self, choice: int, delta: Table) -> bool:
        """Complete the pieces in a delta in place; return whether anything changed.

        Raises:
            UnsoundError: a piece that belongs to no call, or a call that names no function (R5).
        """
        calls = delta.get("tool_calls")
        if calls is None:
            return False
        changed = isinstance(calls, dict)
        if isinstance(calls, dict):  # one call, as some vendors give it
            calls = [cast("JsonValue", calls)]
            delta["tool_calls"] = calls
        if not isinstance(calls, list):
            raise UnsoundError("tool calls that are no list")
        for piece in calls:
            if not isinstance(piece, dict):
                raise UnsoundError("a tool call that is no object")
            changed |= self._complete_piece(choice, piece)
        return changed

    def _complete_piece(self, choice: int, piece: Table) -> bool:
        index = self._place(choice, piece)
        changed = piece.get("index") != index
        piece["index"] = index
        known = self._begun.get((choice, index))
        function = piece.get("function")
        if known is None:
            return self._begin(choice, index, piece) or changed
        if "id" in piece:
            del piece["id"]
            changed = True
        if "type" in piece and piece["type"] != "function":
            del piece["type"]
            changed = True
        if isinstance(function, dict):
            if "name" in function and function["name"] in (None, "", known[1]):
                del function["name"]
                changed = True
            changed |= "arguments" in function and complete_function(function)
        return changed

    def _place(self, choice: int, piece: Table) -> int:
        """Return the index that a piece belongs to."""
        said, call_id = piece.get("index"), piece.get("id")
        begun = [index for of, index in self._begun if of == choice]
        following = max(begun, default=-1) + 1
        if not is_int(said):
            function = piece.get("function")
            if not call_id and begun and not (isinstance(function, dict) and function.get("name")):
                return max(begun)
            same = [i for i in begun if self._begun[choice, i][0] == call_id]
            return same[0] if same else following
        current = self._now.get((choice, said), said)
        known = self._begun.get((choice, current))
        if known is not None and call_id and call_id != known[0]:
            # A second call under the number of the first.
            current = following
        self._now[choice, said] = current
        return current

    def _begin(self, choice: int, index: int, piece: Table) -> bool:
        changed = False
        call_id: JsonValue = piece.get("id")
        if not isinstance(call_id, str) or not call_id:
            call_id = f"{self._outgoing.made_up_id('call_')}_{choice}_{index}"
            piece["id"] = call_id
            changed = True
        if piece.get("type") != "function":
            piece["type"] = "function"
            changed = True
        function = piece.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            raise UnsoundError("a tool call that names no function")
        changed |= complete_function(function)
        self._begun[choice, index] = (call_id, name)
        return changed
