"""The fakes are as strict as the vendors' documentation, and break when told to."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes import FILTERED, Fault, Server, fake
from tests.fakes.server import VENDORS

ASK = {"messages": [{"role": "user", "content": "hello"}]}
MODELS = {"openai": "gpt-4o", "azure": "desk-gpt4o", "zhipu": "glm-5.3-flash", "kimi": "kimi-k2.6"}


@pytest.fixture(params=VENDORS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with fake(request.param) as running:
        yield running


def post(server: Server, body: dict[str, Any], path: str = "/chat/completions") -> tuple[int, bytes]:
    url = urlsplit(server.base_url + path)
    connection = http.client.HTTPConnection(url.netloc, timeout=5)
    try:
        headers = {"content-type": "application/json", "authorization": "Bearer k"}
        connection.request("POST", url.path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def refusal(name: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    with fake(name) as server:
        status, body = post(server, {"model": MODELS[name], **ASK, **fields})
    return status, json.loads(body)["error"]


def test_the_same_question_gets_the_same_words(server: Server) -> None:
    """Each fake answers a plain question, and repeats itself."""
    body = {"model": MODELS[server.vendor.name], **ASK}

    answers = [json.loads(post(server, body)[1])["choices"][0]["message"]["content"] for _ in range(2)]

    assert answers == ["收到: hello"] * 2


def test_a_stream_adds_up_to_the_plain_answer(server: Server) -> None:
    """Deltas joined are the answer, and the stream ends with [DONE]."""
    status, raw = post(server, {"model": MODELS[server.vendor.name], **ASK, "stream": True})

    lines = [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line]
    deltas = [c["delta"] for line in lines[:-1] for c in json.loads(line)["choices"]]
    assert (status, lines[-1]) == (200, "[DONE]")
    assert "".join(d.get("content") or "" for d in deltas) == "收到: hello"


def test_an_unknown_model_is_refused(server: Server) -> None:
    """No fake serves a model that the vendor does not list."""
    status, raw = post(server, {"model": "gpt-17", **ASK})

    assert status in {400, 404}
    assert "error" in json.loads(raw)


def test_a_cut_stream_ends_without_its_end(server: Server) -> None:
    """A scripted cut closes the connection in the middle of the body."""
    server.script(Fault(cut_after=100))

    with pytest.raises(http.client.IncompleteRead) as cut:
        post(server, {"model": MODELS[server.vendor.name], **ASK, "stream": True})

    assert len(cut.value.partial) <= 100


def test_a_scripted_status_comes_once(server: Server) -> None:
    """A fault is used up by one request."""
    server.script(Fault(status=503, body={"error": {"message": "busy"}}))
    body = {"model": MODELS[server.vendor.name], **ASK}

    assert [post(server, body)[0] for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"temperature": 1.3}, "1210"),
        ({"presence_penalty": 0.5}, "1210"),
        ({"tools": [{"type": "function", "function": {"name": "go", "strict": True}}]}, "1210"),
        ({"model": "glm-4.7", "reasoning_effort": "high"}, "1210"),
        ({"top_p": 0}, "1210"),
        ({"stop": ["a", "b"]}, "1210"),
        ({"tool_choice": "required"}, "1210"),
        ({"thinking": {"type": "disabled"}}, "1210"),
        ({"model": "gpt-4o"}, "1211"),
        ({"messages": [{"role": "system", "content": "x"}]}, "1214"),
        ({"messages": [{"role": "developer", "content": "x"}, *ASK["messages"]]}, "1214"),
        ({"messages": [{"role": "user", "content": FILTERED}]}, "1301"),
    ],
)
def test_zhipu_refuses_by_its_own_codes(fields: dict[str, Any], code: str) -> None:
    """Zhipu's limits answer 400 with a string code."""
    status, error = refusal("zhipu", **fields)

    assert (status, error["code"]) == (400, code)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"temperature": 0.2}, "invalid temperature: only 1 is allowed for this model"),
        ({"temperature": 1, "thinking": {"type": "disabled"}}, "invalid temperature: only 0.6"),
        ({"stop": ["1", "2", "3", "4", "5", "6"]}, "at most 5"),
        ({"tools": [{"type": "function", "function": {"name": "go"}}]}, "function name is invalid"),
        ({"tool_choice": "required"}, "incompatible with thinking"),
        ({"seed": 7}, "unknown parameter seed"),
        ({"tools": [{"type": "custom", "custom": {"name": "run"}}]}, "unsupported tool type"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "reasoning_content is missing"),
        ({"messages": [{"role": "user", "content": ""}]}, "must not be empty"),
    ],
)
def test_kimi_refuses_with_its_own_words(fields: dict[str, Any], words: str) -> None:
    """Kimi's limits answer 400 invalid_request_error."""
    status, error = refusal("kimi", **fields)

    assert (status, error["type"]) == (400, "invalid_request_error")
    assert words in error["message"]


@pytest.mark.parametrize("name", ["openai", "azure"])
@pytest.mark.parametrize(
    "fields",
    [
        {"max_completion_tokens": 100, "store": True, "metadata": {"team": "desk"}, "verbosity": "medium"},
        {"messages": [{"role": "developer", "content": "be brief"}, *ASK["messages"]]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}},
        {"prediction": {"type": "content", "content": "hello"}, "presence_penalty": -1, "max_tokens": 16384},
    ],
)
def test_openai_takes_what_came_after_july_2024(name: str, fields: dict[str, Any]) -> None:
    """Parameters and roles of today's reference are taken for a model of 2024."""
    with fake(name) as server:
        status, body = post(server, {"model": "gpt-4o", **ASK, **fields})

    assert status == 200, body


@pytest.mark.parametrize("name", ["openai", "azure"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reasoning_effort": "none"}, "Unrecognized request argument supplied: reasoning_effort"),
        ({"prompt_cache_options": {"ttl": "30m"}}, "Unrecognized request argument supplied: prompt_cache_options"),
        ({"max_tokens": 16385}, "This model supports at most 16384 completion tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "at the same time is not supported"),
        ({"metadata": {"team": "desk"}}, "only allowed when 'store' is enabled"),
        ({"parallel_tool_calls": False}, "only allowed when 'tools' are specified"),
        ({"verbosity": "low"}, "'verbosity' does not support 'low'"),
        ({"safety_identifier": "u" * 129}, "string too long"),
        ({"prediction": {"type": "content", "content": "hello"}, "n": 2}, "'n' is not supported with 'prediction'"),
        ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    ],
)
def test_openai_refuses_what_a_model_of_2024_does_not_know(name: str, fields: dict[str, Any], words: str) -> None:
    """What such a model, or the company of another parameter, forbids is a 400."""
    status, error = refusal(name, **fields)

    assert status == 400
    assert words in error["message"]


def test_azure_has_no_web_search_on_chat() -> None:
    """What is a tool of the Responses API there is not recognised here."""
    status, error = refusal("azure", web_search_options={})

    assert (status, "web_search_options" in error["message"]) == (400, True)


def test_azure_needs_its_api_version() -> None:
    """A classic deployment address without api-version is not found."""
    with fake("azure") as server:
        server.base_url = server.address
        status, _ = post(server, ASK, "/openai/deployments/desk-gpt4o/chat/completions")

    assert status == 404


def test_azure_names_the_filter() -> None:
    """A filtered prompt is a 400 with code content_filter and the verdict inside."""
    status, error = refusal("azure", messages=[{"role": "user", "content": FILTERED}])

    assert (status, error["code"]) == (400, "content_filter")
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"
