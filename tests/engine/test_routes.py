from __future__ import annotations

import ssl

import pytest

from llm_migrate.config import load_config
from llm_migrate.engine import routes
from llm_migrate.engine.httpx_upstream import HttpxUpstream
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.errors import UpstreamError
from tests.taps.loopback import loopback


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    routes._proxy.cache_clear()
    yield
    routes._proxy.cache_clear()


def test_the_environments_proxy_is_taken(monkeypatch):
    """`HTTPS_PROXY` holds for https, `NO_PROXY` takes hosts out."""
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")

    assert routes.proxy_for("https://api.example/v1") == "http://proxy.example:3128"
    assert routes.proxy_for("https://a.inside.example/v1") is None
    assert routes.proxy_for("http://api.example/v1") is None


def test_certificates_are_verified():
    """The one TLS context checks chain and host name, and there is only one (S7)."""
    assert routes.tls().verify_mode is ssl.CERT_REQUIRED
    assert routes.tls().check_hostname
    assert routes.tls() is routes.tls()


def test_a_call_goes_through_the_proxy(monkeypatch):
    """A proxy of the environment carries the call, sync as async."""
    import asyncio

    import llm_migrate

    messages = [{"role": "user", "content": "hi"}]
    with loopback() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
        with llm_migrate.OpenAI(base_url="http://127.0.0.2:9/v1", api_key="k") as client:
            client.chat.completions.create(model="gpt-4o", messages=messages)

        async def main():
            async with llm_migrate.AsyncOpenAI(base_url="http://127.0.0.2:9/v1", api_key="k") as client:
                await client.chat.completions.create(model="gpt-4o", messages=messages)

        asyncio.run(main())

    assert [got.path for got in proxy.requests] == ["http://127.0.0.2:9/v1/chat/completions"] * 2


def test_a_proxys_password_is_sent_to_the_proxy_alone(monkeypatch):
    """Name and password of a proxy stand in a header for it, not in the address."""
    import llm_migrate

    with loopback() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1").replace("//", "//me:p%40ss@"))
        with llm_migrate.OpenAI(base_url="http://127.0.0.2:9/v1", api_key="k") as client:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])

    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


def test_both_ways_offer_the_same():
    """The pooled way and the way over a client of the caller's have the same methods."""
    names = {name for name in vars(PooledUpstream) if not name.startswith("_")} - {"forget"}

    assert names == {name for name in vars(HttpxUpstream) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [("ALL_PROXY", "socks5://127.0.0.1:1", "SOCKS"), ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE")],
)
def test_a_way_out_that_cannot_be_taken_is_named(variable, value, cause, monkeypatch):
    """A SOCKS proxy or a missing certificate file is the error's cause, sync as async, and no address is in it (S7)."""
    import asyncio

    import llm_migrate

    monkeypatch.setenv(variable, value)
    chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    config = load_config(base_url="https://127.0.0.1:9/v1", api_key="k")

    async def ask():
        async with llm_migrate.AsyncClient(config=config, max_retries=0) as client:
            await client.chat(**chat)

    routes.tls.cache_clear()
    try:
        with llm_migrate.Client(config=config, max_retries=0) as client, pytest.raises(UpstreamError) as sync:
            client.chat(**chat)
        with pytest.raises(UpstreamError) as concurrent:
            asyncio.run(ask())
    finally:
        routes.tls.cache_clear()

    assert str(sync.value) == str(concurrent.value)
    assert cause in str(sync.value)
    assert value not in str(sync.value)
