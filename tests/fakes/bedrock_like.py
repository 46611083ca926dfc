"""Amazon Bedrock at its address of OpenAI's shape (`bedrock-runtime.{region}.amazonaws.com/openai/v1`).

Facts from: Amazon's documentation and openai-python 3.54.0, of which little was read: address, key, and that OpenAI's
own closed models are sold there. All that OpenAI's shape has is taken. How the ids of models are spelt was not read, so
`openai.` may stand before them; nor were the bodies of errors, so these are OpenAI's. Requests signed by SigV4 instead
of a key are not served.
"""

from __future__ import annotations

from typing import Any

from tests.fakes import shape
from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.server import RefusalError, Reply, Request, Sample, Vendor

KEY = "sk-fake-bedrock"
ROOT = "/openai/v1"
MODELS = {"gpt-5.6-sol", "gpt-6-luna", "gpt-6.1-sol"}
ROLES = {"developer", "system", "user", "assistant", "tool", "function"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "invalid_api_key", "The security token included in the request is invalid.")
    if (request.method, request.path) != ("POST", ROOT + "/chat/completions"):  # no other route was read
        raise error(404, None, "Not Found")
    return _chat(request.body)


def error(status: int, code: str | None, message: str) -> RefusalError:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return RefusalError(status, {"error": body})


def _bad(message: str) -> RefusalError:
    return error(400, None, message)


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model.removeprefix("openai.") not in MODELS:
        raise error(404, "model_not_found", f"The model '{model}' does not exist")
    shape.check_turns(body, ROLES, _bad)
    shape.check_tools(body, _bad)
    if FILTERED in prompt(body):  # how a filter answers was not read
        raise error(400, "content_filter", "The prompt was blocked.")
    return shape.reply(body, answer(body), shape.Shape())


def _env(address: str) -> dict[str, str]:
    return {"AWS_BEARER_TOKEN_BEDROCK": KEY, "BEDROCK_BASE_URL": address + ROOT}  # no name of an address was read


ERRORS: dict[str, Sample] = {}  # none was read

VENDOR = Vendor("bedrock", ROOT, serve, _env)
