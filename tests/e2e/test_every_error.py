"""Every error that a vendor documents, as the openai SDK would raise it: class, code, and what the engine does next."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from llm_migrate.config import Secret
from llm_migrate.wire.exchange import OpenAIError, parse_call, prepare, read_answer
from tests.fakes.served import SERVED, Served
from tests.fakes.server import Sample

SAMPLES = [
    pytest.param(served, sample, id=f"{served.fake}-{name}")
    for served in SERVED.values()
    for name, sample in served.module.ERRORS.items()
]
# What the SDK raises for a status; every other one from 500 on is an InternalServerError, the rest an APIStatusError.
CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
# Codes that a program looks at -> the class that decides about the next target.
OUTCOMES = {
    "insufficient_quota": "quota",
    "content_filter": "policy",
    "context_length_exceeded": "request",
    "model_not_found": "request",
}


def meaning(served: Served, sample: Sample) -> OpenAIError:
    """Return what an error answer is to our side."""
    fault = sample.fault
    call = parse_call("POST", "/v1/chat/completions", b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}')
    out = prepare(served.target(), call, model=served.models[0], secret=Secret(served.key), now_s=0.0)
    body = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
    found = read_answer(served.target(), call, out, fault.status or 200, dict(fault.headers), body)
    assert isinstance(found, OpenAIError), f"taken for an answer: {body!r}"
    return found


@pytest.mark.parametrize(("served", "sample"), SAMPLES)
def test_the_sdk_raises_what_the_vendor_means(served: Served, sample: Sample) -> None:
    """A program's `except openai.RateLimitError` and its look at `e.code` work as at OpenAI."""
    error = meaning(served, sample)

    raised = CLASSES.get(error.status, "InternalServerError" if error.status >= 500 else "APIStatusError")
    assert (raised, error.code if sample.code is not None else None) == (sample.raises, sample.code)
    assert hasattr(openai, raised)
    if sample.code in OUTCOMES:
        assert error.outcome == OUTCOMES[sample.code]


@pytest.mark.parametrize(("served", "sample"), SAMPLES)
def test_an_error_is_whole(served: Served, sample: Sample) -> None:
    """R11: the four fields are there and typed, and the message names the target and keeps the vendor's words."""
    error = meaning(served, sample)

    body: dict[str, Any] = json.loads(error.body())["error"]
    assert isinstance(body["message"], str) and f"[{served.fake}" in body["message"]
    assert isinstance(body["type"], str)
    assert all(body[name] is None or isinstance(body[name], str) for name in ("param", "code"))
