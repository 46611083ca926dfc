"""Configurations over loopback servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llm_migrate.taps import client as client_module
from tests.taps.loopback import Loopback


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_MIGRATE_CONFIG", "HTTP_PROXY", "http_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    client_module._told.clear()


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Write a configuration whose chain is the given servers, named a, b, c."""

    def write(*servers: Loopback, extra: str = "", provider: str = "openai") -> Path:
        file = tmp_path / "llm-migrate.toml"
        names = "abc"[: len(servers)]
        tables = [
            f'[targets.{name}]\nprovider = "{provider}"\nbase_url = "{server.base_url}"\n'
            f'api_key = "plain:key-of-{name}"\n'
            for name, server in zip(names, servers, strict=True)
        ]
        file.write_text("".join(tables) + f"[chains.default]\ntargets = {list(names)}\n{extra}")
        return file

    return write
