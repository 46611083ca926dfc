"""The judge over every provider file and one that is all corners: whatever is sent, however little is known of it."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Sequence
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_migrate.catalog.load import all_providers
from llm_migrate.catalog.policy import OPEN, UNKNOWN, VERDICTS, Effect, Policy, Ruling, apply, judge, verdict_of
from llm_migrate.catalog.schema import Api
from tests.catalog.tiny import nasty

PROVIDERS = all_providers()
NASTY = nasty()
TODAY = dt.date(2026, 11, 22)

TEXT = st.sampled_from(["", "a", "hello", "x" * 70, "x" * 200])
NUMBER = st.sampled_from([-3, -0.5, 0, 0.0, 0.01, 0.7, 1, 1.0, 1.7, 2, 5])
COUNT = st.sampled_from([-1, 0, 1, 2, 5, 900, 70_000, 2**31])
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
STRICT = {"type": "function", "function": {"name": "f", "strict": True}}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
KEYED = st.sampled_from(["auto", "none", "required", "low", "minimal", "high", "max", "default", "disabled", "text"])
TYPED = st.sampled_from(
    [{"type": t} for t in ("text", "json_object", "json_schema", "function", "enabled", "disabled", "adaptive")]
)
LISTS = st.lists(TEXT, min_size=1, max_size=6)

FIELDS: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys(("temperature", "top_p", "presence_penalty", "frequency_penalty"), NUMBER),
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_new_tokens", "n", "seed", "top_logprobs", "dimensions"), COUNT
    ),
    **dict.fromkeys(
        ("logprobs", "store", "parallel_tool_calls", "stream", "enable_thinking", "do_sample", "tool_stream"),
        st.booleans(),
    ),
    **dict.fromkeys(
        ("user", "user_id", "safety_identifier", "service_tier", "verbosity", "prompt_cache_key", "function_call"),
        KEYED | TEXT,
    ),
    **dict.fromkeys(("reasoning_effort", "tool_choice", "thinking", "response_format"), KEYED | TYPED),
    "stop": TEXT | LISTS,
    "input": TEXT | LISTS | st.sampled_from([[1, 2], [[1], [2, 3]], ["a"] * 30]),
    "tools": st.sampled_from([[TOOL], [TOOL, STRICT], [CUSTOM]]),
    "functions": st.just([TOOL["function"]]),
    "modalities": st.just(["text"]),
    "metadata": st.just({"a": "b"}),
    "logit_bias": st.just({"50256": -100}),
    "stream_options": st.just({"include_usage": True}),
    "encoding_format": st.sampled_from(["float", "base64"]),
    "something_new": TEXT,
}

PART = st.sampled_from(
    [
        {"type": "text", "text": "t"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
    ]
)
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
    optional={
        "content": st.none() | TEXT | st.lists(PART, max_size=3),
        "tool_calls": st.sampled_from([[CALL], [], None]),
        "reasoning_content": TEXT,
        "name": TEXT | st.none(),
        "refusal": st.none() | TEXT,
    },
)
MESSAGES = st.lists(TURN, max_size=5)


@st.composite
def bodies(draw: st.DrawFn, api: str) -> dict[str, object]:
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=3, max_size=12))
    nulls = draw(st.sampled_from([0, 0, 0, 1]))
    body = {name: None if i < nulls else draw(FIELDS[name]) for i, name in enumerate(names)}
    if api == "chat":
        body["messages"] = draw(MESSAGES)
    return body


# A policy in words: hypothesis prints what it found, and a provider file would bury it.
Key: TypeAlias = tuple[str, str, Api, object, dt.date | None, object, bool]


def policy_of(key: Key, **known: object) -> Policy:
    name, endpoint, api, model, today, asked, calls = key
    provider = next(p for p in (*PROVIDERS, NASTY) if p.id == name)
    emulate = frozenset({"n-calls"} if calls else ())
    model, asked = known.get("model", model), known.get("asked", asked)
    return Policy(provider, endpoint, api, model, today, asked, emulate)  # type: ignore[arg-type]


@st.composite
def policies(draw: st.DrawFn) -> Key:
    provider = draw(st.sampled_from([*PROVIDERS, NASTY, NASTY]))
    api: Api = draw(st.sampled_from(["chat"] * 9 + ["embeddings", "completions", "responses"]))
    endpoint = draw(st.sampled_from([e.id for e in provider.endpoints]))
    model = draw(st.sampled_from([m.id for m in provider.models]) | st.sampled_from(["my-deployment", UNKNOWN]))
    asked = draw(st.sampled_from([None, "gpt-4o", "o3", provider.models[0].id]))
    return provider.id, endpoint, api, model, draw(st.sampled_from([None, TODAY])), asked, draw(st.booleans())


@st.composite
def cases(draw: st.DrawFn) -> tuple[Key, dict[str, object]]:
    key = draw(policies())
    return key, draw(bodies(key[2]))


def blur(draw: st.DrawFn, value: object) -> object:
    """Forget some of a value: itself, an item of it, or that a member exists."""
    kind = draw(st.sampled_from(["keep", "keep", "all", "inside"]))
    if kind == "all":
        return UNKNOWN
    if kind == "inside" and isinstance(value, list):
        return [blur(draw, item) for item in value]
    if kind == "inside" and isinstance(value, dict):
        hidden = draw(st.lists(st.sampled_from(sorted(value)), unique=True)) if value else []
        seen = {name: blur(draw, inner) for name, inner in value.items() if name not in hidden}
        return {**seen, OPEN: UNKNOWN} if hidden else seen
    return value


def blur_turns(draw: st.DrawFn, turns: list[object]) -> object:
    """Forget some of a conversation; one UNKNOWN stands for any number of turns, so also for none."""
    if draw(st.integers(0, 4)) == 0:
        return UNKNOWN
    out: list[object] = []
    for turn in turns:
        if draw(st.integers(0, 5)) == 0:
            out.append(UNKNOWN)
        out.append(blur(draw, turn))
    if out and out[-1] is UNKNOWN and draw(st.booleans()):
        out[-1:] = [UNKNOWN]
    return out


@st.composite
def partial_views(draw: st.DrawFn) -> tuple[Key, dict[str, object], dict[str, object], bool]:
    """Return a request as the wire sees it, as a scan may see it, and whether the scan knows the model."""
    key, body = draw(cases())
    hidden = draw(st.sets(st.sampled_from(sorted(body)))) if body and draw(st.booleans()) else set()
    seen: dict[str, object] = {}
    for name, value in body.items():
        if name in hidden:
            continue
        if name == "messages":
            seen[name] = blur_turns(draw, value)  # type: ignore[arg-type]
        else:
            # A null is not unknown: UNKNOWN means that something is sent.
            seen[name] = value if value is None else blur(draw, value)
    if hidden or draw(st.booleans()):
        seen[OPEN] = UNKNOWN
    return key, body, seen, draw(st.booleans())


def span(rulings: Sequence[Ruling], subject: str) -> tuple[Effect, Effect]:
    """Return the least and the most that rulings say of a subject, with those that stand for what cannot be seen."""
    own = [r for r in rulings if r.subject == subject]
    wide = [r for r in rulings if r.subject == OPEN or (r.subject != subject and subject.startswith(f"{r.subject}."))]
    least = max((r.effect for r in own), default=Effect.KEPT)
    return least, max((r.at_worst for r in own + wide), default=Effect.KEPT)


@given(partial_views())
@settings(max_examples=400, deadline=None)
def test_what_a_scan_predicts_contains_what_the_wire_does(views):
    """For each subject, and in sum, a partial view gives an interval around the ruling of the whole request."""
    key, body, seen, knows_model = views
    scanned = policy_of(key) if knows_model else policy_of(key, model=UNKNOWN, asked=UNKNOWN)

    whole, predicted = judge(policy_of(key), body), judge(scanned, seen)

    for subject in {r.subject for r in whole} | {r.subject for r in predicted} - {OPEN, "messages"}:
        least, most = span(predicted, subject)
        sure, worst = span(whole, subject)
        assert least <= sure and worst <= most, (subject, (least, most), (sure, worst))
    order = VERDICTS.index
    certain, possible = map(order, verdict_of(predicted))
    assert certain <= order(verdict_of(whole)[0])
    assert order(verdict_of(whole)[1]) <= possible


@given(cases())
@settings(max_examples=150, deadline=None)
def test_judging_is_a_pure_function(case):
    """The same request is judged the same twice, and is not changed by it."""
    key, body = case
    policy = policy_of(key)
    before = copy.deepcopy(body)

    first = judge(policy, body)

    assert judge(policy, body) == first
    assert body == before


@given(cases())
@settings(max_examples=150, deadline=None)
def test_applying_twice_is_applying_once(case):
    """The changes of all rulings, applied to what they made, change nothing more."""
    key, body = case
    rulings = judge(policy_of(key), body)

    once = apply(body, rulings)

    assert apply(once, rulings) == once


@given(cases())
@settings(max_examples=150, deadline=None)
def test_a_refusal_changes_nothing(case):
    """A refused field stays in the request: nobody sends half of what was asked for."""
    key, body = case

    for ruling in judge(policy_of(key), body):
        if ruling.effect is Effect.REFUSED:
            assert not ruling.inside
            assert not ruling.remove
            assert not ruling.set


@given(cases())
@settings(max_examples=150, deadline=None)
def test_what_is_changed_is_reported(case):
    """A field that leaves, enters or changes has a ruling that says more than "kept"."""
    key, body = case
    rulings = judge(policy_of(key), body)

    for ruling in rulings:
        if ruling.remove or ruling.set or ruling.inside:
            assert ruling.effect is not Effect.KEPT
            assert ruling.effect is ruling.at_worst


@given(cases())
@settings(max_examples=150, deadline=None)
def test_the_caller_s_value_stands(case):
    """No renamed, added or default field overwrites what the caller sent under that name; a null is no value."""
    key, body = case
    rulings = judge(policy_of(key), body)
    own = {r.subject for r in rulings if r.subject in body} | {r.inside[0] for r in rulings if r.inside}

    out = apply(body, rulings)

    for name, value in body.items():
        if value is not None and name not in own:
            assert out[name] == value


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.id)
def test_every_model_of_a_file_can_be_judged_everywhere(provider):
    """A plain question is judged at each endpoint for each model, listed or not."""
    body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0.5}

    for endpoint in provider.endpoints:
        for model in (*(m.id for m in provider.models), "unlisted", UNKNOWN):
            judge(Policy(provider, endpoint.id, "chat", model, TODAY), body)
