"""Tokens of the vendors' own services, asked for with two keys, through the real SDK (S1, S3)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import openai
import pytest

import llm_migrate
from tests.fakes import Server, ernie_v1_like, fake

MESSAGES = [{"role": "user", "content": "hello"}]
V1 = """
[targets.main]
provider = "ernie"
endpoint = "v1"
base_url = "{address}/rpc/2.0/ai_custom/v1/wenxinworkshop"
api_key = "plain:{keys}"
[models."gpt-4o"]
main = "ernie-4.0-8k"
"""
V2 = """
[targets.main]
provider = "ernie"
auth = "iam"
base_url = "{address}/v2"
api_key = "plain:{keys}"
[models."gpt-4o"]
main = "ernie-5.1"
"""


@pytest.fixture
def v1() -> Iterator[Server]:
    with fake("ernie_v1") as server:
        yield server


def config(folder: Path, text: str) -> Path:
    path = folder / "llm-migrate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def ask(client: openai.OpenAI, **more) -> str | None:
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **more).choices[0].message.content


def application_keys(server: Server) -> str:
    return f"{server.env['QIANFAN_AK']}:{server.env['QIANFAN_SK']}"


def test_an_application_s_keys_get_a_token_that_serves_all_calls(tmp_path, v1):
    """One request to the token service, then calls with the token; the keys are in no other request."""
    keys = application_keys(v1)

    with llm_migrate.OpenAI(config=config(tmp_path, V1.format(address=v1.address, keys=keys))) as client:
        said = [ask(client) for _ in range(3)]

    assert said == ["收到: hello"] * 3
    assert [r.path.rpartition("/")[2] for r in v1.requests] == ["token", *["completions_pro"] * 3]
    secret = keys.partition(":")[2]
    assert not [r for r in v1.requests[1:] if secret in json.dumps([r.query, r.headers, r.body])]


def test_a_token_that_ran_out_is_renewed_within_the_call(tmp_path, v1):
    """Baidu's 111 in a good answer takes a new token and the call again: the program sees an answer, also streamed."""
    text = V1.format(address=v1.address, keys=application_keys(v1))

    with llm_migrate.OpenAI(config=config(tmp_path, text)) as client:
        ask(client)
        ernie_v1_like.expire_tokens()
        whole = ask(client)
        ernie_v1_like.expire_tokens()
        stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert whole == streamed == "收到: hello"
    assert [r.path.rpartition("/")[2] for r in v1.requests].count("token") == 3


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_async_client_asks_for_its_token_too(anyio_backend, tmp_path, v1):
    """Ten calls at once wait for one token."""
    text = V1.format(address=v1.address, keys=application_keys(v1))
    async with llm_migrate.AsyncOpenAI(config=config(tmp_path, text)) as client:
        calls = (client.chat.completions.create(model="gpt-4o", messages=MESSAGES) for _ in range(10))
        answers = await asyncio.gather(*calls)

    assert {a.choices[0].message.content for a in answers} == {"收到: hello"}
    assert [r.path.rpartition("/")[2] for r in v1.requests].count("token") == 1


def test_wrong_keys_are_the_sdk_s_authentication_error(tmp_path, v1):
    """The token service's refusal is the caller's 401, without the keys."""
    text = V1.format(address=v1.address, keys="wrong-id-canary:wrong-secret-canary")

    with (
        llm_migrate.OpenAI(config=config(tmp_path, text)) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        ask(client)

    assert "canary" not in str(caught.value)


def test_a_signed_call_gets_the_bearer_of_v2(tmp_path):
    """An access key signs the call to the IAM service (bce-auth-v1), whose token opens the V2 API."""
    with fake("ernie") as server:
        keys = f"{ernie_v1_like.KEY_ID}:{ernie_v1_like.SECRET}"
        with llm_migrate.OpenAI(config=config(tmp_path, V2.format(address=server.address, keys=keys))) as client:
            said = [ask(client) for _ in range(2)]

    assert said == ["收到: hello"] * 2
    assert [r.path for r in server.requests] == ["/v1/BCE-BEARER/token", *["/v2/chat/completions"] * 2]


class Identity(BaseHTTPRequestHandler):
    """The managed identity of App Service, as azure-identity 1.27.0 asks it (captured on loopback)."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["X-IDENTITY-HEADER"]))
        token = {"access_token": "entra-token-of-azure", "expires_on": "4102444800", "token_type": "Bearer"}
        body = json.dumps({**token, "resource": "https://cognitiveservices.azure.com"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Identity)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    for name in ("AZURE_OPENAI_AD_TOKEN", "AZURE_AD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-host")
    Identity.asked.clear()
    yield Identity.asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_azure_identity_gives_the_token_where_it_is_installed(tmp_path, identity):
    """Without any key in the configuration the platform's library is asked, and it keeps the token (Entra)."""
    with fake("azure") as server:
        text = f'[targets.main]\nprovider = "azure-openai"\nauth = "entra"\nbase_url = "{server.address}/openai/v1"\n'
        path = config(tmp_path, text + 'trust_host = true\n[models."gpt-4o"]\nmain = "desk-gpt4o"\n')
        with llm_migrate.OpenAI(config=path) as client:
            said = [ask(client) for _ in range(2)]

    assert said == ["收到: hello"] * 2
    assert {r.headers["authorization"] for r in server.requests} == {"Bearer entra-token-of-azure"}
    (path_asked, header), *more = identity
    assert parse_qs(urlsplit(path_asked).query)["resource"] == ["https://cognitiveservices.azure.com"]
    assert (header, more) == ("header-of-the-host", [])
