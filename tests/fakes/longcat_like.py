"""Meituan's LongCat API.

Facts from: the platform docs of longcat.chat (chat page, pricing, change log), npm model-bank; read 2026-11-22.

Stricter than the vendor on purpose: OpenAI's fields that the chat page does not list are refused, so that a client
which still sends them is found. Tools pass: the page lacks them, clients use them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_ranges, check_tools, check_turns, reply

KEY = "sk-fake-longcat"
MODELS = ("LongCat-2.0", "LongCat-2.5-Preview")  # the LongCat-Flash family stopped on 2026-05-29
UNLISTED = {"max_completion_tokens", "reasoning_effort", "n", "seed", "presence_penalty", "frequency_penalty", "stop"}
UNLISTED |= {"logprobs", "top_logprobs", "response_format", "user"}
RANGES = {"temperature": (0, 1), "max_tokens": (1, 131072)}
SHAPE = Shape()  # only a stream of the Responses route, which is not served here, lacks its [DONE]


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "authentication_error", "invalid_api_key", "Invalid API key")
    match request.method, request.path:
        case "POST", "/openai/v1/chat/completions":
            return _chat(request.body)
        case "GET", "/openai/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "longcat"} for m in MODELS]
            return Reply({"object": "list", "data": models})
        case _:  # there are no embeddings
            raise error(404, "invalid_request_error", "not_found", "The requested resource was not found")


def error(status: int, kind: str, code: str, message: str) -> RefusalError:
    """The shape is documented; the words are not."""
    return RefusalError(status, {"error": {"message": message, "type": kind, "code": code}})


def _bad(message: str) -> RefusalError:
    return error(400, "invalid_request_error", "invalid_request", message)


def _chat(body: dict[str, Any]) -> Reply:
    if body.get("model") not in MODELS:
        raise _bad(f"model {body.get('model')} does not exist")
    for name in sorted(UNLISTED & body.keys()):
        raise _bad(f"unknown parameter {name}")
    check_ranges(body, RANGES, _bad)
    thinking = (body.get("thinking") or {}).get("type")
    if thinking not in {None, "enabled", "disabled"}:
        raise _bad("thinking.type must be enabled or disabled")
    check_tools(body, _bad)
    _check_messages(body)
    said = answer(body)
    if FILTERED in prompt(body):  # no error is documented; OpenAI's shape has this reason to finish
        said = replace(said, text="", calls=(), finish="content_filter")
    # What happens without the field is not documented; taken to think, since clients switch it off.
    return reply(body, said, SHAPE, thinks=thinking != "disabled")


def _check_messages(body: dict[str, Any]) -> None:
    """One text; that thoughts come back in tool turns is what clients do, and not enforced."""
    messages = check_turns(body, ("system", "user", "assistant", "tool"), _bad)
    if not all(isinstance(message.get("content") or "", str) for message in messages):
        raise _bad("content must be a string")


ERRORS = {
    "request": sample(error(400, "invalid_request_error", "invalid_request", "Invalid request"), "BadRequestError"),
    "credential": sample(
        error(401, "authentication_error", "invalid_api_key", "Invalid API key"), "AuthenticationError"
    ),
    "quota": sample(error(402, "quota", "quota", "Token quota is used up"), "RateLimitError", "insufficient_quota"),
    "permission": sample(error(403, "permission_error", "forbidden", "Access denied"), "PermissionDeniedError"),
    "limited": sample(error(429, "rate_limit_error", "rate_limit", "Too many requests"), "RateLimitError"),
    "server": sample(error(500, "server_error", "server_error", "Internal server error"), "InternalServerError"),
    "server 502": sample(error(502, "server_error", "server_error", "Bad gateway"), "InternalServerError"),
    "overloaded": sample(error(503, "server_error", "server_error", "Service unavailable"), "InternalServerError"),
}


def _env(address: str) -> dict[str, str]:
    return {"LONGCAT_API_KEY": KEY, "LONGCAT_BASE_URL": address + "/openai/v1"}


VENDOR = Vendor("longcat", "/openai/v1", serve, _env)
