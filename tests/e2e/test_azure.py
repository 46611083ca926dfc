"""Azure as a target: the classic deployment address and v1, through the client of a program that knows OpenAI only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

import llm_migrate
from tests.fakes import FILTERED, Fault, Server, fake

ASK = [{"role": "user", "content": "hello"}]
CLASSIC = 'base_url = "{address}/openai"\napi_version = "2024-06-01"'
V1 = 'base_url = "{address}/openai/v1"'


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    """Azure, and a second target behind it."""
    with fake("azure") as azure, fake("kimi") as kimi:
        yield azure, kimi


@pytest.fixture(params=[CLASSIC, V1], ids=["classic", "v1"])
def client(
    request: pytest.FixtureRequest, servers: tuple[Server, Server], tmp_path: Path
) -> Iterator[llm_migrate.OpenAI]:
    azure, kimi = servers
    path = tmp_path / "llm-migrate.toml"
    path.write_text(
        f'[targets.azure]\nprovider = "azure-openai"\n{request.param.format(address=azure.address)}\n'
        'api_key = "plain:azure-key"\n'
        f'[targets.kimi]\nprovider = "kimi"\nbase_url = "{kimi.base_url}"\napi_key = "plain:kimi-key"\n'
        '[models."gpt-4o"]\nazure = "desk-gpt4o"\nkimi = "kimi-k2.6"\n'
        '[models."text-embedding-3-small"]\nazure = "text-embedding-3-small"\n'
        '[chains.default]\ntargets = ["azure", "kimi"]\n',
        encoding="utf-8",
    )
    with llm_migrate.OpenAI(config=path, max_retries=0) as made:
        yield made


def test_a_deployment_answers(client: llm_migrate.OpenAI, servers: tuple[Server, Server]) -> None:
    """The mapped deployment is called with Azure's own key header, and with no key in any other place."""
    found = client.chat.completions.create(model="gpt-4o", messages=ASK)

    assert found.choices[0].message.content == "收到: hello"
    (request,) = servers[0].requests
    assert request.headers["api-key"] == "azure-key"
    assert "authorization" not in request.headers
    assert servers[1].requests == []


def test_the_empty_first_chunk_is_not_passed_on(client: llm_migrate.OpenAI) -> None:
    """A program that reads `choices[0]` of every chunk survives Azure's stream (R11)."""
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))

    assert all(chunk.choices and chunk.id and chunk.object for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "收到: hello"


def test_embeddings_come_as_vectors(client: llm_migrate.OpenAI) -> None:
    """The SDK decodes what the deployment sends."""
    found = client.embeddings.create(model="text-embedding-3-small", input=["tent"])

    assert len(found.data[0].embedding) == 1536


def test_a_filtered_prompt_stays_with_its_target(client: llm_migrate.OpenAI, servers: tuple[Server, Server]) -> None:
    """A content filter is an answer: it is not carried to another vendor."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": FILTERED}])

    assert caught.value.code == "content_filter"
    assert servers[1].requests == []


def test_a_stream_cut_before_its_content_is_not_seen(
    client: llm_migrate.OpenAI, servers: tuple[Server, Server]
) -> None:
    """A stream that breaks before the first content is answered by another try or target (R4)."""
    servers[0].script(Fault(cut_after=40), Fault(cut_after=40), Fault(cut_after=40))

    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "收到: hello"


def test_a_stream_cut_after_its_content_is_an_error(client: llm_migrate.OpenAI, servers: tuple[Server, Server]) -> None:
    """Half an answer never looks whole, and nothing is repeated elsewhere (R1, R4)."""
    long = [{"role": "user", "content": "hello " * 200}]
    servers[0].script(Fault(cut_after=6000))

    with pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="gpt-4o", messages=long, stream=True))

    assert caught.value.code == "stream_interrupted"
    assert servers[1].requests == []


def test_a_hanging_target_ends_with_the_caller_s_own_limit(
    client: llm_migrate.OpenAI, servers: tuple[Server, Server]
) -> None:
    """The time limit that the program set holds for the whole chain (R3)."""
    servers[0].script(Fault(hang=True), Fault(hang=True), Fault(hang=True))
    servers[1].script(Fault(hang=True), Fault(hang=True), Fault(hang=True))

    with pytest.raises((openai.APITimeoutError, openai.APIStatusError)):
        client.with_options(timeout=0.3).chat.completions.create(model="gpt-4o", messages=ASK)
