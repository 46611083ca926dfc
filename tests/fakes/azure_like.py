"""Azure OpenAI: classic deployment addresses with api-version, and the v1 address.

Facts from: github.com/MicrosoftDocs/azure-ai-docs articles/foundry/openai (reference, api-version-lifecycle,
content-filter, how-to/troubleshoot); the empty first chunk: langfuse/langfuse#2833, pydantic/pydantic-ai#164.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes import openai_like
from tests.fakes.answers import FILTERED, prompt
from tests.fakes.server import RefusalError, Reply, Request, Vendor

# The customer names the deployments; the answer names the model behind.
DEPLOYMENTS = {
    "desk-gpt4o": "gpt-4o-2024-05-13",
    "gpt-4o": "gpt-4o-2024-05-13",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "text-embedding-3-small": "text-embedding-3-small",
}
CLASSIC = re.compile(r"/openai/deployments/(?P<deployment>[^/]+)/(?P<api>chat/completions|embeddings)")
V1 = re.compile(r"/openai/v1/(?P<api>chat/completions|embeddings)")


def serve(request: Request) -> Reply:
    """Answer one request."""
    classic = CLASSIC.fullmatch(request.path)
    found = classic or V1.fullmatch(request.path)
    # Classic: the key stands in `api-key` (a bearer there is an Entra token); v1 takes the key as a bearer too.
    bearer = request.headers.get("authorization", "").startswith("Bearer ")
    if not request.headers.get("api-key") and not bearer:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        raise RefusalError(401, {"error": {"code": "401", "message": message}})
    # A bad path and a missing api-version give the same words.
    if not found or (classic and not re.match(r"\d{4}-\d\d-\d\d", request.query.get("api-version", ""))):
        raise RefusalError(404, {"error": {"code": "404", "message": "Resource not found"}})
    body = openai_like.read_body(request)
    deployment = classic["deployment"] if classic else body.get("model")
    if deployment not in DEPLOYMENTS:
        message = "The API deployment for this resource does not exist."
        raise RefusalError(404, {"error": {"code": "DeploymentNotFound", "message": message}})
    model = DEPLOYMENTS[deployment]
    if found["api"] == "embeddings":
        return openai_like.embeddings({**body, "model": model})
    return _chat(body, model)


def _chat(body: dict[str, Any], model: str) -> Reply:
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


def _env(address: str) -> dict[str, str]:
    return {
        "AZURE_OPENAI_API_KEY": "fake-azure-key",
        "AZURE_OPENAI_ENDPOINT": address,
        "OPENAI_API_VERSION": "2024-06-01",
    }


VENDOR = Vendor("azure", "/openai/v1", serve, _env)
