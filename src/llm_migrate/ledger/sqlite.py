"""The books in a SQLite file: any number of processes of one machine."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, assert_never

from llm_migrate.errors import LedgerError
from llm_migrate.ledger.books import (
    CLOCK_BACK_MS,
    STEPS,
    UNRESOLVED_MS,
    Activate,
    Adjust,
    Balance,
    Conflict,
    Correct,
    Done,
    Doubt,
    Ending,
    Entry,
    Extend,
    Grant,
    NoRoom,
    Operation,
    Outcome,
    Reservation,
    Reserve,
    Send,
    Settle,
    Sweep,
    Swept,
    Void,
    Want,
    Warn,
    WriteOff,
    choose,
    unchanged,
)
from llm_migrate.ledger.door import Door
from llm_migrate.ledger.filesystem import remote_kind

_T = TypeVar("_T")

VERSION: Final = 1
_APPLICATION: Final = 0x4C4D4C47  # "LMLG": tells our files from those of others that count versions, too
# SQLite's own busy handler polls ever more slowly, so that under load some wait for seconds.
_LONGEST_POLL_S: Final = 0.002
_POLL_ALONE_S: Final = 0.0005  # of the one who stands in the door
_PATIENCE_S: Final = 10.0
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SEEN_STEP_MS: Final = 500  # so coarsely the latest instant is written down

_RESERVATION: Final = "request, attempt, offer, bucket, amount, estimate, state, owner, lease_until, since, mark, model"
_OPEN: Final = "state IN ('held', 'sent', 'unresolved')"  # word for word as in the index, or that is not used

_EXTEND: Final = (
    f"UPDATE reservations SET lease_until = ?1 WHERE {_OPEN} AND state <> 'unresolved'"
    " AND owner = ?2 AND lease_until < ?1 AND since >= ?3"
)
# What nearly every attempt comes to, in one statement; the row is given back as it was before.
_SETTLE_SENT: Final = (
    "UPDATE reservations SET state = 'settled', since = ?, settled = ? WHERE request = ? AND attempt = ?"
    " AND state = 'sent' RETURNING request, attempt, offer, bucket, amount, estimate, 'sent', owner, lease_until,"
    " since, mark, model"
)
_WARN: Final = "INSERT OR IGNORE INTO warnings VALUES (?, ?, ?, ?)"
_ACTIVATE: Final = (
    "INSERT INTO activations VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at WHERE at <> excluded.at"
)
_CORRECT: Final = (
    "INSERT INTO corrections VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, count = excluded.count"
    " WHERE value <> excluded.value OR count <> excluded.count"
)

_PREPARING: Final = threading.Lock()

_SCHEMA: Final = """
CREATE TABLE balances (
    offer TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    spent INTEGER NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    unresolved INTEGER NOT NULL DEFAULT 0 CHECK (unresolved >= 0),
    overrun INTEGER NOT NULL DEFAULT 0 CHECK (overrun >= 0),
    PRIMARY KEY (offer, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE reservations (
    request TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    offer TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    estimate INTEGER NOT NULL CHECK (estimate >= 0),
    state TEXT NOT NULL CHECK (state IN ('held', 'sent', 'unresolved', 'settled', 'void', 'lapsed', 'written_off')),
    owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    since INTEGER NOT NULL,
    mark TEXT NOT NULL DEFAULT '' CHECK (mark IN ('', 'cut', 'cancelled')),
    model TEXT NOT NULL,
    settled INTEGER CHECK ((settled IS NULL) = (state <> 'settled')),
    PRIMARY KEY (request, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX open_reservations ON reservations (state) WHERE state IN ('held', 'sent', 'unresolved');
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('settle', 'adjust')),
    request TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    offer TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0 OR kind = 'adjust'),
    overrun INTEGER NOT NULL CHECK (overrun >= 0),
    basis TEXT NOT NULL CHECK (basis IN ('vendor', 'estimate', 'assumed', 'bill')),
    mark TEXT NOT NULL CHECK (mark IN ('', 'cut', 'cancelled')),
    model TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX adjustments ON entries (request) WHERE kind = 'adjust';
CREATE TRIGGER entries_stay_as_they_are BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
CREATE TABLE warnings (
    offer TEXT NOT NULL, bucket INTEGER NOT NULL, percent INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (offer, bucket, percent)
) STRICT, WITHOUT ROWID;
CREATE TABLE activations (offer TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE corrections (model TEXT PRIMARY KEY, value INTEGER NOT NULL, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), seen INTEGER NOT NULL) STRICT;
INSERT INTO clock VALUES (1, 0);
"""


class SqliteStore:
    """Books in a file; see `Store`.

    Args:
        path: of the file; it and its folder are made if they are not there. None keeps the books in memory.
        durable: wait for the disk at every commit, so that not even a power cut loses one.

    Raises:
        LedgerError: no file can be there, it is no ledger or one of a newer version, or it lies on a network.
    """

    def __init__(self, path: Path | None, *, durable: bool = False) -> None:
        self._label = str(path) if path is not None else "memory"
        self._durable = durable
        if path is not None:
            _prepare(path)
        try:
            self._db = sqlite3.connect(path or ":memory:", timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as e:
            raise self._error(e) from None
        self._patiently(lambda: self._open(durable=durable))
        self._door = Door(path)

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Do all of them in one transaction."""
        return self._patiently(lambda: self._apply(operations, self._begin_in_turn))

    def apply_now(self, operations: Sequence[Operation]) -> list[Outcome] | None:
        """Do all of them if nobody else is at the file, and no disk must be waited for."""
        if self._durable:
            return None
        with self._door.held(wait=False) as free:
            if not free:
                return None
            try:
                return self._apply(operations, self._begin)
            except OverflowError:
                raise self._too_large() from None
            except sqlite3.Error as e:
                if _is_busy(e):
                    return None
                raise self._error(e) from None

    def balances(self) -> list[Balance]:
        """Return all balances, by offer and bucket."""
        rows = self._rows(
            "SELECT offer, bucket, spent, reserved, unresolved, overrun FROM balances ORDER BY offer, bucket"
        )
        return [Balance(*row) for row in rows]

    def entries(self, offer: str | None = None, *, after: int = 0, since: int = 0) -> list[Entry]:
        """Return entries in the order of booking."""
        rows = self._rows(
            "SELECT number, kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at FROM entries"
            " WHERE number > ? AND at >= ? AND (? IS NULL OR offer = ?) ORDER BY number",
            (after, since, offer, offer),
        )
        return [Entry(*row) for row in rows]

    def open_reservations(self, offer: str | None = None) -> list[Reservation]:
        """Return what is held, sent or unresolved."""
        rows = self._rows(
            f"SELECT {_RESERVATION} FROM reservations WHERE {_OPEN} AND (? IS NULL OR offer = ?)"
            " ORDER BY since, request, attempt",
            (offer, offer),
        )
        return [Reservation(*row) for row in rows]

    def activations(self) -> Mapping[str, int]:
        """Return when offers were activated."""
        return dict(self._rows("SELECT offer, at FROM activations"))

    def corrections(self) -> Mapping[str, tuple[int, int]]:
        """Return what was learned of each model."""
        return {model: (value, count) for model, value, count in self._rows("SELECT * FROM corrections")}

    def seen(self) -> int:
        """Return the latest instant that the books know of."""
        return int(self._rows("SELECT seen FROM clock")[0][0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        self._door.close()

    def _open(self, *, durable: bool) -> None:
        db = self._db
        ready = self._is_ready()  # asked before anything is written: it may be somebody else's
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        if ready:
            return
        with self._transaction(self._begin):
            if self._is_ready():  # another process was faster
                return
            for statement in _statements(_SCHEMA):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _is_ready(self) -> bool:
        """Say whether the file is a ledger; False if it is empty.

        Raises:
            LedgerError: it is something else, or of a newer version.
        """
        if self._number("PRAGMA application_id") != _APPLICATION:
            if self._number("PRAGMA schema_version"):
                raise LedgerError(f"{self._label}: a database, but no ledger: name another file")
            return False
        if self._number("PRAGMA user_version") > VERSION:
            raise LedgerError(f"{self._label}: of a newer version of llm-migrate: install that, or name another file")
        return True

    def _number(self, sql: str) -> int:
        return int(self._db.execute(sql).fetchone()[0])

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._patiently(lambda: self._db.execute(sql, values).fetchall())

    def _apply(self, operations: Sequence[Operation], begin: Callable[[], None]) -> list[Outcome]:
        with self._transaction(begin):
            seen = self._db.execute("SELECT seen FROM clock").fetchone()[0]
            latest = max((getattr(operation, "now", 0) for operation in operations), default=0)
            if latest > seen + _SEEN_STEP_MS:
                self._db.execute("UPDATE clock SET seen = ?", (latest,))
            earliest = seen - CLOCK_BACK_MS
            return [_do(self._db, operation, earliest) for operation in operations]

    @contextlib.contextmanager
    def _transaction(self, begin: Callable[[], None]) -> Generator[None]:
        begin()
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have undone it by itself
                self._db.execute("ROLLBACK")
            raise

    def _begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def _begin_in_turn(self) -> None:
        with self._door.held(wait=True) as alone:
            self._patiently(self._begin, _POLL_ALONE_S if alone else _LONGEST_POLL_S)

    def _patiently(self, act: Callable[[], _T], longest_poll_s: float = _LONGEST_POLL_S) -> _T:
        """Act, again and again while others are at the file."""
        give_up = time.monotonic() + _PATIENCE_S
        poll_s = longest_poll_s / 16
        while True:
            try:
                return act()
            except OverflowError:
                raise self._too_large() from None
            except sqlite3.Error as e:
                if not _is_busy(e) or time.monotonic() > give_up:
                    raise self._error(e) from None
            time.sleep(random.uniform(poll_s / 2, poll_s))  # noqa: S311 - to be out of step with others
            poll_s = min(poll_s * 2, longest_poll_s)

    def _too_large(self) -> LedgerError:
        return LedgerError(f"{self._label}: a number of more than 64 bits")

    def _error(self, error: sqlite3.Error) -> LedgerError:
        return LedgerError(f"{self._label}: {error}")


def _is_busy(error: sqlite3.Error) -> bool:
    """Say whether others are at the file; errors of Python's own, such as a closed file, have no code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF in _BUSY


def _prepare(path: Path) -> None:
    """Make the file, for its owner only, in a folder that is on this machine."""
    kind = remote_kind(path)
    if kind is not None:
        raise LedgerError(
            f"{path}: on a network file system ({kind}), where the locks of several machines do not hold:"
            " name a file on a local disk, or a postgresql:// address"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whoever closes a file loses all locks that its process has on it, those of SQLite too: so a file that is there
        # is not touched, and nobody else of this process opens a new one in between.
        with _PREPARING, contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as e:
        raise LedgerError(f"{path}: {e.strerror or e}") from None


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements; unlike `executescript`, running them one by one stays in a transaction."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _do(db: sqlite3.Connection, operation: Operation, earliest: int) -> Outcome:
    match operation:
        case Reserve():
            return _reserve(db, operation, max(operation.now, earliest))
        case Send() | Settle() | Void() | Doubt() | WriteOff():
            return _step(db, operation, max(operation.now, earliest))
        case Adjust():
            return _adjust(db, operation, max(operation.now, earliest))
        case Sweep():
            return _sweep(db, operation, max(operation.now, earliest))
        case Extend() | Warn() | Activate() | Correct():
            sql, values = _noting(operation, earliest)
            return Done(db.execute(sql, values).rowcount > 0)
        case _:
            assert_never(operation)


def _noting(operation: Extend | Warn | Activate | Correct, earliest: int) -> tuple[str, tuple[str | int, ...]]:
    """Return the statement that notes something, or changes no row if it is noted already."""
    match operation:
        case Extend():
            return _EXTEND, (operation.lease_until, operation.owner, operation.since)
        case Warn():
            return _WARN, (operation.offer, operation.bucket, operation.percent, max(operation.now, earliest))
        case Activate():
            return _ACTIVATE, (operation.offer, operation.at)
        case Correct():
            return _CORRECT, (operation.model, operation.value, operation.count)
        case _:
            assert_never(operation)


def _reserve(db: sqlite3.Connection, operation: Reserve, now: int) -> Grant | NoRoom:
    wants = [want for want in operation.wants if now < want.ends_at]
    chosen = choose(wants, {want.offer: _taken(db, want) for want in wants})
    if chosen is None:
        return _made(db, operation) or NoRoom()
    want, amount = chosen
    bucket = want.buckets[2]
    made = db.execute(
        f"INSERT INTO reservations ({_RESERVATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?)"
        " ON CONFLICT DO NOTHING",
        (
            operation.request,
            operation.attempt,
            want.offer,
            bucket,
            amount,
            min(want.estimate, amount),
            operation.state,
            operation.owner,
            operation.lease_until,
            now,
            operation.model,
        ),
    )
    if not made.rowcount:
        return _made(db, operation) or NoRoom()
    db.execute(
        "INSERT INTO balances (offer, bucket, reserved) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET reserved = reserved + excluded.reserved",
        (want.offer, bucket, amount),
    )
    return Grant(want.offer, bucket, amount)


def _made(db: sqlite3.Connection, operation: Reserve) -> Grant | None:
    """Return the answer that this operation had before, if it had one."""
    row = db.execute(
        "SELECT offer, bucket, amount FROM reservations WHERE request = ? AND attempt = ?",
        (operation.request, operation.attempt),
    ).fetchone()
    return Grant(*row) if row is not None else None


def _taken(db: sqlite3.Connection, want: Want) -> int:
    first, last, _ = want.buckets
    rows = db.execute(
        "SELECT spent, reserved, unresolved FROM balances WHERE offer = ? AND bucket BETWEEN ? AND ?",
        (want.offer, first, last),
    )
    return sum(spent + reserved + unresolved for spent, reserved, unresolved in rows)


def _step(db: sqlite3.Connection, operation: Send | Ending, now: int) -> Done | Conflict:
    if isinstance(operation, Settle):
        row = db.execute(_SETTLE_SENT, (now, operation.amount, operation.request, operation.attempt)).fetchone()
        if row is not None:
            return _settled(db, Reservation(*row), operation, now)
    row = db.execute(
        f"SELECT settled, {_RESERVATION} FROM reservations WHERE request = ? AND attempt = ?",
        (operation.request, operation.attempt),
    ).fetchone()
    if row is None:
        return Conflict("no such reservation")
    settled, held = row[0], Reservation(*row[1:])
    if held.state not in STEPS[type(operation)].before:
        return unchanged(operation, held.offer, held.bucket, state=held.state, settled=settled)
    return _move(db, held, operation, now)


def _move(db: sqlite3.Connection, held: Reservation, operation: Send | Ending, now: int) -> Done:
    """Bring a reservation into its next state, and its balance with it."""
    state = STEPS[type(operation)].after
    settled = operation.amount if isinstance(operation, Settle) else None
    mark = operation.mark if isinstance(operation, Doubt) else held.mark
    db.execute(
        "UPDATE reservations SET state = ?, since = ?, mark = ?, settled = ? WHERE request = ? AND attempt = ?",
        (state, now, mark, settled, held.request, held.attempt),
    )
    if state == "sent":
        return Done(True, held.offer, held.bucket)
    if isinstance(operation, Settle):
        return _settled(db, held, operation, now)
    return _balance(db, held, unresolved=held.amount * ((state == "unresolved") - (held.state == "unresolved")))


def _settled(db: sqlite3.Connection, held: Reservation, operation: Settle, now: int) -> Done:
    """Book what a reservation, which has just ended, came to."""
    overrun = max(0, operation.amount - held.amount)
    _book(db, held, operation, overrun, now)
    unresolved = -held.amount if held.state == "unresolved" else 0
    return _balance(db, held, spent=operation.amount, overrun=overrun, unresolved=unresolved)


def _balance(
    db: sqlite3.Connection, held: Reservation, *, spent: int = 0, overrun: int = 0, unresolved: int = 0
) -> Done:
    """Change a balance by what becomes of a reservation that it held."""
    (after,) = db.execute(
        "UPDATE balances SET spent = spent + ?, reserved = reserved - ?, unresolved = unresolved + ?,"
        " overrun = overrun + ? WHERE offer = ? AND bucket = ? RETURNING spent + unresolved",
        (
            spent,
            held.amount if held.state in ("held", "sent") else 0,
            unresolved,
            overrun,
            held.offer,
            held.bucket,
        ),
    ).fetchone()
    return Done(True, held.offer, held.bucket, after, after - spent - unresolved)


def _book(db: sqlite3.Connection, held: Reservation, operation: Settle, overrun: int, now: int) -> None:
    db.execute(
        "INSERT INTO entries (kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at)"
        " VALUES ('settle', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            held.request,
            held.attempt,
            held.offer,
            held.bucket,
            operation.amount,
            overrun,
            operation.basis,
            operation.mark or held.mark,
            held.model,
            now,
        ),
    )


def _adjust(db: sqlite3.Connection, operation: Adjust, now: int) -> Done:
    cursor = db.execute(
        "INSERT OR IGNORE INTO entries (kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at)"
        " VALUES ('adjust', ?, 0, ?, ?, ?, 0, 'bill', '', '', ?)",
        (operation.reference, operation.offer, operation.bucket, operation.amount, now),
    )
    if not cursor.rowcount:
        return Done(False, operation.offer, operation.bucket)
    after = db.execute(
        "INSERT INTO balances (offer, bucket, spent) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET spent = spent + excluded.spent RETURNING spent + unresolved",
        (operation.offer, operation.bucket, operation.amount),
    ).fetchone()[0]
    return Done(True, operation.offer, operation.bucket, after, after - operation.amount)


def _sweep(db: sqlite3.Connection, operation: Sweep, now: int) -> Swept:
    lapsed = doubted = assumed = 0
    rows = db.execute(f"SELECT {_RESERVATION} FROM reservations WHERE {_OPEN} ORDER BY since, request, attempt")
    for held in [Reservation(*row) for row in rows]:
        if held.state == "unresolved":
            if held.since + UNRESOLVED_MS <= now:
                _move(db, held, Settle(held.request, held.attempt, held.estimate, now, "assumed"), now)
                assumed += 1
        elif held.lease_until <= now or held.owner in operation.gone:
            if held.state == "held":
                _lapse(db, held, now)
                lapsed += 1
            else:
                _move(db, held, Doubt(held.request, held.attempt, now), now)
                doubted += 1
    return Swept(lapsed, doubted, assumed)


def _lapse(db: sqlite3.Connection, held: Reservation, now: int) -> None:
    db.execute(
        "UPDATE reservations SET state = 'lapsed', since = ? WHERE request = ? AND attempt = ?",
        (now, held.request, held.attempt),
    )
    db.execute(
        "UPDATE balances SET reserved = reserved - ? WHERE offer = ? AND bucket = ?",
        (held.amount, held.offer, held.bucket),
    )
