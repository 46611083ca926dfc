"""Tencent Cloud's own shape, as Hunyuan's ChatCompletions has it: one address, CamelCase, a wrapper around answers.

Knows the shape only, as tencentcloud-sdk-python-hunyuan 3.1.180 writes and reads it; what is allowed stands in the
provider file. An error comes with HTTP 200; inside a stream it is an event of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

import orjson

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Policy, Ruling, apply
from llm_migrate.catalog.schema import ApiFacts, JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table, table_of
from llm_migrate.wire.conversation import Turn, to_vendor
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


def write_body(_target: Target, call: Call, rulings: Sequence[Ruling], policy: Policy) -> bytes:
    """Return the request's JSON.

    Raises:
        RefusedError: a tool is chosen that is not offered, or the body is nested too deeply to be written.
    """
    out = apply(call.body, rulings)
    out["model"] = cast("str", policy.model)
    facts = cast("ApiFacts", policy.facts)  # an API of which nothing is known was refused before
    turns = cast("list[Turn]", out["messages"])
    turns = to_vendor(turns, facts.messages_for(policy.endpoint), rulings, policy)
    out["messages"] = cast("JsonValue", [_write_turn(turn) for turn in turns])
    try:
        _write_tools(out)
        if not call.stream:
            out.pop("stream", None)
        return orjson.dumps({_camel(name): value for name, value in out.items()})
    except orjson.JSONEncodeError:
        raise refuse(400, "The body is nested too deeply", code="invalid_json") from None


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


def _write_turn(turn: Turn) -> Table:
    out: Table = {"Role": turn["role"]}
    content = turn.get("content")
    if isinstance(content, list):
        out["Contents"] = [_write_part(part) for part in content]
    else:
        out["Content"] = content if isinstance(content, str) else ""
    if isinstance(turn.get("tool_call_id"), str):
        out["ToolCallId"] = turn["tool_call_id"]
    calls = turn.get("tool_calls")
    if isinstance(calls, list) and calls:
        out["ToolCalls"] = [_write_call(call) for call in calls]
    return out


def _write_part(part: JsonValue) -> JsonValue:
    """Return a content part with its names in CamelCase: `image_url: {url}` becomes `ImageUrl: {Url}`."""
    if not isinstance(part, dict):
        return part
    out: Table = {}
    for name, value in part.items():
        # How closely to look at an image is OpenAI's own wish, and has no name here.
        inner = {_camel(k): v for k, v in value.items() if k != "detail"} if isinstance(value, dict) else value
        out[_camel(name)] = inner
    return out


def _write_call(call: JsonValue) -> JsonValue:
    function = table_of(table_of(call).get("function"))
    named: Table = {"Name": function.get("name"), "Arguments": function.get("arguments")}
    return {"Id": table_of(call).get("id"), "Type": "function", "Function": named}


def _write_tools(out: Table) -> None:
    tools = out.get("tools")
    if isinstance(tools, list) and tools:
        out["tools"] = [_write_tool(tool) for tool in tools]
        _write_choice(out)
    else:
        out.pop("tools", None)
        out.pop("tool_choice", None)


def _write_tool(tool: JsonValue) -> JsonValue:
    function = table_of(table_of(tool).get("function"))
    parameters = function.get("parameters")
    out: Table = {"Name": function.get("name"), "Parameters": orjson.dumps(parameters or {}).decode()}
    if "description" in function:
        out["Description"] = function["description"]
    return {"Type": "function", "Function": out}


def _write_choice(out: Table) -> None:
    """Say a named tool: the choice is "custom", and the whole tool stands beside it."""
    choice = out.get("tool_choice")
    if not isinstance(choice, dict):
        return
    name = table_of(choice.get("function")).get("name")
    tools = cast("list[dict[str, Table]]", out["tools"])
    chosen = next((tool for tool in tools if tool["Function"]["Name"] == name), None)
    if chosen is None:
        raise refuse(400, "tool_choice names a function that is not in tools", param="tool_choice")
    out["tool_choice"], out["custom_tool"] = "custom", cast("JsonValue", chosen)


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
