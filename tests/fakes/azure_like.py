"""Azure OpenAI: classic deployment addresses with api-version, and the v1 address.

Facts from: github.com/MicrosoftDocs/azure-ai-docs articles/foundry/openai (reference, api-version-lifecycle,
content-filter, how-to/troubleshoot, how-to/web-search); the empty first chunk: langfuse/langfuse#2833,
pydantic/pydantic-ai#164. What a request may hold is OpenAI's: which dated version brought which parameter is not known,
so each takes all.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes import openai_like
from tests.fakes.answers import FILTERED, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

# The customer names the deployments; the answer names the model behind.
DEPLOYMENTS = {
    "desk-gpt4o": "gpt-4o-2024-08-06",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "text-embedding-3-small": "text-embedding-3-small",
}
CLASSIC = re.compile(r"/openai/deployments/(?P<deployment>[^/]+)/(?P<api>chat/completions|embeddings)")
DENIED = "Access denied due to invalid subscription key or wrong API endpoint."
NO_DEPLOYMENT = "The API deployment for this resource does not exist."
V1 = re.compile(r"/openai/v1/(?P<api>chat/completions|embeddings)")


def serve(request: Request) -> Reply:
    """Answer one request."""
    classic = CLASSIC.fullmatch(request.path)
    found = classic or V1.fullmatch(request.path)
    # Classic: the key stands in `api-key` (a bearer there is an Entra token); v1 takes the key as a bearer too.
    authorization = request.headers.get("authorization", "")
    bearer = authorization.removeprefix("Bearer ") if authorization.startswith("Bearer ") else ""
    if (request.headers.get("api-key") or bearer) in {"", "wrong"}:
        raise error(401, "401", DENIED)
    # A bad path and a missing api-version give the same words.
    if not found or (classic and not re.match(r"\d{4}-\d\d-\d\d", request.query.get("api-version", ""))):
        raise error(404, "404", "Resource not found")
    body = openai_like.read_body(request)
    deployment = classic["deployment"] if classic else body.get("model")
    if deployment not in DEPLOYMENTS:
        raise error(404, "DeploymentNotFound", NO_DEPLOYMENT)
    model = DEPLOYMENTS[deployment]
    if found["api"] == "embeddings":
        return openai_like.embeddings({**body, "model": model})
    return _chat(body, model)


def error(status: int, code: str, message: str, **headers: str) -> RefusalError:
    """Azure's own errors; those of the model are OpenAI's."""
    return RefusalError(status, {"error": {"code": code, "message": message}}, **headers)


def _chat(body: dict[str, Any], model: str) -> Reply:
    if "web_search_options" in body:  # how-to/web-search: a tool of the Responses API instead
        raise openai_like.error(400, "Unrecognized request argument supplied: web_search_options")
    openai_like.check_chat({**body, "model": model})
    if FILTERED in prompt(body):
        raise _content_filter()
    reply = openai_like.chat(body, model)
    if reply.events is None:
        for choice in reply.payload["choices"]:
            choice["content_filter_results"] = _verdicts()
        reply.payload["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _verdicts()}]
        return reply
    # The first chunk has no choice, and empty names: code that reads choices[0] without a look fails on it.
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _verdicts()}],
    }
    return Reply(events=(first, *reply.events), headers=reply.headers)


def _content_filter() -> RefusalError:
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry."
    )
    inner = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"violence": {"filtered": True, "severity": "high"}},
    }
    error = {"message": message, "type": None, "param": "prompt", "code": "content_filter", "status": 400}
    return RefusalError(400, {"error": {**error, "innererror": inner}})


def _verdicts() -> dict[str, Any]:
    return {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}


_LIMIT = (
    "Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your current pricing tier. "
    "Please retry after 1 seconds."
)
ERRORS = {
    "limited": sample(error(429, "429", _LIMIT, retry_after="1", retry_after_ms="20"), "RateLimitError"),
    "credential": sample(error(401, "401", DENIED), "AuthenticationError"),
    # The gateway before it has a body of its own.
    "credential apim": sample(RefusalError(401, {"statusCode": 401, "message": DENIED}), "AuthenticationError"),
    "permission": sample(error(403, "403", "The resource has been temporarily blocked."), "PermissionDeniedError"),
    "policy": sample(_content_filter(), "BadRequestError", "content_filter"),
    "context": openai_like.ERRORS["context"],
    "model": sample(error(404, "DeploymentNotFound", NO_DEPLOYMENT), "NotFoundError", "model_not_found"),
    "model retired": sample(error(410, "410", "Gone"), "NotFoundError"),
    "path": sample(error(404, "404", "Resource not found"), "NotFoundError"),
    "server": sample(error(500, "500", "Internal server error"), "InternalServerError"),
    "server 408": sample(error(408, "408", "The operation was timeout."), "APIStatusError"),
    "overloaded": sample(error(503, "503", "Service unavailable"), "InternalServerError"),
    "request": sample(
        openai_like.error(400, "Unsupported parameter: 'max_tokens'", param="max_tokens", code="unsupported_parameter"),
        "BadRequestError",
    ),
    "request operation": sample(
        error(400, "OperationNotSupported", "The operation does not work with the specified model."), "BadRequestError"
    ),
}


def _env(address: str) -> dict[str, str]:
    return {
        "AZURE_OPENAI_API_KEY": "fake-azure-key",
        "AZURE_OPENAI_ENDPOINT": address,
        "OPENAI_API_VERSION": "2024-06-01",
    }


VENDOR = Vendor("azure", "/openai/v1", serve, _env)
