"""All targets are asked at once, and none is waited for without end."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from llm_migrate.config import Config, load_config
from llm_migrate.engine.check import ask
from llm_migrate.engine.check.ask import ask_all


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "llm-migrate.toml"
    path.write_text('[targets.a]\nprovider = "openai"\nbase_url = "https://a.invalid/v1"\napi_key = "plain:k"\n')
    return load_config(path)


@pytest.mark.realtime
def test_a_silent_name_server_is_not_waited_for(config, monkeypatch):
    """No socket limit ends the wait for a name server, so the check leaves it behind; progress is told meanwhile."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: over.wait() and [])
    monkeypatch.setattr(ask, "_NAME_S", 0.1)
    told: list[tuple[int, int]] = []

    [seen] = ask_all(
        config,
        list(config.targets.values()),
        models={},
        timeout_s=0.05,
        progress=lambda done, total: told.append((done, total)),
    )
    over.set()

    assert seen.probed.failure == "the name server said nothing in time"
    assert seen.findings()[0].severity == "failed"
    assert told[0] == (0, 1)


def test_a_fault_of_ours_is_not_swallowed(config, monkeypatch):
    """What goes wrong in the thread of a target goes wrong for the whole check."""

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(socket, "getaddrinfo", broken)

    with pytest.raises(RuntimeError, match="a fault of ours"):
        ask_all(config, list(config.targets.values()), models={}, timeout_s=1)
