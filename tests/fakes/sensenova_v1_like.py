"""SenseNova's classic API (`/v1/llm`).

Facts from: sensenova 1.0.6 (requests captured on loopback, parsers), SenseCore's pages ChatCompletion, FunctionCalling
and ErrorCode (www.sensecore.cn/help), PyPI lazyllm 1.4.0 for codes 17 and 18.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, prompt, text_pieces
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

KEY_ID, SECRET = "2FAKEaccessKeyId", "fakeSecretAccessKey"
API_KEY = "fake-sensenova-api-key"  # taken as it is since 2024-10-30
TOOLS = {"SenseChat-5", "SenseChat-Turbo", "SenseChat-5-1202"}
VISION = {"SenseChat-Vision", "SenseNova-V6-Pro"}
THINKING = {"SenseNova-V6-Reasoner"}
MODELS = {"SenseChat", "SenseChat-32K", *TOOLS, *VISION, *THINKING}
FIELDS = {
    *("model", "messages", "max_new_tokens", "n", "repetition_penalty", "stream", "temperature", "top_p", "user"),
    *("tools", "tool_choice", "know_ids", "knowledge_config", "plugins"),
}
# From 11 on the page is cut: the statuses are those that belong to gRPC's numbers.
STATUS = {1: 408, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501}
STATUS |= {13: 500, 14: 503, 15: 500, 16: 401, 17: 400, 18: 400}


def serve(request: Request) -> Reply:
    """Answer one request."""
    _check_token(request.headers.get("authorization", ""))
    if (request.method, request.path) != ("POST", "/v1/llm/chat-completions"):
        raise error(5, "not found")
    body = request.body
    if body.get("model") not in MODELS:
        raise error(5, "model not found")
    _check_parameters(body)
    _check_messages(body)
    plain = _as_openai(body)
    if FILTERED in prompt(plain):
        raise error(18, "input is sensitive")
    said = answer(plain)
    thinks = body["model"] in THINKING
    if body.get("stream"):
        return Reply(events=tuple(_events(said, thinks)), space=False)
    choice: dict[str, Any] = {
        "index": 0,
        "role": "assistant",
        "message": said.text,
        "finish_reason": said.finish,
        **_calls(said),
        **({"reasoning_content": "想一想。"} if thinks else {}),
    }
    choices = [{**choice, "index": i} for i in range(body.get("n", 1))]
    return Reply({"data": {"id": "s-fake", "choices": choices, "usage": _usage(said)}})


def error(code: int, message: str) -> RefusalError:
    """The code is gRPC's number."""
    return RefusalError(STATUS[code], {"error": {"code": code, "message": message, "details": []}}, x_request_id="fake")


def _check_token(authorization: str) -> None:
    """Independent of our signer: the claims must fit the clock, and the signature the secret."""
    token = authorization.removeprefix("Bearer ")
    if token == API_KEY:
        return
    parts = token.split(".")
    if len(parts) != 3 or not authorization.startswith("Bearer "):
        raise error(16, "unauthenticated")
    signature = hmac.new(SECRET.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest()
    if base64.urlsafe_b64encode(signature).rstrip(b"=").decode() != parts[2]:
        raise error(16, "unauthenticated: bad signature")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    if header != {"alg": "HS256", "typ": "JWT"} or claims.get("iss") != KEY_ID:
        raise error(16, "unauthenticated: bad issuer")
    if not claims.get("nbf", 0) <= time.time() < claims["exp"]:
        raise error(16, "unauthenticated: token expired")


def _check_parameters(body: dict[str, Any]) -> None:
    for name in body.keys() - FIELDS:  # stricter than documented: the pages do not say what happens to other fields
        raise error(3, f"invalid argument: unknown field {name}")
    temperature, top_p = body.get("temperature", 0.8), body.get("top_p", 0.7)
    if not 0 < temperature <= 2 or round(temperature, 6) != temperature:
        raise error(3, "invalid temperature, should in (0,2].")
    if not 0 < top_p < 1:
        raise error(3, "invalid top_p, should in (0,1).")
    if not 0 < body.get("repetition_penalty", 1) <= 2:
        raise error(3, "invalid repetition_penalty, should in (0,2].")
    if not 1 <= body.get("n", 1) <= 4 or body.get("max_new_tokens", 1024) < 1:
        raise error(3, "invalid n or max_new_tokens")
    if body.get("tools") and body["model"] not in TOOLS:
        raise error(3, "tools are not supported by this model")
    if not isinstance(body.get("tool_choice", {}), dict):
        raise error(3, "tool_choice must be an object")


def _check_messages(body: dict[str, Any]) -> None:
    messages = body.get("messages") or []
    roles = {"system", "user", "assistant", *(["tool"] if body["model"] in TOOLS else [])}
    for message in messages:
        if message.get("role") not in roles:
            raise error(3, "invalid role")
        content = message.get("content")
        if isinstance(content, str):
            continue
        if isinstance(content, list) and body["model"] in VISION:
            for part in content:
                if part["type"] == "image_url" and not isinstance(part["image_url"], str):
                    raise error(3, "image_url must be a string")
            continue
        if content is not None or not message.get("tool_calls"):
            raise error(3, "content must be a string")
    if not messages or messages[-1]["role"] not in ("user", "tool"):
        raise error(3, "the last message must be of user or tool")


def _as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """What the canned answers understand."""
    messages = []
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            content = [{**p, "image_url": {"url": p["image_url"]}} if "image_url" in p else p for p in content]
        messages.append({**message, "content": content})
    return {"messages": messages, "tools": body.get("tools"), "max_tokens": body.get("max_new_tokens")}


def _calls(said: Answer) -> dict[str, Any]:
    calls = [
        {"index": i, "id": f"call_fake{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(said.calls)
    ]
    return {"tool_calls": calls} if calls else {}


def _events(said: Answer, thinks: bool) -> list[dict[str, Any]]:
    """Deltas are plain texts; the finish reason is empty until the end."""
    said_before: list[dict[str, Any]] = [{"delta": "", "reasoning_content": "想一想。"}] if thinks else []
    pieces = said_before + [{"delta": piece} for piece in text_pieces(said.text)]
    if said.calls:
        pieces.append({"delta": "", **_calls(said)})
    pieces.append({"delta": ""})
    out: list[dict[str, Any]] = []
    for i, piece in enumerate(pieces):
        finish = said.finish if i == len(pieces) - 1 else ""
        choice = {"index": 0, "role": "assistant", **piece, "finish_reason": finish}
        inner = {"id": "s-fake", "choices": [choice], "usage": _usage(said)}
        out.append({"data": inner, "status": {"code": 0, "message": "ok"}})
    return out


def _usage(said: Answer) -> dict[str, int]:
    total = said.prompt_tokens + said.completion_tokens
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "knowledge_tokens": 0,
        "total_tokens": total,
    }


ERRORS = {
    "limited": sample(error(8, "rpm limit"), "RateLimitError"),
    "credential": sample(error(16, "unauthenticated"), "AuthenticationError"),
    "permission": sample(error(7, "permission denied"), "PermissionDeniedError"),
    "policy": sample(error(18, "input is sensitive"), "BadRequestError", "content_filter"),
    "context": sample(error(17, "token limit"), "BadRequestError", "context_length_exceeded"),
    "model": sample(error(5, "model not found"), "NotFoundError", "model_not_found"),
    "server": sample(error(2, "internal"), "InternalServerError"),
    **{f"server {code}": sample(error(code, "internal"), "InternalServerError") for code in (4, 13, 15)},
    "server 1": sample(error(1, "cancelled"), "APIStatusError"),
    "overloaded": sample(error(14, "unavailable"), "InternalServerError"),
    "request": sample(error(3, "invalid argument"), "BadRequestError"),
    **{f"request {code}": sample(error(code, "invalid argument"), "BadRequestError") for code in (9, 11)},
    # What is not there does not come by asking again, as the SDK would do after a 501.
    "request 12": sample(error(12, "not implemented"), "BadRequestError"),
    # No 409 is handed on, for openai 0.28 repeats a call for ever on it: a duplicate stays one, calls that are in each
    # other's way may come later.
    "request 6": sample(error(6, "already exists"), "BadRequestError"),
    "limited 10": sample(error(10, "aborted"), "RateLimitError"),
}


def _env(address: str) -> dict[str, str]:
    return {
        "SENSENOVA_API_BASE": f"{address}/v1/llm",
        "SENSENOVA_ACCESS_KEY_ID": KEY_ID,
        "SENSENOVA_SECRET_ACCESS_KEY": SECRET,
    }


VENDOR = Vendor("sensenova_v1", "/v1/llm", serve, _env)
