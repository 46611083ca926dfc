"""The books in a PostgreSQL database: any number of processes of any number of machines.

A batch is one round trip: it locks the offers that it may touch, in one order for everybody, and then says one
statement for each operation, in which the decision is made. Since each statement of a READ COMMITTED transaction sees
all that was committed before it, what is decided behind the locks holds. Only PostgreSQL itself was tested; what else
speaks its protocol must know these statements, too.

Numbers of entries are in the order of booking for each offer; among offers, an entry may come to light a moment after
one with a higher number.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, LiteralString, TypeAlias, TypeVar, assert_never

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8

from llm_migrate.errors import LedgerError
from llm_migrate.ledger import postgres_sql as sql
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
    Warn,
    WriteOff,
    unchanged,
)

_T = TypeVar("_T")
_Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]
_Values: TypeAlias = Mapping[str, object]

_LABEL: Final = "ledger in PostgreSQL"
_PATIENCE_S: Final = 2.0  # so long a lost server is sought again
_LONGEST_PAUSE_S: Final = 0.2
_PARAMETERS: Final = {
    "application_name": "llm-migrate",
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
_STATEMENT_TIMEOUT: Final = "SET statement_timeout = '10s'"
# What libpq says of a failed connection names the server; this is what may be said of it.
_CAUSES: Final = {
    "password": "the password is wrong, or none was given",
    "refused": "the connection was refused",
    "timeout": "no answer in time",
    "resolve host": "no such host",
    "translate host name": "no such host",
    "No such file": "nothing listens there",
    "does not exist": "no such database or role",
    "SSL": "TLS failed",
    "starting up": "the server is just starting",
}


class PostgresStore:
    """Books in a PostgreSQL database; see `Store`.

    Args:
        url: `postgresql://...`, as libpq takes it. The tables are made if they are not there, in the first schema of
            the role's search path (`?options=-csearch_path%3DNAME` names another).

    Raises:
        LedgerError: nothing can be reached there, or the books are of a newer version. No message names the server.
    """

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error:
            # The parser's own words repeat the address.
            raise LedgerError(f"{_LABEL}: the address cannot be read: write  postgresql://HOST/DATABASE") from None
        ours = {name: value for name, value in _PARAMETERS.items() if name not in given}
        self._conninfo = make_conninfo(url, **ours)
        self._known: set[str] = set()
        self._connection: _Connection | None = None
        self._closed = False
        try:
            self._connected()
        except psycopg.Error as e:
            raise _error(e) from None

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Do all of them in one transaction, and one round trip unless an offer is new.

        A batch whose connection was lost is repeated, as nobody knows whether it was committed: it is answered as
        repeating its operations is.
        """
        batch = uuid.uuid4().hex
        statements = [_statement(operation, f"{batch}.{i}") for i, operation in enumerate(operations)]
        cursors = self._patiently(lambda connection: self._apply(connection, operations, statements))
        return [_outcome(operation, cursor) for operation, cursor in zip(operations, cursors, strict=True)]

    def apply_now(self, operations: Sequence[Operation]) -> list[Outcome] | None:  # noqa: ARG002 - the protocol's
        """Do nothing: a server is never asked in no time."""
        return None

    def balances(self) -> list[Balance]:
        """Return all balances, by offer and bucket."""
        return [Balance(*row) for row in self._rows(sql.GET_BALANCES)]

    def entries(self, offer: str | None = None, *, after: int = 0, since: int = 0) -> list[Entry]:
        """Return entries in the order of booking."""
        values = {"offer": offer, "after": Int8(after), "since": Int8(since)}
        return [Entry(*row) for row in self._rows(sql.GET_ENTRIES, values)]

    def open_reservations(self, offer: str | None = None) -> list[Reservation]:
        """Return what is held, sent or unresolved."""
        return [Reservation(*row) for row in self._rows(sql.GET_OPEN, {"offer": offer})]

    def activations(self) -> Mapping[str, int]:
        """Return when offers were activated."""
        return dict(self._rows(sql.GET_ACTIVATIONS))

    def corrections(self) -> Mapping[str, tuple[int, int]]:
        """Return what was learned of each model."""
        return {model: (value, count) for model, value, count in self._rows(sql.GET_CORRECTIONS)}

    def seen(self) -> int:
        """Return the latest instant that the books know of."""
        return int(self._rows(sql.GET_SEEN)[0][0])

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self._drop()

    def _rows(self, statement: LiteralString, values: _Values | None = None) -> list[tuple[Any, ...]]:
        return self._patiently(lambda connection: connection.execute(statement, values).fetchall())

    def _apply(
        self,
        connection: _Connection,
        operations: Sequence[Operation],
        statements: Sequence[tuple[LiteralString, _Values]],
    ) -> list[_Cursor]:
        locked = _locked(operations)
        new = sorted(set(locked["offers"]) - self._known)
        if new:
            connection.execute(sql.KNOW, (new,))
            self._known.update(new)
        everything = any(isinstance(operation, Extend | Sweep) for operation in operations)
        latest = max((getattr(operation, "now", 0) for operation in operations), default=0)
        with connection.pipeline():
            connection.execute("BEGIN")
            if everything:
                connection.execute(sql.LOCK_ALL)
            elif locked["offers"] or locked["requests"]:
                connection.execute(sql.LOCK, locked)
            cursors = [connection.execute(statement, values) for statement, values in statements]
            connection.execute(sql.SEE, {"latest": Int8(latest)})
            connection.execute("COMMIT")
        return cursors

    def _patiently(self, act: Callable[[_Connection], _T]) -> _T:
        """Act, and again on a new connection if the old one is lost, or others were in the way."""
        if self._closed:
            raise LedgerError(f"{_LABEL}: closed")
        give_up = time.monotonic() + _PATIENCE_S
        pause_s = _LONGEST_PAUSE_S / 16
        while True:
            try:
                return act(self._connected())
            except (OverflowError, psycopg.Error) as e:
                lost = self._connection is None or self._connection.closed
                self._drop()
                again = lost or isinstance(e, errors.SerializationFailure | errors.DeadlockDetected)
                if not again or time.monotonic() > give_up:
                    raise _error(e) from None
            except BaseException:
                self._drop()  # in the middle of a batch it is of no use to anybody
                raise
            time.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 - to be out of step with others
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _connected(self) -> _Connection:
        if self._connection is None:
            connection = psycopg.connect(self._conninfo, autocommit=True)
            try:
                connection.execute(_STATEMENT_TIMEOUT)
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _prepare(connection: _Connection) -> None:
    """Make the tables if they are not there."""
    if not _number(connection, sql.IS_THERE):
        with connection.transaction():
            connection.execute(sql.MAKING)
            if not _number(connection, sql.IS_THERE):  # else another process was faster
                _make(connection)
    if _number(connection, sql.GET_VERSION) > sql.VERSION:
        raise LedgerError(f"{_LABEL}: of a newer version of llm-migrate: install that, or name another database")


def _make(connection: _Connection) -> None:
    for statement in sql.SCHEMA:
        connection.execute(statement)
    connection.execute(sql.SET_VERSION, (sql.VERSION,))
    try:
        with connection.transaction():
            for statement in sql.KEEPING:
                connection.execute(statement)
    except (psycopg.ProgrammingError, psycopg.NotSupportedError):
        # A server without triggers or their language keeps the books too, but not from its administrator.
        return


def _number(connection: _Connection, statement: LiteralString) -> int:
    (row,) = connection.execute(statement).fetchall()
    return int(row[0])


def _error(error: Exception) -> LedgerError:
    """Return what may be said of an error: the server's first line on a statement, a known cause of a lost connection.

    The server says no values in that line, but libpq names hosts and addresses.
    """
    if isinstance(error, psycopg.Error) and error.diag.message_primary and error.sqlstate:
        return LedgerError(f"{_LABEL}: {error.diag.message_primary} ({error.sqlstate})")
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        cause = next((cause for sign, cause in _CAUSES.items() if sign in text), "the connection failed or was lost")
        return LedgerError(f"{_LABEL}: {cause}")
    if isinstance(error, OverflowError | psycopg.DataError):
        return LedgerError(f"{_LABEL}: a number of more than 64 bits, or a text that PostgreSQL cannot hold")
    return LedgerError(f"{_LABEL}: {type(error).__name__}")


def _locked(operations: Sequence[Operation]) -> dict[str, list[Any]]:
    """Return which offers a batch may touch: by name, or by the attempts that are charged to them."""
    offers: list[str] = []
    requests: list[str] = []
    attempts: list[int] = []
    for operation in operations:
        match operation:
            case Reserve():
                offers += [want.offer for want in operation.wants]
            case Adjust():
                offers.append(operation.offer)
            case Send() | Settle() | Void() | Doubt() | WriteOff():
                requests.append(operation.request)
                attempts.append(Int8(operation.attempt))
            case Extend() | Sweep() | Warn() | Activate() | Correct():
                pass
            case _:
                assert_never(operation)
    return {"offers": offers, "requests": requests, "attempts": attempts}


def _statement(operation: Operation, told: str) -> tuple[LiteralString, _Values]:
    match operation:
        case Reserve():
            return sql.RESERVE, _reserve(operation)
        case Send() | Settle() | Void() | Doubt() | WriteOff():
            return sql.STEP, _step(operation)
        case Adjust():
            values = _at(operation.now) | {
                "offer": operation.offer,
                "bucket": Int8(operation.bucket),
                "amount": Int8(operation.amount),
                "reference": operation.reference,
            }
            return sql.ADJUST, values
        case Sweep():
            gone = list(operation.gone)
            return sql.SWEEP, _at(operation.now) | {"gone": gone, "unresolved": Int8(UNRESOLVED_MS)}
        case Extend() | Warn() | Activate() | Correct():
            return _noting(operation, told)
        case _:
            assert_never(operation)


def _noting(operation: Extend | Warn | Activate | Correct, told: str) -> tuple[LiteralString, _Values]:
    match operation:
        case Extend():
            return sql.EXTEND, {
                "owner": operation.owner,
                "until": Int8(operation.lease_until),
                "since": Int8(operation.since),
            }
        case Warn():
            values = _at(operation.now) | {
                "offer": operation.offer,
                "bucket": Int8(operation.bucket),
                "percent": Int8(operation.percent),
                "told": told,
            }
            return sql.WARN, values
        case Activate():
            return sql.ACTIVATE, {"offer": operation.offer, "at": Int8(operation.at)}
        case Correct():
            value, count = Int8(operation.value), Int8(operation.count)
            return sql.CORRECT, {"model": operation.model, "value": value, "count": count}
        case _:
            assert_never(operation)


def _at(now: int) -> dict[str, object]:
    return {"now": Int8(now), "back": Int8(CLOCK_BACK_MS)}


def _reserve(operation: Reserve) -> _Values:
    wants = operation.wants
    return _at(operation.now) | {
        "request": operation.request,
        "attempt": Int8(operation.attempt),
        "offers": [want.offer for want in wants],
        "ranks": [Int8(want.rank) for want in wants],
        "ends": [Int8(want.ends_at) for want in wants],
        "firsts": [Int8(want.buckets[0]) for want in wants],
        "lasts": [Int8(want.buckets[1]) for want in wants],
        "buckets": [Int8(want.buckets[2]) for want in wants],
        "limits": [Int8(want.limit) if want.limit is not None and want.hard else None for want in wants],
        "amounts": [Int8(want.amount) for want in wants],
        "leasts": [Int8(want.least) for want in wants],
        "estimates": [Int8(want.estimate) for want in wants],
        "state": operation.state,
        "owner": operation.owner,
        "lease_until": Int8(operation.lease_until),
        "model": operation.model,
    }


def _step(operation: Send | Ending) -> _Values:
    step = STEPS[type(operation)]
    return _at(operation.now) | {
        "request": operation.request,
        "attempt": Int8(operation.attempt),
        "before": list(step.before),
        "after": step.after,
        "amount": Int8(operation.amount) if isinstance(operation, Settle) else None,
        "basis": operation.basis if isinstance(operation, Settle) else "",
        "mark": operation.mark if isinstance(operation, Settle | Doubt) else "",
    }


def _outcome(operation: Operation, cursor: _Cursor) -> Outcome:
    match operation:
        case Reserve():
            row = cursor.fetchone()
            return Grant(*row) if row is not None else NoRoom()
        case Send() | Settle() | Void() | Doubt() | WriteOff():
            return _stepped(operation, cursor.fetchone())
        case Adjust():
            row = cursor.fetchone()
            if row is None:
                return Done(False, operation.offer, operation.bucket)
            return Done(True, operation.offer, operation.bucket, row[0], row[0] - operation.amount)
        case Sweep():
            (row,) = cursor.fetchall()
            return Swept(*row)
        case Warn():
            (row,) = cursor.fetchall()
            return Done(row[0])
        case Extend() | Activate() | Correct():
            return Done(cursor.rowcount > 0)
        case _:
            assert_never(operation)


def _stepped(operation: Send | Ending, row: tuple[Any, ...] | None) -> Done | Conflict:
    if row is None:
        return Conflict("no such reservation")
    state, settled, offer, bucket, moved, counts, more = row
    if not moved:
        return unchanged(operation, offer, bucket, state=state, settled=settled)
    if counts is None:
        return Done(True, offer, bucket)
    return Done(True, offer, bucket, counts, counts - more)
