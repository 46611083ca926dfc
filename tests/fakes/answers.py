"""Canned answers: the same request always gets the same words, tool calls and vectors.

The model of these fakes is plain. Asked with tools, it calls the first one whose name shares a word with the last user
turn; given a tool's result, it repeats it; asked for JSON, by a parameter or in words, it fills the JSON example or the
schema of the request; else it repeats the question. Knows OpenAI's request fields only, for all vendors share these.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

FILTERED = "TRIP-THE-FILTER"  # a prompt with this word is refused as unsafe
UNDECIDED = "收到"  # how a repeated question begins: three bytes a character, so that pieces cut inside one


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says: text, or calls as (name, arguments)."""

    text: str
    calls: tuple[tuple[str, str], ...]
    finish: str
    prompt_tokens: int
    completion_tokens: int


def answer(body: dict[str, Any]) -> Answer:
    """Return the one answer to a chat request."""
    calls = _calls(body)
    text = "" if calls else _text(body)
    finish = "tool_calls" if calls else "stop"
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit and len(text) > limit * 4:
        text, finish = text[: limit * 4], "length"
    said = len(text) + sum(len(a) for _, a in calls)
    return Answer(text, calls, finish, len(prompt(body)) // 4 + 1, said // 4 + 1)


def prompt(body: dict[str, Any]) -> str:
    """All text of the request's messages, joined."""
    return "\n".join(text_of(m) for m in body.get("messages", []))


def text_of(message: dict[str, Any]) -> str:
    """The text of one message; parts that are not text count as nothing."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(p.get("text") or "" for p in content if isinstance(p, dict))
    return content if isinstance(content, str) else ""


def images(body: dict[str, Any]) -> list[str]:
    """The addresses of all image parts."""
    parts = [p for m in body.get("messages", []) if isinstance(m.get("content"), list) for p in m["content"]]
    return [p["image_url"]["url"] for p in parts if p.get("type") == "image_url"]


def text_pieces(text: str) -> list[str]:
    """Cut a text as a stream would."""
    return [text[i : i + 5] for i in range(0, len(text), 5)]


def vector(text: str, dimensions: int) -> list[float]:
    """A bag of words as a unit vector: texts with common words lie close."""
    out = [0.0] * dimensions
    for word in re.findall(r"\w{3,}", text.lower()) or [text]:
        out[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % dimensions] += 1.0
    length = math.sqrt(sum(x * x for x in out))
    return [x / length for x in out]


def fill(schema: dict[str, Any], ask: str) -> Any:
    """A value that the schema accepts, taken from the question where it can be."""
    if "enum" in schema:
        return next((e for e in schema["enum"] if str(e).lower() in ask.lower()), schema["enum"][0])
    match schema.get("type"):
        case "object":
            return {name: fill(part, ask) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [fill(schema.get("items", {}), ask)]
        case "integer" | "number":
            found = re.search(r"\d+", ask)
            return int(found[0]) if found else 1
        case "boolean":
            return True
        case _:
            found = re.search(r"\b(?=\w*-?\d)[A-Z][\w-]*\b", ask)
            return found[0] if found else "example"


def _calls(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    tools = [t["function"] for t in body.get("tools") or [] if t.get("type") == "function"]
    choice = body.get("tool_choice", "auto")
    messages = body.get("messages") or [{}]
    if not tools or choice == "none":
        return ()
    ask = next((text_of(m) for m in reversed(messages) if m.get("role") == "user"), "")
    if isinstance(choice, dict):
        wanted = [t for t in tools if t["name"] == choice["function"]["name"]]
    elif choice == "required":
        wanted = [t for t in tools if _wants(ask, t["name"])] or tools
    elif messages[-1].get("role") == "tool":
        wanted = []
    else:
        wanted = [t for t in tools if _wants(ask, t["name"])]
    return tuple((t["name"], json.dumps(fill(t.get("parameters") or {}, ask))) for t in wanted[:1])


def _wants(ask: str, name: str) -> bool:
    return any(word in ask.lower() for word in name.lower().split("_") if len(word) > 3)


def _text(body: dict[str, Any]) -> str:
    messages = body.get("messages") or [{}]
    ask = next((text_of(m) for m in reversed(messages) if m.get("role") == "user"), "")
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return json.dumps(fill(form["json_schema"].get("schema") or {}, ask), ensure_ascii=False)
    if form.get("type") == "json_object" or "one JSON object" in prompt(body):
        return _json_example(body)
    if messages[-1].get("role") == "tool":
        return "According to our records: " + text_of(messages[-1])
    seen = images(body)
    if seen:
        return f"I see {len(seen)} image(s): {ask}"
    return f"{UNDECIDED}: {ask}"


def _json_example(body: dict[str, Any]) -> str:
    """The first JSON object that stands in the prompt, filled if it is a schema; else an empty one."""
    text = prompt(body)
    for at in (m.start() for m in re.finditer(r"\{", text)):
        try:
            found, _ = json.JSONDecoder().raw_decode(text[at:])
        except ValueError:
            continue
        if "properties" in found:
            found = fill(found, text)
        return json.dumps(found, ensure_ascii=False)
    return "{}"
