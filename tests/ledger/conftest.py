"""Stores of every kind, for tests that hold for all of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llm_migrate.ledger.books import Store
from llm_migrate.ledger.stores import open_store
from tests.ledger import postgres_server
from tests.ledger.postgres_server import Server

Opener = Callable[[], Store]

_NUMBER = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, the same for the whole run."""
    with postgres_server.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> str:
    """Address of a place in it that nobody else uses."""
    schema = f"books_{next(_NUMBER)}"
    postgres.run(f"CREATE SCHEMA {schema}")
    return postgres.url(schema)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of books that outlive the one who opens them."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def opener(url: str) -> Iterator[Opener]:
    """Opens the same books again and again; closes what it has opened."""
    opened: list[Store] = []

    def opens() -> Store:
        opened.append(open_store(url))
        return opened[-1]

    yield opens
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    else:
        address = "sqlite:///:memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'ledger.db'}"
    opened = open_store(address)
    yield opened
    opened.close()
