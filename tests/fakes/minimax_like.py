"""MiniMax's OpenAI-compatible API, and the embeddings of its legacy host.

Facts from: the docs of platform.minimaxi.com and platform.minimax.io, npm @lobehub/lobehub 2.1.26, PyPI lazyllm 1.4.0
(supplier/minimax.py: the codes), litellm 1.109.1, langchain-community 0.4.2 (embeddings), agentscope-ai/
agentscope-java@c2d43f8, langgenius/dify-plugin-sdks#108 (stream); read 2026-11-22.

Errors come with HTTP 200 and stand in `base_resp`, in a stream too. A field that the vendor does not know is named in
`status_msg` and ignored, as documented. Stricter than the vendor on purpose: the fields that it lists as unsupported or
ignored are refused, so that a client which still sends them is found.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, images, prompt, vector
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, THOUGHT, Shape, check_ranges, check_tools, check_turns, chunks, completion

KEY = "sk-fake-minimax"
# abab* is gone; MiniMax-M3.1-Flash-Preview belongs to the plan product only.
VISION = {"MiniMax-M3", "MiniMax-M3.1-Flash"}
MODELS = VISION | {f"MiniMax-{m}" for m in ("M2.7", "M2.7-highspeed", "M2.5", "M2.1", "M2", "M1", "Text-01")}
ROLES = ("system", "user", "assistant", "tool")
# How long an answer may be is disputed (2,048 to 524,288): any length passes.
RANGES = {"temperature": (math.nextafter(0, 1), 1), "top_p": (0.01, 1), "n": (1, 1)}
UNSUPPORTED = {"frequency_penalty", "logit_bias", "parallel_tool_calls", "presence_penalty"}
UNSUPPORTED |= {"reasoning_effort", "response_format", "seed"}
# `stop` and `user` are documented nowhere we looked and pass; `tool_choice` is undocumented and clients leave it out.
KNOWN = {"model", "messages", "stream", "stream_options", "temperature", "top_p", "n", "max_tokens", "stop", "user"}
KNOWN |= {"max_completion_tokens", "tools", "reasoning_split", "thinking"}
SAFE = {"input_sensitive": False, "output_sensitive": False, "input_sensitive_type": 0, "output_sensitive_type": 0}
SHAPE = Shape(usage_fields={"completion_tokens_details": {"reasoning_tokens": 0}})


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(1004, "login fail: Please carry the API secret key in the 'Authorization' field")
    legacy = request.path == "/v1/embeddings"
    if "GroupId" in request.query and not legacy:  # it belongs to the old JWT keys
        raise error(1004, "token not match group")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "POST", "/v1/embeddings":
            return _embeddings(request.body)
        case "GET", "/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "minimax"} for m in sorted(MODELS)]
            return Reply({"object": "list", "data": models, "base_resp": _base_resp()})
        case _:
            raise error(2013, "invalid params, no such route", status=404)


def error(code: int, text: str, *, status: int = 200) -> RefusalError:
    """`choices` is null, in an answer as in a chunk."""
    return RefusalError(status, {"id": "chat-fake", "choices": None, "base_resp": _base_resp(code, text)})


def _base_resp(code: int = 0, text: str = "") -> dict[str, Any]:
    return {"status_code": code, "status_msg": text}


def _bad(text: str) -> RefusalError:
    return error(2013, f"invalid params, {text}")


def _chat(body: dict[str, Any]) -> Reply:
    heard = {name: value for name, value in body.items() if name in KNOWN}
    try:
        _check(body, heard)
    except RefusalError as refusal:
        if not body.get("stream"):
            raise
        return Reply(events=(refusal.reply.payload,))
    unknown = sorted(body.keys() - KNOWN)
    notice = f"invalid parameters detected, json: unknown field {', '.join(unknown)}" if unknown else ""
    said, thinks = answer(heard), _thinks(heard)
    # Said for M2.x without `reasoning_split`; taken to hold for M3.
    if thinks and not heard.get("reasoning_split"):
        said, thinks = replace(said, text=f"<think>\n{THOUGHT}\n</think>\n\n{said.text}"), False
    form = replace(SHAPE, head={**SAFE, "base_resp": _base_resp(0, notice)})
    if heard.get("stream"):
        return Reply(events=tuple(_chunks(heard, said, form, thinks)))
    return Reply(_completion(heard, said, form, thinks))


def _check(body: dict[str, Any], heard: dict[str, Any]) -> None:
    model = body.get("model")
    if model not in MODELS:  # no code of its own is documented
        raise _bad(f"unknown model '{model}'")
    for name in sorted(UNSUPPORTED & body.keys()):
        raise _bad(f"{name} is not supported")
    check_ranges(heard, RANGES, _bad)
    if (heard.get("thinking") or {}).get("type") not in {None, "adaptive", "disabled"}:
        raise _bad("thinking.type must be adaptive or disabled")
    check_tools(heard, _bad)
    # That thoughts come back in tool turns is asked for, and not enforced: "otherwise quality drops".
    check_turns(heard, ROLES, _bad)
    # Whether Text-01 sees is disputed, so it may.
    if images(heard) and model not in VISION | {"MiniMax-Text-01"}:
        raise _bad(f"{model} takes no images")
    if FILTERED in prompt(heard):
        raise error(1026, "input new_sensitive")


def _thinks(body: dict[str, Any]) -> bool:
    """M2.x ignores `disabled`."""
    if body["model"].startswith("MiniMax-M2"):
        return True
    return body["model"] in VISION and (body.get("thinking") or {}).get("type") != "disabled"


def _completion(body: dict[str, Any], said: Answer, form: Shape, thinks: bool) -> dict[str, Any]:
    whole = completion(body, said, form, thinks=thinks)
    if thinks:
        whole["choices"][0]["message"]["reasoning_details"] = _details(THOUGHT)
    return whole


def _chunks(body: dict[str, Any], said: Answer, form: Shape, thinks: bool) -> list[dict[str, Any]]:
    """Deltas of tool calls have no `index`; the finish chunk repeats the whole message."""
    out = chunks(body, said, form, thinks=thinks)
    for choice in (c for chunk in out for c in chunk["choices"]):
        delta = choice["delta"]
        if "reasoning_content" in delta:
            delta["reasoning_details"] = _details(delta["reasoning_content"])
        for tool_call in delta.get("tool_calls", []):
            del tool_call["index"]
        if choice["finish_reason"]:
            choice["message"] = _completion(body, said, form, thinks)["choices"][0]["message"]
    return out


def _details(text: str) -> list[dict[str, Any]]:
    return [{"type": "reasoning.text", "text": text}]


def _embeddings(body: dict[str, Any]) -> Reply:
    """A form of its own; the width is remembered, not documented."""
    texts = body.get("texts")
    if body.get("model") != "embo-01" or body.get("type") not in {"db", "query"}:
        raise _bad("model must be embo-01 and type db or query")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 4096 or not all(isinstance(t, str) for t in texts):
        raise _bad("texts must hold 1 to 4096 strings")
    vectors = [vector(text, 1536) for text in texts]
    return Reply({"vectors": vectors, "total_tokens": sum(map(len, texts)) // 4 + 1, "base_resp": _base_resp()})


# 1039 is left out: a token limit for the docs, the context window for two clients.
ERRORS = {
    "limited": sample(error(1002, "rate limit"), "RateLimitError"),
    "limited as 401": sample(error(1002, "rate limit", status=401), "RateLimitError"),  # reported once
    "limited 1041": sample(error(1041, "connection limit"), "RateLimitError"),
    "limited 2045": sample(error(2045, "rate growth limit"), "RateLimitError"),
    "quota": sample(error(1008, "insufficient balance"), "RateLimitError", "insufficient_quota"),
    "quota 2056": sample(error(2056, "usage limit exceeded (5-hour window)"), "RateLimitError", "insufficient_quota"),
    "credential": sample(error(1004, "login fail"), "AuthenticationError"),
    "credential 2049": sample(error(2049, "invalid api key"), "AuthenticationError"),
    "policy": sample(error(1026, "input new_sensitive"), "BadRequestError", "content_filter"),
    "policy 1027": sample(error(1027, "output new_sensitive"), "BadRequestError", "content_filter"),
    "server": sample(error(1000, "unknown error"), "InternalServerError"),
    # A timeout of the vendor's own that was answered: 504 for the SDK, whose APITimeoutError has no answer.
    "server 1001": sample(error(1001, "request timeout"), "InternalServerError"),
    **{f"server {c}": sample(error(c, "internal error"), "InternalServerError") for c in (1013, 1024, 1033)},
    "request": sample(error(2013, "invalid params"), "BadRequestError"),
    "request 1042": sample(error(1042, "too many invisible characters"), "BadRequestError"),
}


def _env(address: str) -> dict[str, str]:
    root = address + "/v1"  # litellm and camel-ai name the address differently
    return {"MINIMAX_API_KEY": KEY, "MINIMAX_API_BASE": root, "MINIMAX_API_BASE_URL": root}


VENDOR = Vendor("minimax", "/v1", serve, _env)
