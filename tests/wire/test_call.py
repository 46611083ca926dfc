"""Requests as SDKs send them."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.wire.call import CARRIED, MAX_BODY_BYTES
from llm_migrate.wire.exchange import RefusedError, parse_call

BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'


def refusal(method: str, path: str, content: bytes):
    with pytest.raises(RefusedError) as caught:
        parse_call(method, path, content)
    return caught.value.error


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/chat/completions", "/api/paas/v4/chat/completions/", "/v1/chat/completions?x=1"]
)
def test_a_chat_call_is_known_by_the_end_of_its_path(path):
    """Whatever base URL a program has, its chat calls are recognised."""
    call = parse_call("POST", path, BODY)

    assert (call.api, call.path, call.model, call.stream) == ("chat", "/chat/completions", "gpt-4o", False)


@pytest.mark.parametrize("name", ["my dep/a", "my%20dep%2Fa", "my%20dep/a"])
def test_a_deployment_in_the_path_is_the_model(name):
    """Azure routes by the deployment in the path, so it decides over the body; all SDKs' encodings are read."""
    call = parse_call("POST", f"/openai/deployments/{name}/chat/completions?api-version=2024-10-21", BODY)

    assert (call.path, call.model) == ("/chat/completions", "my dep/a")


@pytest.mark.parametrize(("api", "path"), [("chat", "/chat/completions"), ("embeddings", "/embeddings")])
def test_an_engine_in_the_path_is_the_model(api, path):
    """What a program calls `engine` openai 0.28 puts into the path, and no model into the body."""
    call = parse_call("POST", f"/v1/engines/gpt-3.5-turbo{path}", b'{"messages": [{"role": "user"}], "input": "a"}')

    assert (call.api, call.model) == (api, "gpt-3.5-turbo")


@pytest.mark.parametrize(
    ("path", "below"), [("/v1/models", "/models"), ("/openai/models", "/models"), ("/v1/models/m-1", "/models/m-1")]
)
def test_models_are_listed_and_looked_up(path, below):
    """GET /models and /models/ID are calls without a body."""
    call = parse_call("GET", path, b"")

    assert (call.api, call.path, call.body) == ("models", below, {})


@pytest.mark.parametrize(
    ("options", "wants"),
    [({"include_usage": True}, True), ({"include_usage": False}, False), ({}, False), (None, False)],
)
def test_the_wish_for_usage_is_read(options, wants):
    """Only include_usage = true is a wish for a usage chunk."""
    body = orjson.dumps({**orjson.loads(BODY), "stream": True, "stream_options": options})

    call = parse_call("POST", "/v1/chat/completions", body)

    assert (call.stream, call.wants_usage) == (True, wants)


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (b'{"model": ', None),
        (b"[1]", None),
        (b"", None),
        (b'{"model":"m","messages":[NaN]}', None),
        (b'{"model":"m","seed":' + b"1" * 10_000 + b"}", None),
        (b'{"model":"m","messages":' + b"[" * 3000 + b"]" * 3000 + b"}", None),
        (b'{"messages":[{"role":"user"}]}', "model"),
        (b'{"model":7,"messages":[{"role":"user"}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":"hi"}', "messages"),
        (b'{"model":"m","messages":[{"content":"x"}]}', "messages[0]"),
        (b'{"model":"m","messages":[{"role":"user"}],"stream":"yes"}', "stream"),
    ],
)
def test_an_unsound_chat_body_is_400_with_the_field(content, param):
    """S5: broken JSON, NaN, endless numbers, deep nesting and missing or mistyped fields are 400 in OpenAI's form."""
    error = refusal("POST", "/v1/chat/completions", content)

    assert (error.status, error.param, error.type) == (400, param, "invalid_request_error")


def test_an_unsound_body_is_not_repeated():
    """S3: the answer to broken JSON holds nothing of it."""
    error = refusal("POST", "/v1/chat/completions", b'{"model": "canary" "x"')

    assert b"canary" not in error.body()


def test_an_embeddings_call_needs_input():
    """Embeddings without input are 400."""
    assert refusal("POST", "/v1/embeddings", b'{"model":"m"}').param == "input"


def test_a_large_body_is_413():
    """R7: a body over 32 MiB is refused unread."""
    assert refusal("POST", "/v1/chat/completions", b" " * (MAX_BODY_BYTES + 1)).status == 413


@pytest.mark.parametrize("path", ["/nope", "/v1/models/a/b", "/"])
def test_an_unknown_path_is_404(path):
    """What is not served is said to be unknown, in OpenAI's form."""
    error = refusal("POST", path, b"{}")

    assert (error.status, error.code) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/v1/responses", "responses"),
        ("/v1/images/generations", "images"),
        ("/v1/files/file-1/content", "files"),
        ("/v1/uploads", "files"),
        ("/v1/completions", "completions"),
        ("/v1/threads/t/runs", "assistants"),
        ("/openai/deployments/dep/audio/speech?api-version=2024-10-21", "audio"),
    ],
)
def test_an_api_that_is_not_carried_is_known_by_name(path, api):
    """A call to another API of OpenAI is told apart from a wrong address, and its body is not read."""
    call = parse_call("POST", path, b"no JSON")

    assert (call.api, call.body, call.api in CARRIED) == (api, {}, False)


def test_another_method_is_405():
    """GET on a POST path is refused."""
    assert refusal("GET", "/v1/chat/completions", b"").status == 405
