"""360's Zhinao API, which sells other vendors' models too.

Facts from: npm @lobehub/lobehub 2.1.26 and model-bank, songquanpeng/one-api@8df4a267, open-compass/opencompass (the
error inside an answer), excerpts of ai.360.com's docs; read 2026-11-22.

Little is known, so little is refused: fields beyond OpenAI's pass, tools pass for every model, and so do streams with
tools, though LobeHub avoids them. No reasoning field is known, so the o1 models do not show what they think.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, answer, images, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_ranges, check_tools, check_turns, reply

KEY = "sk-fake-ai360"
# Own models have bare names, resold ones the vendor's before a slash; id -> context.
MODELS = {
    **dict.fromkeys(("360zhinao3-o1.5", "360zhinao2-o1.5", "360zhinao2-o1", "360gpt2-o1"), 128000),
    **dict.fromkeys(("360gpt2-pro", "360gpt-pro", "360gpt-turbo", "360zhinao-turbo"), 32000),
    "360zhinao-pro-32k-thinking-vision": 32000,
    "360gpt-pro-trans": 4000,
    **{f"volcengine/doubao-seed-2-0-{size}": 32000 for size in ("pro", "lite", "mini")},
}
SHAPE = Shape()


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "401", "Invalid API key")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "GET", "/v1/models":
            return Reply({"object": "list", "data": [_card(model) for model in MODELS]})
        case _:  # embedding_s1_v1 of 2024 is not confirmed
            raise error(404, "404", "The requested resource was not found")


def error(status: int, code: str, message: str) -> RefusalError:
    """Codes are strings; those given here repeat the status, for only 1005 is known."""
    return RefusalError(status, {"error": {"code": code, "message": message}})


def _bad(message: str) -> RefusalError:
    return error(400, "400", message)


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise _bad(f"model {model} does not exist")
    check_ranges(body, {"temperature": (0, 2)}, _bad)
    check_tools(body, _bad)
    check_turns(body, ("system", "user", "assistant", "tool"), _bad)
    if images(body) and "/" not in model and "vision" not in model:  # no other of its own is known to see
        raise _bad(f"{model} takes no images")
    said = answer(body)
    if FILTERED in prompt(body):  # no error is documented; OpenAI's shape has this reason to finish
        said = replace(said, text="", calls=(), finish="content_filter")
    return reply(body, said, SHAPE)


def _card(model: str) -> dict[str, Any]:
    """A model as the list has it; how long its answers may be is made up."""
    sizes = {"total_tokens": MODELS[model], "max_tokens": MODELS[model] // 4}
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "360", **sizes}


ERRORS = {
    "request": sample(error(400, "400", "Invalid request"), "BadRequestError"),
    "credential": sample(error(401, "401", "Invalid API key"), "AuthenticationError"),
    "quota": sample(error(402, "402", "Insufficient balance"), "RateLimitError", "insufficient_quota"),
    "limited": sample(error(429, "429", "Too many requests"), "RateLimitError"),
    "limited 1005": sample(error(200, "1005", "tokens per minute limit reached"), "RateLimitError"),
    "server": sample(error(500, "500", "Internal server error"), "InternalServerError"),
}


def _env(address: str) -> dict[str, str]:
    return {"AI360_API_KEY": KEY, "AI360_BASE_URL": address + "/v1"}


VENDOR = Vendor("ai360", "/v1", serve, _env)
