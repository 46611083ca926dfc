"""What a vendor received, in OpenAI's words again: so that it can be laid beside what was asked.

Written from the vendors' own shapes, not from our dialects: it names every field that it understands, and a field that
it does not know stays under its own name, where it shows as a difference. What a shape cannot say otherwise (a call
without an id, an empty text for a null) is no difference: here it is read as what was asked, and only there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Table: TypeAlias = dict[str, Any]


def as_asked(fake: str, body: Table, asked: Table) -> Table:
    """Return the body that a fake received as an OpenAI request, given the one that it stems from."""
    return _SHAPES[fake](body, asked) if fake in _SHAPES else body


def _from_ernie_v1(body: Table, asked: Table) -> Table:
    out = dict(body)
    turns = [{"role": "system", "content": out.pop("system")}] if "system" in out else []
    out["messages"] = [*turns, *_ernie_turns(out["messages"], [*_calling(asked)])]
    if "functions" in out and "tools" in asked:  # programs from before tools send functions themselves
        out["tools"] = [{"type": "function", "function": _ernie_function(f)} for f in out.pop("functions")]
    return out


def _ernie_turns(turns: list[Table], calling: list[Table]) -> Iterator[Table]:
    """Yield the turns, with calls as tool calls.

    V1 has no ids and one call a turn: calls side by side come one after the other, each with its result.
    """
    rest = iter(turns)
    for turn in rest:
        if "function_call" not in turn or not calling:
            yield turn
            continue
        calls = calling.pop(0)["tool_calls"]
        exchanges = [(turn, next(rest))] + [(next(rest), next(rest)) for _ in calls[1:]]
        made = [
            {"id": call["id"], "type": "function", "function": called["function_call"]}
            for call, (called, _) in zip(calls, exchanges, strict=True)
        ]
        yield {**{k: v for k, v in turn.items() if k != "function_call"}, "tool_calls": made}
        for call, (called, result) in zip(calls, exchanges, strict=True):
            assert result["role"] == "function", "a call without a result"
            assert result["name"] == called["function_call"]["name"], "the result of another function"
            yield {"role": "tool", "tool_call_id": call["id"], "content": result["content"]}


def _ernie_function(function: Table) -> Table:
    """Return a function; V1 wants the parameters of one that takes nothing said."""
    return {k: v for k, v in function.items() if (k, v) != ("parameters", {"type": "object", "properties": {}})}


def _from_hunyuan_tc3(body: Table, asked: Table) -> Table:
    out = {_snake(name): value for name, value in body.items()}
    calling = [*_calling(asked)]
    out["messages"] = [_hunyuan_turn(turn, calling) for turn in body["Messages"]]
    if "tools" in out:
        out["tools"] = [_hunyuan_tool(tool) for tool in body["Tools"]]
    if out.get("tool_choice") == "custom":
        tool = _hunyuan_tool(out.pop("custom_tool"))
        assert tool in out["tools"], "a chosen tool that is not offered"
        out["tool_choice"] = {"type": "function", "function": {"name": tool["function"]["name"]}}
    return out


def _hunyuan_turn(turn: Table, calling: list[Table]) -> Table:
    out = {_snake(name): value for name, value in turn.items() if name not in ("Contents", "ToolCalls")}
    if "Contents" in turn:
        out["content"] = [_hunyuan_names(part) for part in turn["Contents"]]
    if "ToolCalls" in turn:
        out["tool_calls"] = [_hunyuan_names(call) for call in turn["ToolCalls"]]
        # Content is a text: an empty one says that there is none.
        if calling and calling.pop(0).get("content") is None:
            out["content"] = out["content"] or None
    return out


def _hunyuan_names(item: Table) -> Table:
    inside = {name: {_snake(k): v for k, v in value.items()} for name, value in item.items() if isinstance(value, dict)}
    return {_snake(name): inside.get(name, value) for name, value in item.items()}


def _hunyuan_tool(tool: Table) -> Table:
    """Return a tool; its parameters are a text, which one that takes nothing has, too."""
    out = _hunyuan_names(tool)
    parameters = json.loads(out["function"].pop("parameters"))
    return {**out, "function": {**out["function"], **({"parameters": parameters} if parameters else {})}}


def _from_sensenova_v1(body: Table, _asked: Table) -> Table:
    turns = []
    for turn in body["messages"]:
        content = turn.get("content")
        if isinstance(content, list):
            content = [{**p, "image_url": {"url": p["image_url"]}} if "image_url" in p else p for p in content]
        turns.append({**turn, "content": content} if "content" in turn else turn)
    return {**body, "messages": turns}


def _calling(asked: Table) -> Iterator[Table]:
    """Yield the turns of a request that call tools."""
    return (turn for turn in asked["messages"] if turn.get("tool_calls"))


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


_SHAPES: dict[str, Callable[[Table, Table], Table]] = {
    "ernie_v1": _from_ernie_v1,
    "hunyuan_tc3": _from_hunyuan_tc3,
    "sensenova_v1": _from_sensenova_v1,
}
