"""A call becomes a vendor's request."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.wire.dialects import openai_chat
from llm_migrate.wire.exchange import RefusedError, parse_call, prepare
from tests.wire.vendors import HOST, KEY, make_call, make_target, send, sent_body

PARAMS = {
    "temperature": [{"effect": "clamp", "low": 0.01, "high": 1.0, "advice": "0.01 to 1"}],
    "seed": [{"effect": "drop", "advice": "no seeds"}],
    "user": [{"effect": "rename", "to": "user_id"}],
    "n": [{"effect": "omit", "values": [1]}, {"effect": "refuse", "advice": "one choice a call"}],
    "response_format": [{"effect": "emulate", "values": ["json_schema"], "how": "schema-instruction"}],
}


def test_rulings_are_applied_and_reported():
    """What the judge ruled is what is sent, and the header names each change but no value."""
    target = make_target(chat={"params": PARAMS})

    out = send(target, make_call(temperature=2, seed=7, user="u-canary", n=1))

    assert orjson.loads(out.body) == {
        "model": "acme-1",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 1.0,
        "user_id": "u-canary",
    }
    assert out.adapted == "temperature=clamped, seed=dropped, user=renamed"


def test_a_request_that_fits_is_not_reported():
    """Nothing changed, nothing said."""
    assert send(make_target(chat={"params": PARAMS}), make_call(temperature=0.5)).adapted == ""


def test_a_refused_parameter_is_400_with_its_name_and_the_advice():
    """What the vendor cannot do is answered as OpenAI answers an unsupported parameter."""
    with pytest.raises(RefusedError) as caught:
        send(make_target(chat={"params": PARAMS}), make_call(n=2))

    error = caught.value.error
    assert (error.status, error.param, error.code, error.outcome) == (400, "n", "unsupported_parameter", "request")
    assert error.message == "main: n cannot be sent: one choice a call"


def test_strict_refuses_a_loss_but_not_an_adaptation():
    """With adapt = strict a dropped parameter refuses the request; a renamed one does not."""
    target = make_target(chat={"params": PARAMS})

    assert send(target, make_call(user="u"), adapt="strict").adapted == "user=renamed"
    with pytest.raises(RefusedError) as caught:
        send(target, make_call(seed=1), adapt="strict")
    assert caught.value.error.code == "lossy"


def test_an_api_that_the_vendor_lacks_is_refused():
    """Embeddings at a vendor without them are refused, not sent."""
    target = make_target(embeddings={"offered": False})

    with pytest.raises(RefusedError):
        send(target, make_call("/v1/embeddings", input="a"))


def test_names_in_the_report_are_names():
    """S3: a field name out of the program's data cannot carry text or a line break into a header or message."""
    target = make_target(chat={"unlisted": "drop"})

    out = send(target, make_call(**{"my secret\r\nX-Evil: 1": 1, "foo": 2}))

    assert out.adapted == "(unnamed)=dropped, foo=dropped"


def test_a_long_report_is_cut_at_a_name():
    """The header stays within what servers accept."""
    target = make_target(chat={"unlisted": "drop"})

    adapted = send(target, make_call(**{f"field_{i:04}": i for i in range(500)})).adapted

    assert len(adapted) <= 2000
    assert adapted.endswith("=dropped, ...")


def test_destination_and_headers_come_from_the_target_alone():
    """S1: nothing in a request changes where it goes or who it speaks for."""
    call = make_call(base_url="https://evil.test", api_key="sk-evil", headers={"authorization": "Bearer evil"})

    out = send(make_target(chat={"unlisted": "drop"}), call)

    assert out.url == f"https://{HOST}/v1/chat/completions"
    assert dict(out.headers) == {
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": openai_chat._USER_AGENT,
        "authorization": f"Bearer {KEY}",
    }
    assert b"evil" not in out.body


@pytest.mark.parametrize(
    ("path", "method", "url"),
    [
        ("/v1/chat/completions", "POST", "/openai/deployments/my%20dep%2Fa/chat/completions?api-version=2024-10-21"),
        ("/v1/embeddings", "POST", "/openai/deployments/my%20dep%2Fa/embeddings?api-version=2024-10-21"),
        ("/v1/models", "GET", "/openai/models?api-version=2024-10-21"),
    ],
)
def test_the_dated_route_has_the_deployment_in_the_path(path, method, url):
    """On Azure's dated route the model is a deployment in the path, encoded whole, and the key goes in api-key."""
    target = make_target(auth="azure-key", api_version="2024-10-21", base_url=f"https://{HOST}/openai")
    call = parse_call("GET", path, b"") if method == "GET" else make_call(path, input="x")

    out = send(target, call, model="my dep/a")

    assert (out.method, out.url) == (method, f"https://{HOST}{url}")
    assert dict(out.headers)["api-key"] == KEY
    assert "authorization" not in dict(out.headers)


@pytest.mark.parametrize(
    ("version", "usage", "params", "asked"),
    [
        (None, "when-asked", {}, {"include_usage": True}),
        (None, "always", {}, None),
        (None, "inside-choice", {}, None),
        (None, "when-asked", {"stream_options": [{"effect": "drop"}]}, None),
        ("2024-10-21", "when-asked", {}, {"include_usage": True}),
        ("2024-06-01", "when-asked", {}, None),
    ],
)
def test_usage_is_asked_for_where_the_vendor_counts_only_then(version, usage, params, asked):
    """A stream's tokens are always counted, but no vendor is sent an option that it does not know."""
    target = make_target(chat={"params": params}, stream={"usage": usage}, api_version=version)

    assert sent_body(target, stream=True).get("stream_options") == asked


def test_the_callers_stream_options_are_kept():
    """Asking for usage leaves the caller's other options alone."""
    body = sent_body(make_target(), stream=True, stream_options={"include_obfuscation": False})

    assert body["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_without_a_stream_nothing_is_said_of_it():
    """An explicit `stream: false`, as .parse() sends it, is left out."""
    assert "stream" not in sent_body(make_target(), stream=False)


def test_embeddings_lose_an_encoding_that_the_vendor_lacks():
    """The SDK's own encoding_format is left out without a word where the vendor only knows floats."""
    target = make_target(embeddings={"params": {"encoding_format": [{"effect": "omit"}]}})

    out = send(target, make_call("/v1/embeddings", input="a", encoding_format="base64"))

    assert (orjson.loads(out.body), out.adapted) == ({"model": "acme-1", "input": "a"}, "")


def test_a_body_too_deep_to_write_is_400():
    """S5: nesting that can be read but not written is refused, not a crash."""
    deep = b'{"model":"m","messages":[{"role":"user"}],"metadata":' + b"[" * 300 + b"]" * 300 + b"}"
    call = parse_call("POST", "/v1/chat/completions", deep)

    with pytest.raises(RefusedError) as caught:
        send(make_target(), call)
    assert caught.value.error.status == 400


def test_the_callers_body_is_not_changed():
    """A second target gets the request as it was, not as the first one needed it."""
    target = make_target(chat={"params": PARAMS, "messages": {"roles": {"developer": "system"}, "system": "merge"}})
    call = make_call(messages=[{"role": "user", "content": "a"}, {"role": "developer", "content": "b"}], seed=1)
    before = orjson.dumps(call.body)

    prepare(target, call, model="m", secret=target.credential(), now_s=0.0)

    assert orjson.dumps(call.body) == before


def test_nothing_printed_shows_prompt_key_or_address():
    """S3: calls, requests and answers print names only."""
    call = make_call(messages=[{"role": "user", "content": "canary"}])

    text = f"{call!r} {send(make_target(), call)!r} {make_target()!r}"

    assert not any(word in text for word in ("canary", KEY, HOST))
