"""What the commands on budgets share: the configuration, the books, instants, and where text goes."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import time
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

if TYPE_CHECKING:
    from llm_migrate.config import Config
    from llm_migrate.config.budgets import Budget
    from llm_migrate.ledger.books import Store

BOOKS_FAILED: Final = 3  # exit code
_AT_ONCE: Final = 1000  # lines

_F = TypeVar("_F", bound=Callable[..., object])


def config_option(function: _F) -> _F:
    """Add `--config`."""
    return click.option(
        "--config", "path", metavar="PATH", help="The configuration; found by the usual rules by default."
    )(function)


def at_option(function: _F) -> _F:
    """Add `--at`, for books of a clock that is not this machine's."""
    return click.option(
        "--at", "when", metavar="WHEN", help="Look ahead to this instant (ISO 8601 with its offset); now by default."
    )(function)


@contextlib.contextmanager
def opened(config: Config) -> Generator[Store]:
    """Open the books of a configuration; end with code 3 where they cannot be used."""
    from llm_migrate.errors import ConfigError, LedgerError
    from llm_migrate.ledger.stores import MEMORY, open_store

    if config.ledger is None:
        raise ConfigError("the configuration has no budgets: add one with  llm-migrate budget add")
    if config.ledger.url == MEMORY:
        raise ConfigError("ledger.url: books in memory can only be seen by the program that keeps them")
    try:
        store = open_store(config.ledger.url, durable=config.ledger.durable)
        try:
            yield store
        finally:
            store.close()
    except LedgerError as e:
        click.echo(f"llm-migrate: {e}", err=True)
        sys.exit(BOOKS_FAILED)


def now_ms(store: Store, when: str | None) -> int:
    """Return the instant to look from.

    Raises:
        UsageError: one before what the books have seen, which they cannot go back to.
    """
    from llm_migrate.errors import UsageError
    from llm_migrate.ledger.books import CLOCK_BACK_MS
    from llm_migrate.ledger.status import now_of

    if when is None:
        return now_of(store, int(time.time() * 1000))
    at = instant_ms(when, "--at")
    if at < store.seen() - CLOCK_BACK_MS:
        raise UsageError("--at: the books know of a later instant, and do not go back")
    return at


def instant_ms(text: str, option: str) -> int:
    """Return Unix milliseconds of an ISO 8601 instant with its offset, or of "now".

    Raises:
        UsageError: no instant, or one without an offset.
    """
    from llm_migrate.errors import UsageError

    if text == "now":
        return int(time.time() * 1000)
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError(f"{option}: not an instant with its offset, such as 2024-07-09T12:00:00+08:00") from None


def day_or_instant_ms(text: str, zone: str, option: str) -> int:
    """Return Unix milliseconds of the beginning of an ISO day in a zone, of an instant with its offset, or of "now".

    Raises:
        UsageError: none of these.
    """
    from llm_migrate.errors import UsageError
    from llm_migrate.ledger.windows import fixed

    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return instant_ms(text, option)
    try:
        return (fixed(day, None, zone).from_s or 0) * 1000
    except (ValueError, OverflowError):  # the ends of the calendar
        raise UsageError(f"{option}: too far away") from None


def budgets_called(config: Config, name: str) -> list[Budget]:
    """Return the budget of a name, or all shares of an offer that has them."""
    return [budget for budget in config.budgets.values() if budget.name == name or _base(budget.name) == name]


def no_budget(config: Config, name: str) -> Exception:
    """Return the error for a name that no budget has."""
    from llm_migrate.config.target import nearest
    from llm_migrate.errors import UsageError

    known = {**config.budgets, **{_base(budget): budget for budget in config.budgets}}
    return UsageError(f"{name}: no such budget{nearest(name, known)}; there are: {', '.join(config.budgets) or 'none'}")


def write(pieces: Iterable[str], place: str | None) -> None:
    """Write text to standard output, or to a file that appears only once it is whole."""
    if place is None or place == "-":
        left = iter(pieces)
        while text := "".join(islice(left, _AT_ONCE)):
            click.echo(text, nl=False)
        return
    path = Path(place).resolve()
    if path.exists() and not path.is_file():  # a pipe, a terminal
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _base(name: str) -> str:
    return name.partition("/")[0]
