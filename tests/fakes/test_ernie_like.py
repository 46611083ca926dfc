"""The fake of Baidu's V2 is as strict as Baidu documents it, and its token service issues what it takes."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.fakes import ernie_like as ernie
from tests.fakes.answers import FILTERED
from tests.fakes.ernie_v1_like import KEY_ID, SECRET
from tests.fakes.server import RefusalError, Reply, Request
from tests.fakes.shape import THOUGHT

TURN = {"role": "user", "content": "hello"}
SAID = {"role": "assistant", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}


def ask(path: str = "/v2/chat/completions", key: str = ernie.KEY, method: str = "POST", **fields: Any) -> Reply:
    """Send a request to the fake."""
    body = json.dumps({"model": "ernie-5.1", "messages": [TURN], **fields}).encode()
    return ernie.serve(Request(method, path, {}, {"authorization": f"Bearer {key}"}, body))


def refusal(**fields: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    with pytest.raises(RefusalError) as caught:
        ask(**fields)
    return caught.value.reply.status, caught.value.reply.payload["error"]["code"]


def signed(life_s: str = "43200", secret: str = SECRET) -> Request:
    """A request for a bearer token, signed by this test's own reading of bce-auth-v1."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    prefix = f"bce-auth-v1/{KEY_ID}/{now}/300"
    canonical = f"GET\n/v1/BCE-BEARER/token\nexpireInSeconds={life_s}\nhost:iam.test"
    key = hmac.new(secret.encode(), prefix.encode(), hashlib.sha256).hexdigest()
    signature = hmac.new(key.encode(), canonical.encode(), hashlib.sha256).hexdigest()
    headers = {"host": "iam.test", "authorization": f"{prefix}/host/{signature}"}
    return Request("GET", "/v1/BCE-BEARER/token", {"expireInSeconds": life_s}, headers, b"")


def test_a_plain_question_is_answered() -> None:
    """A model that does not think says only the words, and the limits stand in the headers."""
    answered = ask()

    assert answered.payload["choices"][0]["message"] == {"role": "assistant", "content": "收到: hello"}
    assert answered.headers["X-Ratelimit-Limit-Requests"]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"key": "wrong"}, (401, "invalid_iam_token")),
        ({"model": "gpt-4o"}, (401, "invalid_model")),
        ({"model": ""}, (400, "invalid_model")),
        ({"model": "ernie-5.0"}, (403, "model_offline")),
        ({"path": "/v2/audio/speech"}, (404, "not_found")),
        ({"path": "/v2/models", "method": "GET", "key": "wrong"}, (403, "AccessDenied")),
        ({"method": "GET"}, (405, "method_not_supported")),
        ({"max_tokens": 5}, (400, "invalid_argument")),
        ({"n": 1}, (400, "invalid_argument")),
        ({"logprobs": True}, (400, "invalid_argument")),
        ({"store": True}, (400, "invalid_argument")),
        ({"service_tier": "auto"}, (400, "invalid_argument")),
        ({"max_completion_tokens": 65537}, (400, "invalid_argument")),
        ({"temperature": 2.5}, (400, "invalid_argument")),
        ({"seed": 0}, (400, "invalid_argument")),
        ({"stop": "END"}, (400, "invalid_argument")),
        ({"stop": ["1", "2", "3", "4", "5"]}, (400, "invalid_argument")),
        ({"stop": ["x" * 21]}, (400, "invalid_argument")),
        ({"response_format": "json_object"}, (400, "invalid_argument")),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, (400, "invalid_argument")),
        ({"metadata": {"a": 1}}, (400, "invalid_argument")),
        ({"model": "ernie-novel-8k", "tools": [TOOL]}, (400, "invalid_argument")),
        ({"messages": [TURN, TURN]}, (400, "invalid_messages")),
        ({"messages": [TURN, SAID]}, (400, "invalid_messages")),
        ({"messages": [SAID, TURN]}, (400, "invalid_messages")),
        ({"messages": [TURN, SAID, {"role": "system", "content": "x"}, TURN]}, (400, "invalid_messages")),
        ({"messages": [{"role": "developer", "content": "x"}, TURN]}, (400, "invalid_messages")),
        ({"messages": [PICTURE]}, (400, "invalid_messages")),
        ({"messages": [{"role": "system", "content": FILTERED}, TURN]}, (403, "system_unsafe")),
        ({"model": "ernie-novel-8k", "messages": [{**TURN, "content": "x" * 40000}]}, (400, "tokens_too_long")),
        ({"path": "/v2/embeddings", "model": "embedding-v1", "input": ["x"] * 17}, (400, "invalid_argument")),
        ({"path": "/v2/embeddings", "model": "ernie-5.1", "input": "x"}, (401, "invalid_model")),
    ],
)
def test_baidu_refuses_by_its_own_codes(fields: dict[str, Any], refused: tuple[int, str]) -> None:
    """Each limit has its status and its code."""
    assert refusal(**fields) == refused


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"max_completion_tokens": 5, "stop": ["END"], "seed": 7, "user": "u", "metadata": {"a": "b"}},
        {"model": "glm-5.1", "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        {"model": "ernie-4.5-turbo-vl", "messages": [PICTURE]},
        {"messages": [{"role": "system", "content": "x"}, TURN, SAID, TURN]},
        {"path": "/v2/embeddings", "model": "embedding-v1", "input": ["x"] * 16},
    ],
)
def test_what_baidu_documents_passes(fields: dict[str, Any]) -> None:
    """The fake is no stricter than it says."""
    assert ask(**fields).status == 200


def test_results_of_two_calls_may_follow_each_other() -> None:
    """With tools the turns are user, assistant, tool."""
    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in "ab"]
    results = [{"role": "tool", "tool_call_id": i, "content": i} for i in "ab"]

    said = ask(messages=[TURN, {"role": "assistant", "content": "", "tool_calls": calls}, *results], tools=[TOOL])

    assert said.payload["choices"][0]["message"]["content"].endswith("b")


def test_a_filtered_question_ends_for_this_reason() -> None:
    """No error is documented for the words of a user."""
    choice = ask(messages=[{"role": "user", "content": FILTERED}]).payload["choices"][0]

    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")


@pytest.mark.parametrize(
    ("fields", "thought"),
    [({}, THOUGHT), ({"enable_thinking": False}, None), ({"thinking": {"type": "disabled"}}, None)],
)
def test_a_thinking_model_thinks_unless_told_not_to(fields: dict[str, Any], thought: str | None) -> None:
    """What was thought stands in reasoning_content."""
    message = ask(model="ernie-x1.1", **fields).payload["choices"][0]["message"]

    assert message.get("reasoning_content") == thought


def test_a_signed_request_gets_a_token_that_opens_the_api() -> None:
    """The token is taken on /v2 as a key is."""
    issued = ernie.serve(signed()).payload

    assert ask(key=issued["token"]).status == 200
    begin, end = (dt.datetime.fromisoformat(issued[name]) for name in ("createTime", "expireTime"))
    assert end - begin == dt.timedelta(seconds=43200)


def test_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time it is a wrong key."""
    token = ernie.serve(signed()).payload["token"]
    monkeypatch.setitem(ernie._issued, token, dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))

    assert refusal(key=token) == (401, "invalid_iam_token")


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"secret": "other"}, "SignatureDoesNotMatch"), ({"life_s": "2592001"}, "InvalidArgument")],
)
def test_the_token_service_refuses(asked: dict[str, str], code: str) -> None:
    """Another secret, and more than 30 days."""
    with pytest.raises(RefusalError) as caught:
        ernie.serve(signed(**asked))

    assert (caught.value.reply.status, caught.value.reply.payload["code"]) == (400, code)
