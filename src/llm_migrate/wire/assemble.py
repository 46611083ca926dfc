"""Put the chunks of a stream together to the completion that they are pieces of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.wire.complete import Table, table_of


def assemble(payloads: Iterable[bytes]) -> Table:
    """Return a chat completion for the JSON of complete chunks, in order; `finish_reason` is null if none came."""
    head: Table = {}
    choices: dict[int, Table] = {}
    usage: JsonValue = None
    for payload in payloads:
        chunk = cast("Table", orjson.loads(payload))
        head = head or {name: chunk[name] for name in ("id", "created", "model") if name in chunk}
        usage = chunk.get("usage") or usage
        for choice in cast("list[Table]", chunk.get("choices") or []):
            _add(choices.setdefault(cast("int", choice["index"]), _empty(choice["index"])), choice)
    whole: Table = {**head, "object": "chat.completion", "choices": [choices[i] for i in sorted(choices)]}
    return {**whole, "usage": usage} if usage else whole


def calls_are_whole(payloads: Iterable[bytes]) -> bool:
    """Say whether the arguments of every tool call in these chunks are JSON."""
    for choice in cast("list[Table]", assemble(payloads)["choices"]):
        message = table_of(choice["message"])
        calls = cast("list[Table]", message.get("tool_calls") or [])
        functions = [table_of(call.get("function")) for call in calls] + [table_of(message.get("function_call"))]
        if not all(_is_json(function.get("arguments")) for function in functions if function):
            return False
    return True


def _empty(index: JsonValue) -> Table:
    return {"index": index, "message": {"role": "assistant", "content": None}, "finish_reason": None}


def _add(choice: Table, piece: Table) -> None:
    message = cast("Table", choice["message"])
    delta = table_of(piece.get("delta"))
    for name in ("content", "reasoning_content", "refusal"):
        text = delta.get(name)
        if isinstance(text, str):
            message[name] = f"{message.get(name) or ''}{text}"
    calls = cast("list[Table]", message.setdefault("tool_calls", [])) if delta.get("tool_calls") else []
    for call in cast("list[Table]", delta.get("tool_calls") or []):
        _add_call(calls, call)
    if isinstance(delta.get("function_call"), dict):
        called = cast("Table", message.setdefault("function_call", {"name": "", "arguments": ""}))
        _add_function(called, table_of(delta["function_call"]))
    choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]


def _add_call(calls: list[Table], piece: Table) -> None:
    index = cast("int", piece["index"])
    while len(calls) <= index:
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[index]
    call["id"] = piece.get("id") or call["id"]
    _add_function(cast("Table", call["function"]), table_of(piece.get("function")))


def _add_function(function: Table, piece: Table) -> None:
    for name in ("name", "arguments"):
        if isinstance(piece.get(name), str):
            function[name] = f"{function.get(name) or ''}{piece[name]}"


def _is_json(text: JsonValue) -> bool:
    try:
        orjson.loads(text if isinstance(text, str) else "")
    except orjson.JSONDecodeError:
        return False
    return True
