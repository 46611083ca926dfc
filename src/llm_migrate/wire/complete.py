"""Fill and type what a vendor left out or spelt differently, so that an answer is what OpenAI's schema says (R11).

Every function changes the table it is given and returns whether anything changed; a second pass changes nothing.
Fields that OpenAI does not know are kept. Words outside OpenAI's sets are kept beside, as `x_NAME`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import orjson

from llm_migrate.catalog.schema import JsonValue, ResponseFacts

Table: TypeAlias = dict[str, JsonValue]

FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAILS: Final = ("prompt_tokens_details", "completion_tokens_details")
_NEVER_NULL: Final = ("tool_calls", "function_call", "annotations", "system_fingerprint", "obfuscation", "metadata")


def complete_head(body: Table, object_: str, answer_id: str, created: int, model: str) -> bool:
    """Give a body the `id`, `object`, `created` and `model` that it shall have."""
    if (
        body.get("id") == answer_id
        and body.get("object") == object_
        and body.get("created") == created
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
    if tier is not None and tier not in _TIERS:
        body["service_tier"], body["x_service_tier"] = None, tier
        changed = True
    fingerprint = body.get("system_fingerprint")
    if fingerprint is not None and not isinstance(fingerprint, str):
        body["system_fingerprint"] = str(fingerprint)
        changed = True
    return changed


def complete_finish(choice: Table, facts: ResponseFacts, *, has_tools: bool, required: bool) -> bool:
    """Map the finish reason; the vendor's own word stays as `x_finish_reason`.

    Args:
        choice: a choice of an answer or of a chunk.
        facts: the vendor's words; one that is mapped to "error" is left for the caller to see.
        has_tools: the choice carries tool calls.
        required: an answer must have a reason, a chunk need not.
    """
    word = choice.get("finish_reason")
    if isinstance(word, str) and word:
        mapped = facts.finish_reasons.get(word)
        if mapped is None:
            mapped = word if word in FINISHES else _guess(has_tools)
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
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list | None):
        choice["logprobs"] = None
        return True
    changed = False
    for name in ("content", "refusal"):
        if name not in logprobs:
            logprobs[name] = None
            changed = True
    return changed


def complete_text(table: Table, facts: ResponseFacts) -> bool:
    """Type the text fields of a message or delta: content as one string, reasoning under its usual name."""
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
    annotations = table.get("annotations")
    if annotations is not None and not _are_citations(annotations):
        table["x_annotations"] = table.pop("annotations")
        changed = True
    return changed


def complete_function(function: Table) -> bool:
    """Give a called function its arguments as JSON text: an object is written out."""
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return False
    function["arguments"] = "" if arguments is None else orjson.dumps(arguments).decode()
    return True


def complete_usage(usage: Table, facts: ResponseFacts) -> bool:
    """Type the counts, add the total, and put the cached tokens where OpenAI has them."""
    changed = False
    for name in ("prompt_tokens", "completion_tokens"):
        changed |= _as_count(usage, name)
    total = usage.get("total_tokens")
    if not isinstance(total, int) or isinstance(total, bool):
        usage["total_tokens"] = _int(usage["prompt_tokens"]) + _int(usage["completion_tokens"])
        changed = True
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, dict):
            for key in [k for k, v in details.items() if v is None or isinstance(v, float)]:
                changed |= _as_count(details, key)
        elif name in usage:
            del usage[name]
            changed = True
    cached = usage.get(facts.cached_tokens) if facts.cached_tokens else None
    if isinstance(cached, int):
        details = usage.setdefault("prompt_tokens_details", {})
        if isinstance(details, dict) and "cached_tokens" not in details:
            details["cached_tokens"] = cached
            changed = True
    return changed


def missing_usage() -> Table:
    """Return the usage of an answer whose vendor counted nothing; `x_missing` says that the zeros are no count."""
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "x_missing": True}


def _guess(has_tools: bool) -> str:
    return "tool_calls" if has_tools else "stop"


def _drop_nulls(table: Table) -> bool:
    changed = False
    for name in _NEVER_NULL:
        if name in table and table[name] is None:
            del table[name]
            changed = True
    return changed


def _joined(content: JsonValue) -> str:
    if isinstance(content, list):
        return "".join(_joined(part) for part in content)
    if isinstance(content, dict):
        return _joined(content.get("text", ""))
    return content if isinstance(content, str) else ""


def _are_citations(annotations: JsonValue) -> bool:
    if not isinstance(annotations, list):
        return False
    wanted = ("end_index", "start_index", "title", "url")
    for item in annotations:
        citation = item.get("url_citation") if isinstance(item, dict) and item.get("type") == "url_citation" else None
        if not isinstance(citation, dict) or any(name not in citation for name in wanted):
            return False
    return True


def _as_count(table: Table, name: str) -> bool:
    value = table.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return False
    table[name] = _int(value)
    return True


def _int(value: JsonValue) -> int:
    if isinstance(value, int | float):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdecimal() else 0
