"""Google's Gemini at its address of OpenAI's shape.

Facts from: Google's documentation of it, of which little was read: address, key, the routes, the limits of `stop` and
`n`, own fields under `extra_body.google`, the refusal by region. All else that OpenAI's shape has is taken.
The ids of models and the bodies of other errors were not read: any `gemini-*` is served, and errors have Google's form.
"""

from __future__ import annotations

from typing import Any

from tests.fakes import shape
from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

KEY = "sk-fake-gemini"
ROOT = "/v1beta/openai"
MODELS = {"gemini-flash-latest", "gemini-pro-latest"}  # examples
ROLES = {"developer", "system", "user", "assistant", "tool", "function"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "UNAUTHENTICATED", "API key not valid. Please pass a valid API key.")
    match request.method, request.path.removeprefix(ROOT):
        case "POST", "/chat/completions":
            return _chat(request.body)
        case "POST", "/embeddings":
            _check_model(request.body)
            return shape.embeddings(request.body, request.body.get("dimensions") or 3072)
        case "GET", "/models":
            rows = [{"id": model, "object": "model", "owned_by": "google"} for model in sorted(MODELS)]
            return Reply({"object": "list", "data": rows})
        case _:
            raise error(404, "NOT_FOUND", "Not Found")


def error(status: int, name: str, message: str) -> RefusalError:
    return RefusalError(status, {"error": {"code": status, "message": message, "status": name}})


def _bad(message: str) -> RefusalError:
    return error(400, "INVALID_ARGUMENT", message)


def _check_model(body: dict[str, Any]) -> None:
    model = body.get("model", "").removeprefix("models/")
    if not model.startswith("gemini-"):
        raise error(404, "NOT_FOUND", f"models/{model} is not found for API version v1beta")


def _chat(body: dict[str, Any]) -> Reply:
    _check_model(body)
    stop = body.get("stop") or []
    if isinstance(stop, list) and len(stop) > 5:
        raise _bad("stop holds at most 5 strings")
    if not body.get("stream") and (body.get("n") or 1) >= 8:  # of streams nothing is said
        raise _bad("n must be less than 8")
    shape.check_turns(body, ROLES, _bad)
    shape.check_tools(body, _bad)
    if FILTERED in prompt(body):  # how the filter answers was not read
        raise _bad("The prompt was blocked.")
    return shape.reply(body, answer(body), shape.Shape())


def _env(address: str) -> dict[str, str]:
    return {"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": f"{address}{ROOT}/"}  # no name of an address was read


# The same trap as OpenAI's 403: the address of the caller is refused, not the request.
REGION = error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")
ERRORS = {"region": sample(REGION, "PermissionDeniedError")}

VENDOR = Vendor("gemini", ROOT, serve, _env)
