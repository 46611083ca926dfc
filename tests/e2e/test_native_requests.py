"""Any OpenAI request is accepted by each native API's fake, or refused by us with OpenAI's error."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_migrate.catalog.policy import Effect
from llm_migrate.config import Secret
from llm_migrate.wire.exchange import Outgoing, RefusedError, parse_call, prepare
from tests.fakes import ernie_v1_like, hunyuan_tc3_like, sensenova_v1_like
from tests.fakes.server import RefusalError, Request
from tests.wire.dialects.targets import native

TARGETS = {
    "ernie": (native("ernie", "v1", key=ernie_v1_like.TOKEN), "ernie-4.0-8k", ernie_v1_like),
    "ernie-speed": (native("ernie", "v1", key=ernie_v1_like.TOKEN), "ernie-speed-128k", ernie_v1_like),
    "hunyuan": (
        native("hunyuan", "native", key=f"{hunyuan_tc3_like.SECRET_ID}:{hunyuan_tc3_like.SECRET_KEY}"),
        "hunyuan-functioncall",
        hunyuan_tc3_like,
    ),
    "hunyuan-lite": (
        native("hunyuan", "native", key=f"{hunyuan_tc3_like.SECRET_ID}:{hunyuan_tc3_like.SECRET_KEY}"),
        "hunyuan-lite",
        hunyuan_tc3_like,
    ),
    "sensenova": (
        native("sensenova", "native", key=f"{sensenova_v1_like.KEY_ID}:{sensenova_v1_like.SECRET}"),
        "SenseChat-5",
        sensenova_v1_like,
    ),
}
TEXT = st.sampled_from(["hello", "你好", "what is the weather?", "x" * 300])
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "d", "parameters": {"type": "object", "properties": {}}},
}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.sampled_from([0, 0.0, 0.3, 1, 1.5, 2]),
    "top_p": st.sampled_from([0, 0.5, 1, 1.0]),
    "presence_penalty": st.sampled_from([-2, 0, 0.5, 2]),
    "frequency_penalty": st.sampled_from([-2.0, 0, 2]),
    "max_tokens": st.sampled_from([1, 100, 5000]),
    "max_completion_tokens": st.sampled_from([1, 100, 5000]),
    "stop": st.sampled_from(["END", ["a"], ["a", "b", "c", "d"], None]),
    "n": st.sampled_from([1, 2]),
    "seed": st.sampled_from([-1, 0, 7, 70000]),
    "user": st.just("someone"),
    "logprobs": st.booleans(),
    "logit_bias": st.just({"1": 2}),
    "parallel_tool_calls": st.booleans(),
    "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}]),
    "reasoning_effort": st.sampled_from(["low", "high"]),
    "metadata": st.just({"a": "b"}),
    "store": st.booleans(),
    "service_tier": st.sampled_from(["auto", "flex"]),
    "stream": st.booleans(),
}
TOOLED: dict[str, st.SearchStrategy[Any]] = {
    "tools": st.just([TOOL]),
    "tool_choice": st.sampled_from(["auto", "none", "required", NAMED]),
}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    body = draw(st.fixed_dictionaries({}, optional=FIELDS))
    tools = draw(st.booleans())
    if tools:
        body |= draw(st.fixed_dictionaries({"tools": TOOLED["tools"]}, optional={"tool_choice": TOOLED["tool_choice"]}))
    if body.get("stream"):
        body["stream_options"] = {"include_usage": draw(st.booleans())}
    return {"model": "gpt-4o", "messages": draw(conversations(tools=tools)), **body}


@st.composite
def conversations(draw: st.DrawFn, *, tools: bool) -> list[dict[str, Any]]:
    """Draw turns as OpenAI takes them; after a tool's result the assistant speaks, as V1 demands."""
    roles = draw(st.lists(st.sampled_from(["system", "developer"]), max_size=2))
    turns: list[dict[str, Any]] = [{"role": role, "content": draw(contents())} for role in roles]
    for i in range(draw(st.integers(1, 3))):
        turns += [{"role": "user", "content": draw(contents())} for _ in range(draw(st.integers(1, 2)))]
        if tools and draw(st.booleans()):
            ids = [f"c{k}" for k in range(draw(st.integers(1, 2)))]
            calls = [{"id": c, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}} for c in ids]
            said = draw(st.sampled_from([None, "", "let me see"]))
            turns.append({"role": "assistant", "content": said, "tool_calls": calls})
            turns += [{"role": "tool", "tool_call_id": c, "content": draw(TEXT)} for c in ids]
        turns.append({"role": "assistant", "content": draw(contents())})
        if draw(st.booleans()):
            turns.append({"role": "system", "content": f"note {i}"})
    return [*turns, {"role": "user", "content": draw(contents())}]


def contents() -> st.SearchStrategy[Any]:
    part = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT})
    return TEXT | st.lists(part, min_size=1, max_size=2)


def deliver(out: Outgoing, vendor: Any) -> None:
    """Hand a request to a fake without a socket, with the Host that a library writes."""
    url = urlsplit(out.url)
    headers = {**dict(out.headers), "host": url.netloc}
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    vendor.serve(Request(out.method, url.path, query, headers, out.body))


@pytest.mark.parametrize("name", TARGETS)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=requests())
def test_what_is_sent_is_accepted(name: str, body: dict[str, Any]) -> None:
    """A request that we do not refuse with OpenAI's 400 is one that the vendor takes, signature included."""
    target, model, vendor = TARGETS[name]
    call = parse_call("POST", "/v1/chat/completions", orjson.dumps(body))
    try:
        key = Secret(target.source.names[0])
        out = prepare(target, call, model=model, adapt="warn", secret=key, now_s=time.time())
    except RefusedError as refused:
        assert refused.error.status == 400
        return

    try:
        deliver(out, vendor)
    except RefusalError as refusal:
        pytest.fail(f"{refusal.reply.payload} to {out.body.decode()}")


@pytest.mark.parametrize("name", TARGETS)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=requests())
def test_what_is_lost_is_said(name: str, body: dict[str, Any]) -> None:
    """Each field whose value is nowhere in what is sent has a ruling, so nothing is dropped in silence."""
    target, model, _ = TARGETS[name]
    call = parse_call("POST", "/v1/chat/completions", orjson.dumps(body))
    try:
        out = prepare(target, call, model=model, adapt="warn", secret=Secret("a:b"), now_s=0.0)
    except RefusedError:
        return

    kept_in_shape = {"model", "messages", "tools", "tool_choice", "stream", "stream_options"}
    ruled = {ruling.subject for ruling in out.rulings if ruling.effect is not Effect.KEPT}
    sent = {name.lower().replace("_", "") for name in orjson.loads(out.body)}
    silent = [f for f in body if f not in kept_in_shape | ruled and f.replace("_", "") not in sent]
    assert silent == []
