"""The founding case: OpenAI answers 403 to a whole region from one day on, and a program of that day goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

import llm_migrate
from tests.fakes import Fault, Server, fake

ASK = [{"role": "user", "content": "hello"}]
# Seen with these very words from 2024-05 on: home-assistant/core#120072, songquanpeng/one-api#1692.
BLOCK = Fault(
    status=403,
    body={
        "error": {
            "code": "unsupported_country_region_territory",
            "message": "Country, region, or territory not supported",
            "param": None,
            "type": "request_forbidden",
        }
    },
)
# A block at the edge is a page, not JSON: cloudflare/har-sanitizer#57.
PAGE = Fault(status=403, body=b"<html><h1>Access denied</h1></html>", headers=(("content-type", "text/html"),))


@pytest.fixture
def old() -> Iterator[Server]:
    with fake("openai") as server:
        yield server


@pytest.fixture
def new() -> Iterator[Server]:
    with fake("zhipu") as server:
        yield server


@pytest.fixture
def client(old: Server, new: Server, tmp_path: Path) -> Iterator[openai.OpenAI]:
    """OpenAI first, the new provider behind it."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(
        f'[targets.old]\nprovider = "openai"\nbase_url = "{old.base_url}"\napi_key = "plain:sk-old"\n'
        f'[targets.new]\nprovider = "zhipu"\nbase_url = "{new.base_url}"\napi_key = "plain:id.secret"\n'
        '[models."gpt-4o"]\nnew = "glm-5.3-flash"\n'
        '[chains.default]\ntargets = ["old", "new"]\n[chains.alone]\ntargets = ["old"]\n',
        encoding="utf-8",
    )
    with llm_migrate.OpenAI(config=path) as made:
        yield made


@pytest.mark.parametrize("fault", [BLOCK, PAGE], ids=["json", "page"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_program_goes_on(client: openai.OpenAI, old: Server, new: Server, fault: Fault, stream: bool) -> None:
    """The block is asked for once and seen by nobody: the next target answers (R2, R4)."""
    old.script(fault)

    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=ASK, stream=stream
    ) as response:
        text = response.read().decode()

    assert "收到" in text
    assert response.headers["x-llm-migrate-provider"] == "zhipu"
    assert (len(old.requests), len(new.requests)) == (1, 1)


def test_the_block_is_named(client: openai.OpenAI, old: Server) -> None:
    """The header says why another target answered."""
    old.script(BLOCK)

    found = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)

    assert found.headers["x-llm-migrate-fallback-reason"] == "region"


def test_without_a_second_target_the_program_sees_what_it_saw(
    old: Server, new: Server, client: openai.OpenAI, tmp_path: Path
) -> None:
    """Alone, the block is the SDK's own error with OpenAI's code, after one request."""
    old.script(BLOCK)

    alone = llm_migrate.OpenAI(config=tmp_path / "llm-migrate.toml", chain="alone")
    with alone, pytest.raises(openai.PermissionDeniedError) as caught:
        alone.chat.completions.create(model="gpt-4o", messages=ASK)

    assert caught.value.code == "unsupported_country_region_territory"
    assert len(old.requests) == 1


def test_no_key_goes_to_the_other_vendor(client: openai.OpenAI, old: Server, new: Server) -> None:
    """Each vendor is shown its own key only (S1)."""
    old.script(BLOCK)

    client.chat.completions.create(model="gpt-4o", messages=ASK)

    assert old.requests[0].headers["authorization"] == "Bearer sk-old"
    assert new.requests[0].headers["authorization"] == "Bearer id.secret"
