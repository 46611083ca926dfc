"""Tencent Cloud's own shape, as Hunyuan's ChatCompletions has it: one address, CamelCase, a wrapper around answers.

Knows the shape only, as tencentcloud-sdk-python-hunyuan 3.1.180 writes and reads it; what is allowed, and what of a
request is left out, stands in the provider file. An error comes with HTTP 200; in a stream it is an event of its own.
"""

from __future__ import annotations

import re
from typing import Final, cast

import orjson

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Policy
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table, table_of
from llm_migrate.wire.conversation import Turn
from llm_migrate.wire.failure import refuse

_HEADERS: Final = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("user-agent", f"llm-migrate/{__version__}"),
    ("x-tc-action", "ChatCompletions"),
    ("x-tc-version", "2023-09-01"),
)
_MAX_DEPTH: Final = 20  # of names that are read; a choice's tool call is 6 deep
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")


def write_url(target: Target, call: Call, *, model: str) -> str:
    """Return the one address; the model stands in the body."""
    if call.api != "chat":
        raise refuse(404, f"{target.name}: only chat is offered here, not a list for {model!r}", code="unknown_url")
    return f"{target.base_url}/"


def write_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """Return all headers but the proof of who calls."""
    return _HEADERS if call.api == "chat" else ()


def write_body(_target: Target, _call: Call, out: Table, _policy: Policy) -> Table:
    """Return the request's JSON.

    Raises:
        RefusedError: a tool is chosen that is not offered, or the turns are not as the API takes them.
    """
    turns = cast("list[Turn]", out["messages"])
    _check_turns(turns)
    out["messages"] = [_write_turn(turn) for turn in turns]
    _write_tools(out)
    return {_camel(name): value for name, value in out.items()}


def read_answer(body: Table, _call: Call) -> Table:
    """Return a whole answer as a chat completion."""
    response = body.get("Response")
    if not isinstance(response, dict):
        return body
    error = response.get("Error")
    return _error(error, "Code", "Message") if isinstance(error, dict) else _read(response)


def read_event(event: Table, _call: Call) -> Table:
    """Return one event, which has no wrapper, as a chunk; some gateways wrap an error, though."""
    return read_answer(event, _call) if "Response" in event else _read(event)


def _check_turns(turns: list[Turn]) -> None:
    """Refuse what the API is known to refuse and no rule speaks of."""
    for i, turn in enumerate(turns):
        content = turn.get("content")
        if isinstance(content, list) and not any(table_of(part).get("type") == "text" for part in content):
            problem = f"messages[{i}]: Hunyuan's native API wants a text beside images"
            raise refuse(400, problem, param="messages")


def _write_turn(turn: Turn) -> Table:
    """Return a turn with its names in CamelCase; a list of parts has a name of its own, and a null is no text."""
    out: Table = {}
    for name, value in turn.items():
        if name == "content" and isinstance(value, list):
            out["Contents"] = [_write_names(part) for part in value]
        elif name == "tool_calls" and isinstance(value, list):
            out |= {"ToolCalls": [_write_names(call) for call in value]} if value else {}
        else:
            out[_camel(name)] = value
    if "Contents" not in out:
        out["Content"] = turn.get("content") or ""
    return out


def _write_names(item: JsonValue) -> JsonValue:
    """Return a part, call or tool with its names in CamelCase: `image_url: {url}` becomes `ImageUrl: {Url}`."""
    if not isinstance(item, dict):
        return item
    inside = {name: {_camel(k): v for k, v in value.items()} for name, value in item.items() if isinstance(value, dict)}
    return {_camel(name): inside.get(name, value) for name, value in item.items()}


def _write_tools(out: Table) -> None:
    tools = out.get("tools")
    if isinstance(tools, list):
        out["tools"] = [_write_tool(tool) for tool in tools]
    _write_choice(out)


def _write_tool(tool: JsonValue) -> JsonValue:
    """Return a tool, whose parameters are a text of JSON; what is none stays for the vendor to refuse."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or not isinstance(function, dict):
        return _write_names(tool)
    text = orjson.dumps(function.get("parameters") or {}).decode()
    return _write_names({**tool, "function": {**function, "parameters": text}})


def _write_choice(out: Table) -> None:
    """Say a named tool: the choice is "custom", and the whole tool stands beside it."""
    choice = out.get("tool_choice")
    if not isinstance(choice, dict):
        return
    name = table_of(choice.get("function")).get("name")
    tools = cast("list[JsonValue]", out.get("tools") or [])
    chosen = next((tool for tool in tools if table_of(table_of(tool).get("Function")).get("Name") == name), None)
    if chosen is None:
        raise refuse(400, "tool_choice names a function that is not in tools", param="tool_choice")
    out["tool_choice"], out["custom_tool"] = "custom", chosen


def _read(response: Table) -> Table:
    error = response.get("ErrorMsg")
    if isinstance(error, dict) and (error.get("Code") or error.get("Msg")):
        return _error(error, "Code", "Msg")
    return cast("Table", _snake(response))


def _error(error: Table, code: str, message: str) -> Table:
    return {"error": {"code": error.get(code), "message": error.get(message)}}


def _snake(value: JsonValue, depth: int = 0) -> JsonValue:
    """Return a value with its names in snake_case, as deep as answers go."""
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, dict):
        return {_CAPITAL.sub("_", name).lower(): _snake(inner, depth + 1) for name, inner in value.items()}
    return [_snake(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    """Return `TopP` for `top_p`; a name that is in CamelCase stays."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
