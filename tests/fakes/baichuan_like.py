"""Baichuan's API.

Facts from: a copy of Baichuan's API docs on apifox (the portal itself could not be read), npm @lobehub/lobehub 2.1.26
and model-bank, songquanpeng/one-api@8df4a267, PyPI langchain-community 0.4.2 and ragflow (embeddings); read 2026-11-22.

Stricter than the vendor on purpose: OpenAI's fields that its docs do not have are refused where they are known to be
missing, so that a client which still sends them is found. What is only remembered (`tool_choice`, `response_format`)
is not enforced.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import Shape, check_ranges, check_tools, check_turns, embeddings, reply

KEY = "sk-fake-baichuan"
MEDICAL = ("Baichuan-M3-Plus", "Baichuan-M3", "Baichuan-M2-Plus", "Baichuan-M2")
# Documented to call functions: Baichuan3-Turbo and Baichuan4*; its long sibling is given the benefit of the doubt.
CALLING = ("Baichuan4", "Baichuan4-Turbo", "Baichuan4-Air", "Baichuan3-Turbo", "Baichuan3-Turbo-128k")
# id -> longest answer: 32,000 is documented for M3, and 2,048 for what is older than the medical models.
MODELS = {**dict.fromkeys(MEDICAL, 32000), **dict.fromkeys((*CALLING, "Baichuan2-Turbo"), 2048)}
UNDOCUMENTED = {"n", "seed", "stop", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"}
UNDOCUMENTED |= {"user", "stream_options"}
RANGES = {"temperature": (0, 1), "top_p": (0, math.nextafter(1, 0)), "top_k": (0, math.inf)}  # top_k is cut to 20
IGNORED = {"max_completion_tokens"}  # no word on it anywhere: it neither fails nor works
SHAPE = Shape(usage_fields={"search_count": 0})
REQUEST_ID = {"X-BC-Request-Id": "fake-request"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "invalid_api_key", "Incorrect API key provided")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "POST", "/v1/embeddings":
            return _embeddings(request.body)
        case "GET", "/v1/models":
            return Reply({"object": "list", "data": [_card(model) for model in MODELS]}, headers=REQUEST_ID)
        case _:
            raise error(404, "not_found", "The requested resource was not found")


def error(status: int, code: str, message: str) -> RefusalError:
    """The status and the message are documented; the code is not."""
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return RefusalError(status, {"error": body}, X_BC_Request_Id="fake-request")


def _bad(message: str) -> RefusalError:
    return error(400, "invalid_request", f"Invalid request: {message}")


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise _bad(f"model {model} does not exist")
    for name in sorted(UNDOCUMENTED & body.keys()):
        raise _bad(f"unknown parameter {name}")
    check_ranges(body, {**RANGES, "max_tokens": (1, MODELS[model])}, _bad)
    _check_tools(body, model)
    _check_messages(body, model)
    heard = {name: value for name, value in body.items() if name not in IGNORED}
    said = answer(heard)
    if FILTERED in prompt(body):  # no error is documented, only the reason to finish
        said = replace(said, text="", calls=(), finish="content_filter")
    return reply(heard, said, SHAPE, X_BC_Request_Id="fake-request")


def _check_tools(body: dict[str, Any], model: str) -> None:
    kinds = {tool.get("type") for tool in check_tools(body, _bad)}
    if kinds - {"function", "web_search", "retrieval"}:
        raise _bad("tools.type must be function, web_search or retrieval")
    if "function" in kinds and model not in CALLING:
        raise _bad(f"{model} does not support function calls")


def _check_messages(body: dict[str, Any], model: str) -> None:
    # `system` was added in 2024-05, after Baichuan2.
    system = () if model == "Baichuan2-Turbo" else ("system",)
    messages = check_turns(body, (*system, "user", "assistant", "tool"), _bad)
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    if any(part.get("type") != "text" for part in parts):
        raise _bad("content must be text")


def _card(model: str) -> dict[str, Any]:
    """A model as the list has it, without `id`."""
    window = 128000 if model.endswith("128k") else 32000
    return {
        "model": model,
        "max_input_length": window,
        "max_tokens": MODELS[model],
        "function_call": model in CALLING,
    }


def _embeddings(body: dict[str, Any]) -> Reply:
    """How long a text may be is disputed (512 or 8,192 tokens): any length passes."""
    if body.get("model") != "Baichuan-Text-Embedding":
        raise _bad(f"model {body.get('model')} does not exist")
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input") or []
    if not 1 <= len(texts) <= 16 or not all(isinstance(text, str) for text in texts):
        raise _bad("input must hold 1 to 16 strings")
    return replace(embeddings(body, 1024), headers=REQUEST_ID)


# Both 429 differ by their words only.
ERRORS = {
    "request": sample(error(400, "invalid_request", "Invalid request"), "BadRequestError"),
    "credential": sample(error(401, "invalid_api_key", "Incorrect API key provided"), "AuthenticationError"),
    "limited": sample(error(429, "rate_limit", "Rate limit reached"), "RateLimitError"),
    "quota": sample(error(429, "rate_limit", "Insufficient account balance"), "RateLimitError", "insufficient_quota"),
    "server": sample(error(500, "server_error", "Internal server error"), "InternalServerError"),
}


def _env(address: str) -> dict[str, str]:
    keys = dict.fromkeys(("BAICHUAN_API_KEY", "BAICHUAN_AUTH_TOKEN"), KEY)  # the second: langchain-community 0.4.2
    return keys | {"BAICHUAN_BASE_URL": address + "/v1"}


VENDOR = Vendor("baichuan", "/v1", serve, _env)
