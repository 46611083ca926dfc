"""Say in other words what a vendor has no parameter for, where the judge ruled so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import orjson

from llm_migrate.catalog.policy import Ruling
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.wire.complete import Table, table_of

_INSTRUCTION: Final = "Answer with one JSON object and nothing else: no text around it, no Markdown."


def emulate(body: Mapping[str, JsonValue], out: Table, rulings: Sequence[Ruling]) -> Table:
    """Return the outgoing request with every emulation of its rulings said.

    Args:
        body: the request as it was asked; not changed.
        out: the same after its other changes; not changed.
        rulings: of the request.
    """
    for ruling in rulings:
        say = _WORDS.get(ruling.how or "")
        if say is not None:
            out = say(body, out)
    return out


def _instruct_schema(body: Mapping[str, JsonValue], out: Table) -> Table:
    """Ask for JSON mode, and for the schema in the prompt."""
    return {**_instruct_json(body, out), "response_format": {"type": "json_object"}}


def _instruct_json(body: Mapping[str, JsonValue], out: Table) -> Table:
    """Ask for JSON, and for the schema if there is one, in the prompt: nothing but the model's good will keeps it."""
    asked = table_of(table_of(body.get("response_format")).get("json_schema"))
    lines = [_INSTRUCTION]
    if isinstance(asked.get("description"), str):
        lines.append(f"It is for: {asked['description']}")
    if isinstance(asked.get("schema"), dict):
        lines.append(f"It must fit this JSON schema:\n{orjson.dumps(asked['schema']).decode()}")
    turns = cast("list[Table]", out.get("messages") or [])
    return {**out, "messages": cast("JsonValue", _with_instruction(turns, "\n".join(lines)))}


def _with_instruction(turns: list[Table], text: str) -> list[Table]:
    """Append a text to the system turn at the front, else to the last user turn: no vendor minds a longer turn."""
    if turns and turns[0].get("role") in ("system", "developer"):
        return [_longer(turns[0], text), *turns[1:]]
    for i in range(len(turns) - 1, -1, -1):
        if turns[i].get("role") == "user":
            return [*turns[:i], _longer(turns[i], text), *turns[i + 1 :]]
    return [*turns, {"role": "user", "content": text}]


def _longer(turn: Table, text: str) -> Table:
    content = turn.get("content")
    if isinstance(content, list):
        return {**turn, "content": [*content, {"type": "text", "text": text}]}
    return {**turn, "content": f"{content}\n\n{text}" if content else text}


_WORDS: Final[Mapping[str, Callable[[Mapping[str, JsonValue], Table], Table]]] = {
    "schema-instruction": _instruct_schema,
    "json-instruction": _instruct_json,
}
