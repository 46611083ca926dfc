"""One call said in several requests: how it is cut, and how the answers become one again.

A list of texts that is too long for a vendor goes in pieces of the size that it takes; several choices of an answer
are asked for one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import orjson

from llm_migrate.catalog.policy import BATCHES, Policy, Ruling
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table, is_int
from llm_migrate.wire.failure import refuse
from llm_migrate.wire.outgoing import Answer

_MOST_CHOICES: Final = 128  # as OpenAI has it
_MOST_INPUTS: Final = 2048


def cut(call: Call, rulings: Sequence[Ruling], policy: Policy) -> list[Call]:
    """Return the calls in which a call is said; most often just itself.

    Raises:
        RefusedError: more choices or texts than OpenAI would take.
    """
    hows = {ruling.how for ruling in rulings}
    if "n-calls" in hows:
        return [call] * _choices(call.body.get("n"))
    if BATCHES in hows and policy.facts is not None and policy.facts.max_batch is not None:
        texts = cast("list[JsonValue]", call.body["input"])
        if len(texts) > _MOST_INPUTS:
            raise refuse(400, f"'input' holds more than {_MOST_INPUTS} texts", param="input")
        size = policy.facts.max_batch
        bodies = [{**call.body, "input": texts[at : at + size]} for at in range(0, len(texts), size)]
        return [replace(call, body=body) for body in bodies]
    return [call]


def join(call: Call, answers: Sequence[Answer]) -> Answer:
    """Return the answers to all pieces of a call as one."""
    bodies = [cast("Table", orjson.loads(answer.body)) for answer in answers]
    rows = "data" if call.api == "embeddings" else "choices"
    joined: list[Table] = []
    for body in bodies:
        offset = len(joined)
        joined += [{**row, "index": offset + cast("int", row["index"])} for row in cast("list[Table]", body[rows])]
    usage = _sum([cast("Table", body["usage"]) for body in bodies])
    whole: Table = {**bodies[0], rows: cast("JsonValue", joined), "usage": usage}
    counted = all(answer.usage is not None for answer in answers)
    return Answer(orjson.dumps(whole), usage if counted else None)


def count_inputs(asked: JsonValue) -> int:
    """Return how many vectors an `input` asks for: a list of tokens is one text."""
    if not isinstance(asked, list):
        return 1
    return 1 if all(is_int(token) for token in asked) else len(asked)


def _choices(n: JsonValue) -> int:
    if not is_int(n) or not 1 <= n <= _MOST_CHOICES:
        raise refuse(400, f"'n' must be a whole number from 1 to {_MOST_CHOICES}", param="n")
    return n


def _sum(usages: Sequence[Table]) -> Table:
    """Return counts added up, tables inside them likewise; what is no number is that of the first."""
    total: Table = {}
    for name, first in usages[0].items():
        values = [usage.get(name) for usage in usages]
        if isinstance(first, dict):
            total[name] = _sum([value for value in values if isinstance(value, dict)])
        elif is_int(first):
            total[name] = sum(value for value in values if is_int(value))
        else:
            total[name] = first
    return total
