"""StepFun's API.

Facts from: the docs of platform.stepfun.com, api-evangelist/stepfun (price page of 2026-10-07), npm @lobehub/lobehub
2.1.26 and model-bank; read 2026-11-22.

Stricter than the vendor on purpose: OpenAI's fields that are not in its page are refused, so that a client which still
sends them is found. Streams with tools pass: LobeHub avoids them, the docs show them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_ranges, check_tools, check_turns, reply

KEY = "sk-fake-stepfun"
VISION = {"step-5-preview", "step-3.7-flash", "step-1o-turbo-vision"}
# step-1*, step-1v*, step-2*, step-3 ended on 2026-07-08. -2603 is on the price page, though one client has it only
# on the plan's route.
MODELS = VISION | {"step-3.5-flash", "step-3.5-flash-2603"}
EFFORTS = {"step-3.7-flash": {"low", "medium", "high"}, "step-3.5-flash-2603": {"low", "high"}}
UNLISTED = {"presence_penalty", "seed", "logit_bias", "logprobs", "top_logprobs", "user", "parallel_tool_calls"}
UNLISTED |= {"max_completion_tokens"}
RANGES = {"temperature": (0, 2), "frequency_penalty": (0, 1)}  # n above 5 is advised against, not refused
REASONING = {"general": "reasoning", "deepseek-style": "reasoning_content"}
# `cached_tokens` stands beside the totals. The count is made up, so that it can be seen to arrive.
SHAPE = Shape(usage_fields={"cached_tokens": 1})


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "invalid_api_key", "Incorrect API key provided")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "GET", "/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "stepai"} for m in sorted(MODELS)]
            return Reply({"object": "list", "data": models})
        case _:  # there are no embeddings
            raise error(404, "not_found", "The requested resource was not found")


def error(status: int, kind: str, message: str) -> RefusalError:
    """There is a `type`, and no `code`."""
    return RefusalError(status, {"error": {"message": message, "type": kind}})


def _bad(message: str) -> RefusalError:
    return error(400, "invalid_request", message)


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise error(404, "not_found", f"The model {model} does not exist")
    for name in sorted(UNLISTED & body.keys()):
        raise _bad(f"unknown parameter {name}")
    check_ranges(body, RANGES, _bad)
    _check_format(body, model)
    _check_tools(body)
    _check_messages(body, model)
    if FILTERED in prompt(body):
        raise error(451, "content_moderation", "The content you provided was blocked by content moderation")
    return reply(body, answer(body), _shape(body), thinks=_thinks(body, model))


def _check_format(body: dict[str, Any], model: str) -> None:
    form = (body.get("response_format") or {}).get("type", "text")
    if form not in {"text", "json_object"} and (form, model) != ("json_schema", "step-5-preview"):
        raise _bad(f"response_format {form} is not supported by {model}")
    effort = body.get("reasoning_effort")
    # For models without a list nothing is said, so anything passes.
    if effort is not None and effort not in EFFORTS.get(model, {effort}):
        raise _bad(f"reasoning_effort {effort} is not supported by {model}")
    if body.get("reasoning_format") not in {None, *REASONING}:
        raise _bad("reasoning_format must be general or deepseek-style")


def _check_tools(body: dict[str, Any]) -> None:
    for tool in check_tools(body, _bad):
        if tool.get("type") not in {"function", "web_search"}:
            raise _bad("tools.type must be function or web_search")
        if tool["type"] == "web_search" and not tool.get("function", {}).get("description"):
            raise _bad("web_search needs function.description")


def _check_messages(body: dict[str, Any], model: str) -> None:
    messages = check_turns(body, ("system", "user", "assistant", "tool"), _bad)
    kinds = {"text", "image_url", "video_url", "input_audio"} if model in VISION else {"text"}
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    if any(part.get("type") not in kinds for part in parts):
        raise _bad(f"{model} takes {', '.join(sorted(kinds))} only")


def _shape(body: dict[str, Any]) -> Shape:
    """Where the thoughts stand is asked for; that `general` is the default is taken from clients that ask."""
    return replace(SHAPE, reasoning=REASONING[body.get("reasoning_format") or "general"])


def _thinks(body: dict[str, Any], model: str) -> bool:
    """step-3.7-flash cannot stop; others than those with a list of efforts do when asked."""
    return model in EFFORTS or body.get("reasoning_effort") is not None


# Statuses are documented; of the types only invalid_api_key is.
ERRORS = {
    "request": sample(error(400, "invalid_request", "Invalid request"), "BadRequestError"),
    "credential": sample(error(401, "invalid_api_key", "Incorrect API key provided"), "AuthenticationError"),
    "quota": sample(
        error(402, "quota", "Your account balance is insufficient"), "RateLimitError", "insufficient_quota"
    ),
    "not found": sample(error(404, "not_found", "The requested resource was not found"), "NotFoundError"),
    "limited": sample(error(429, "rate_limit", "You have reached the request limit"), "RateLimitError"),
    "policy": sample(
        error(451, "content_moderation", "Blocked by content moderation"), "BadRequestError", "content_filter"
    ),
    "server": sample(error(500, "server_error", "Internal server error"), "InternalServerError"),
    "overloaded": sample(error(503, "server_error", "The service is not available"), "InternalServerError"),
    "server 504": sample(error(504, "server_error", "The server took too long"), "InternalServerError"),
}


def _env(address: str) -> dict[str, str]:
    return {"STEPFUN_API_KEY": KEY, "STEPFUN_BASE_URL": address + "/v1"}


VENDOR = Vendor("stepfun", "/v1", serve, _env)
