"""Which store an address of the configuration means."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from llm_migrate.errors import ConfigError, MissingExtraError
from llm_migrate.ledger.books import Store

_POSTGRES: Final = ("postgresql://", "postgres://")
_SQLITE: Final = "sqlite:///"
MEMORY: Final = "sqlite:///:memory:"


def open_store(url: str, *, durable: bool = False) -> Store:
    """Return the store at an address, made if it is not there.

    Args:
        url: `sqlite:///PATH` (`~` is the user's home, `:memory:` ends with the process) or `postgresql://...`.
        durable: SQLite waits for the disk at every commit.

    Raises:
        ConfigError: no such kind of store; the address is not repeated, as it may hold a password.
        MissingExtraError: the package that speaks to PostgreSQL is not installed.
        LedgerError: it cannot be opened.
    """
    if url.startswith(_POSTGRES):
        try:
            from llm_migrate.ledger.postgres import PostgresStore
        except ImportError as missing:
            raise MissingExtraError("a ledger in PostgreSQL", "postgres") from missing
        return PostgresStore(url)
    if not url.startswith(_SQLITE):
        raise ConfigError('ledger.url: must begin with  "sqlite:///"  or  "postgresql://"')
    from llm_migrate.ledger.sqlite import SqliteStore

    return SqliteStore(file_of(url), durable=durable)


def file_of(url: str) -> Path | None:
    """Return the file that an address of SQLite's means; None for books in memory, or on a server."""
    return None if url == MEMORY or not url.startswith(_SQLITE) else Path(url.removeprefix(_SQLITE)).expanduser()
