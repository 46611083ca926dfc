"""Any OpenAI request at any vendor: taken by its strict fake or refused by us by name, and reported as it is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llm_migrate.catalog.policy import OPEN, UNKNOWN, VERDICTS, Effect, Policy, Ruling, judge, verdict_of
from llm_migrate.config import Secret
from llm_migrate.wire.exchange import Outgoing, RefusedError, parse_call, prepare
from tests.catalog.test_policy_properties import blur, blur_turns
from tests.e2e.received import as_asked
from tests.fakes.served import SERVED, Served
from tests.fakes.server import RefusalError, Reply, Request
from tests.openai_requests import JSON_SCHEMA, NAMED, STRICT, WEATHER, chat_requests

CASES = [
    pytest.param(served, model, id=f"{served.fake}-{model}") for served in SERVED.values() for model in served.models
]
HELLO = [{"role": "user", "content": "hello"}]
FORCED = {"model": "gpt-4o", "messages": HELLO, "tools": [WEATHER], "tool_choice": NAMED, "reasoning_effort": "high"}
SHAPED = {"model": "gpt-4o", "messages": HELLO, "response_format": JSON_SCHEMA, "tools": [STRICT], "n": 2}
ODD = {"model": "gpt-4o", "messages": HELLO, "temperature": 0, "top_p": 1, "max_tokens": 5000, "stop": "END", "seed": 7}


@pytest.mark.parametrize(("served", "model"), CASES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=chat_requests())
@example(body=FORCED)
@example(body=SHAPED)
@example(body=ODD)
def test_any_request_is_accepted_or_refused_by_name(served: Served, model: str, body: dict[str, Any]) -> None:
    """What we send, the vendor takes; what it does not take, we refuse beforehand and say which parameter it is."""
    try:
        out = sent(served, model, body)
    except RefusedError as refused:
        assert refused.error.status in (400, 404)
        assert refused.error.param
        return

    try:
        reply = served.module.serve(as_request(out))
    except RefusalError as refusal:
        pytest.fail(f"refused {refusal.reply.status} {refusal.reply.payload}\n{out.body.decode()}\n{out.adapted}")
    assert reply.status == 200, (reply.payload, out.body)
    assert not is_error(reply), (reply.payload or reply.events, out.body)


@pytest.mark.parametrize(("served", "model"), CASES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=chat_requests())
@example(body=FORCED)
@example(body=SHAPED)
@example(body=ODD)
def test_the_report_says_exactly_what_was_changed(served: Served, model: str, body: dict[str, Any]) -> None:
    """What the vendor received differs from what was asked where a ruling says so, and nowhere else."""
    try:
        out = sent(served, model, body)
    except RefusedError:
        return

    received = as_asked(served.fake, orjson.loads(out.body), body)
    rulings = [ruling for ruling in out.rulings if ruling.effect is not Effect.KEPT]
    for name in sorted((body.keys() | received.keys()) - {"model", "messages", "stream", "stream_options", "tools"}):
        same = body.get(name) == received.get(name)
        assert same or is_reported(name, rulings), f"{name}: {body.get(name)} became {received.get(name)} in silence"
    for ruling in rulings:
        if ruling.subject in body and ruling.effect > Effect.OMITTED and ruling.subject not in ("messages", "stream"):
            assert body[ruling.subject] != received.get(ruling.subject), f"{ruling.subject} is said to be changed"
    for name in ("messages", "tools"):
        told = [r for r in rulings if r.subject.split(".")[0] == name or is_instruction(name, r)]
        for place in differences(body.get(name), received.get(name), name):
            assert told, f"{place} was changed in silence"
        lost = members_lost(body.get(name), received.get(name), name)
        silent = [place for place in lost if not is_told(place, told)]
        assert not silent or any(is_wide(r) for r in told), f"{silent} left in silence"


@pytest.mark.parametrize(("served", "model"), CASES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=chat_requests(), data=st.data())
def test_a_scan_foresees_what_the_wire_does(
    served: Served, model: str, body: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever part of a request is unknown to a scan, its interval holds the verdict of the real one."""
    target = served.target()
    try:
        verdict = verdict_of(sent(served, model, body).rulings)[0]
    except RefusedError as refused:
        # What a dialect cannot say in its shape, and no rule speaks of, is not foreseen.
        judged = judge(Policy(target.provider, target.endpoint.id, "chat", model, asked="gpt-4o"), body)
        if not any(ruling.effect is Effect.REFUSED for ruling in judged):
            assert refused.error.param in ("messages", "tool_choice")
            return
        verdict = "blocked"

    seen = view(data.draw, body)
    known = data.draw(st.booleans())
    policy = Policy(target.provider, target.endpoint.id, "chat", model, asked="gpt-4o")
    scanned = policy if known else replace(policy, model=UNKNOWN, asked=UNKNOWN)
    least, most = verdict_of(judge(scanned, seen))

    order = VERDICTS.index
    assert order(least) <= order(verdict) <= order(most), (least, verdict, most)


def view(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, object]:
    """Return a request as a scan may see it: some fields hidden, some values not known."""
    hidden = draw(st.sets(st.sampled_from(sorted(body))))
    seen = {
        name: value if value is None else blur_turns(draw, value) if name == "messages" else blur(draw, value)
        for name, value in body.items()
        if name not in hidden
    }
    return {**seen, OPEN: UNKNOWN} if hidden else seen


def sent(served: Served, model: str, body: dict[str, Any]) -> Outgoing:
    call = parse_call("POST", "/v1/chat/completions", orjson.dumps(body))
    return prepare(served.target(), call, model=model, secret=Secret(served.key), now_s=time.time())


def as_request(out: Outgoing) -> Request:
    url = urlsplit(out.url)
    query = {k: v[-1] for k, v in parse_qs(url.query).items()}
    return Request(out.method, url.path, query, {**dict(out.headers), "host": url.netloc}, out.body)


def is_error(reply: Reply) -> bool:
    """Say whether a good status carries an error, in any of the vendors' forms."""
    for body in reply.events if reply.events is not None else [reply.payload]:
        if not isinstance(body, dict):
            continue
        base, inner = body.get("base_resp") or {}, body.get("Response") or {}
        if body.get("error") or body.get("error_code") or base.get("status_code") or inner.get("Error"):
            return True
    return False


def is_reported(name: str, rulings: list[Ruling]) -> bool:
    return any(name == r.subject or name in r.set or name == r.to or name in r.remove for r in rulings)


def is_instruction(name: str, ruling: Ruling) -> bool:
    """Say whether a ruling on another parameter changes this one: JSON that is asked for in the prompt."""
    said = ruling.how in ("schema-instruction", "json-instruction")
    return (name == "messages" and said) or name in ruling.remove


def is_wide(ruling: Ruling) -> bool:
    """Say whether a ruling moves or joins turns, so that places cannot be compared one by one, or drops the whole."""
    return ruling.subject in ("messages.order", "messages.system", "messages.fold_system", "tools") or bool(
        ruling.remove
    )


def is_told(place: str, rulings: list[Ruling]) -> bool:
    """Say whether a ruling speaks of a member, or of what it is inside of."""
    said = {r.subject for r in rulings}
    joined = "messages.text_parts" in said and place.startswith("messages.content.")  # parts that became one text
    return joined or any(place == subject or place.startswith(f"{subject}.") for subject in said)


def differences(asked: Any, received: Any, place: str) -> Iterator[str]:
    """Yield the places at which two values differ."""
    if isinstance(asked, dict) and isinstance(received, dict):
        for name in sorted(asked.keys() | received.keys()):
            yield from differences(asked.get(name), received.get(name), f"{place}.{name}")
    elif isinstance(asked, list) and isinstance(received, list) and len(asked) == len(received):
        for one, two in zip(asked, received, strict=True):
            yield from differences(one, two, place)
    elif asked != received:
        yield place


def members_lost(asked: Any, received: Any, place: str) -> Iterator[str]:
    """Yield the paths of members, not null, that are in one value and nowhere in the other at the same path."""
    kept = set(paths(received, place))
    yield from sorted(set(paths(asked, place)) - kept - {"messages.content"})


def paths(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from paths(item, place)
    elif isinstance(value, dict) and not place.endswith(".parameters"):
        for name, inner in value.items():
            if inner is not None and inner != "":
                yield f"{place}.{name}"
                yield from paths(inner, f"{place}.{name}")
