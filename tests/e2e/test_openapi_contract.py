"""Every answer over raw HTTP by OpenAI's own schema, whoever the vendor is (R11): no SDK smooths anything over."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.wrapper import KEY, wrapped
from tests.fakes.served import SERVED
from tests.openai_requests import JSON_SCHEMA, NAMED, WEATHER
from tests.wire.openai_schema import problems

HELLO = [{"role": "user", "content": "请用中文说一句问候语。🙂"}]
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]


class Line:
    """One vendor behind the wrapper."""

    def __init__(self, name: str, base_url: str) -> None:
        self.served = SERVED[name]
        self._url = urlsplit(base_url)

    def call(self, method: str, path: str, body: Any = None, *, key: str = KEY) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body; `body` is JSON, or bytes as they are."""
        connection = http.client.HTTPConnection(self._url.netloc, timeout=20)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        try:
            connection.request(method, self._url.path + path, raw, headers)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def chat(self, messages: Any = HELLO, **fields: Any) -> tuple[int, dict[str, str], bytes]:
        return self.call("POST", "/chat/completions", {"model": "gpt-4o", "messages": messages, **fields})

    def offers(self, **fields: Any) -> bool:
        """Say whether a request is one that we do not refuse by name."""
        status, headers, body = self.chat(ASK, **fields)
        if status == 200:
            return True
        assert headers["x-llm-migrate-attempts"] == "0", body
        assert json.loads(body)["error"]["param"]
        return False


@pytest.fixture(scope="module", params=SERVED)
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    with wrapped(request.param) as base_url:
        yield Line(request.param, base_url)


def test_a_chat_is_whole(line: Line) -> None:
    """Schema, count and request id of a plain answer."""
    status, headers, raw = line.chat(max_tokens=16)

    body = json.loads(raw)
    assert (status, problems("CreateChatCompletionResponse", body)) == (200, [])
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    usage = body["usage"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_is_whole(line: Line, usage: bool) -> None:
    """Framing, schema, one head, one role, one finish, one [DONE]; usage last and only if it was asked for."""
    fields = {"stream_options": {"include_usage": True}} if usage else {}

    status, headers, raw = line.chat(stream=True, **fields)

    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    check_stream(raw, usage=usage)


def test_tools_are_called_and_answered(line: Line) -> None:
    """A call has id, name and JSON arguments, whole and streamed, and its result is taken."""
    fields = {"tools": [WEATHER]} | ({"tool_choice": NAMED} if line.offers(tools=[WEATHER], tool_choice=NAMED) else {})
    if not line.offers(**fields):
        return
    body = json.loads(line.chat(ASK, **fields)[2])
    chunks = check_stream(line.chat(ASK, stream=True, **fields)[2], usage=False)

    assert problems("CreateChatCompletionResponse", body) == []
    (tool_call,) = body["choices"][0]["message"]["tool_calls"]
    assert tool_call["id"]
    assert isinstance(json.loads(tool_call["function"]["arguments"]), dict)
    pieces = [p for c in chunks for x in c["choices"] for p in x["delta"].get("tool_calls", [])]
    assert json.loads("".join(p.get("function", {}).get("arguments", "") for p in pieces)) == {"city": "example"}
    turn = {"role": "assistant", "content": None, "tool_calls": [tool_call]}
    result = {"role": "tool", "tool_call_id": tool_call["id"], "content": '{"celsius": 21}'}
    status, _, raw = line.chat([*ASK, turn, result], tools=[WEATHER])
    assert (status, problems("CreateChatCompletionResponse", json.loads(raw))) == (200, [])


def test_a_schema_is_kept(line: Line) -> None:
    """Where a JSON schema can be asked for, natively or in the prompt, the answer fits it."""
    if line.offers(response_format=JSON_SCHEMA):
        body = json.loads(line.chat(ASK, response_format=JSON_SCHEMA, max_tokens=64)[2])
        assert json.loads(body["choices"][0]["message"]["content"]) in ({"answer": "yes"}, {"answer": "no"})


def test_embeddings_are_whole_or_refused(line: Line) -> None:
    """One vector for each text in order, or a 4xx in OpenAI's form."""
    status, _, raw = line.call("POST", "/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"]})

    body = json.loads(raw)
    if line.served.embedding is None:
        assert (400 <= status < 500, problems("ErrorResponse", body)) == (True, [])
    else:
        assert (status, problems("CreateEmbeddingResponse", body)) == (200, [])
        assert [row["index"] for row in body["data"]] == [0, 1]


def test_models_are_listed(line: Line) -> None:
    """The list fits the schema and holds the mapped name."""
    status, _, raw = line.call("GET", "/models")

    assert (status, problems("ListModelsResponse", json.loads(raw))) == (200, [])
    assert "gpt-4o" in [model["id"] for model in json.loads(raw)["data"]]


@pytest.mark.parametrize(
    ("path", "body", "statuses"),
    [
        ("/chat/completions", b'{"model": ', {400}),
        ("/chat/completions", {"model": "gpt-4o"}, {400, 422}),
        ("/nope", {}, {404}),
        ("/images/generations", {}, {404}),
    ],
)
def test_errors_are_in_the_envelope(line: Line, path: str, body: Any, statuses: set[int]) -> None:
    """What is wrong with a request is said as OpenAI says it."""
    status, _, raw = line.call("POST", path, body)

    assert status in statuses
    assert problems("ErrorResponse", json.loads(raw)) == []


def check_stream(raw: bytes, *, usage: bool) -> list[dict[str, Any]]:
    """Return the chunks of a stream that is as strict clients want it."""
    text = raw.decode()
    assert text.endswith("\n\n")
    events = [block.removeprefix("data: ") for block in text.split("\n\n")[:-1] if block.startswith("data: ")]
    assert len(events) == text.count("\n\n")
    assert (events[-1], events.count("[DONE]")) == ("[DONE]", 1)
    chunks: list[dict[str, Any]] = [json.loads(event) for event in events[:-1]]
    assert [p for chunk in chunks for p in problems("CreateChatCompletionStreamResponse", chunk)] == []
    assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    assert len([choice for choice in choices if choice["finish_reason"]]) == 1
    counted = [chunk for chunk in chunks if chunk.get("usage")]
    assert counted == ([chunks[-1]] if usage else [])
    assert not usage or chunks[-1]["choices"] == []
    return chunks
