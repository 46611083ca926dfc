"""The light clients: dictionaries from a chain, without an SDK."""

from __future__ import annotations

import gc
import inspect
import json
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from openai import types
from openai.resources.chat.completions import Completions
from openai.resources.embeddings import Embeddings
from openai.types import chat

import llm_migrate
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.engine.source import Source
from llm_migrate.engine.steps import Emit, Reply
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.errors import RequestRefusedError, StreamCutError, UpstreamError, UsageError
from llm_migrate.taps import shapes
from llm_migrate.taps.received import Stream
from llm_migrate.taps.tap import Tap
from tests.engine.script import ROLE, STOP, WORD, completion, event
from tests.taps.loopback import events, hang, loopback, refusal, reset, whole

MESSAGES = [{"role": "user", "content": "hi"}]
ASK = {"model": "gpt-4o", "messages": MESSAGES}


def texts(chunks):
    return [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"]]


def test_an_answer_is_a_dictionary(config):
    """`chat` gives the answer as OpenAI's schema has it, and the target gets its own key (S1)."""
    with loopback() as server, llm_migrate.Client(config=config(server)) as client:
        answer = client.chat(**ASK, temperature=0.5)

    assert type(answer) is dict
    assert answer["choices"][0]["message"]["content"] == "hello"
    assert answer.keys() >= {"id", "object", "created", "model", "usage"}
    assert server.requests[0].body == {**ASK, "temperature": 0.5}
    assert server.requests[0].headers["authorization"] == "Bearer key-of-a"


def test_a_message_goes_back_as_it_came(config):
    """What the model said can be put into the next call's messages."""
    with loopback() as server, llm_migrate.Client(config=config(server)) as client:
        said = client.chat(**ASK)["choices"][0]["message"]
        client.chat(model="gpt-4o", messages=[*MESSAGES, said, *MESSAGES])

    assert server.requests[1].body["messages"][1]["content"] == "hello"


def test_a_parameter_that_openai_does_not_know_is_sent(config):
    """`extra_body` adds what has no name here, and wins over what has one."""
    with loopback() as server, llm_migrate.Client(config=config(server)) as client:
        client.chat(**ASK, seed=1, extra_body={"x_own": [1], "seed": 2})

    assert server.requests[0].body == {**ASK, "x_own": [1], "seed": 2}


def test_a_stream_gives_chunks(config):
    """`stream` is an iterator of dictionaries, with the headers of the answer beside it."""
    with loopback(events()) as server, llm_migrate.Client(config=config(server)) as client:
        stream = client.stream(**ASK)
        headers_before = stream.headers
        chunks = list(stream)

    assert texts(chunks) == ["", "hello", "hello", None]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert headers_before == {}
    assert stream.headers["x-llm-migrate-provider"] == "openai"
    assert server.requests[0].body["stream"] is True


def test_usage_comes_as_the_last_chunk(config):
    """`stream_options` is a parameter like others; the chunk with the usage has no choices."""
    with loopback(events()) as server, llm_migrate.Client(config=config(server)) as client:
        *_, last = client.stream(**ASK, stream_options={"include_usage": True})

    assert last["choices"] == []
    assert last["usage"].keys() >= {"prompt_tokens", "completion_tokens", "total_tokens"}


@pytest.mark.parametrize("text", ["\n\ndata: [DONE]\n\n", "\n\ndata: {}", "a\r\nb\u2028c\x85d"])
def test_words_that_look_like_events_are_words(config, text):
    """Chunks that come together are told apart, whatever the model said."""
    pieces = ROLE + event({"content": text}) + event({"content": text}) + STOP
    with loopback(events(pieces)) as server, llm_migrate.Client(config=config(server)) as client:
        assert texts(client.stream(**ASK)) == ["", text, text, None]


def test_nothing_is_asked_before_the_first_chunk(config):
    """A stream that nobody reads costs nothing."""
    with loopback(events()) as server, llm_migrate.Client(config=config(server)) as client:
        client.stream(**ASK)

    assert server.requests == []


def test_leaving_the_block_ends_the_call_upstream(config):
    """A stream is a context manager: the vendor is hung up on, and no chunk comes any more."""
    with loopback(events(ROLE, WORD, WORD, then=hang)) as server, llm_migrate.Client(config=config(server)) as client:
        with client.stream(**ASK) as stream:
            assert texts([next(stream), next(stream)]) == ["", "hello"]
        assert server.gone.get(timeout=3) == "caller gone"
        assert list(stream) == []


def test_a_stream_may_be_closed_before_it_began(config):
    """Then nobody is asked, and no chunk comes."""
    with loopback(events()) as server, llm_migrate.Client(config=config(server)) as client:
        stream = client.stream(**ASK)
        stream.close()
        assert list(stream) == []

    assert server.requests == []


def test_a_block_may_be_entered_after_the_first_chunk(config):
    """The vendor is asked once, whichever comes first."""
    with loopback(events()) as server, llm_migrate.Client(config=config(server)) as client:
        stream = client.stream(**ASK)
        first = next(stream)
        with stream:
            assert texts([first, *stream]) == ["", "hello", "hello", None]

    assert len(server.requests) == 1


def test_a_stream_left_early_ends_the_call_upstream(config):
    """Leaving a loop without closing hangs up when the stream is dropped."""
    with loopback(events(ROLE, WORD, then=hang)) as server, llm_migrate.Client(config=config(server)) as client:
        for _ in client.stream(**ASK):
            break
        gc.collect()
        assert server.gone.get(timeout=3) == "caller gone"


def test_connections_are_used_again(config):
    """Answers, whole streams and errors give their connection back."""
    answers = (whole(), events(), refusal(400), whole())
    with loopback(*answers) as server, llm_migrate.Client(config=config(server)) as client:
        client.chat(**ASK)
        list(client.stream(**ASK))
        with pytest.raises(RequestRefusedError):
            client.chat(**ASK)
        client.chat(**ASK)

    assert len({got.connection for got in server.requests}) == 1


@pytest.mark.parametrize("cut", [reset, None], ids=["reset", "clean end"])
def test_a_cut_stream_raises_after_its_chunks(config, cut):
    """A break after the first content gives what came, then an exception, never an end that looks whole (R1)."""
    got = []
    with loopback(events(ROLE, WORD, then=cut)) as server, llm_migrate.Client(config=config(server)) as client:
        stream = client.stream(**ASK)
        with pytest.raises(StreamCutError) as caught:
            for chunk in stream:
                got.append(chunk)  # noqa: PERF402 (extend would lose them)

    assert texts(got) == ["", "hello"]
    assert (caught.value.code, caught.value.provider) == ("stream_interrupted", "openai")
    assert next(stream, None) is None


def test_a_stream_that_just_stops_is_not_whole():
    """An end that neither [DONE] nor an error announced is an exception, whoever is to blame (R1)."""

    def steps():
        yield Reply(200, (), None)
        yield Emit(WORD)

    stream = Stream(lambda: SyncRun(steps(), PooledUpstream(), time.sleep))

    assert texts([next(stream)]) == ["hello"]
    with pytest.raises(StreamCutError):
        next(stream)


def test_fallback_is_invisible_but_for_the_headers(config):
    """The second target answers for the first; `answer_headers` says so (R4)."""
    headers = {"from": "an earlier call"}
    with (
        loopback(refusal(503)) as first,
        loopback() as second,
        llm_migrate.Client(config=config(first, second)) as client,
    ):
        answer = client.chat(**ASK, answer_headers=headers)

    assert answer["choices"][0]["message"]["content"] == "hello"
    assert headers["x-llm-migrate-attempts"] == "2"
    assert headers["x-llm-migrate-fallback-reason"] == "limited"
    assert "from" not in headers


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_value", RequestRefusedError),
        (404, "model_not_found", RequestRefusedError),
        (422, None, RequestRefusedError),
        (401, "invalid_api_key", UpstreamError),
        (403, "unsupported_country_region_territory", UpstreamError),
        (429, "insufficient_quota", UpstreamError),
        (500, None, UpstreamError),
    ],
)
@pytest.mark.parametrize("way", ["chat", "stream", "embed"])
def test_an_error_says_what_openai_would(config, status, code, kind, way):
    """An error carries status, code and headers; those that blame the request have a class of their own."""

    def ask(client):
        match way:
            case "chat":
                client.chat(**ASK)
            case "stream":
                next(client.stream(**ASK))
            case "embed":
                client.embed(model="text-embedding-3-small", input="a")

    with (
        loopback(refusal(status, code)) as server,
        llm_migrate.Client(config=config(server), max_retries=0) as client,
        pytest.raises(UpstreamError) as caught,
    ):
        ask(client)

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.headers["x-llm-migrate-attempts"] == "1"
    assert str(caught.value) == f"openai: {status}: no [a]"


def test_an_error_says_how_long_to_wait(config):
    """`retry_after_s` is what the vendor asked for."""
    with (
        loopback(refusal(429, "rate_limit_exceeded", retry_after="90")) as server,
        llm_migrate.Client(config=config(server)) as client,
        pytest.raises(UpstreamError) as caught,
    ):
        client.chat(**ASK)

    assert caught.value.retry_after_s == 90
    assert caught.value.type == "rate_limit_error"


def test_an_error_names_the_field(config):
    """A request that nobody is asked with names what is wrong in it."""
    with (
        loopback() as server,
        llm_migrate.Client(config=config(server)) as client,
        pytest.raises(RequestRefusedError) as caught,
    ):
        client.chat(model="gpt-4o", messages=[])

    assert (caught.value.param, caught.value.provider, caught.value.retry_after_s) == ("messages", "", None)
    assert str(caught.value).startswith("400: ")
    assert server.requests == []


def test_an_error_can_go_to_another_process(config):
    """Pickling keeps class, text and fields, for pools of processes."""
    error = StreamCutError("no", status=200, kind="t", code="c", param="p", headers={"retry-after": "1"})

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is StreamCutError
    assert (str(copy), copy.retry_after_s, vars(copy)) == (str(error), 1.0, vars(error))


def test_retries_can_be_switched_off(config):
    """`max_retries=0` is one try at each target, as for the SDK's clients."""
    with (
        loopback(refusal(500)) as server,
        llm_migrate.Client(config=config(server), max_retries=0) as client,
        pytest.raises(UpstreamError),
    ):
        client.chat(**ASK)

    assert len(server.requests) == 1


@pytest.mark.realtime
@pytest.mark.parametrize("where", ["client", "call"])
def test_a_time_limit_is_kept(config, where):
    """`timeout` ends a call to a vendor that says nothing (R3)."""
    limit = {"timeout": (5.0, 0.2)}
    with (
        loopback(hang) as server,
        llm_migrate.Client(config=config(server), **(limit if where == "client" else {})) as client,
        pytest.raises(UpstreamError) as caught,
    ):
        client.chat(**ASK, **(limit if where == "call" else {}))

    assert (caught.value.status, caught.value.code) == (504, "upstream_timeout")


@pytest.mark.parametrize("timeout", [0, -1, (1, 0), float("nan")])
def test_a_time_limit_that_is_none_is_refused(config, timeout):
    """A limit of no seconds is a mistake, said when the client is built."""
    with loopback() as server, pytest.raises(UsageError, match="timeout"):
        llm_migrate.Client(config=config(server), timeout=timeout)


def test_embeddings_come_as_numbers(config):
    """`embed` gives one vector for each input."""
    rows = [{"index": i, "embedding": [0.5, i]} for i in range(2)]
    body = json.dumps({"data": rows, "model": "m", "usage": {"prompt_tokens": 2, "total_tokens": 2}}).encode()
    headers = {}
    with loopback(whole(body)) as server, llm_migrate.Client(config=config(server)) as client:
        found = client.embed(model="text-embedding-3-small", input=["a", "b"], dimensions=2, answer_headers=headers)

    assert [row["embedding"] for row in found["data"]] == [[0.5, 0], [0.5, 1]]
    assert server.requests[0].body == {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 2}
    assert headers["x-llm-migrate-attempts"] == "1"


def test_models_are_listed_without_asking(config):
    """`models` lists what the chain serves."""
    with loopback() as server, llm_migrate.Client(config=config(server)) as client:
        models = client.models()

    assert "gpt-4o" in {model["id"] for model in models["data"]}
    assert server.requests == []


@pytest.mark.parametrize("wrong", [{"messages": [{1, 2}]}, {"messages": MESSAGES, "user": "\ud800"}])
def test_what_is_no_json_is_refused(config, wrong):
    """Something that JSON cannot say is the program's mistake, and its text is not repeated (S3)."""
    with (
        loopback() as server,
        llm_migrate.Client(config=config(server)) as client,
        pytest.raises(UsageError, match="not JSON"),
    ):
        client.chat(model="gpt-4o", **wrong)


def test_streaming_is_asked_for_by_the_method(config):
    """`stream` among the parameters would change what comes back, so it is refused."""
    with loopback() as server, llm_migrate.Client(config=config(server)) as client:
        with pytest.raises(UsageError, match="stream"):
            client.chat(**ASK, stream=True)
        with pytest.raises(UsageError, match="stream"):
            client.stream(**ASK, extra_body={"stream": False})


def test_a_closed_client_says_so(config):
    """After `close` nothing is asked."""
    with loopback() as server:
        client = llm_migrate.Client(config=config(server))
        client.close()
        for ask in (client.chat, client.stream):
            with pytest.raises(UsageError, match="closed"):
                ask(**ASK)


def test_threads_share_a_client(config):
    """Each of many calls at once gets its own answer."""

    def echo(to):
        mine = [got for got in to.server.loopback.requests if got.connection == id(to.connection)]
        whole(completion(mine[-1].body["user"]))(to)

    with loopback(echo) as server, llm_migrate.Client(config=config(server)) as client:

        def ask(i):
            return client.chat(**ASK, user=f"user {i}")["choices"][0]["message"]["content"]

        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(ask, range(40)))

    assert got == [f"user {i}" for i in range(40)]


@pytest.mark.parametrize("way", ["chat", "stream"])
def test_a_fault_of_ours_is_an_error_without_its_text(config, monkeypatch, caplog, way):
    """A bug in this package is an error of its tree that shows the place, not the prompt (S3)."""

    def bug(*args):
        raise ValueError("prompt text")

    with loopback() as server, llm_migrate.Client(config=config(server)) as client:
        monkeypatch.setattr(Tap, "_plan", bug)
        with pytest.raises(UpstreamError) as caught:
            client.chat(**ASK) if way == "chat" else next(client.stream(**ASK))

    assert (caught.value.status, caught.value.code) == (500, "internal_error")
    assert "prompt text" not in str(caught.value) + caplog.text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_fault_of_ours_in_mid_stream_is_an_error_without_its_text(config, monkeypatch, caplog):
    """A bug that shows after the first content ends the stream with an error of the tree (S3)."""

    def bug(*args):
        raise ValueError("prompt text")

    go_on = threading.Event()

    def later(to):
        go_on.wait(3)
        to.piece(WORD)

    with loopback(events(ROLE, WORD, then=later)) as server, llm_migrate.Client(config=config(server)) as client:
        stream = client.stream(**ASK)
        next(stream)
        monkeypatch.setattr(Source, "take", bug)
        go_on.set()
        with pytest.raises(StreamCutError) as caught:
            list(stream)

    assert caught.value.code == "internal_error"
    assert "prompt text" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_no_sdk_is_imported(config, name):
    """Building a client loads no SDK and none of its HTTP clients."""
    with loopback() as server:
        path = config(server)
    code = (
        f"import sys, llm_migrate; llm_migrate.{name}(config={str(path)!r}); "
        "print({'openai', 'httpx', 'httpx2', 'requests', 'tenacity'} & sys.modules.keys())"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("ours", "theirs", "added"),
    [
        (shapes.ChatCompletion, chat.ChatCompletion, set()),
        (shapes.Message, chat.ChatCompletionMessage, {"reasoning_content"}),
        (shapes.ToolCall, chat.ChatCompletionMessageFunctionToolCall, set()),
        (shapes.ChatCompletionChunk, chat.ChatCompletionChunk, set()),
        (shapes.ChunkChoice, chat.chat_completion_chunk.Choice, set()),
        (shapes.Delta, chat.chat_completion_chunk.ChoiceDelta, {"reasoning_content"}),
        (shapes.ToolCallDelta, chat.chat_completion_chunk.ChoiceDeltaToolCall, set()),
        (shapes.TokenLogprob, chat.ChatCompletionTokenLogprob, set()),
        (shapes.Usage, types.CompletionUsage, {"x_missing"}),
        (shapes.Embeddings, types.CreateEmbeddingResponse, set()),
        (shapes.Embedding, types.Embedding, set()),
        (shapes.Model, types.Model, set()),
    ],
)
def test_the_types_name_what_openai_names(ours, theirs, added):
    """A key that type checkers know is a field of the SDK's class, or one that is said to be ours."""
    assert ours.__annotations__.keys() - added <= theirs.model_fields.keys()
    assert added <= ours.__annotations__.keys()


def test_the_parameters_are_openais():
    """A parameter that type checkers know is one that the SDK's method takes."""
    assert shapes.ChatParams.__annotations__.keys() <= inspect.signature(Completions.create).parameters.keys()
    assert shapes.EmbeddingParams.__annotations__.keys() <= inspect.signature(Embeddings.create).parameters.keys()


def test_every_name_is_there():
    """Each name of the package can be had, and no other."""
    assert all(getattr(llm_migrate, name) is not None for name in llm_migrate.__all__)
    assert dir(llm_migrate) == sorted(llm_migrate.__all__)
