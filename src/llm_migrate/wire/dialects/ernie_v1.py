"""Baidu's V1 API ("wenxinworkshop"): the model is the end of the address, the system text stands apart.

Knows the shape only, as qianfan 0.4.12.3 writes and reads it; what is allowed, and what of a request is left out,
stands in the provider file. One function is called at a time; its result is JSON and carries its name instead of an id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast
from urllib.parse import quote

import orjson

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Policy
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table, table_of
from llm_migrate.wire.conversation import Turn, text_of
from llm_migrate.wire.failure import refuse

_HEADERS: Final = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("user-agent", f"llm-migrate/{__version__}"),
)
# A function that takes nothing, in the words of the vendor's page.
_NO_PARAMETERS: Final[Table] = {"type": "object", "properties": {}}
# Of an answer or event; whatever else there is (search_info, ban_round, ...) is kept beside.
_TAKEN: Final = frozenset({"object", "result", "is_end", "is_truncated", "finish_reason", "function_call"})


def write_url(target: Target, call: Call, *, model: str) -> str:
    """Return the address of a model: its listed path, else the name itself, as models of one's own have it."""
    if call.api != "chat":
        raise refuse(404, f"{target.name}: only chat is offered here", code="unknown_url")
    entry = next((m for m in target.provider.models if m.id.lower() == model.lower()), None)
    path = entry.path if entry is not None and entry.path else model
    return f"{target.base_url}/chat/{quote(path, safe='')}"


def write_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """Return all headers but the proof of who calls."""
    return _HEADERS if call.api == "chat" else ()


def write_body(_target: Target, _call: Call, out: Table, _policy: Policy) -> Table:
    """Return the request's JSON.

    Raises:
        RefusedError: a tool's result without its call, or turns in another order than V1 takes.
    """
    del out["model"]
    turns = cast("list[Turn]", out.pop("messages"))
    system = "\n".join(filter(None, (text_of(turn.get("content")) for turn in turns if turn["role"] == "system")))
    messages = [*_messages([turn for turn in turns if turn["role"] != "system"])][::-1]
    _check_order(messages)
    head: Table = {"messages": cast("JsonValue", messages)}
    if system:
        head["system"] = system
    _write_tools(out)
    form = out.get("response_format")
    if isinstance(form, dict) and isinstance(form.get("type"), str):
        out["response_format"] = form["type"]
    return {**head, **out}


def read_answer(body: Table, call: Call) -> Table:
    """Return a whole answer as a chat completion; a failure comes back as it is."""
    if "result" not in body and "function_call" not in body:
        return body
    message: Table = {"role": "assistant", "content": body.get("result")}
    called = _read_call(body, call)
    if called and not message["content"]:
        message["content"] = None
    return _answer(body, {"index": 0, "message": message | called, "finish_reason": _finish(body, called)})


def read_event(event: Table, call: Call) -> Table:
    """Return one event as a chunk; a failure comes back as it is."""
    if "result" not in event and "function_call" not in event:
        return event
    delta: Table = {"content": event.get("result") or ""}
    called = _read_call(event, call)
    # A finish word stands in every event; only the last one means it.
    finish = _finish(event, called) if event.get("is_end") is True else None
    return _answer(event, {"index": 0, "delta": delta | called, "finish_reason": finish})


def _check_order(messages: list[Turn]) -> None:
    """Refuse turns that do not alternate between what is asked and what the model says."""
    for i, turn in enumerate(messages):
        if (turn["role"] in ("user", "function")) != (i % 2 == 0):
            problem = f"messages[{i}]: V1 takes a question or a result, then an answer, in turn"
            raise refuse(400, problem, param="messages")


def _write_tools(out: Table) -> None:
    """Say tools as bare functions; what is none stays for the vendor to refuse."""
    tools = out.get("tools")
    if isinstance(tools, list):
        del out["tools"]
        out["functions"] = [_write_function(tool) for tool in tools]
    choice = out.get("tool_choice")
    if isinstance(choice, dict) and "type" not in choice:  # of a program from before tools
        out["tool_choice"] = {"type": "function", "function": choice}


def _write_function(tool: JsonValue) -> JsonValue:
    function = tool.get("function") if isinstance(tool, dict) else None
    return {"parameters": _NO_PARAMETERS, **function} if isinstance(function, dict) else tool


def _messages(turns: list[Turn]) -> Iterator[Turn]:
    """Yield the turns from the last to the first.

    Of several calls at once each is followed by its own result, so that roles alternate.
    """
    waiting: dict[str, Turn] = {}  # results that follow the turn in hand, by the id of their call
    for turn in reversed(turns):
        if turn["role"] == "tool":
            waiting[str(turn.get("tool_call_id"))] = turn
            continue
        calls = turn.get("tool_calls")
        if turn["role"] == "assistant" and isinstance(calls, list) and calls:
            yield from reversed(_exchanges(turn, [table_of(call) for call in calls], waiting))
        else:
            yield _plain(turn)
        if waiting:
            raise refuse(400, "A tool's result must follow its call", param="messages")
    if waiting:
        raise refuse(400, "A tool's result must follow its call", param="messages")


def _exchanges(turn: Turn, calls: list[Table], results: dict[str, Turn]) -> list[Turn]:
    """Return call and result for each call of a turn, and take the results away."""
    out: list[Turn] = []
    head = {name: value for name, value in turn.items() if name not in ("content", "tool_calls")}
    for i, call in enumerate(calls):
        function = table_of(call.get("function"))
        result = results.pop(str(call.get("id")), None)
        if result is None:
            raise refuse(400, "Each tool call must be followed by its result", param="messages")
        said = turn.get("content") if i == 0 else None
        called = {"name": function.get("name"), "arguments": function.get("arguments")}
        out.append({**head, "content": said, "function_call": called})
        content = _as_json(text_of(result.get("content")))
        out.append({"role": "function", "name": function.get("name"), "content": content})
    return out


def _plain(turn: Turn) -> Turn:
    if turn["role"] == "function":
        return {**turn, "content": _as_json(text_of(turn.get("content")))}
    return {name: value for name, value in turn.items() if name != "tool_calls" or value}


def _as_json(text: str) -> str:
    """Return a function's result as JSON, which V1 wants: as it is, or as the vendor's SDK wraps it."""
    try:
        if isinstance(orjson.loads(text), dict):
            return text
    except orjson.JSONDecodeError:
        pass
    return orjson.dumps({"result": text}).decode()


def _read_call(body: Table, call: Call) -> Table:
    """Return what a message says of a called function; nothing if none is called."""
    called = body.get("function_call")
    if not isinstance(called, dict) or not called:
        return {}
    function: Table = {"name": called.get("name"), "arguments": called.get("arguments")}
    aside: Table = {"x_thoughts": called["thoughts"]} if called.get("thoughts") else {}
    if "tools" not in call.body:
        return {"function_call": function, **aside}
    # V1 gives no id; the name, which the vendor's adapter takes for one, is not unique in a conversation.
    return {"tool_calls": [{"type": "function", "function": function}], **aside}


def _finish(body: Table, called: Table) -> JsonValue:
    if body.get("need_clear_history") is True or body.get("flag"):
        return "content_filter"
    if body.get("is_truncated") is True:
        return "length"
    return next((word for word in ("tool_calls", "function_call") if word in called), body.get("finish_reason"))


def _answer(body: Table, choice: Table) -> Table:
    return {**{k: v for k, v in body.items() if k not in _TAKEN}, "choices": [choice]}
