"""Go on with a text that broke off: what is asked of whom, and how its pieces become part of the same stream. Pure.

Only plain text can be continued: a tool call, a JSON document or several choices cannot be taken up in the middle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, cast

import orjson

from llm_migrate.catalog.binding import matches
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.exchange import Call, assemble

MARK: Final = "x_llm_migrate_continued"  # in each chunk of the second part: the target that it is from
_HEAD: Final = ("id", "created", "model")


def may_continue(call: Call) -> bool:
    """Say whether the answer to a call is a text that another model could go on with."""
    body = call.body
    form = body.get("response_format")
    plain = form is None or (isinstance(form, dict) and form.get("type") == "text")
    return plain and not any(body.get(name) for name in ("tools", "functions")) and body.get("n") in (None, 1)


def partial_field(target: Target, model: str) -> str | None:
    """Return the field that marks a turn of the assistant as one to go on with; None where there is no such thing."""
    facts = target.provider.apis.get("chat")
    partial = facts.partial if facts is not None else None
    if partial is None or not matches(target.endpoint.id, partial.endpoints) or not matches(model, partial.models):
        return None
    return partial.field


def continued(call: Call, payloads: Sequence[bytes], field: str) -> Call | None:
    """Return the call that asks for the rest of an answer; None if there is no text to go on from.

    Args:
        call: what was asked.
        payloads: the chunks that the caller has.
        field: what marks the last turn.
    """
    choices = cast("list[dict[str, dict[str, JsonValue]]]", assemble(payloads)["choices"])
    text = choices[0]["message"].get("content") if choices else None
    if not text:
        return None
    begun: dict[str, JsonValue] = {"role": "assistant", "content": text, field: True}
    turns: list[JsonValue] = [*cast("list[JsonValue]", call.body["messages"]), begun]
    return replace(call, body={**call.body, "messages": turns})


def joined(payloads: Iterable[bytes], first: bytes, target: Target) -> list[bytes]:
    """Return chunks of the second part as chunks of the first: under one head, without another role, and marked."""
    head = cast("dict[str, JsonValue]", orjson.loads(first))
    out: list[bytes] = []
    for payload in payloads:
        chunk = cast("dict[str, JsonValue]", orjson.loads(payload))
        for choice in cast("list[dict[str, JsonValue]]", chunk["choices"]):
            cast("dict[str, JsonValue]", choice["delta"]).pop("role", None)
        out.append(orjson.dumps({**chunk, **{name: head[name] for name in _HEAD}, MARK: target.name}))
    return out
