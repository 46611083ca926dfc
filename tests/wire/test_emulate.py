"""What a vendor has no parameter for is said in other words."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.config import Secret
from llm_migrate.wire.exchange import Answer, Manner, RefusedError, join, prepare, read_answer
from tests.wire.vendors import KEY, SCHEMA_NOW, make_call, make_target, send, sent_body

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "description": "a verdict", "schema": SCHEMA}}
BY_PROMPT = {"response_format": [{"effect": "emulate", "values": ["json_schema"], "how": "schema-instruction"}]}
ONE_CHOICE = {"params": {"n": [{"effect": "omit", "values": [1]}, {"effect": "emulate", "how": "n-calls"}]}}
CALLS = Manner(emulate=frozenset({"n-calls"}))


def parts(target, call, manner=CALLS):
    out = prepare(target, call, model="acme-1", secret=Secret(KEY), now_s=SCHEMA_NOW, manner=manner)
    return [out, *out.others]


def test_a_schema_becomes_json_mode_and_an_instruction():
    """The vendor gets JSON mode, and the prompt ends with the schema; the report says so."""
    target = make_target(chat={"params": BY_PROMPT})

    out = send(target, make_call(response_format=FORMAT))

    body = orjson.loads(out.body)
    assert body["response_format"] == {"type": "json_object"}
    (turn,) = body["messages"]
    assert turn["content"].startswith("hi\n\n")
    assert "a verdict" in turn["content"]
    assert turn["content"].endswith(orjson.dumps(SCHEMA).decode())
    assert out.adapted == "response_format=emulated"


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}], 0),
        ([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "x"}], 0),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], 1),
        ([{"role": "assistant", "content": "x"}], 1),
    ],
)
def test_the_instruction_lengthens_a_turn_that_may_be_long(messages, place):
    """It joins the system turn at the front, else the last user turn; only without both it is a turn of its own."""
    body = sent_body(make_target(chat={"params": BY_PROMPT}), messages=messages, response_format=FORMAT)

    changed = [i for i, turn in enumerate(body["messages"]) if "JSON" in str(turn["content"])]
    assert changed == [place]
    assert len(body["messages"]) == len(messages) + (messages[0]["role"] == "assistant")


def test_the_instruction_joins_parts_as_a_part():
    """A turn of parts gets one more text; the caller's own list is not changed."""
    content = [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]
    messages = [{"role": "user", "content": content}]

    body = sent_body(make_target(chat={"params": BY_PROMPT}), messages=messages, response_format=FORMAT)

    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "text"]
    assert len(content) == 1


def test_choices_are_asked_for_one_by_one():
    """N = 3 with the user's consent is three equal requests without n."""
    sent = parts(make_target(chat=ONE_CHOICE), make_call(n=3))

    assert len(sent) == 3
    assert {out.body for out in sent} == {sent[0].body}
    assert "n" not in orjson.loads(sent[0].body)
    assert sent[0].adapted == "n=emulated"


@pytest.mark.parametrize("n", [0, -1, 129, 2.0, "3", True])
def test_an_odd_number_of_choices_is_a_bad_request(n):
    """No vendor sees a number that OpenAI would refuse."""
    with pytest.raises(RefusedError) as caught:
        parts(make_target(chat=ONE_CHOICE), make_call(n=n))

    assert (caught.value.error.status, caught.value.error.param) == (400, "n")


def test_without_consent_several_choices_are_refused():
    """The refusal names the setting."""
    with pytest.raises(RefusedError, match='n = "calls"'):
        parts(make_target(chat=ONE_CHOICE), make_call(n=2), Manner())


def test_answers_to_choices_become_one():
    """Choices are numbered through, and tokens are added up, details too."""
    target, call = make_target(chat=ONE_CHOICE), make_call(n=2)
    usage = {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }

    answers = []
    for text, out in zip("ab", parts(target, call), strict=True):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        body = orjson.dumps({"choices": [choice], "usage": usage, "id": "x", "created": 5, "model": "acme-1"})
        answers.append(read_answer(target, call, out, 200, {}, body))
    whole = join(call, answers)

    body = orjson.loads(whole.body)
    assert [(c["index"], c["message"]["content"]) for c in body["choices"]] == [(0, "a"), (1, "b")]
    assert body["usage"]["total_tokens"] == 10
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert whole.usage == body["usage"]


def test_usage_that_one_answer_lacks_is_no_count():
    """A sum of which a part is missing is not taken for what the vendor counted."""
    counted = Answer(b'{"choices":[],"usage":{"total_tokens":1}}', {"total_tokens": 1})

    assert join(make_call(), [counted, Answer(counted.body, None)]).usage is None


def test_texts_over_the_limit_go_in_pieces():
    """Each request holds as many texts as the vendor takes, in order, and vectors are numbered through."""
    target = make_target(embeddings={"max_batch": 2})
    call = make_call("/v1/embeddings", input=["a", "b", "c", "d", "e"], dimensions=2)

    sent = parts(target, call)
    inputs = [orjson.loads(out.body)["input"] for out in sent]
    answers = [read_answer(target, call, out, 200, {}, vectors(texts)) for texts, out in zip(inputs, sent, strict=True)]

    assert inputs == [["a", "b"], ["c", "d"], ["e"]]
    assert all(orjson.loads(out.body)["dimensions"] == 2 for out in sent)
    rows = orjson.loads(join(call, answers).body)["data"]
    assert [(row["index"], row["embedding"]) for row in rows] == [(i, [float(ord(t))]) for i, t in enumerate("abcde")]


def test_more_texts_than_openai_takes_are_refused():
    """A list of more than 2048 texts is a bad request at OpenAI, and so here."""
    with pytest.raises(RefusedError) as caught:
        parts(make_target(embeddings={"max_batch": 2}), make_call("/v1/embeddings", input=["a"] * 2049))

    assert caught.value.error.param == "input"


def vectors(texts):
    rows = [{"embedding": [float(ord(text))], "index": i} for i, text in enumerate(texts)]
    return orjson.dumps({"data": rows, "model": "acme-1", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
