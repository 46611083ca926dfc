"""SenseNova's classic API: OpenAI's request but for images, and answers under `data` whose messages are plain texts.

Knows the shape only, as sensenova 1.0.6 writes and reads it; what is allowed, and what of a request is left out, stands
in the provider file.
"""

from __future__ import annotations

from typing import Final, cast

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Policy
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table
from llm_migrate.wire.conversation import Turn
from llm_migrate.wire.failure import refuse

_HEADERS: Final = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("user-agent", f"llm-migrate/{__version__}"),
)
_BESIDE: Final = ("tool_calls", "reasoning_content")  # stand in the choice, beside the text


def write_url(target: Target, call: Call, *, model: str) -> str:
    """Return the address for a chat; the model stands in the body."""
    if call.api != "chat":
        raise refuse(404, f"{target.name}: only chat is offered here, not a list for {model!r}", code="unknown_url")
    return f"{target.base_url}/chat-completions"


def write_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """Return all headers but the proof of who calls."""
    return _HEADERS if call.api == "chat" else ()


def write_body(_target: Target, _call: Call, out: Table, _policy: Policy) -> Table:
    """Return the request's JSON."""
    out["messages"] = cast("JsonValue", [_write_turn(turn) for turn in cast("list[Turn]", out["messages"])])
    return out


def read_answer(body: Table, _call: Call) -> Table:
    """Return a whole answer as a chat completion; a failure comes back as it is."""
    return _read(body, "message")


def read_event(event: Table, _call: Call) -> Table:
    """Return one event as a chunk; a failure comes back as it is."""
    return _read(event, "delta")


def _write_turn(turn: Turn) -> Turn:
    content = turn.get("content")
    return {**turn, "content": [_write_part(part) for part in content]} if isinstance(content, list) else turn


def _write_part(part: JsonValue) -> JsonValue:
    """Return a content part; an image's address is a text here, not an object."""
    image = part.get("image_url") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(image, dict):
        return part
    return {**part, "image_url": image.get("url")}


def _read(body: Table, field: str) -> Table:
    inner = body.get("data")
    if body.get("error") or not isinstance(inner, dict):
        return body
    choices = inner.get("choices")
    if not isinstance(choices, list):
        return inner
    return {**inner, "choices": [_read_choice(choice, field) for choice in choices]}


def _read_choice(choice: JsonValue, field: str) -> JsonValue:
    """Return a choice whose text stands in a message or delta, with all that belongs there."""
    if not isinstance(choice, dict):
        return choice
    text = choice.get(field)
    said: Table = dict(text) if isinstance(text, dict) else {"content": text}
    said |= {name: choice[name] for name in _BESIDE if choice.get(name)}
    if said.get("tool_calls") and not said.get("content"):
        said["content"] = None
    taken = (field, "role", *_BESIDE)
    return {**{k: v for k, v in choice.items() if k not in taken}, field: said}
