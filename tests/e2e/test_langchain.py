"""LangChain's ChatOpenAI over our HTTP clients (R9)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

import llm_migrate
from tests.fakes import Server, fake

ASK = "how do I wash the tent?"


@tool
def find_order(number: str) -> str:
    """Look up an order by its number."""
    return f"{number} was shipped"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Zhipu-like server that llm-migrate.toml names as the only target."""
    with fake("zhipu") as running:
        path = tmp_path / "llm-migrate.toml"
        path.write_text(
            f'[targets.new]\nprovider = "zhipu"\nbase_url = "{running.base_url}"\napi_key = "plain:id.secret"\n'
            '[models."gpt-4o"]\nnew = "glm-5.3-flash"\n[models."text-embedding-3-small"]\nnew = "embedding-3"\n'
            '[chains.default]\ntargets = ["new"]\n',
            encoding="utf-8",
        )
        monkeypatch.setenv("LLM_MIGRATE_CONFIG", str(path))
        yield running


@pytest.fixture
def chat(server: Server) -> Iterator[ChatOpenAI]:
    """The program's own object, its OpenAI settings unchanged."""
    with llm_migrate.http_client() as sync:
        client = llm_migrate.async_http_client()
        yield ChatOpenAI(model="gpt-4o", temperature=1.3, api_key="unused", http_client=sync, http_async_client=client)
        asyncio.run(client.aclose())


def test_invoke_answers(chat: ChatOpenAI) -> None:
    """A plain call is answered by the new provider."""
    assert chat.invoke(ASK).content == f"收到: {ASK}"


def test_stream_answers_in_pieces(chat: ChatOpenAI) -> None:
    """A stream arrives whole, with its usage."""
    pieces = list(chat.stream(ASK, stream_usage=True))

    assert "".join(str(p.content) for p in pieces) == f"收到: {ASK}"
    assert sum(p.usage_metadata["total_tokens"] for p in pieces if p.usage_metadata) > 0


def test_ainvoke_answers(chat: ChatOpenAI) -> None:
    """The asynchronous path uses the asynchronous client."""
    assert asyncio.run(chat.ainvoke(ASK)).content == f"收到: {ASK}"


def test_bound_tools_are_called(chat: ChatOpenAI) -> None:
    """A tool call comes back parsed."""
    found = chat.bind_tools([find_order]).invoke("Where is my order LN-2041?")

    assert [(c["name"], c["args"]) for c in found.tool_calls] == [("find_order", {"number": "LN-2041"})]


def test_embeddings_are_mapped(server: Server) -> None:
    """Vectors come from the mapped model; what the vendor cannot read is not sent to it."""
    with llm_migrate.http_client() as sync:
        embedder = OpenAIEmbeddings(
            model="text-embedding-3-small", api_key="unused", http_client=sync, check_embedding_ctx_length=False
        )

        assert len(embedder.embed_query("tent")) == 2048
    assert server.bodies()[-1]["model"] == "embedding-3"
