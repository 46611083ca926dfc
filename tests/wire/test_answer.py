"""Whole answers in OpenAI's form."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from llm_migrate.wire.exchange import Answer, OpenAIError, parse_call, read_answer
from tests.wire.openai_schema import problems
from tests.wire.vendors import make_call, make_target, send

FACTS = {"finish_reasons": {"sensitive": "content_filter", "broken": "error"}, "cached_tokens": "cached_tokens"}
TARGET = make_target(response=FACTS)
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "acme-1-0101",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "x", "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": USAGE,
}


def read(body: object, target=TARGET) -> Answer | OpenAIError:
    call = make_call()
    return read_answer(target, call, send(target, call), 200, {}, orjson.dumps(body))


def completed(body: object, target=TARGET) -> dict:
    answer = read(body, target)
    assert isinstance(answer, Answer), answer
    out = orjson.loads(answer.body)
    assert problems("CreateChatCompletionResponse", out) == []
    ChatCompletion.model_validate(out)
    return out


def message(**fields) -> dict:
    choice = {"message": {"content": None, **fields}}
    return completed({"choices": [choice]})["choices"][0]["message"]


def test_a_whole_answer_stays_as_it_is():
    """R11: what is complete is not touched."""
    assert completed(WHOLE) == WHOLE


def test_everything_that_is_missing_is_filled():
    """R11: id, object, created, model, index, role, refusal, finish_reason, logprobs and usage are always there."""
    out = completed({"choices": [{"message": {"content": "x"}}]})

    assert out["id"].startswith("chatcmpl-")
    assert (out["object"], out["created"], out["model"]) == ("chat.completion", 1_732_000_000, "acme-1")
    assert out["choices"] == WHOLE["choices"]
    assert out["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "x_missing": True}


def test_usage_that_nobody_counted_is_not_taken_for_zero():
    """The zeros that the schema needs are no count: the ledger is told that there is none."""
    answer = read({"choices": [{"message": {"content": "x"}}]})

    assert isinstance(answer, Answer)
    assert answer.usage is None


@pytest.mark.parametrize(
    ("word", "calls", "reason", "kept"),
    [
        ("stop", False, "stop", None),
        ("sensitive", False, "content_filter", "sensitive"),
        ("eos", False, "stop", "eos"),
        ("eos", True, "tool_calls", "eos"),
        (None, True, "tool_calls", None),
        ("", False, "stop", None),
    ],
)
def test_finish_reasons_are_openais_and_the_vendors_word_is_kept(word, calls, reason, kept):
    """R11: a reason outside OpenAI's five is mapped, by the provider file or by what was said."""
    tools = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    choice = {"finish_reason": word, "message": {"content": None, **(tools if calls else {})}}

    out = completed({"choices": [choice]})["choices"][0]

    assert (out["finish_reason"], out.get("x_finish_reason")) == (reason, kept)


@pytest.mark.parametrize("word", ["broken", "error", "network_error", "Request failed", "aborted"])
def test_a_finish_that_means_failure_is_an_error(word):
    """R1: a word for a failed answer, listed or plain, never comes out as a finished one."""
    error = read({"choices": [{"finish_reason": word, "message": {"content": "half"}}]})

    assert isinstance(error, OpenAIError)
    assert (error.status, error.outcome) == (502, "ambiguous")


def test_tool_calls_are_typed():
    """A call has an id, its type, and its arguments as JSON text, an object being written out."""
    given = [{"function": {"name": "f", "arguments": {"x": "中"}}}, {"id": "b", "function": {"name": "g"}}]

    calls = message(tool_calls=given)["tool_calls"]

    assert calls[0]["id"]
    assert (calls[0]["type"], calls[0]["function"]) == ("function", {"name": "f", "arguments": '{"x":"中"}'})
    assert calls[1] == {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}


def test_a_custom_tool_call_passes_as_it_is():
    """OpenAI's other kind of call is complete already."""
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}

    assert message(tool_calls=[custom])["tool_calls"] == [custom]


@pytest.mark.parametrize("calls", [[None], {"a": 1}, "f", [{}], [{"id": "c", "function": {"arguments": "{}"}}]])
def test_a_broken_tool_call_is_an_error(calls):
    """R5: a call that names no function is not handed on as if the model had made it."""
    error = read({"choices": [{"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": calls}}]})

    assert isinstance(error, OpenAIError)
    assert error.outcome == "ambiguous"


@pytest.mark.parametrize("name", ["tool_calls", "function_call", "annotations"])
def test_fields_that_are_absent_or_whole_are_never_null(name):
    """OpenAI leaves these out instead of sending null."""
    assert name not in message(**{name: None})


def test_content_in_parts_becomes_a_string():
    """A vendor's list of parts is one text."""
    assert message(content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])["content"] == "ab"


def test_reasoning_has_one_name():
    """Reasoning comes out as reasoning_content, whatever the vendor calls it."""
    target = make_target(response={"reasoning_field": "thoughts"})

    out = completed({"choices": [{"message": {"content": "x", "thoughts": "hm"}}]}, target)

    assert out["choices"][0]["message"]["reasoning_content"] == "hm"


def test_what_openai_does_not_know_is_kept():
    """Vendor extras reach the program at every level."""
    body = {**WHOLE, "web_search": [1], "choices": [{**WHOLE["choices"][0], "content_filter_results": {"a": 1}}]}

    out = completed(body)

    assert (out["web_search"], out["choices"][0]["content_filter_results"]) == ([1], {"a": 1})


@pytest.mark.parametrize(
    ("usage", "out"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, USAGE),
        ({"prompt_tokens": 3.0, "completion_tokens": "4", "total_tokens": None}, USAGE),
        (
            {**USAGE, "cached_tokens": 2},
            {**USAGE, "cached_tokens": 2, "prompt_tokens_details": {"cached_tokens": 2}},
        ),
        ({**USAGE, "prompt_tokens_details": None}, USAGE),
        (
            {**USAGE, "completion_tokens_details": {"reasoning_tokens": None}},
            {**USAGE, "completion_tokens_details": {"reasoning_tokens": 0}},
        ),
    ],
)
def test_usage_is_whole_and_typed(usage, out):
    """R11: counts are integers, the total adds up, cached tokens stand where OpenAI has them."""
    assert completed({**WHOLE, "usage": usage})["usage"] == out


def test_usage_inside_a_choice_is_lifted():
    """A count inside the choice is the answer's."""
    choice = {**WHOLE["choices"][0], "usage": USAGE}

    out = completed({**WHOLE, "usage": None, "choices": [choice]})

    assert out == WHOLE


GOOD_TOKEN = {"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}


@pytest.mark.parametrize(
    ("logprobs", "out"),
    [
        ({"content": [GOOD_TOKEN]}, {"content": [GOOD_TOKEN], "refusal": None}),
        ({"content": [{"token": "a"}]}, None),
        ({"content": [{**GOOD_TOKEN, "bytes": ["x"]}]}, None),
        ({"content": {}}, None),
        ("yes", None),
    ],
)
def test_log_probabilities_are_whole_or_null(logprobs, out):
    """R11: both lists are there; what does not fit is kept aside."""
    choice = completed({"choices": [{"message": {"content": "x"}, "logprobs": logprobs}]})["choices"][0]

    assert choice["logprobs"] == out
    assert choice.get("x_logprobs") == (None if out else logprobs)


def test_values_outside_openais_sets_are_moved_aside():
    """A tier or annotation that the SDK's classes refuse is kept under another name."""
    body = {**WHOLE, "service_tier": "turbo", "system_fingerprint": 7, "id": 42, "created": "5"}

    out = completed(body)

    assert (out["x_service_tier"], out["x_system_fingerprint"]) == ("turbo", 7)
    assert not {"service_tier", "system_fingerprint"} & out.keys()
    assert (out["id"], out["created"]) == ("42", 5)
    assert message(annotations=[{"type": "web"}])["x_annotations"] == [{"type": "web"}]
    assert completed({**WHOLE, "moderation": 1, "metadata": {"a": 1}}).keys() >= {"x_moderation", "x_metadata"}


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["id", "object", "created", "model", "usage", "service_tier", "system_fingerprint", "metadata"]
CHOICE_NAMES = ["index", "message", "finish_reason", "logprobs", "usage"]
MESSAGE_NAMES = [
    "role",
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "annotations",
    "audio",
    "reasoning_content",
]


@given(
    st.dictionaries(st.sampled_from(NAMES), JUNK),
    st.dictionaries(st.sampled_from(CHOICE_NAMES), JUNK),
    st.dictionaries(st.sampled_from(MESSAGE_NAMES), JUNK),
)
def test_whatever_comes_in_what_goes_out_is_sound(head, choice, inner):
    """R11: with any JSON in any field, the answer is an error or fits OpenAI's schema and the SDK's classes."""
    body = {**head, "choices": [{"message": inner, **choice}]}

    answer = read(body)

    if isinstance(answer, Answer):
        out = orjson.loads(answer.body)
        assert problems("CreateChatCompletionResponse", out) == []
        ChatCompletion.model_validate(out)


@given(
    st.dictionaries(st.sampled_from(NAMES), JUNK),
    st.dictionaries(st.sampled_from(CHOICE_NAMES), JUNK),
    st.dictionaries(st.sampled_from(MESSAGE_NAMES), JUNK),
)
def test_completing_twice_changes_nothing(head, choice, inner):
    """R11: completing is idempotent."""
    answer = read({**head, "choices": [{"message": inner, **choice}]})

    if isinstance(answer, Answer):
        again = read(orjson.loads(answer.body))
        assert isinstance(again, Answer)
        assert orjson.loads(again.body) == orjson.loads(answer.body)


def test_embeddings_are_completed():
    """R11: object, index, model and usage are there and the vectors are as the vendor sent them."""
    call = make_call("/v1/embeddings", input=["a", "b"])
    body = {"data": [{"embedding": [0.5]}, {"embedding": [0.25], "index": 1}]}

    answer = read_answer(TARGET, call, send(TARGET, call), 200, {}, orjson.dumps(body))

    assert isinstance(answer, Answer)
    out = orjson.loads(answer.body)
    assert problems("CreateEmbeddingResponse", out) == []
    parsed = CreateEmbeddingResponse.model_validate(out)
    assert [(row.index, row.embedding) for row in parsed.data] == [(0, [0.5]), (1, [0.25])]
    assert parsed.model == "acme-1"


@pytest.mark.parametrize(
    ("asked", "vectors", "good"),
    [
        ("a", 1, True),
        (["a"], 1, True),
        (["a", "b"], 2, True),
        ([1, 2, 3], 1, True),
        ([[1, 2], [3]], 2, True),
        (["a", "b", "c"], 2, False),
        (["a"], 2, False),
        ("a", 2, False),
    ],
)
def test_there_is_one_vector_for_each_input(asked, vectors, good):
    """R1: fewer vectors than texts would give a program the wrong vector for a text, so they are no answer."""
    call = make_call("/v1/embeddings", input=asked)
    body = orjson.dumps({"data": [{"embedding": [0.5]}] * vectors})

    answer = read_answer(TARGET, call, send(TARGET, call), 200, {}, body)

    assert isinstance(answer, Answer if good else OpenAIError)


@pytest.mark.parametrize("vector", [[], [None], ["x"], [True], "", "!!!!", "AACAPwA=", "AACA", "\u00e4", 7, {}])
def test_a_broken_vector_is_an_error(vector):
    """R1: what is neither numbers nor the base64 of 32-bit ones would fail in the SDK, with an error of no class."""
    call = make_call("/v1/embeddings", input=["a"])
    body = orjson.dumps({"data": [{"embedding": vector}]})

    assert isinstance(read_answer(TARGET, call, send(TARGET, call), 200, {}, body), OpenAIError)


def test_a_vector_in_base64_stays_as_it_is():
    """The SDK decodes it."""
    call = make_call("/v1/embeddings", input=["a"])
    body = orjson.dumps({"data": [{"embedding": "AACAPw=="}]})

    answer = read_answer(TARGET, call, send(TARGET, call), 200, {}, body)

    assert orjson.loads(answer.body)["data"][0]["embedding"] == "AACAPw=="


@pytest.mark.parametrize("data", [[], None, "x", [7], [{"index": 0}]])
def test_embeddings_without_vectors_are_an_error(data):
    """R1: a 200 without vectors is no answer."""
    call = make_call("/v1/embeddings", input=["a"])

    assert isinstance(read_answer(TARGET, call, send(TARGET, call), 200, {}, orjson.dumps({"data": data})), OpenAIError)


def nested(depth: int, leaf: str = '"x"') -> str:
    return "[" * depth + leaf + "]" * depth


def test_content_may_lie_in_lists_of_any_depth():
    """S5: text in lists that are nested as deep as JSON is read comes out, whatever Python's own limit."""
    body = f'{{"choices": [{{"message": {{"content": {nested(1000)}}}}}]}}'.encode()

    answer = read_answer(TARGET, make_call(), send(TARGET, make_call()), 200, {}, body)

    assert isinstance(answer, Answer)
    assert orjson.loads(answer.body)["choices"][0]["message"]["content"] == "x"


@pytest.mark.parametrize("old", [True, False])
def test_arguments_too_deep_to_write_are_an_error(old):
    """S5: a call whose arguments can be read but not written is an error, not a crash."""
    function = f'{{"name": "f", "arguments": {nested(300)}}}'
    call = f'"function_call": {function}' if old else f'"tool_calls": [{{"function": {function}}}]'
    body = f'{{"choices": [{{"message": {{{call}}}}}]}}'.encode()

    error = read_answer(TARGET, make_call(), send(TARGET, make_call()), 200, {}, body)

    assert isinstance(error, OpenAIError)
    assert error.outcome == "ambiguous"


@pytest.mark.parametrize("depth", [300, 900])
def test_an_answer_too_deep_to_write_is_an_error(depth):
    """S5: nesting that can be read but not written is an error, not a crash, also inside an error."""
    call = make_call()
    deep = b"[" * depth + b"]" * depth
    good = b'{"choices":[{"message":{"content":"x"}}],"x":' + deep + b"}"
    bad = b'{"error":{"message":"m","x":' + deep + b"}}"

    for status, body in ((200, good), (400, bad)):
        error = read_answer(TARGET, call, send(TARGET, call), status, {}, body)
        assert isinstance(error, OpenAIError)
        assert orjson.loads(error.body())["error"]["message"]


def test_one_model_is_completed():
    """R11: GET models/ID has the same fields as a row of the list."""
    call = parse_call("GET", "/v1/models/m", b"")

    answer = read_answer(TARGET, call, send(TARGET, call), 200, {}, b'{"id":"m","created":1.0,"owned_by":"me"}')

    assert isinstance(answer, Answer)
    assert orjson.loads(answer.body) == {"id": "m", "object": "model", "created": 1, "owned_by": "me"}


def test_a_list_of_models_is_completed():
    """R11: models have object, created and owned_by."""
    call = parse_call("GET", "/v1/models", b"")

    answer = read_answer(TARGET, call, send(TARGET, call), 200, {}, b'{"data":[{"id":"m","context_length":8}]}')

    assert isinstance(answer, Answer)
    out = orjson.loads(answer.body)
    assert problems("ListModelsResponse", out) == []
    assert out["data"][0]["context_length"] == 8
