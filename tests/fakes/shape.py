"""What vendors of OpenAI's shape share: the fields of an answer, the order of a stream, the usual checks.

Knows no vendor: a vendor module gives its `Shape`, its words for a refusal, and every rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tests.fakes.answers import Answer, text_pieces, vector
from tests.fakes.server import RefusalError, Reply

Refuse: TypeAlias = Callable[[str], RefusalError]  # a vendor's error for a bad parameter, given a text
CREATED = 1763700000
THOUGHT = "想一想。"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a vendor's answers differ from OpenAI's.

    Attributes:
        reasoning: the field of a message or delta that holds what the model thought.
        usage: where a stream counts: in a chunk without choices, if asked or always; in the finish chunk; in every one.
        tool_calls: whether a streamed call comes in pieces, or whole in one delta.
        done: whether a stream ends with `[DONE]`.
        head: further fields of every answer and chunk.
        usage_fields: further fields of `usage`.
    """

    reasoning: str = "reasoning_content"
    usage: Literal["asked", "always", "finish", "every"] = "asked"
    tool_calls: Literal["pieces", "whole"] = "pieces"
    done: bool = True
    head: Mapping[str, Any] = field(default_factory=dict)
    usage_fields: Mapping[str, Any] = field(default_factory=dict)


def reply(body: dict[str, Any], said: Answer, shape: Shape, *, thinks: bool = False, **headers: str) -> Reply:
    """Answer a chat request, whole or as a stream; `n` choices say the same."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body.get("stream"):
        return Reply(events=tuple(chunks(body, said, shape, thinks=thinks)), headers=sent, done=shape.done)
    return Reply(completion(body, said, shape, thinks=thinks), headers=sent)


def completion(body: dict[str, Any], said: Answer, shape: Shape, *, thinks: bool = False) -> dict[str, Any]:
    """A whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if thinks:
        message[shape.reasoning] = THOUGHT
    if said.calls:
        message["tool_calls"] = [call(i, name, arguments) for i, (name, arguments) in enumerate(said.calls)]
    choice = {"message": message, "finish_reason": said.finish}
    return {
        "id": "chat-fake",
        "object": "chat.completion",
        "created": CREATED,
        "model": body.get("model"),
        **shape.head,
        "choices": [{"index": i, **choice} for i in range(body.get("n") or 1)],
        "usage": usage(said, shape),
    }


def chunks(body: dict[str, Any], said: Answer, shape: Shape, *, thinks: bool = False) -> list[dict[str, Any]]:
    """The events of a stream in order: role, thoughts, text or calls, finish, usage; of the first choice only."""
    head = {"id": "chat-fake", "object": "chat.completion.chunk", "created": CREATED, "model": body.get("model")}
    head |= shape.head
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{shape.reasoning: piece} for piece in text_pieces(THOUGHT)] if thinks else []
    deltas += [{"content": piece} for piece in text_pieces(said.text)]
    for i, (name, arguments) in enumerate(said.calls):
        pieces = text_pieces(arguments) if shape.tool_calls == "pieces" else [arguments]
        deltas.append({"tool_calls": [{"index": i, **call(i, name, pieces[0])}]})
        deltas += [{"tool_calls": [{"index": i, "function": {"arguments": piece}}]} for piece in pieces[1:]]
    out = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    out.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": said.finish}]})
    counted = {"usage": usage(said, shape)}
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    if shape.usage == "every":
        out = [chunk | counted for chunk in out]
    elif shape.usage == "finish":
        out[-1] |= counted
    elif shape.usage == "always" or asked:
        out.append({**head, "choices": [], **counted})
    return out


def call(i: int, name: str, arguments: str) -> dict[str, Any]:
    """One tool call."""
    return {"id": f"call_fake{i}", "type": "function", "function": {"name": name, "arguments": arguments}}


def usage(said: Answer, shape: Shape) -> dict[str, Any]:
    """What was counted."""
    total = said.prompt_tokens + said.completion_tokens
    counted = {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": total,
    }
    return {**counted, **shape.usage_fields}


def embeddings(body: dict[str, Any], width: int) -> Reply:
    """Vectors of the given width for a text or a list of texts."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    tokens = sum(len(text) for text in texts) // 4 + 1
    rows = [{"object": "embedding", "index": i, "embedding": vector(text, width)} for i, text in enumerate(texts)]
    counted = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Reply({"object": "list", "data": rows, "model": body.get("model"), "usage": counted})


def check_fields(body: dict[str, Any], known: Collection[str], refuse: Refuse) -> None:
    """Refuse fields that the vendor does not list; only for a vendor that is known to do so."""
    for name in sorted(body.keys() - set(known)):
        raise refuse(f"unknown field: {name}")


def check_ranges(body: dict[str, Any], ranges: Mapping[str, tuple[float, float]], refuse: Refuse) -> None:
    """Refuse numbers outside of what is accepted, both ends included, and what is no number."""
    for name, (low, high) in ranges.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise refuse(f"{name} must be between {low} and {high}")


def check_turns(body: dict[str, Any], roles: Collection[str], refuse: Refuse) -> list[dict[str, Any]]:
    """Refuse an empty conversation, an unknown role, and a tool's result that answers no call; return the turns."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise refuse("messages must not be empty")
    waiting: set[str] = set()
    for i, message in enumerate(messages):
        role = message.get("role")
        if role not in roles:
            raise refuse(f"messages[{i}].role is not supported: {role}")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                raise refuse(f"messages[{i}] answers no tool call")
            waiting.discard(message["tool_call_id"])
        elif waiting:
            break
        waiting |= {tool_call["id"] for tool_call in message.get("tool_calls") or []}
    if waiting:
        raise refuse("an assistant message with tool_calls must be followed by tool messages")
    return messages


def check_tools(body: dict[str, Any], refuse: Refuse, *, most: int = 128) -> list[dict[str, Any]]:
    """Refuse malformed tools, too many of them, and a choice of a tool that is not there; return the tools."""
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    names = [tool.get("function", {}).get("name") for tool in tools if tool.get("type") == "function"]
    if len(tools) > most or not all(isinstance(name, str) and name for name in names):
        raise refuse(f"tools must be at most {most} functions with names")
    if isinstance(choice, dict) and choice.get("function", {}).get("name") not in names:
        raise refuse("tool_choice names no tool")
    return tools
