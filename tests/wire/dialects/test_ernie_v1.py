"""Baidu's V1 API beside what its SDK sends and reads; where ours differs, the test says why."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from llm_migrate.wire.exchange import RefusedError
from tests.wire.dialects.targets import ask, body_of, native, told
from tests.wire.openai_schema import problems
from tests.wire.recorded import load_vectors, one

TOKEN = "24.exampletoken.2592000.1723075200.282335-12345678"
V1 = native("ernie", "v1", key=TOKEN)
MODEL = "ernie-4.0-8k"
# What the vendor's SDK adds to name itself, and words that say nothing.
OWN = {"extra_parameters", "stream"}


def adapter(name: str) -> dict[str, Any]:
    return one("ernie", "openai-to-v1-body", name)


def theirs(vector: dict[str, Any]) -> dict[str, Any]:
    body = vector["expected"]["body"]
    return {k: v for k, v in json.loads(body).items() if k not in OWN}


def test_a_call_with_a_token_is_its_sdks():
    """Address, token and body are those of qianfan, but for its mark of itself and a false `stream`."""
    vector = one("ernie", "chat-v1-access-token")
    messages = [{"role": "system", "content": "be brief"}, *vector["input"]["messages"]]

    out = ask(V1, "ERNIE-3.5-8K", messages, temperature=0.5)

    url = urlsplit(out.url)
    assert f"POST {url.path}?{url.query} HTTP/1.1" == vector["expected"]["request_line"]
    assert url.netloc == "aip.baidubce.com"
    assert json.loads(out.body) == theirs(vector)
    assert "authorization" not in dict(out.headers)


def test_a_signed_call_is_its_sdks_but_for_the_headers_it_signs():
    """We sign content type, host and date; qianfan signs a random request id too, which we do not send."""
    vector = one("ernie", "chat-v1-bce-auth-v1")
    given = vector["input"]
    target = native("ernie", "v1", "signed", f"{given['access_key_id']}:{given['secret_access_key']}")

    out = ask(target, "ERNIE-4.0-8K", given["messages"])

    headers = dict(out.headers)
    assert urlsplit(out.url).path == vector["expected"]["request_line"].split()[1]
    assert urlsplit(out.url).query == ""
    assert json.loads(out.body) == theirs(vector)
    prefix = f"bce-auth-v1/{given['access_key_id']}/2024-07-09T00:00:00Z/1800/content-type;host;x-bce-date/"
    assert headers["authorization"].startswith(prefix)
    assert headers["x-bce-date"] == dict(vector["expected"]["headers"])["x-bce-date"]


def test_openais_fields_are_said_as_the_vendors_adapter_says_them():
    """Zero temperature, limit, stop, user, JSON mode and system are as in the vendor's own mapping.

    Ours differs on purpose: no `model` (the address says it), no penalty of 1.5 where none was asked for, and no mark
    of the SDK.
    """
    vector = adapter("adapter-0")
    given = {k: v for k, v in vector["input"].items() if k != "model"}

    body = body_of(V1, MODEL, **given)

    bugs = {"model", "penalty_score", "extra_parameters"}
    assert body == {k: v for k, v in vector["expected"].items() if k not in bugs}


def test_tools_are_said_as_functions():
    """Functions, calls and results are as in the vendor's own mapping.

    Ours differs on purpose: OpenAI's `tools`, `tool_calls` and ids do not stay beside, a result carries the function's
    name, which V1 demands, and temperature is not halved.
    """
    vector = adapter("adapter-1")
    given = {k: v for k, v in vector["input"].items() if k not in ("model", "presence_penalty")}

    body = body_of(V1, MODEL, **given)

    expected = vector["expected"]
    call = {k: v for k, v in expected["messages"][1].items() if k != "tool_calls"}
    result = {"role": "function", "name": "w", "content": expected["messages"][2]["content"]}
    body["messages"][2]["content"] = json.dumps(json.loads(body["messages"][2]["content"]))
    assert body["messages"] == [expected["messages"][0], call, result]
    assert body["functions"] == expected["functions"]
    assert body["temperature"] == 1.0
    assert body.keys() == {"messages", "functions", "temperature"}


def test_an_empty_turn_is_refused_not_filled():
    """The vendor's adapter sends "/" for it, which the user never said: ours refuses."""
    with pytest.raises(RefusedError, match="nothing"):
        ask(V1, MODEL, adapter("adapter-2")["input"]["messages"])


def test_the_count_needs_no_wish():
    """`stream_options` is left out; the adapter sends `true` for it, which is no value of the API."""
    body = body_of(V1, MODEL, stream=True, stream_options={"include_usage": True})

    assert body == {"messages": [{"role": "user", "content": "hi"}], "stream": True}


@pytest.mark.parametrize(
    ("model", "path"),
    [("ernie-speed-8k", "ernie_speed"), ("ERNIE-4.0-8K", "completions_pro"), ("my/own", "my%2Fown")],
)
def test_the_model_is_the_end_of_the_address(model, path):
    """A listed model has its path, any other stands as it is, encoded (S1: it cannot lead elsewhere)."""
    url = urlsplit(ask(V1, model).url)

    assert url.path == f"/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/{path}"
    assert parse_qs(url.query) == {"access_token": [TOKEN]}


def call(call_id: str, name: str = "w") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def test_calls_side_by_side_go_one_after_the_other():
    """Each call is followed by its own result, in the order of the calls."""
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "let me see", "tool_calls": [call("a"), call("b", "v")]},
        {"role": "tool", "tool_call_id": "b", "content": '{"x": 1}'},
        {"role": "tool", "tool_call_id": "a", "content": "[1]"},
    ]

    sent = body_of(V1, MODEL, messages)["messages"]

    assert [(t["role"], t.get("content")) for t in sent] == [
        ("user", "u"),
        ("assistant", "let me see"),
        ("function", '{"result":"[1]"}'),
        ("assistant", None),
        ("function", '{"x": 1}'),
    ]
    assert [t.get("name") for t in sent] == [None, None, "w", None, "v"]


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "assistant", "content": "", "tool_calls": [call("a")]}, {"role": "user", "content": "u"}],
        [{"role": "tool", "tool_call_id": "a", "content": "x"}],
        [
            {"role": "assistant", "content": "", "tool_calls": [call("a")]},
            {"role": "tool", "tool_call_id": "b", "content": "x"},
        ],
        [{"role": "assistant", "content": "x"}, {"role": "tool", "tool_call_id": "a", "content": "x"}],
    ],
)
def test_a_result_without_its_call_is_refused(turns):
    """What OpenAI refuses too is refused before it is sent, with OpenAI's field."""
    with pytest.raises(RefusedError) as caught:
        ask(V1, MODEL, [{"role": "user", "content": "u"}, *turns])

    assert (caught.value.error.status, caught.value.error.param) == (400, "messages")


@pytest.mark.parametrize("behind", [{"role": "user", "content": "and now?"}, {"role": "assistant", "content": "a"}])
def test_turns_in_another_order_are_refused(behind):
    """V1 wants question and answer in turn: a question behind a result, or an answer at the end, has no place."""
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": None, "tool_calls": [call("a")]},
        {"role": "tool", "tool_call_id": "a", "content": "{}"},
        behind,
    ]

    with pytest.raises(RefusedError) as caught:
        ask(V1, MODEL, messages)

    assert caught.value.error.param in ("messages", "messages.last")


def test_only_what_v1_has_no_place_for_leaves_a_turn():
    """The author of a turn stays, for V1 has a field for it; what else OpenAI puts there is dropped, and said so."""
    turn = {"role": "user", "content": "hi", "name": "ann", "audio": {"id": "x"}}

    out = ask(V1, MODEL, [turn])

    assert json.loads(out.body)["messages"] == [{"role": "user", "content": "hi", "name": "ann"}]
    assert "messages.audio=dropped" in out.adapted
    assert "messages.name" not in out.adapted


def test_a_function_that_takes_nothing_says_so():
    """V1 wants `parameters`; a promise to keep to them it does not know, and that is said."""
    out = ask(V1, MODEL, tools=[{"type": "function", "function": {"name": "ping", "strict": True}}])

    assert json.loads(out.body)["functions"] == [{"name": "ping", "parameters": {"type": "object", "properties": {}}}]
    assert "tools.function.strict=dropped" in out.adapted


def test_a_schema_is_asked_for_in_the_prompt():
    """JSON mode is a bare word there, with or without a schema beside it."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}

    plain = body_of(V1, MODEL, response_format={"type": "json_object"})
    body = body_of(V1, MODEL, response_format=form)

    assert (plain["response_format"], body["response_format"]) == ("json_object", "json_object")
    assert '{"type":"object"}' in body["messages"][0]["content"]


def test_the_same_id_may_come_again():
    """Ids that a model counts anew in each turn are not mixed up."""
    messages: list[dict[str, Any]] = []
    for said in ("one", "two"):
        messages += [
            {"role": "user", "content": said},
            {"role": "assistant", "content": None, "tool_calls": [call("call_0")]},
            {"role": "tool", "tool_call_id": "call_0", "content": said},
            {"role": "assistant", "content": said},
        ]

    sent = body_of(V1, MODEL, [*messages, {"role": "user", "content": "u"}])["messages"]

    assert [t["content"] for t in sent if t["role"] == "function"] == ['{"result":"one"}', '{"result":"two"}']


def test_the_old_form_of_calls_stays():
    """A program from before tools sends functions, and gets a function_call with its own finish."""
    functions = [{"name": "w", "parameters": {}}]
    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": None, "function_call": {"name": "w", "arguments": "{}"}},
        {"role": "function", "name": "w", "content": '{"a":1}'},
    ]

    sent = body_of(V1, MODEL, messages, functions=functions, function_call={"name": "w"})
    answer = told(V1, MODEL, 200, one("ernie", "v1-response-to-openai", "adapter-1")["input"], functions=functions)

    assert sent["messages"] == messages
    assert sent["functions"] == functions
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "w"}}
    assert "functions" not in body_of(V1, MODEL, functions=functions, function_call="none")
    assert answer["choices"][0]["finish_reason"] == "function_call"
    assert answer["choices"][0]["message"]["function_call"] == {"name": "w", "arguments": '{"city":"北京"}'}


def test_an_answer_is_openais():
    """What the vendor's adapter gives, plus what it forgets: `normal` is `stop`, and the model is the vendor's."""
    vector = one("ernie", "v1-response-to-openai", "adapter-0")

    answer = told(V1, MODEL, 200, vector["input"])

    assert problems("CreateChatCompletionResponse", answer) == []
    assert answer["choices"][0]["message"]["content"] == vector["expected"]["choices"][0]["message"]["content"]
    assert {answer[k] == vector["expected"][k] for k in ("id", "object", "created", "usage")} == {True}
    assert (answer["choices"][0]["finish_reason"], answer["model"]) == ("stop", MODEL)


def test_a_call_gets_an_id_of_its_own():
    """The vendor's adapter takes the function's name for an id, which a second call of it would have too."""
    vector = one("ernie", "v1-response-to-openai", "adapter-1")

    answer = told(V1, MODEL, 200, vector["input"], tools=[{"type": "function", "function": {"name": "w"}}])

    message = answer["choices"][0]["message"]
    assert problems("CreateChatCompletionResponse", answer) == []
    assert message["tool_calls"][0]["id"].startswith("call_")
    assert message["tool_calls"][0]["function"] == {"name": "w", "arguments": '{"city":"北京"}'}
    assert (message["content"], message["x_thoughts"]) == (None, "need weather")
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({}, "stop"),
        ({"finish_reason": "length"}, "length"),
        ({"is_truncated": True}, "length"),
        ({"need_clear_history": True, "ban_round": -1}, "content_filter"),
        ({"flag": 1}, "content_filter"),
        ({"flag": 0}, "stop"),
        ({"finish_reason": "content_filter"}, "content_filter"),
    ],
)
def test_signs_beside_the_finish_count(fields, finish):
    """A truncated or filtered answer is said so, though its finish word may be `normal`."""
    answer = told(V1, MODEL, 200, one("ernie", "v1-response-to-openai", "adapter-0")["input"] | fields)

    assert answer["choices"][0]["finish_reason"] == finish


ERRORS = {
    "336007": (400, "context_length_exceeded", "request"),
    "18": (429, "rate_limit_exceeded", "limited"),
    "17": (429, "insufficient_quota", "quota"),
    "336003": (400, "336003", "request"),
    "6": (403, "permission_denied", "credential"),
    "3": (404, "model_not_found", "request"),
}


@pytest.mark.parametrize("vector", load_vectors("ernie", "error-v1"), ids=lambda v: v["name"])
def test_an_error_with_status_200_is_one(vector):
    """Each of the vendor's sample errors has the status, code and class that a program and the engine expect."""
    error = told(V1, MODEL, vector["input"]["http_status"], vector["input"]["body"])

    assert (error.status, error.code, error.outcome) == ERRORS[vector["name"]]
    assert vector["input"]["body"]["error_msg"] in error.message


def test_the_token_is_in_nothing_that_is_shown():
    """S3: not in the request's repr, and not in a vendor's text that repeats it."""
    out = ask(V1, MODEL)
    error = told(V1, MODEL, 200, {"error_code": 110, "error_msg": f"token {TOKEN} expired"})

    assert TOKEN not in repr(out)
    assert TOKEN not in error.message
    assert "token *** expired" in error.message
