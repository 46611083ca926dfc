"""SenseNova's token platform (`token.sensenova.cn/v1`).

Facts from: platform.sensenova.cn/docs as quoted, with live refusals, by mimo2codex 0.4.10 (doc/sensenova.md: parameter
list), npm model-bank 1.0.20260927 (models), OpenSenseNova/SenseNova6.8 README, PyPI lazyllm 1.4.0 (types and codes).

The vendor itself refuses what its list of parameters lacks, and seldom says why (mimo2codex of Flash-Lite, README of
github.com/pgciq/pi-opencode-native of the whole gateway). For the models of others the field response_format passes,
for nothing is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, answer, images, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_fields, check_ranges, check_tools, check_turns, reply

KEY = "sk-fake-sensenova"
FLASH = "sensenova-6.8-flash-lite"  # 6.7 left the list by 2026-09-22
# Id -> context and longest answer in tokens.
MODELS = {
    **dict.fromkeys((FLASH, "deepseek-v4-flash"), (262144, 65536)),
    **dict.fromkeys(("deepseek-v4-pro", "glm-5.2", "kimi-k3"), (262144, 131072)),  # 64K to 128K, by which is not known
}
VISION = {FLASH, "kimi-k3"}  # of Flash-Lite it is documented, and one user denies it
FIELDS = {
    *("model", "messages", "temperature", "top_p", "stop", "n", "seed", "tools", "tool_choice", "parallel_tool_calls"),
    *("stream", "stream_options", "reasoning_effort"),
}
PENALTIES = {"presence_penalty", "frequency_penalty"}
PICTURES = ("data:image/jpeg", "data:image/jpg", "data:image/png", "data:image/webp")
SHAPE = Shape(reasoning="reasoning")  # the models of others: reasoning_content
VAGUE = "Errors in message queue response"
STATUS = {"3": 400, "5": 404, "7": 403, "8": 429, "13": 500, "14": 503, "16": 401, "17": 400, "18": 400}
KINDS = {"16": "authentication_error", "5": "not_found_error"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error("16", "Authorization Not Found" if "authorization" not in request.headers else "unauthenticated")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "GET", "/v1/models":
            return Reply({"object": "list", "data": [_card(name) for name in MODELS]})
        case _:  # there are no embeddings
            raise error("5", "not found")


def error(code: str, message: str) -> RefusalError:
    """The code is gRPC's number, as text; for those but 3 and 16 that is carried over from the classic API."""
    body = {"message": message, "type": KINDS.get(code, "invalid_request_error"), "code": code}
    return RefusalError(STATUS[code], {"error": body})


def _bad(_: str) -> RefusalError:
    return error("3", VAGUE)


def _card(model: str) -> dict[str, Any]:
    context, most = MODELS[model]
    more = {"context_length": context, "max_output_length": most, "pricing": {"prompt": "0", "completion": "0"}}
    modalities = {"input_modalities": ["text", "image"] if model in VISION else ["text"]}
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "sensenova", **more, **modalities}


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise error("5", "model not found")
    _check_fields(body, model)
    _check_messages(body, model)
    _check_pictures(body, model)
    if FILTERED in prompt(body):  # the code is that of the classic API
        raise error("18", "input is sensitive")
    said = answer(body)
    if said.prompt_tokens > MODELS[model][0]:
        raise error("17", "input tokens exceed the limit")
    shape = SHAPE if model == FLASH else replace(SHAPE, reasoning="reasoning_content")
    return reply(body, said, shape, thinks=body.get("reasoning_effort") != "none")


def _check_fields(body: dict[str, Any], model: str) -> None:
    most = MODELS[model][1]
    if model == "kimi-k3":
        check_fields(body, FIELDS | {"max_completion_tokens", "response_format"}, _bad)
        only = {"temperature": (1, 1), "top_p": (0.95, 0.95), "max_completion_tokens": (1, most)}
        check_ranges(body, only, _bad)
    else:  # glm-5.2 is told not to think by its effort: its `thinking` fails as any unlisted field does
        more = {"max_tokens"} if model == FLASH else {"max_tokens", "response_format"}
        check_fields(body, FIELDS | PENALTIES | more, _bad)
    check_ranges(body, {"temperature": (0, 2)}, lambda _: error("3", "invalid temperature, should in [0,2]."))
    if (body.get("max_tokens") or 1) > most:
        raise error("3", f"max_tokens exceeds upper bound {most}")
    check_ranges(body, {"max_tokens": (1, most), "top_p": (0, 1)}, _bad)
    if any("strict" in tool.get("function", {}) for tool in check_tools(body, _bad)):
        raise _bad("strict is not in the schema")


def _check_messages(body: dict[str, Any], model: str) -> None:
    messages = check_turns(body, ("system", "user", "assistant", "tool"), _bad)
    if sum(message["role"] == "system" for message in messages) > 1:
        raise _bad("one system message at most")
    if any("content" in message and message["content"] is None for message in messages):
        raise _bad("content may be left out, and not be null")


def _check_pictures(body: dict[str, Any], model: str) -> None:
    """JPEG, PNG or WebP, at an address or as a data URL; kimi-k3 takes the second only."""
    seen = images(body)
    data = [url for url in seen if url.startswith("data:")]
    if seen and (model not in VISION or (model == "kimi-k3" and len(data) < len(seen))):
        raise _bad("image_url is not supported")
    if any(not url.startswith(PICTURES) for url in data):
        raise _bad("image must be JPEG, PNG or WebP")


ERRORS = {
    # That a plan's points are used up is a 429 too, and nothing tells it from a rate: there is no "quota" here.
    "limited": sample(error("8", "rate limit exceeded"), "RateLimitError"),
    "credential": sample(error("16", "Authorization Not Found"), "AuthenticationError"),
    "permission": sample(error("7", "permission denied"), "PermissionDeniedError"),
    "policy": sample(error("18", "input is sensitive"), "BadRequestError", "content_filter"),
    "context": sample(error("17", "input tokens exceed the limit"), "BadRequestError", "context_length_exceeded"),
    "model": sample(error("5", "model not found"), "NotFoundError", "model_not_found"),
    "server": sample(error("13", "internal"), "InternalServerError"),
    "overloaded": sample(error("14", "unavailable"), "InternalServerError"),
    "request": sample(error("3", VAGUE), "BadRequestError"),
    "request temperature": sample(error("3", "invalid temperature, should in [0,2]."), "BadRequestError"),
}


def _env(address: str) -> dict[str, str]:
    return {"SENSENOVA_API_KEY": KEY, "SN_API_KEY": KEY, "SN_BASE_URL": address + "/v1"}


VENDOR = Vendor("sensenova", "/v1", serve, _env)
