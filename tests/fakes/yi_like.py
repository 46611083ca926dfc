"""01.AI's Yi API (lingyiwanwu).

Facts from: npm @lobehub/lobehub 2.1.26 and model-bank, desirecore/config-center@b8f8f0a (2026-04), PyPI
langchain-community 0.4.2, api-evangelist/01-ai; read 2026-11-22. Whether the API is still alive was not verified.

OpenAI's fields that its docs may lack (n, seed, penalties, logit_bias, response_format, stream_options) pass, since
nobody says that they are refused: LobeHub sends every parameter unchanged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, images, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_tools, check_turns, chunks, completion

KEY = "sk-fake-yi"
LEGACY = {f"yi-{m}" for m in ("large", "large-turbo", "large-fc", "large-rag", "medium", "medium-200k", "spark")}
MODELS = {"yi-lightning", "yi-vision-v2"} | LEGACY
SHAPE = Shape()


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "invalid_api_key", "Incorrect API key provided")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "GET", "/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "01.ai"} for m in sorted(MODELS)]
            return Reply({"object": "list", "data": models})
        case _:  # there are no embeddings
            raise error(404, "not_found", "The requested resource was not found")


def error(status: int, code: str, message: str) -> RefusalError:
    """Errors have OpenAI's shape; only their statuses are known."""
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return RefusalError(status, {"error": body})


def _bad(message: str) -> RefusalError:
    return error(400, "invalid_request", message)


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise error(404, "model_not_found", f"The model {model} does not exist")
    # desirecore/config-center@b8f8f0a: no other model calls functions.
    if check_tools(body, _bad) and model != "yi-large-fc":
        raise _bad(f"{model} does not support tools")
    check_turns(body, ("system", "user", "assistant", "tool"), _bad)
    if images(body) and model != "yi-vision-v2":
        raise _bad(f"{model} does not support images")
    # The longest answer is 4,096 tokens "for most" models, which are not named: any length passes.
    said = answer(body)
    if FILTERED in prompt(body):  # no error is known, only the reason to finish, and that from memory
        said = replace(said, text="", calls=(), finish="content_filter")
    if body.get("stream"):
        return Reply(events=tuple(_chunks(body, said)))
    return Reply(completion(body, said, SHAPE))


def _chunks(body: dict[str, Any], said: Answer) -> list[dict[str, Any]]:
    """Beside the deltas stand the text so far and a flag for the end, as remembered of the first versions."""
    out, text = chunks(body, said, SHAPE), ""
    for chunk in out:
        text += "".join(choice["delta"].get("content", "") for choice in chunk["choices"])
        chunk |= {"content": text, "lastOne": any(choice["finish_reason"] for choice in chunk["choices"])}
    return out


ERRORS = {
    "request": sample(error(400, "invalid_request", "Invalid request"), "BadRequestError"),
    "credential": sample(error(401, "invalid_api_key", "Incorrect API key provided"), "AuthenticationError"),
    "not found": sample(error(404, "not_found", "The requested resource was not found"), "NotFoundError"),
    "limited": sample(error(429, "rate_limit", "Rate limit reached"), "RateLimitError"),
    "server": sample(error(500, "server_error", "Internal server error"), "InternalServerError"),
    "overloaded": sample(error(529, "overloaded", "The system is busy"), "InternalServerError"),
}


def _env(address: str) -> dict[str, str]:
    keys = dict.fromkeys(("YI_API_KEY", "ZEROONE_API_KEY"), KEY)  # the second: LobeHub
    return keys | {"YI_API_BASE_URL": address + "/v1"}  # camel-ai


VENDOR = Vendor("yi", "/v1", serve, _env)
