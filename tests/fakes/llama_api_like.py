"""Meta's Llama API at its address of OpenAI's shape (`/compat/v1`), and the Meta Model API (`/v1`).

Facts from: litellm 1.109.1 and genai-prices 0.2.3, of which little was read: addresses and keys of both, and that the
models of the second are called muse-spark. All that OpenAI's shape has is taken. The ids of models were not read, so
their families are served; nor were the bodies of errors, so these are OpenAI's.
"""

from __future__ import annotations

from typing import Any

from tests.fakes import shape
from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.server import RefusalError, Reply, Request, Sample, Vendor

KEY = "sk-fake-llama-api"
ROOT = "/compat/v1"
# Which family an address serves. That the old one serves Llama models is told by its name only.
FAMILIES = {ROOT: "llama", "/v1": "muse-spark"}
MODELS = {"Llama-3.3-70B-Instruct"}  # an example, of the old address
ROLES = {"developer", "system", "user", "assistant", "tool", "function"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "invalid_api_key", "Invalid API key")
    root = request.path.removesuffix("/chat/completions")
    if request.method != "POST" or root == request.path or root not in FAMILIES:  # no other route was read
        raise error(404, None, "Not Found")
    return _chat(request.body, FAMILIES[root])


def error(status: int, code: str | None, message: str) -> RefusalError:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return RefusalError(status, {"error": body})


def _bad(message: str) -> RefusalError:
    return error(400, None, message)


def _chat(body: dict[str, Any], family: str) -> Reply:
    model = body.get("model", "")
    if not model.lower().startswith(family):
        raise error(404, "model_not_found", f"The model {model} does not exist")
    shape.check_turns(body, ROLES, _bad)
    shape.check_tools(body, _bad)
    if FILTERED in prompt(body):  # how a filter answers was not read
        raise error(400, "content_filter", "The prompt was blocked.")
    return shape.reply(body, answer(body), shape.Shape())


def _env(address: str) -> dict[str, str]:
    # META_API_KEY is the new address's; no names of addresses were read.
    return {"LLAMA_API_KEY": KEY, "META_API_KEY": KEY, "LLAMA_API_BASE": address + ROOT}


ERRORS: dict[str, Sample] = {}  # none was read

VENDOR = Vendor("llama_api", ROOT, serve, _env)
