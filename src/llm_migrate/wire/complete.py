"""Fill and type what a vendor left out or spelt differently, so that an answer is what OpenAI's schema says (R11).

Every function changes the table it is given and returns whether anything changed; a second pass changes nothing.
Fields that OpenAI does not know are kept. Words outside OpenAI's sets are kept beside, as `x_NAME`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias, TypeGuard

import orjson

from llm_migrate.catalog.schema import JsonValue, ResponseFacts

Table: TypeAlias = dict[str, JsonValue]

_FAILED: Final = re.compile(r"(?i)error|fail|abort|interrupt")  # never to be taken for an end of the answer
FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_COUNTED: Final = frozenset(
    {
        "accepted_prediction_tokens",
        "audio_tokens",
        "cache_write_tokens",
        "cached_tokens",
        "image_tokens",
        "reasoning_tokens",
        "rejected_prediction_tokens",
        "text_tokens",
    }
)
_DETAILS: Final = ("prompt_tokens_details", "completion_tokens_details")
_NEVER_NULL: Final = frozenset(
    {"tool_calls", "function_call", "annotations", "system_fingerprint", "obfuscation", "metadata"}
)


class UnsoundError(ValueError):
    """What came cannot be completed without inventing it; the text says what, and repeats nothing of it."""


def complete_head(body: Table, object_: str, answer_id: str, created: int, model: str) -> bool:
    """Give a body the `id`, `object`, `created` and `model` that it shall have."""
    if (
        body.get("id") == answer_id
        and body.get("object") == object_
        and body.get("created") == created
        and type(body["created"]) is int
        and body.get("model") == model
    ):
        return False
    # In OpenAI's order, so that a person reads the usual thing first.
    rest = {k: v for k, v in body.items() if k not in ("id", "object", "created", "model")}
    body.clear()
    body.update({"id": answer_id, "object": object_, "created": created, "model": model, **rest})
    return True


def complete_extras(body: Table) -> bool:
    """Mend the optional top-level fields that OpenAI types."""
    changed = _drop_nulls(body)
    tier = body.get("service_tier")
    if tier is not None and (not isinstance(tier, str) or tier not in _TIERS):
        changed = _aside(body, "service_tier")
    for name in ("system_fingerprint", "obfuscation"):
        if name in body and not isinstance(body[name], str):
            changed = _aside(body, name)
    if "metadata" in body and not _is_strings(body["metadata"]):
        changed = _aside(body, "metadata")
    if "moderation" in body and not has(body["moderation"], input=dict, output=dict):
        changed = _aside(body, "moderation")
    return changed


def complete_finish(choice: Table, facts: ResponseFacts, *, has_tools: bool, required: bool) -> bool:
    """Map the finish reason; the vendor's own word stays as `x_finish_reason`.

    Args:
        choice: a choice of an answer or of a chunk.
        facts: the vendor's words; one that means failure becomes "error", for the caller to see.
        has_tools: the choice carries tool calls.
        required: an answer must have a reason, a chunk need not.
    """
    word = choice.get("finish_reason")
    if isinstance(word, str) and word:
        mapped = facts.finish_reasons.get(word)
        if mapped is None:
            mapped = word if word in FINISHES else "error" if _FAILED.search(word) else _guess(has_tools)
        if mapped == word:
            return False
        choice["finish_reason"], choice["x_finish_reason"] = mapped, word
        return True
    wanted = _guess(has_tools) if required else None
    if "finish_reason" in choice and word is wanted:
        return False
    choice["finish_reason"] = wanted
    return True


def complete_logprobs(choice: Table) -> bool:
    """Give a choice its `logprobs`: null, or an object with both lists."""
    logprobs = choice.get("logprobs", 0)
    if logprobs is None:
        return False
    if not isinstance(logprobs, dict) or not all(_are_logprobs(logprobs.get(n)) for n in ("content", "refusal")):
        if logprobs != 0:
            choice["x_logprobs"] = logprobs
        choice["logprobs"] = None
        return True
    changed = False
    for name in ("content", "refusal"):
        if name not in logprobs:
            logprobs[name] = None
            changed = True
    return changed


def complete_text(table: Table, facts: ResponseFacts) -> bool:
    """Type the fields of a message or delta that carry text: content as one string, reasoning under its usual name."""
    changed = _drop_nulls(table)
    content = table.get("content")
    if content is not None and not isinstance(content, str):
        table["content"] = _joined(content)
        changed = True
    field = facts.reasoning_field
    if field != "reasoning_content" and field in table and "reasoning_content" not in table:
        table["reasoning_content"] = table.pop(field)
        changed = True
    refusal = table.get("refusal")
    if refusal is not None and not isinstance(refusal, str):
        table["refusal"] = None
        changed = True
    if "annotations" in table and not _are_citations(table["annotations"]):
        changed = _aside(table, "annotations")
    audio = table.get("audio")
    if audio is not None and not has(audio, id=str, expires_at=int, data=str, transcript=str):
        changed = _aside(table, "audio")
    return complete_old_call(table) or changed


def complete_old_call(table: Table) -> bool:
    """Type a `function_call`, the form that came before tool calls."""
    call = table.get("function_call")
    if call is None:
        return False
    if not isinstance(call, dict) or not isinstance(call.get("name", ""), str):
        return _aside(table, "function_call")
    return complete_function(call)


def complete_function(function: Table) -> bool:
    """Give a called function its arguments as JSON text: an object is written out.

    Raises:
        UnsoundError: they cannot be written.
    """
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return False
    try:
        function["arguments"] = "" if arguments is None else orjson.dumps(arguments).decode()
    except orjson.JSONEncodeError:
        raise UnsoundError("arguments that are nested too deeply") from None
    return True


def complete_usage(usage: Table, facts: ResponseFacts) -> bool:
    """Type the counts, add the total, and put the cached tokens where OpenAI has them."""
    changed = False
    for name in ("prompt_tokens", "completion_tokens"):
        changed |= _as_count(usage, name)
    total = usage.get("total_tokens")
    if not is_int(total):
        usage["total_tokens"] = _int(usage["prompt_tokens"]) + _int(usage["completion_tokens"])
        changed = True
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, dict):
            for key in [k for k in details if k in _COUNTED and not is_int(details[k])]:
                changed |= _as_count(details, key)
        elif name in usage:
            del usage[name]
            changed = True
    cached = usage.get(facts.cached_tokens) if facts.cached_tokens else None
    if is_int(cached):
        details = usage.setdefault("prompt_tokens_details", {})
        if isinstance(details, dict) and "cached_tokens" not in details:
            details["cached_tokens"] = cached
            changed = True
    return changed


def is_int(value: JsonValue) -> TypeGuard[int]:
    """Say whether a value is a JSON integer; to Python a boolean is one too."""
    return type(value) is int


def table_of(value: JsonValue) -> Table:
    """Return a JSON object as such, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def has(value: JsonValue, **wanted: type) -> bool:
    """Say whether a value is an object with fields of exactly these types."""
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in wanted.items())


def missing_usage() -> Table:
    """Return the usage of an answer whose vendor counted nothing; `x_missing` says that the zeros are no count."""
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "x_missing": True}


def _guess(has_tools: bool) -> str:
    return "tool_calls" if has_tools else "stop"


def _drop_nulls(table: Table) -> bool:
    nulls = [name for name in _NEVER_NULL & table.keys() if table[name] is None]
    for name in nulls:
        del table[name]
    return bool(nulls)


def _joined(content: JsonValue) -> str:
    texts: list[str] = []
    todo = [content]
    while todo:  # a loop, because lists may lie in lists deeper than Python can call
        part = todo.pop()
        if isinstance(part, list):
            todo += reversed(part)
        elif isinstance(part, dict):
            todo.append(part.get("text"))
        elif isinstance(part, str):
            texts.append(part)
    return "".join(texts)


def _aside(table: Table, name: str) -> bool:
    """Keep a value that OpenAI's type refuses under a name of its own."""
    table[f"x_{name}"] = table.pop(name)
    return True


def _is_strings(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _are_citations(annotations: JsonValue) -> bool:
    if not isinstance(annotations, list):
        return False
    return all(
        isinstance(item, dict)
        and item.get("type") == "url_citation"
        and has(item.get("url_citation"), end_index=int, start_index=int, title=str, url=str)
        for item in annotations
    )


def _are_logprobs(tokens: JsonValue, *, top: bool = False) -> bool:
    if tokens is None and not top:
        return True
    if not isinstance(tokens, list):
        return False
    return all(
        isinstance(token, dict)
        and isinstance(token.get("token"), str)
        and isinstance(token.get("logprob"), float | int)
        and "bytes" in token
        and (token["bytes"] is None or _are_ints(token["bytes"]))
        and (top or _are_logprobs(token.get("top_logprobs"), top=True))
        for token in tokens
    )


def _are_ints(values: JsonValue) -> bool:
    return isinstance(values, list) and all(is_int(value) for value in values)


def _as_count(table: Table, name: str) -> bool:
    value = table.get(name)
    if is_int(value):
        return False
    table[name] = _int(value)
    return True


def _int(value: JsonValue) -> int:
    if isinstance(value, int | float):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdecimal() else 0
