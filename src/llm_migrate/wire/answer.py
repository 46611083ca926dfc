"""Read a vendor's whole answer: complete it to OpenAI's schema (R11), or say what went wrong."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

import orjson

from llm_migrate.catalog.schema import JsonValue, ResponseFacts
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import (
    Table,
    UnsoundError,
    complete_extras,
    complete_finish,
    complete_function,
    complete_head,
    complete_logprobs,
    complete_text,
    complete_usage,
    has,
    is_int,
    missing_usage,
)
from llm_migrate.wire.dialect import READERS
from llm_migrate.wire.failure import (
    OpenAIError,
    VendorFailure,
    find_failure,
    judge_failure,
    page_text,
    read_retry_after,
)
from llm_migrate.wire.outgoing import Answer, Outgoing

_LEAST_SECRET: Final = 8  # a shorter stand-in for a key would be found inside common words
_SECRET_HEADERS: Final = frozenset({"authorization", "api-key"})


def read_answer(
    target: Target, call: Call, outgoing: Outgoing, status: int, headers: Mapping[str, str], body: bytes
) -> Answer | OpenAIError:
    """Return the answer in OpenAI's form, or the error that it is.

    Args:
        target: who answered.
        call: what was asked.
        outgoing: what was sent.
        status: HTTP status.
        headers: response headers, names in any case.
        body: the whole body, decompressed.
    """
    parsed = _parse(body)
    if not 200 <= status < 300:
        return read_error(target, outgoing, status, headers, body)
    if isinstance(parsed, dict):
        reader = READERS.get(target.dialect)
        if reader is not None:
            parsed = reader.read_answer(parsed, call)
            body = encode(parsed)
        if find_failure(parsed) is not None:
            return read_error(target, outgoing, status, headers, body)
        if call.api == "models":
            return _answer(target, complete_models(parsed, target), None)
        if call.api == "embeddings":
            return _embeddings(parsed, target, outgoing)
        if isinstance(parsed.get("choices"), list) and parsed["choices"]:
            return _chat(parsed, target, call, outgoing)
    return _unsound(target, parsed, body)


def read_error(target: Target, outgoing: Outgoing, status: int, headers: Mapping[str, str], body: bytes) -> OpenAIError:
    """Return what an answer that is not a good one means, whatever its shape."""
    lower = {name.lower(): value for name, value in headers.items()}
    body = scrub(body, target, outgoing)
    failure = find_failure(_parse(body))
    if failure is None:
        # A page or bare text; markup never reaches the caller, but what it says may tell a blocked region.
        text = page_text(body)
        is_page = body.lstrip()[:1] == b"<"
        failure = VendorFailure("" if is_page else text)
        if is_page:
            seen = judge_failure(target.provider.errors, VendorFailure(text), status=status, who=target.name)
            if seen.outcome == "region":
                failure = VendorFailure("country, region or territory not supported")
    wait = read_retry_after(lower, outgoing.now_s)
    return judge_failure(target.provider.errors, failure, status=status, who=target.name, retry_after_s=wait)


def scrub(body: bytes, target: Target, outgoing: Outgoing) -> bytes:
    """Return a vendor's text without the key and the address that it was asked with."""
    for key in sorted(_keys(outgoing), key=len, reverse=True):
        body = body.replace(key.encode(), b"***") if len(key) >= _LEAST_SECRET else body
    url = urlsplit(target.base_url)
    for address in (url.netloc, url.hostname or ""):
        body = body.replace(address.encode(), target.name.encode()) if len(address) > 3 else body
    return body


def _keys(outgoing: Outgoing) -> set[str]:
    """Return all that a vendor was shown as proof, and what it was made of."""
    keys = {value.removeprefix("Bearer ") for name, value in outgoing.headers if name in _SECRET_HEADERS}
    for secret in outgoing.secrets:
        keys |= {secret.reveal(), *secret.reveal().split(":", 1)}
    return keys


def complete_chat(body: Table, target: Target, outgoing: Outgoing) -> Mapping[str, JsonValue] | None:
    """Complete a chat completion in place and return the usage that the vendor counted.

    Raises:
        UnsoundError: a part of it is broken.
    """
    facts = target.provider.response
    choices = [c for c in cast("list[JsonValue]", body["choices"]) if isinstance(c, dict)]
    counted = body.get("usage") or next((c.pop("usage") for c in choices if isinstance(c.get("usage"), dict)), None)
    for i, choice in enumerate(choices):
        _complete_choice(choice, i, facts, outgoing)
    body["choices"] = cast("JsonValue", choices)
    usage = counted if isinstance(counted, dict) else missing_usage()
    complete_usage(usage, facts)
    body["usage"] = usage
    complete_head(body, "chat.completion", *head_of(body, outgoing))
    complete_extras(body)
    return usage if isinstance(counted, dict) else None


def turns_of(call: Call) -> list[JsonValue]:
    """Return the messages of a call."""
    return cast("list[JsonValue]", call.body.get("messages") or [])


def head_of(body: Mapping[str, JsonValue], outgoing: Outgoing) -> tuple[str, int, str]:
    """Return the id, the time and the model that a body says, or that stand in for them."""
    answer_id, created, model = body.get("id"), body.get("created"), body.get("model")
    if isinstance(answer_id, int) and not isinstance(answer_id, bool):
        answer_id = str(answer_id)
    if isinstance(created, str) and created.isdecimal():
        created = int(created)
    return (
        answer_id if isinstance(answer_id, str) and answer_id else outgoing.made_up_id("chatcmpl-"),
        int(created) if isinstance(created, int | float) and created >= 1 else int(outgoing.now_s),
        model if isinstance(model, str) and model else outgoing.model,
    )


def complete_models(body: Table, target: Target) -> Table:
    """Return a list of models, or one, with the fields that OpenAI gives each."""
    rows = body.get("data")
    if not isinstance(rows, list):
        return _model(body, target)
    return {**body, "object": "list", "data": [_model(row, target) for row in rows if isinstance(row, dict)]}


def _model(row: Table, target: Target) -> Table:
    created, owner = row.get("created"), row.get("owned_by")
    return {
        **row,
        "id": str(row.get("id", "")),
        "object": "model",
        "created": int(created) if isinstance(created, int | float) else 0,
        "owned_by": owner if isinstance(owner, str) else target.provider.id,
    }


def _chat(body: Table, target: Target, call: Call, outgoing: Outgoing) -> Answer | OpenAIError:
    try:
        usage = complete_chat(body, target, outgoing)
    except UnsoundError as e:
        return broken(target, f"the upstream's answer has {e}")
    choices = cast("list[Table]", body["choices"])
    if not choices:
        return _unsound(target, body, b"")
    failed = next((c.get("x_finish_reason", "error") for c in choices if c["finish_reason"] == "error"), None)
    if failed is not None:
        return broken(target, f"the vendor ended the answer with {failed!r}")
    if outgoing.memory is not None:
        for choice in choices:
            message = cast("Table", choice["message"])
            thought = message.get("reasoning_content")
            if isinstance(thought, str):
                outgoing.memory.keep(turns_of(call), message.get("tool_calls"), thought)
    return _answer(target, body, usage)


def _complete_choice(choice: Table, i: int, facts: ResponseFacts, outgoing: Outgoing) -> None:
    if not is_int(choice.get("index")):
        choice["index"] = i
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.pop("text", None)}
        choice["message"] = message
    message["role"] = "assistant"
    complete_text(message, facts)
    message.setdefault("content", None)
    message.setdefault("refusal", None)
    calls = _complete_calls(message, i, outgoing)
    if "function_call" in message:
        cast("Table", message["function_call"]).setdefault("name", "")
    complete_finish(choice, facts, has_tools=calls, required=True)
    complete_logprobs(choice)


def _complete_calls(message: Table, at: int, outgoing: Outgoing) -> bool:
    """Type the tool calls of a message; say whether there are any.

    Raises:
        UnsoundError: a call that names no function is never handed on (R5).
    """
    calls = message.get("tool_calls")
    if not calls:
        message.pop("tool_calls", None)
        return False
    if isinstance(calls, dict):  # one call, as some vendors give it
        calls = [cast("JsonValue", calls)]
        message["tool_calls"] = calls
    if not isinstance(calls, list):
        raise UnsoundError("tool calls that are no list")
    for i, tool_call in enumerate(calls):
        if not isinstance(tool_call, dict):
            raise UnsoundError("a tool call that is no object")
        if not isinstance(tool_call.get("id"), str) or not tool_call["id"]:
            tool_call["id"] = f"{outgoing.made_up_id('call_')}_{at}_{i}"
        if tool_call.get("type") == "custom" and has(tool_call.get("custom"), name=str, input=str):
            continue
        function = tool_call.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            raise UnsoundError("a tool call that names no function")
        tool_call["type"] = "function"
        complete_function(function)
    return True


def _embeddings(body: Table, target: Target, outgoing: Outgoing) -> Answer | OpenAIError:
    rows = body.get("data")
    if not isinstance(rows, list) or not rows:
        return _unsound(target, body, b"")
    if len(rows) != outgoing.inputs:
        # A program pairs texts and vectors by their order: one that lacks would shift all that follow.
        return broken(target, "the upstream's answer does not hold one vector for each input")
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or not _is_vector(row.get("embedding")):
            return _unsound(target, body, b"")
        row["object"] = "embedding"
        if not is_int(row.get("index")):
            row["index"] = i
    counted = body.get("usage")
    usage: Table = counted if isinstance(counted, dict) else missing_usage()
    complete_usage(usage, target.provider.response)
    model = body.get("model")
    body.update({"object": "list", "usage": usage, "model": model if isinstance(model, str) else outgoing.model})
    return _answer(target, body, usage if isinstance(counted, dict) else None)


def _is_vector(embedding: JsonValue) -> bool:
    """Say whether a vector is numbers, or the base64 of 32-bit ones as the SDK decodes it."""
    if isinstance(embedding, list):
        return bool(embedding) and set(map(type, embedding)) <= {int, float}
    if not isinstance(embedding, str) or not embedding:
        return False
    try:
        return len(binascii.a2b_base64(embedding, strict_mode=True)) % 4 == 0
    except (binascii.Error, ValueError):  # the latter for what is not ASCII
        return False


def broken(target: Target, problem: str, *, code: str = "bad_upstream_answer") -> OpenAIError:
    """Return the error for an answer that is none: whether the vendor worked for it is not known."""
    return OpenAIError(502, f"{problem} [{target.name}]", "upstream_error", code=code, outcome="ambiguous")


def _unsound(target: Target, parsed: JsonValue, body: bytes) -> OpenAIError:
    if isinstance(parsed, dict):
        return broken(target, "the upstream's answer holds no result")
    head = body.lstrip()[:1]
    what = "an HTML page" if head == b"<" else "an empty body" if not head else "something that is not whole JSON"
    return broken(target, f"the upstream answered with {what}")


def _answer(target: Target, body: Table, usage: Mapping[str, JsonValue] | None) -> Answer | OpenAIError:
    try:
        return Answer(orjson.dumps(body), usage)
    except orjson.JSONEncodeError:
        return broken(target, "the upstream's answer is nested too deeply")


def encode(body: Table) -> bytes:
    """Return what a dialect made of a vendor's JSON, for those who look for a failure in it."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # nested too deeply: whatever it is, it is no sound answer
        return b"{}"


def _parse(body: bytes) -> JsonValue:
    try:
        return cast("JsonValue", orjson.loads(body))
    except orjson.JSONDecodeError:
        return None
