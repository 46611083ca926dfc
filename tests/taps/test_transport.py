"""The unmodified SDK over `http_client()`; numbers in brackets are traps of an in-process transport, see each text."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
from types import SimpleNamespace

import httpx
import httpx2
import openai
import pydantic
import pytest

import llm_migrate
from llm_migrate.config import load_config
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.taps import family_httpx
from llm_migrate.taps.tap import Tap
from tests.engine.script import ROLE, WORD, completion, event
from tests.taps.loopback import dripping, events, hang, loopback, refusal, reset, whole

MESSAGES = [{"role": "user", "content": "hi"}]


def sdk(config, **kwargs):
    return openai.OpenAI(api_key="sk-caller", http_client=llm_migrate.http_client(config=config), **kwargs)


def texts(stream):
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices]


def test_a_completion_comes_back(config):
    """`chat.completions.create` works, and the target gets its own key, never the caller's (S1)."""
    with loopback() as server, sdk(config(server)) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert answer.choices[0].message.content == "hello"
    assert server.requests[0].headers["authorization"] == "Bearer key-of-a"
    assert "sk-caller" not in str(server.requests)


def test_nothing_of_the_sdk_reaches_the_vendor(config):
    """No header that tells of the SDK, the machine or the OpenAI account leaves."""
    with loopback() as server, sdk(config(server), organization="org-1") as client:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert not [name for name in server.requests[0].headers if name.startswith(("x-stainless", "openai-"))]


def test_no_header_or_query_of_the_caller_goes_on(config):
    """Whatever the program adds for OpenAI, keys and cookies among it, stays here (S1)."""
    leak = dict.fromkeys(("cookie", "api-key", "x-api-key", "openai-beta", "x-own", "proxy-authorization"), "leak")
    with loopback() as server, sdk(config(server), default_headers={**leak, "authorization": "leak"}) as client:
        client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, extra_headers={"host": "leak"}, extra_query={"key": "leak"}
        )

    assert "leak" not in server.requests[0].path + str(server.requests[0].headers)


def test_an_azure_client_of_the_sdk_shares_our_client(config):
    """`AzureOpenAI` hangs a hook of its own on the client that it is given; both SDK classes go on over it [11]."""
    with loopback() as server, sdk(config(server)) as client:
        azure = openai.AzureOpenAI(
            api_key="x", api_version="x", azure_endpoint="https://x.invalid", http_client=client._client
        )
        answers = [c.chat.completions.create(model="gpt-4o", messages=MESSAGES) for c in (azure, client)]

    assert [answer.choices[0].message.content for answer in answers] == ["hello", "hello"]
    assert {got.path for got in server.requests} == {"/v1/chat/completions"}


def test_a_stream_comes_back(config):
    """`stream=True` gives the chunks in order."""
    with loopback(events()) as server, sdk(config(server)) as client:
        assert texts(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)) == [
            "",
            "hello",
            "hello",
            None,
        ]


def test_tools_come_back(config):
    """A tool call passes in both directions."""
    function = {"name": "f", "arguments": '{"a": 1}'}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    with loopback(whole(json.dumps(body).encode())) as server, sdk(config(server)) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tools=tools)

    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'
    assert server.requests[0].body["tools"] == tools


def test_streamed_tools_come_back(config):
    """Pieces of a tool call come as the model sent them (R5)."""
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"a"', ": 1}")]
    pieces = [event({"role": "assistant", "tool_calls": [first]}), *(event({"tool_calls": [m]}) for m in more)]
    with loopback(events(*pieces, event(finish="tool_calls"))) as server, sdk(config(server)) as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        calls = [c.choices[0].delta.tool_calls[0] for c in stream if c.choices[0].delta.tool_calls]

    assert [call.function.arguments for call in calls] == ["", '{"a"', ": 1}"]
    assert calls[0].id == "call_1"


class Sum(pydantic.BaseModel):
    total: int


def test_parse_gives_the_callers_model(config):
    """`.parse()` sends a JSON schema and reads the answer into the model [17]."""
    message = {"role": "assistant", "content": '{"total": 3}'}
    body = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    with loopback(whole(json.dumps(body).encode())) as server, sdk(config(server)) as client:
        answer = client.chat.completions.parse(model="gpt-4o", messages=MESSAGES, response_format=Sum)

    assert answer.choices[0].message.parsed == Sum(total=3)
    assert server.requests[0].body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("finish", "error"),
    [("length", openai.LengthFinishReasonError), ("content_filter", openai.ContentFilterFinishReasonError)],
)
def test_parse_raises_by_the_finish_reason(config, finish, error):
    """A cut or filtered answer is the SDK's own error in `parse`, never half an object [17]."""

    class Point(pydantic.BaseModel):
        x: int

    with (
        loopback(whole(completion().replace(b'"stop"', f'"{finish}"'.encode()))) as server,
        sdk(config(server)) as client,
        pytest.raises(error),
    ):
        client.chat.completions.parse(model="gpt-4o", messages=MESSAGES, response_format=Point)


def test_a_number_for_a_code_is_text(config):
    """A vendor's number comes out as the text that the SDK's `e.code` is [19]."""
    error = json.dumps({"error": {"code": 1234, "message": "no"}}).encode()
    with (
        loopback(whole(error, 400)) as server,
        sdk(config(server)) as client,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert caught.value.code == "1234"
    assert caught.value.body["code"] == "1234"


def test_the_stream_helper_works(config):
    """`chat.completions.stream()` gathers the whole answer."""
    with (
        loopback(events()) as server,
        sdk(config(server)) as client,
        client.chat.completions.stream(model="gpt-4o", messages=MESSAGES) as stream,
    ):
        final = stream.get_final_completion()

    assert final.choices[0].message.content == "hellohello"


def test_embeddings_come_back(config):
    """`embeddings.create` gives floats, whatever coding it asked for [16]."""
    body = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}]}
    with loopback(whole(json.dumps(body).encode())) as server, sdk(config(server)) as client:
        answer = client.embeddings.create(model="text-embedding-3-small", input="hi")

    assert answer.data[0].embedding == [0.5, 1.0]
    assert server.requests[0].path == "/v1/embeddings"


def test_raw_responses_show_the_marks(config):
    """`with_raw_response` shows who answered; the request id is ours where the vendor gave none."""
    with loopback() as server, sdk(config(server)) as client:
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)

    assert raw.headers["x-llm-migrate-provider"] == "openai"
    assert raw.headers["x-request-id"].startswith("llm-migrate-")
    assert raw.parse()._request_id == raw.headers["x-request-id"]


def test_streamed_raw_responses_work(config):
    """`with_streaming_response` reads line by line."""
    with (
        loopback(events()) as server,
        sdk(config(server)) as client,
        client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=MESSAGES, stream=True) as raw,
    ):
        lines = [line for line in raw.iter_lines() if line]

    assert lines[-1] == "data: [DONE]"


def test_models_are_what_the_chain_serves(config):
    """`models.list()` names the mapped models and asks nobody."""
    with loopback() as server, sdk(config(server, extra='[models."my-model"]\na = "gpt-4o"\n')) as client:
        ids = [model.id for model in client.models.list()]
        one = client.models.retrieve("my-model")
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("no-such-model")

    assert ids[0] == one.id == "my-model"
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, None, openai.BadRequestError),
        (401, None, openai.AuthenticationError),
        (403, None, openai.PermissionDeniedError),
        (404, None, openai.NotFoundError),
        (422, None, openai.UnprocessableEntityError),
        (429, "insufficient_quota", openai.RateLimitError),
    ],
)
def test_errors_have_the_sdks_classes_and_are_asked_once(config, status, code, error):
    """Each vendor error raises the SDK's own class after one request: no loop of the SDK on top of ours (R2)."""
    with loopback(refusal(status, code)) as server, sdk(config(server)) as client, pytest.raises(error) as caught:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert len(server.requests) == 1
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "127.0.0.1" not in str(caught.value)


def test_a_server_error_is_an_internal_server_error(config):
    """A vendor that stays broken is asked twice, not six times (R2)."""
    with loopback(refusal(500)) as server, sdk(config(server)) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert len(server.requests) == 2


def test_trouble_with_the_connection_is_an_answer_too(config):
    """Nobody listening gives an error answer, not an exception that the SDK would retry and wrap [9]."""
    with loopback() as server:
        file = config(server)
    with sdk(file) as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_unreachable"


def test_fallback_before_the_first_content_shows_in_a_header_only(config):
    """The second target serves when the first fails, whole or streamed (R4)."""
    with loopback(refusal(503)) as first, loopback(whole(), events()) as second, sdk(config(first, second)) as client:
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
        streamed = texts(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))

    assert raw.headers["x-llm-migrate-fallback-reason"] == "limited"
    assert streamed == ["", "hello", "hello", None]


def test_a_stream_that_breaks_before_content_falls_back(config):
    """A reset after the role is invisible (R4)."""
    broken = events(ROLE, then=reset)
    with loopback(broken) as first, loopback(events()) as second, sdk(config(first, second)) as client:
        streamed = texts(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))

    assert streamed == ["", "hello", "hello", None]


@pytest.mark.parametrize("then", [reset, None], ids=["reset", "clean end"])
def test_a_cut_after_content_raises(config, then):
    """A break after the first content raises `APIError` and never looks whole; nothing is asked twice [5] (R1, R4)."""
    cut = events(ROLE, WORD, then=then)
    with loopback(cut) as first, loopback(events()) as second, sdk(config(first, second)) as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        got = []
        with pytest.raises(openai.APIError) as caught:
            got.extend(chunk.choices[0].delta.content for chunk in stream)

    assert got == ["", "hello"]
    assert caught.value.code == "stream_interrupted"
    assert second.requests == []


def test_a_read_limit_is_kept(config):
    """The caller's read limit ends a call to a vendor that says nothing [8] (R3)."""
    with (
        loopback(hang) as server,
        sdk(config(server), timeout=0.2) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert caught.value.status_code == 504


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"], ids=["head", "body"]
)
def test_a_read_limit_holds_for_every_byte(config, start):
    """A head or a body that comes byte by byte does not hold the caller beyond the deadline (R3)."""
    with (
        loopback(dripping(start)) as server,
        sdk(config(server), timeout=0.3) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert caught.value.code == "upstream_timeout"


def test_a_read_limit_holds_while_the_request_is_sent(config):
    """A vendor that takes a large request in small sips does not hold the caller beyond the deadline (R3)."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def sip():
        connection, _ = listener.accept()
        with connection:
            while not over.wait(0.02) and connection.recv(65536):
                pass

    thread = threading.Thread(target=sip)
    thread.start()
    file = config(SimpleNamespace(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1"))
    large = [{"role": "user", "content": "a" * (20 << 20)}]
    with listener, sdk(file, timeout=1) as client:
        began = time.monotonic()
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="gpt-4o", messages=large)
        took = time.monotonic() - began
        over.set()
        thread.join()

    assert caught.value.code == "upstream_timeout"
    assert took < 2


def test_a_stalled_stream_raises(config):
    """A stream that stalls after its content ends in an error at the caller's read limit (R3)."""
    stalled = events(ROLE, WORD, then=hang)
    with (
        loopback(stalled) as server,
        sdk(config(server), timeout=0.2) as client,
        pytest.raises(openai.APIError) as caught,
    ):
        texts(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))

    assert caught.value.code == "stream_interrupted"


def test_the_sdk_keeps_its_own_time_limits(config):
    """The client has the SDK's default limits, not those of the HTTP library [12]."""
    with loopback() as server, sdk(config(server)) as client:
        assert client.timeout == openai.DEFAULT_TIMEOUT


def test_streams_say_http2(config):
    """A stream says HTTP/2, so that the SDK does not wait for more after `[DONE]` [2]."""
    with loopback(events()) as server, sdk(config(server)) as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        with stream:
            assert stream.response.http_version == "HTTP/2"


def test_nothing_follows_done(config):
    """The stream is over with `[DONE]`, whatever the vendor sends after it [3]."""
    noisy = events(ROLE, WORD, event(finish="stop"), b"data: [DONE]\n\n", b": tail\n\n", WORD)
    with (
        loopback(noisy) as server,
        sdk(config(server)) as client,
        client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=MESSAGES, stream=True) as raw,
    ):
        assert raw.read().endswith(b"data: [DONE]\n\n")


def test_connections_are_used_again(config):
    """Answers and whole streams give their connection back to the pool."""
    with loopback(whole(), events(), whole()) as server, sdk(config(server)) as client:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        texts(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert len({got.connection for got in server.requests}) == 1


def test_closing_a_stream_early_ends_the_call_upstream(config):
    """`stream.close()` hangs up on the vendor at once [6]."""
    with loopback(events(ROLE, WORD, then=hang)) as server, sdk(config(server)) as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        next(stream)
        stream.close()

        assert server.gone.get(timeout=3) == "caller gone"


def test_a_dropped_stream_ends_the_call_upstream(config):
    """A stream that is only forgotten hangs up when it is collected [6]."""
    with loopback(events(ROLE, WORD, then=hang)) as server, sdk(config(server)) as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        next(stream)
        del stream
        gc.collect()

        assert server.gone.get(timeout=3) == "caller gone"


def test_a_run_without_close_ends_the_call_upstream(config):
    """Even where nobody calls `close`, the finalizer hangs up, and leaves the pool alone."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        client = llm_migrate.http_client(config=config(server))
        request = client.build_request(
            "POST", "http://x/v1/chat/completions", json={"model": "gpt-4o", "messages": MESSAGES, "stream": True}
        )
        response = client._transport.handle_request(request)
        next(iter(response.stream))
        del response

        assert server.gone.get(timeout=3) == "caller gone"
        assert not client._transport._upstream._idle._lines  # a connection that still has an answer to come is no use
        client.close()


def test_the_iterator_of_a_stream_is_one(config):
    """Asking a stream for its iterator twice does not run the call twice [1]."""
    with loopback(events()) as server, llm_migrate.http_client(config=config(server)) as client:
        body = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}
        request = client.build_request("POST", "http://x/v1/chat/completions", json=body)
        stream = client._transport.handle_request(request).stream
        assert iter(stream) is iter(stream)
        stream.close()

    assert len(server.requests) == 1


def test_other_apis_are_refused_plainly(config):
    """What is not carried gets a 404 that says so, and is not retried."""
    with loopback() as server, sdk(config(server)) as client:
        with pytest.raises(openai.NotFoundError, match="The images API is not carried by llm-migrate") as caught:
            client.images.generate(prompt="x", model="dall-e-3")
        with pytest.raises(openai.NotFoundError, match="The files API is not carried"):
            client.files.create(file=b"x", purpose="batch")

    assert caught.value.code == "unsupported_api"

    assert server.requests == []


def test_redirects_are_not_followed(config):
    """A redirect does not carry the key elsewhere (S1)."""
    with loopback() as other:
        answer = whole(b"", 307, location=other.base_url + "/chat/completions")
        with loopback(answer) as server, sdk(config(server)) as client, pytest.raises(openai.APIStatusError):
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert other.requests == []


def test_many_threads_share_a_client(config):
    """Calls from several threads do not mix."""
    with loopback(whole()) as server, sdk(config(server)) as client:
        got = []

        def ask():
            got.append(client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]

    assert got == ["hello"] * 8


def test_a_client_of_the_older_httpx_is_served(config):
    """A client of httpx gets answers of httpx, whole and streamed, under the same SDK."""
    with loopback(whole(), events()) as server:
        transport = family_httpx.Transport(Tap(load_config(config(server))), PooledUpstream())
        with openai.OpenAI(api_key="x", http_client=httpx.Client(transport=transport)) as client:
            answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
            streamed = texts(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))

    assert answer.choices[0].message.content == "hello"
    assert streamed == ["", "hello", "hello", None]


@pytest.mark.parametrize("hx", [httpx, httpx2])
def test_an_upstream_transport_of_either_family_carries_the_call(config, hx):
    """`upstream_transport` sees every request to the vendor [13]."""
    seen = []

    def vendor(request):
        seen.append(request)
        return hx.Response(
            200, json={"id": "c", "choices": [{"message": {"content": "mock"}, "finish_reason": "stop"}]}
        )

    with loopback() as server:
        file = config(server)
    http_client = llm_migrate.http_client(config=file, upstream_transport=hx.MockTransport(vendor))
    with openai.OpenAI(api_key="x", http_client=http_client) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert answer.choices[0].message.content == "mock"
    assert seen[0].headers["authorization"] == "Bearer key-of-a"


def test_an_upstream_transport_of_no_family_is_refused(config):
    """Something else is refused at construction."""
    with loopback() as server, pytest.raises(llm_migrate.errors.UsageError, match="upstream_transport"):
        llm_migrate.http_client(config=config(server), upstream_transport=object())


def test_an_upstream_transport_of_the_wrong_kind_is_refused(config):
    """An async transport below a sync client, or the reverse, is refused at construction."""
    with loopback() as server:
        file = config(server)
    with pytest.raises(llm_migrate.errors.UsageError, match="handle_request"):
        llm_migrate.http_client(config=file, upstream_transport=httpx2.AsyncHTTPTransport())
    with pytest.raises(llm_migrate.errors.UsageError, match="handle_async_request"):
        llm_migrate.async_http_client(config=file, upstream_transport=httpx2.HTTPTransport())


def test_a_fault_of_ours_is_an_answer_without_its_text(config, monkeypatch, caplog):
    """A bug in this package costs one call and shows its place, not the prompt [9] (S3)."""

    def bug(*args):
        raise ValueError("prompt text")

    with loopback() as server, sdk(config(server)) as client:
        monkeypatch.setattr(Tap, "_plan", bug)
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert caught.value.code == "internal_error"
    assert "test_transport.py" in str(caught.value)
    assert "prompt text" not in str(caught.value) + caplog.text


def test_what_a_vendor_does_not_get_is_said_once(config, caplog):
    """With policy "warn" each (target, model, subject) is warned of once, and each answer says it in a header."""
    with (
        loopback() as server,
        sdk(config(server, provider="zhipu", extra='[models."gpt-4o"]\na = "glm-4.7"\n')) as client,
    ):
        asks = [
            client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, logit_bias={"1": 1})
            for _ in range(2)
        ]

    assert [r.getMessage() for r in caplog.records if "logit_bias" in r.getMessage()] == [
        "a: glm-4.7: logit_bias is dropped: GLM has no logit_bias"
    ]
    assert all("logit_bias" in ask.headers["x-llm-migrate-adapted"] for ask in asks)
