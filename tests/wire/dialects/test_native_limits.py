"""What no native API is asked for, and requests that nobody can write."""

from __future__ import annotations

import pytest

from llm_migrate.config import Secret
from llm_migrate.config.target import Target
from llm_migrate.wire.exchange import Manner, RefusedError, parse_call, prepare
from tests.wire.dialects.targets import KEY, body_of, native, token_for

TARGETS = {
    "ernie": (native("ernie", "v1"), "ernie-4.0-8k"),
    "hunyuan": (native("hunyuan", "native"), "hunyuan-pro"),
    "sensenova": (native("sensenova", "native"), "SenseChat-5"),
}


@pytest.fixture(params=TARGETS)
def asked(request: pytest.FixtureRequest) -> tuple[Target, str]:
    return TARGETS[request.param]


def test_a_list_of_models_is_not_offered(asked):
    """There is no such address: the refusal says so in OpenAI's form."""
    call = parse_call("GET", "/v1/models", b"")

    with pytest.raises(RefusedError) as caught:
        prepare(asked[0], call, model="", secret=Secret(KEY), now_s=0.0, token=token_for(asked[0]))

    assert (caught.value.error.status, caught.value.error.code) == (404, "unknown_url")


DEEP = b"[" * 300 + b"]" * 300


@pytest.mark.parametrize(
    "field",
    [b'"something":' + DEEP, b'"tools":[{"type":"function","function":{"name":"f","parameters":' + DEEP + b"}}]"],
)
def test_a_body_that_cannot_be_written_is_refused(asked, field):
    """S5: deep nesting is OpenAI's 400, not a crash."""
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],' + field + b"}"
    call = parse_call("POST", "/v1/chat/completions", body)

    with pytest.raises(RefusedError) as caught:
        prepare(asked[0], call, model=asked[1], secret=Secret(KEY), now_s=0.0, token=token_for(asked[0]))

    assert (caught.value.error.status, caught.value.error.code) == (400, "invalid_json")


def test_strict_refuses_what_would_be_lost(asked):
    """With `policy = "strict"` a seed that the vendor cannot keep is a 400 that names it."""
    body = b'{"model":"m","seed":70000,"messages":[{"role":"user","content":"hi"}]}'
    call = parse_call("POST", "/v1/chat/completions", body)

    with pytest.raises(RefusedError) as caught:
        prepare(
            asked[0],
            call,
            model=asked[1],
            manner=Manner("strict"),
            secret=Secret(KEY),
            now_s=0.0,
            token=token_for(asked[0]),
        )

    assert caught.value.error.param == "seed"


@pytest.mark.parametrize("parts", [["a"], [{"type": "image_url"}], [{"type": "x", "x": 1}], [None]])
def test_odd_parts_go_on_as_they_are_or_are_refused(asked, parts):
    """What is no part of OpenAI's is the vendor's to refuse; it breaks nothing here."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "t"}, *parts]}]
    try:
        sent = body_of(*asked, messages)
    except RefusedError as refused:
        assert refused.error.status == 400
    else:
        assert "t" in str(sent)


@pytest.mark.parametrize("tools", [[1], [{"type": "function"}], [{"type": "function", "function": 1}], {"a": 1}, []])
@pytest.mark.parametrize("calls", [[1], [{"id": 1}], [{"function": "x"}], {"a": 1}])
def test_odd_tools_break_nothing(asked, tools, calls):
    """A tool or call of another form than OpenAI's ends in a request or in a 400."""
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "x", "tool_calls": calls},
        {"role": "tool", "content": "r"},
    ]
    try:
        assert body_of(*asked, messages, tools=tools)
    except RefusedError as refused:
        assert refused.error.status == 400


CUSTOM = {"type": "custom", "custom": {"name": "free"}}


@pytest.mark.parametrize("name", ["ernie", "hunyuan"])
def test_a_tool_that_is_no_function_is_refused(name):
    """Its name says nothing there, so it is not left out in silence; nor is a call of one."""
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"id": "c", **CUSTOM}]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]

    for param, fields in (("tools.custom", {"tools": [CUSTOM]}), ("messages.tool_calls.custom", {"messages": turns})):
        with pytest.raises(RefusedError) as caught:
            body_of(*TARGETS[name], **fields)
        assert caught.value.error.param == param


@pytest.mark.parametrize("name", ["ernie", "hunyuan"])
def test_the_first_turn_is_a_question(name):
    """A greeting of the assistant before it is refused by name: there is nobody who could have been asked."""
    with pytest.raises(RefusedError, match="first turn") as caught:
        body_of(*TARGETS[name], [{"role": "assistant", "content": "welcome"}, {"role": "user", "content": "hi"}])

    assert caught.value.error.param == "messages.first"


@pytest.mark.parametrize("name", ["ernie", "sensenova"])
def test_a_choice_of_none_offers_nothing(name):
    """Where the API has no word for it, the tools are not named."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}

    body = body_of(*TARGETS[name], tools=[tool], tool_choice="none")

    assert not body.keys() & {"tools", "functions", "tool_choice"}


def test_a_result_behind_another_turn_is_refused():
    """A result that follows no call at all is not moved to one."""
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "tool", "tool_call_id": "c", "content": "d"},
        {"role": "assistant", "content": "e"},
        {"role": "user", "content": "f"},
    ]

    with pytest.raises(RefusedError, match="must follow its call"):
        body_of(*TARGETS["ernie"], messages)
