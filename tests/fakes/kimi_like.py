"""Moonshot's Kimi API.

Facts from: Moonshot's OpenAPI (copy at github.com/api-evangelist/moonshot-ai, 2026-08-22), its error page
(platform.kimi.ai/docs/api/errors), MoonshotAI/kimi-cli packages/kosong (2026-07-16), npm @ai-sdk/moonshotai 3.0.60;
probes named per rule. A parameter of OpenAI's that none of them lists is refused, whether or not the real API lets it
pass: so a test shows that none was sent.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, images, prompt, text_pieces
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

# The 2024 ids (moonshot-v1-*) and kimi-k2.5 ended on 2026-08-31 (litellm 1.109.1): they are unknown here.
MODELS = {"kimi-k3.1-pro", "kimi-k3", "kimi-k2.7-code", "kimi-k2.6"}
NOT_LISTED = (
    *("audio", "function_call", "functions", "logit_bias", "metadata", "modalities", "moderation"),
    *("parallel_tool_calls", "prompt_cache_options", "prompt_cache_retention", "seed", "service_tier", "store", "user"),
    *("verbosity", "web_search_options"),
)
CREATED = 1763700000


def serve(request: Request) -> Reply:
    """Answer one request."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not key:
        raise error(401, "invalid_authentication_error", "Invalid Authentication")
    if key == "wrong":
        raise error(401, "incorrect_api_key_error", "Incorrect API key provided")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "GET", "/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "moonshot"} for m in sorted(MODELS)]
            return Reply({"object": "list", "data": models})
        case _:  # there are no embeddings, images, audio
            raise error(404, "resource_not_found_error", "The requested resource was not found")


def error(status: int, kind: str, message: str) -> RefusalError:
    """There is a `type`, and no `code`."""
    return RefusalError(status, {"error": {"type": kind, "message": message}}, x_trace_id="fake-trace")


def _bad(message: str) -> RefusalError:
    return error(400, "invalid_request_error", message)


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise error(404, "resource_not_found_error", f"Not found the model {model} or Permission denied")
    for name in NOT_LISTED:
        if body.get(name) is not None:
            raise _bad(f"Invalid request: unknown parameter {name}")
    thinks = _check_thinking(body, model)
    _check_sampling(body, model, thinks)
    _check_tools(body, model, thinks)
    _check_messages(body, thinks)
    if FILTERED in prompt(body):
        raise error(400, "content_filter", "The request was rejected because it was considered high risk")
    said = answer(body)
    headers = {"x-trace-id": "fake-trace"}
    if body.get("stream"):
        return Reply(events=tuple(_chunks(body, said, thinks)), headers=headers)
    return Reply(_completion(body, said, thinks), headers=headers)


def _check_thinking(body: dict[str, Any], model: str) -> bool:
    """Whether the model thinks in this turn; only k2.6 can be told not to."""
    thinking, effort = body.get("thinking"), body.get("reasoning_effort")
    if model.startswith("kimi-k3"):
        if thinking is not None:  # modelparams.dev#168: k3 takes no such object
            raise _bad("Invalid request: thinking is not supported for this model")
        if effort not in {None, "low", "high", "max"}:
            raise _bad("Invalid request: reasoning_effort must be one of low, high, max")
        return True
    if thinking is not None and effort is not None:  # HKUDS/nanobot#3939
        raise _bad("Invalid request: cannot specify both 'thinking' and 'reasoning_effort'")
    off = (thinking or {}).get("type") == "disabled"
    if off and model == "kimi-k2.7-code":  # opencode-copilot-chat#45
        raise _bad("invalid thinking: only type=enabled is allowed for this model")
    return not off


def _check_sampling(body: dict[str, Any], model: str, thinks: bool) -> None:
    # HKUDS/nanobot#4962 and #4967, MoonshotAI/kimi-code#686: one value is allowed, and these are the words.
    only = "1" if thinks else "0.6"
    if body.get("temperature") is not None and body["temperature"] != float(only):
        raise _bad(f"invalid temperature: only {only} is allowed for this model")
    # k2.7-code refuses the field at all; top_p, n and the penalties are not accepted from k2.5 on (words inferred).
    refused = {"top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
    if model == "kimi-k2.7-code":
        refused["temperature"] = -1
    for name, only_value in refused.items():
        if body.get(name) is not None and body[name] != only_value:
            raise _bad(f"invalid {name}: only {only_value} is allowed for this model")
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    if len(stops) > 5 or any(len(s.encode()) > 32 for s in stops):
        raise _bad("Invalid request: stop must hold at most 5 strings of at most 32 bytes")


def _check_tools(body: dict[str, Any], model: str, thinks: bool) -> None:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    for tool in tools:
        if tool["type"] not in {"function", "builtin_function"}:
            raise _bad(f"Invalid request: unsupported tool type {tool['type']}")
        name = tool["function"]["name"]
        # Moonshot's OpenAPI: 3 to 64 characters, a letter or an underscore first.
        if tool["type"] == "function" and not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{2,63}", name):
            raise _bad(
                f"Invalid request: function name is invalid, must match ^[a-zA-Z_][a-zA-Z0-9-_]{{2,63}}$: {name}"
            )
    if len(tools) > 128:
        raise _bad("Invalid request: at most 128 tools")
    # Probe matrix in UKGovernmentBEIS/inspect_ai#5152, 2026-08-31.
    if thinks and isinstance(choice, dict):
        raise _bad("tool_choice 'specified' is incompatible with thinking enabled")
    if thinks and choice == "required" and not model.startswith("kimi-k3"):
        raise _bad("tool_choice 'required' is incompatible with thinking enabled")


def _check_messages(body: dict[str, Any], thinks: bool) -> None:
    messages = body.get("messages") or []
    if not messages:
        raise _bad("Invalid request: messages must not be empty")
    for i, message in enumerate(messages):
        role, content, calls = message.get("role"), message.get("content"), message.get("tool_calls")
        if role not in {"system", "user", "assistant", "tool"}:
            raise _bad(f"Invalid request: unsupported role {role}")
        # MoonshotAI/kimi-code#1985, lobehub/lobehub#8419: the words; seen for turns that hold no tool call either.
        if content in ("", [], None) and not calls:
            raise _bad(f"Invalid request: the message at position {i} with role '{role}' must not be empty")
        if isinstance(content, list) and any(p.get("type") == "text" and not p.get("text") for p in content):
            raise _bad("Invalid request: text content is empty")
        # continuedev/continue#11600; an empty string counts as missing on k2.6: earendil-works/pi#4178.
        if thinks and calls and not message.get("reasoning_content"):
            text = f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {i}"
            raise _bad(text)
    # Public addresses are not fetched (big-AGI#1161): base64 data URLs and ms:// ids only.
    if any(not url.startswith(("data:image/", "ms://")) for url in images(body)):
        raise _bad("Invalid request: unsupported image url")


def _completion(body: dict[str, Any], said: Answer, thinks: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if thinks:
        message["reasoning_content"] = _thought()
    if said.calls:
        message["tool_calls"] = [_call(i, n, a) for i, (n, a) in enumerate(said.calls)]
    return {
        "id": "chatcmpl-fake-kimi",
        "object": "chat.completion",
        "created": CREATED,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        "usage": _usage(said),
    }


def _chunks(body: dict[str, Any], said: Answer, thinks: bool) -> list[dict[str, Any]]:
    """Usage stands inside the finish chunk's choice, and again in a chunk of its own if asked for."""
    head = {
        "id": "chatcmpl-fake-kimi",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": body["model"],
        "system_fingerprint": "fpv0_fake",
    }
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in text_pieces(_thought())] if thinks else []
    deltas += [{"content": piece} for piece in text_pieces(said.text)]
    for i, (name, arguments) in enumerate(said.calls):
        deltas.append({"tool_calls": [{"index": i, **_call(i, name, "")}]})
        deltas += [{"tool_calls": [{"index": i, "function": {"arguments": p}}]} for p in text_pieces(arguments)]
    out = [{**head, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    last = {"index": 0, "delta": {}, "finish_reason": said.finish, "usage": _usage(said)}
    out.append({**head, "choices": [last]})
    if (body.get("stream_options") or {}).get("include_usage"):
        out.append({**head, "choices": [], "usage": _usage(said)})
    return out


def _call(i: int, name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"{name}:{i}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(said: Answer) -> dict[str, Any]:
    """`cached_tokens` at the top level, not in the details (kimi-cli reads it there)."""
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
        "cached_tokens": 0,
    }


def _thought() -> str:
    return "用户想知道。"


ERRORS = {
    "limited": sample(error(429, "rate_limit_reached_error", "max organization concurrency reached"), "RateLimitError"),
    "quota": sample(
        error(429, "exceeded_current_quota_error", "Your account is suspended, please check your plan"),
        "RateLimitError",
        "insufficient_quota",
    ),
    "credential": sample(error(401, "incorrect_api_key_error", "Incorrect API key provided"), "AuthenticationError"),
    "credential missing": sample(
        error(401, "invalid_authentication_error", "Invalid Authentication"), "AuthenticationError"
    ),
    "permission": sample(error(403, "permission_denied_error", "Permission denied"), "PermissionDeniedError"),
    "policy": sample(
        error(400, "content_filter", "The request was rejected because it was considered high risk"),
        "BadRequestError",
        "content_filter",
    ),
    # Two of the refusals of parameters are told by their words only.
    "context": sample(_bad("Input token length too long"), "BadRequestError", "context_length_exceeded"),
    "context exceeded": sample(
        _bad("Your request exceeded model token limit: 262144 (requested: 300000)"),
        "BadRequestError",
        "context_length_exceeded",
    ),
    "model": sample(
        error(404, "resource_not_found_error", "Not found the model moonshot-v1-8k or Permission denied"),
        "NotFoundError",
        "model_not_found",
    ),
    "server": sample(error(500, "server_error", "Internal server error"), "InternalServerError"),
    "server unexpected_output": sample(error(500, "unexpected_output", "Unexpected output"), "InternalServerError"),
    "server 503": sample(error(503, "server_unavailable", "Server unavailable"), "InternalServerError"),
    "overloaded": sample(error(429, "engine_overloaded_error", "The engine is currently overloaded"), "RateLimitError"),
    "request": sample(_bad("Invalid request: messages must not be empty"), "BadRequestError"),
}


def _env(address: str) -> dict[str, str]:
    return {"MOONSHOT_API_KEY": "sk-fake-kimi", "MOONSHOT_BASE_URL": address + "/v1", "KIMI_BASE_URL": address + "/v1"}


VENDOR = Vendor("kimi", "/v1", serve, _env)
