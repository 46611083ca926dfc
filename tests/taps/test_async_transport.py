"""The unmodified async SDK over `async_http_client()`, under asyncio and trio."""

from __future__ import annotations

import asyncio
import gc

import anyio
import httpx
import httpx2
import openai
import pytest

import llm_migrate
from llm_migrate.engine import async_pooled_upstream
from llm_migrate.taps import family_httpx
from llm_migrate.taps.tap import Tap
from llm_migrate.taps.way import AsyncWay
from tests.engine.script import ROLE, WORD, completion
from tests.taps.loopback import dripping, events, hang, loopback, refusal, reset, whole

MESSAGES = [{"role": "user", "content": "hi"}]

# The SDK and httpx leave generators of their own unfinished, which trio warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


def sdk(config, **kwargs):
    return openai.AsyncOpenAI(api_key="sk-caller", http_client=llm_migrate.async_http_client(config=config), **kwargs)


async def ask(client):
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    return answer.choices[0].message.content


async def stream(client):
    chunks = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    return [chunk.choices[0].delta.content async for chunk in chunks]


async def test_completions_and_streams_come_back(config):
    """`AsyncOpenAI` works whole and streamed, and the target gets its own key (S1)."""
    with loopback(whole(), events()) as server:
        async with sdk(config(server)) as client:
            assert await ask(client) == "hello"
            assert await stream(client) == ["", "hello", "hello", None]

    assert {got.headers["authorization"] for got in server.requests} == {"Bearer key-of-a"}
    assert not [name for name in server.requests[0].headers if name.startswith(("x-stainless", "accept-encoding"))]


async def test_fallback_before_the_first_content_is_invisible(config):
    """A target that fails, or breaks before content, is replaced by the next (R4)."""
    with loopback(refusal(503), events(ROLE, then=reset)) as first, loopback(whole(), events()) as second:
        async with sdk(config(first, second)) as client:
            assert await ask(client) == "hello"
            assert await stream(client) == ["", "hello", "hello", None]


@pytest.mark.parametrize("then", [reset, None], ids=["reset", "clean end"])
async def test_a_cut_after_content_raises(config, then):
    """A break after the first content raises `APIError` (R1)."""
    with loopback(events(ROLE, WORD, then=then)) as server:
        async with sdk(config(server)) as client:
            with pytest.raises(openai.APIError) as caught:
                await stream(client)

    assert caught.value.code == "stream_interrupted"


async def test_trouble_with_the_connection_is_an_answer_too(config):
    """Nobody listening is a 502 with a plain cause [9]."""
    with loopback() as server:
        file = config(server)
    async with sdk(file) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(client)

    assert caught.value.status_code == 502
    assert "the connection was refused" in str(caught.value)


async def test_a_read_limit_is_kept(config):
    """The caller's read limit ends a call to a vendor that says nothing [8] (R3)."""
    with loopback(hang) as server:
        async with sdk(config(server), timeout=0.2) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                await ask(client)

    assert caught.value.status_code == 504


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"], ids=["head", "body"]
)
async def test_a_read_limit_holds_for_every_byte(config, start):
    """A head or a body that comes byte by byte does not hold the caller beyond the deadline (R3)."""
    with loopback(dripping(start)) as server:
        async with sdk(config(server), timeout=0.3) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                await ask(client)

    assert caught.value.code == "upstream_timeout"


async def test_a_closed_client_says_so(config):
    """After `close` the SDK's own error comes [10]."""
    with loopback() as server:
        client = sdk(config(server))
        await client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await ask(client)


async def test_a_cancelled_task_ends_the_call_upstream(config):
    """Cancelling in mid stream hangs up on the vendor within a second [7]."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        async with sdk(config(server)) as client:
            with anyio.CancelScope() as scope:
                chunks = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
                async for _ in chunks:
                    scope.cancel()
            assert await anyio.to_thread.run_sync(lambda: server.gone.get(timeout=1)) == "caller gone"


async def test_a_task_cancelled_before_the_head_ends_the_call_upstream(config):
    """Cancelling before there is an answer hangs up as well."""
    with loopback(hang) as server:
        async with sdk(config(server)) as client:
            async with anyio.create_task_group() as group:
                group.start_soon(ask, client)
                while not server.requests:
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            assert await anyio.to_thread.run_sync(lambda: server.gone.get(timeout=1)) == "caller gone"


async def test_a_stream_left_early_ends_the_call_upstream(config):
    """Leaving the loop without closing hangs up when the stream is collected [6]."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        async with sdk(config(server)) as client:
            chunks = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            async for _ in chunks:
                break
            del chunks
            with anyio.fail_after(20):
                while server.gone.empty():
                    gc.collect()
                    await anyio.lowlevel.checkpoint()


async def test_a_run_without_close_ends_the_call_upstream(config):
    """Where the SDK never calls `aclose`, as 1.x does not, the finalizer hangs up [6]."""
    with loopback(events(ROLE, WORD, then=hang)) as server:
        client = llm_migrate.async_http_client(config=config(server))
        body = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}
        request = client.build_request("POST", "http://x/v1/chat/completions", json=body)
        response = await client._transport.handle_async_request(request)
        assert aiter(response.stream) is aiter(response.stream)
        await anext(aiter(response.stream))
        del response
        gc.collect()
        with anyio.fail_after(3):
            while server.gone.empty():
                await anyio.lowlevel.checkpoint()
        await client.aclose()


async def test_connections_are_used_again(config):
    """Answers and whole streams give their connection back."""
    with loopback(whole(), events(), whole()) as server:
        async with sdk(config(server)) as client:
            await ask(client)
            await stream(client)
            await ask(client)

    assert len({got.connection for got in server.requests}) == 1


async def test_calls_at_once_do_not_mix(config):
    """Each of many calls at once gets its own answer."""

    def echo(to):
        asked = to.server.loopback.requests[-1]
        whole(completion(asked.path))(to)

    with loopback(echo) as server:
        async with sdk(config(server)) as client:
            got = []

            async def one():
                got.append(await ask(client))

            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(one)

    assert got == ["/v1/chat/completions"] * 20


@pytest.mark.parametrize("hx", [httpx, httpx2])
async def test_an_upstream_transport_of_either_family_carries_the_call(config, hx):
    """`upstream_transport` sees every request to the vendor [13]."""
    seen = []

    def vendor(request):
        seen.append(request.url.host)
        return hx.Response(200, content=completion("mock"))

    with loopback() as server:
        file = config(server)
    http_client = llm_migrate.async_http_client(config=file, upstream_transport=hx.MockTransport(vendor))
    async with openai.AsyncOpenAI(api_key="x", http_client=http_client) as client:
        assert await ask(client) == "mock"

    assert seen == ["127.0.0.1"]


@pytest.mark.parametrize("hx", [httpx, httpx2])
async def test_a_real_upstream_transport_streams(config, hx):
    """A stream over a transport of the caller's comes whole, and its connection is given back."""
    with loopback(events()) as server:
        way = hx.AsyncHTTPTransport()
        http_client = llm_migrate.async_http_client(config=config(server), upstream_transport=way)
        async with openai.AsyncOpenAI(api_key="x", http_client=http_client) as client:
            assert await stream(client) == await stream(client) == ["", "hello", "hello", None]

    assert len({got.connection for got in server.requests}) == 1


async def test_a_client_of_the_older_httpx_is_served(config):
    """A client of httpx gets answers of httpx, whole and streamed, under the same SDK."""
    with loopback(whole(), events()) as server:
        transport = family_httpx.AsyncTransport(Tap(llm_migrate.config.load_config(config(server))), AsyncWay())
        async with openai.AsyncOpenAI(api_key="x", http_client=httpx.AsyncClient(transport=transport)) as client:
            assert await ask(client) == "hello"
            assert await stream(client) == ["", "hello", "hello", None]


def test_several_event_loops_share_a_client(config):
    """A client serves loop after loop; each loop's session ends with it."""
    with loopback() as server:
        client = sdk(config(server))
        assert [asyncio.run(ask(client)) for _ in range(3)] == ["hello"] * 3

    assert async_pooled_upstream._pools == {}


def test_a_loop_closed_without_care_is_forgotten(config):
    """A loop that was closed without ending its generators leaves nothing behind after the next call."""
    with loopback() as server:
        client = sdk(config(server))
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask(client))
        server.drop_connections()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        assert asyncio.run(ask(client)) == "hello"

    assert async_pooled_upstream._pools == {}


def test_a_netrc_never_replaces_a_key(config, tmp_path, monkeypatch):
    """A `.netrc` of the machine does not get into a request (S1)."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with loopback() as server:
        asyncio.run(ask(sdk(config(server))))

    assert server.requests[0].headers["authorization"] == "Bearer key-of-a"
