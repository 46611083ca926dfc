"""What is peculiar to books in a PostgreSQL database."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from llm_migrate.errors import LedgerError, MissingExtraError
from llm_migrate.ledger import postgres as module
from llm_migrate.ledger import postgres_sql
from llm_migrate.ledger.books import Adjust, Balance, Done, Extend, Grant, NoRoom, Sweep, Swept, Warn
from llm_migrate.ledger.postgres import PostgresStore
from llm_migrate.ledger.stores import open_store
from tests.ledger.postgres_server import PASSWORD, Server
from tests.ledger.saying import NOW, granted, reserve, said, settle, want


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def hand(postgres_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The hand of an administrator in the same place."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


class Proxy:
    """Stands between a store and the server, counts round trips, and swallows answers."""

    def __init__(self, folder: Path) -> None:
        self._server = str(folder / ".s.PGSQL.5432")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.turns = 0
        self.swallow = False
        self._open: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._server)
                self._open += [near, far]
                talk = _Talk(self, near, far)
                for act in (talk.ask, talk.answer):
                    self._threads.append(threading.Thread(target=act, daemon=True))
                    self._threads[-1].start()


class _Talk:
    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy, self._near, self._far = proxy, near, far
        self._asking = False

    def ask(self) -> None:
        with contextlib.suppress(OSError):
            while words := self._near.recv(65536):
                self._proxy.turns += not self._asking
                self._asking = True
                self._far.sendall(words)
        self._end()

    def answer(self) -> None:
        with contextlib.suppress(OSError):
            swallowed = b""
            while words := self._far.recv(65536):
                self._asking = False
                if not self._proxy.swallow:
                    self._near.sendall(words)
                    continue
                swallowed += words
                if swallowed.endswith(b"Z\x00\x00\x00\x05I"):  # ready for the next: all of it is committed
                    self._proxy.swallow = False
                    break
        self._end()

    def _end(self) -> None:
        for end in (self._near, self._far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(postgres: Server) -> Iterator[Proxy]:
    standing = Proxy(postgres.folder)
    yield standing
    standing.close()


@pytest.fixture
def far_store(proxy: Proxy, postgres_url: str) -> Iterator[PostgresStore]:
    """A store that speaks through the proxy."""
    parts = urllib.parse.urlsplit(postgres_url)
    options = urllib.parse.parse_qs(parts.query)["options"][0]
    query = urllib.parse.urlencode({"options": options})
    opened = PostgresStore(f"postgresql://postgres:{PASSWORD}@127.0.0.1:{proxy.port}/postgres?{query}")
    yield opened
    opened.close()


# -- entries and tables


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE llm_migrate_entries SET amount = 1",
        "DELETE FROM llm_migrate_entries",
        "TRUNCATE llm_migrate_entries",
    ],
)
def test_entries_are_neither_changed_nor_removed(
    store: PostgresStore, hand: psycopg.Connection[tuple[object, ...]], statement: str
):
    """Not even by an administrator's hand: the table itself refuses."""
    store.apply([reserve("r"), settle("r", 70)])

    with pytest.raises(psycopg.errors.RaiseException, match="entries are never changed or removed"):
        hand.execute(statement)  # type: ignore[arg-type]

    assert [entry.amount for entry in store.entries()] == [70]


def test_books_of_a_newer_version_are_left_alone(store: PostgresStore, hand: psycopg.Connection[tuple[object, ...]]):
    """Books of a newer version are not opened, and the message says what to do."""
    hand.execute("UPDATE llm_migrate_version SET version = %s", (postgres_sql.VERSION + 1,))

    with pytest.raises(LedgerError, match=r"of a newer version of llm-migrate: install that"):
        PostgresStore(hand.info.dsn + f" password={PASSWORD}")


def test_a_server_without_the_language_of_triggers_keeps_books(postgres: Server):
    """Where no trigger can be made, all else works."""
    postgres.run("CREATE DATABASE bare")
    postgres.run("DROP EXTENSION plpgsql", database="bare")
    store = PostgresStore(postgres.url(database="bare"))

    assert store.apply([reserve("r"), settle("r", 70)]) == [Grant("free", 0, 100), Done(True, "free", 0, 70, 0)]
    store.close()
    again = PostgresStore(postgres.url(database="bare"))
    assert again.balances() == [Balance("free", 0, spent=70)]
    again.close()


_CREATE = """
import sys, time
from llm_migrate.ledger.postgres import PostgresStore
from tests.ledger.saying import reserve, said, want
while time.time() < float(sys.argv[2]):
    pass
store = PostgresStore(sys.argv[1])
print(type(said(store, reserve(sys.argv[3], want(amount=300)))).__name__)
store.close()
"""


def test_several_processes_make_the_tables_at_once(postgres_url: str):
    """Of four that open new books in the same instant and want 300 of 1000, three get it and one does not."""
    go = str(time.time() + 1.0)
    processes = [
        subprocess.Popen([sys.executable, "-c", _CREATE, postgres_url, go, f"p{i}"], stdout=subprocess.PIPE, text=True)
        for i in range(4)
    ]

    answers = [process.communicate()[0].strip() for process in processes]

    assert sorted(answers) == ["Grant", "Grant", "Grant", "NoRoom"]


def test_tables_that_another_has_made_meanwhile_are_taken(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    """Who finds no tables, and then that another was faster, uses what that one has made."""
    ask = module._number
    others: list[str] = []

    def slowly(connection: module._Connection, statement: LiteralString) -> int:
        number = ask(connection, statement)
        if not others:
            others.append("other")
            with contextlib.closing(PostgresStore(postgres_url)) as other:
                granted(other, reserve("theirs"))
        return number

    monkeypatch.setattr(module, "_number", slowly)
    store = PostgresStore(postgres_url)

    assert [held.request for held in store.open_reservations()] == ["theirs"]
    store.close()


def test_one_at_a_time_makes_the_tables(postgres_url: str, hand: psycopg.Connection[tuple[object, ...]]):
    """Who finds no tables waits for another who is just about to make them."""
    stores: list[PostgresStore] = []
    with hand.transaction():
        hand.execute(postgres_sql.MAKING)
        opening = threading.Thread(target=lambda: stores.append(PostgresStore(postgres_url)))
        opening.start()
        give_up = time.monotonic() + 10
        while not hand.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
            assert time.monotonic() < give_up, "it does not wait"
    opening.join(10)

    granted(stores[0], reserve("r"))
    stores[0].close()


# -- the way there


def test_a_batch_is_one_round_trip(far_store: PostgresStore, proxy: Proxy):
    """Whatever a batch holds, it is asked and answered once; only an offer that is new to a process costs another."""
    granted(far_store, reserve("r0", want("a"), want("b")))
    before = proxy.turns

    far_store.apply(
        [reserve("r1", want("a"), want("b")), settle("r1"), settle("r0"), Sweep(NOW), Warn("a", 0, 50, NOW)]
    )

    assert proxy.turns == before + 1


def test_a_batch_whose_answer_was_lost_is_repeated(far_store: PostgresStore, proxy: Proxy):
    """A batch that was committed while its connection broke is said again, and all is in the books once."""
    far_store.apply([reserve("r0"), reserve("r1")])
    proxy.swallow = True

    outcomes = far_store.apply(
        [
            settle("r0", 70),
            reserve("r2", want(amount=800)),
            reserve("r3", want(amount=800)),
            Adjust("free", 0, 5, "bill", NOW),
            Warn("free", 0, 50, NOW),
        ]
    )

    assert not proxy.swallow
    assert outcomes == [
        Done(False, "free", 0),
        Grant("free", 0, 800),
        NoRoom(),
        Done(False, "free", 0),
        Done(True),  # it is still this one that is to tell
    ]
    assert far_store.balances() == [Balance("free", 0, spent=75, reserved=900)]
    assert [(entry.kind, entry.amount) for entry in far_store.entries()] == [("settle", 70), ("adjust", 5)]


def test_a_lost_connection_is_made_anew(store: PostgresStore, hand: psycopg.Connection[tuple[object, ...]]):
    """A server that was restarted in between is no error, neither of writing nor of reading."""
    granted(store, reserve("r"))

    for use in (lambda: store.apply([settle("r", 70)]), store.balances):
        hand.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert use()

    assert store.balances() == [Balance("free", 0, spent=70)]


def test_a_connection_that_breaks_within_a_batch_leaves_half_of_nothing(
    store: PostgresStore, hand: psycopg.Connection[tuple[object, ...]], postgres_url: str
):
    """A batch cut off while it waits for a lock is undone by the server and said again as a whole."""
    granted(store, reserve("r"))
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM llm_migrate_offers FOR UPDATE")
        outcomes: list[object] = []
        batch = threading.Thread(target=lambda: outcomes.extend(store.apply([settle("r", 70), reserve("s")])))
        batch.start()
        _cut_who_waits(hand)
        other.rollback()
    batch.join(10)

    assert outcomes == [Done(True, "free", 0, 70, 0), Grant("free", 0, 100)]
    assert store.balances() == [Balance("free", 0, spent=70, reserved=100)]


def _cut_who_waits(hand: psycopg.Connection[tuple[object, ...]]) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        cut = hand.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ).fetchall()
        if cut:
            return
    raise AssertionError("nobody waits for a lock")


def test_a_statement_that_takes_too_long_is_an_error(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    """A lock that somebody keeps ends a batch with an error, which leaves nothing of it."""
    monkeypatch.setattr(module, "_STATEMENT_TIMEOUT", "SET statement_timeout = '50ms'")
    store = PostgresStore(postgres_url)
    granted(store, reserve("r"))
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM llm_migrate_offers FOR UPDATE")
        with pytest.raises(LedgerError, match=r"canceling statement due to statement timeout \(57014\)"):
            store.apply([settle("r", 70)])
        other.rollback()

    assert store.entries() == []
    assert said(store, settle("r", 70)) == Done(True, "free", 0, 70, 0)
    store.close()


def test_a_deadlock_with_somebody_elses_locks_is_tried_again(store: PostgresStore, postgres_url: str):
    """Where the server ends a batch because of a deadlock, the batch is said again."""
    store.apply([reserve("a", want("a")), reserve("b", want("b"))])
    with psycopg.connect(postgres_url) as other:
        other.execute("SET deadlock_timeout = '10s'")  # the other one is to be ended
        other.execute("SELECT 1 FROM llm_migrate_offers WHERE offer = 'b' FOR UPDATE")
        outcomes: list[object] = []
        batch = threading.Thread(target=lambda: outcomes.extend(store.apply([settle("a"), settle("b")])))
        batch.start()
        with psycopg.connect(postgres_url, autocommit=True) as hand:
            while not hand.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
                pass
        other.execute("SELECT 1 FROM llm_migrate_offers WHERE offer = 'a' FOR UPDATE")
        other.rollback()
    batch.join(10)

    assert outcomes == [Done(True, "a", 0, 70, 0), Done(True, "b", 0, 70, 0)]


def test_batches_in_any_order_never_lock_each_other_out(postgres: Server):
    """Processes that name the same offers in opposite orders, and sweep each other's, only wait for each other."""
    postgres.run("CREATE DATABASE calm")  # for a count of deadlocks of its own
    stores = [PostgresStore(postgres.url(database="calm")) for _ in range(4)]
    failed: list[LedgerError] = []

    def work(number: int, store: PostgresStore) -> None:
        names = ["a", "b", "c"][:: 1 if number % 2 else -1]
        try:
            for i in range(25):
                requests = [(f"{number}-{i}-{name}", name) for name in names]
                store.apply([reserve(request, want(name, 1, limit=None)) for request, name in requests])
                store.apply([Extend("me", NOW + i), Sweep(NOW, ("me",))])
                store.apply([settle(request, 1) for request, _ in reversed(requests)])
        except LedgerError as e:
            failed.append(e)

    threads = [threading.Thread(target=work, args=(i, store)) for i, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not failed
    assert [(held.offer, held.spent, held.taken) for held in stores[0].balances()] == [
        ("a", 100, 100),
        ("b", 100, 100),
        ("c", 100, 100),
    ]
    for store in stores:
        store.close()
    with psycopg.connect(postgres.url(database="calm")) as hand:
        rows = hand.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = 'calm'").fetchall()
    assert rows == [(0,)]


def test_an_interrupted_batch_leaves_nothing(store: PostgresStore, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C in the middle of a batch undoes it, and the next one goes over a new connection."""
    granted(store, reserve("r"))
    with monkeypatch.context() as patch:
        patch.setattr(module.sql, "SEE", None)  # fails behind all operations
        with pytest.raises((TypeError, AttributeError)):
            store.apply([settle("r", 70)])

    assert store.entries() == []
    assert said(store, settle("r", 70)) == Done(True, "free", 0, 70, 0)


# -- what is said of the server


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("postgresql://me:canary@127.0.0.1:1/d", "the connection was refused"),
        ("postgresql://me:canary@/d?host=/nowhere/canary", "nothing listens there"),
        ("postgresql://me:canary@127.0.0.1:canary/d", "the connection failed or was lost"),
        ("postgresql://me:can%ary@h/d", "the address cannot be read"),
        ("postgresql://me:canary@h/d?canary=1", "the address cannot be read"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_without_its_address(url: str, cause: str):
    """The message says why, and holds neither address nor password; nor does the chain of causes."""
    with pytest.raises(LedgerError, match=f"ledger in PostgreSQL: ({cause})") as failed:
        PostgresStore(url)

    assert "can" not in str(failed.value).replace("cannot", "")
    assert failed.value.__cause__ is None and failed.value.__suppress_context__


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("failed to resolve host 'canary': [Errno -2] Name or service not known", "no such host"),
        ('could not translate host name "canary" to address: unknown', "no such host"),
        ("connection timeout expired", "no answer in time"),
        ('connection to server at "canary" failed: SSL error: certificate verify failed', "TLS failed"),
        ('connection to server at "canary" failed: the database system is starting up', "the server is just starting"),
        ("anything about canary", "the connection failed or was lost"),
    ],
)
def test_known_causes_are_told_in_our_words(words: str, cause: str):
    """What libpq says names hosts; what we say of it does not."""
    assert str(module._error(psycopg.OperationalError(words))) == f"ledger in PostgreSQL: {cause}"


def test_an_error_of_another_kind_is_told_by_its_kind_alone():
    """What we have no words for is named without what it says."""
    assert str(module._error(psycopg.InterfaceError("canary"))) == "ledger in PostgreSQL: InterfaceError"


def test_a_wrong_password_is_told_without_it(postgres: Server):
    """A password that the server refuses is not repeated."""
    with pytest.raises(LedgerError, match="the password is wrong, or none was given") as failed:
        PostgresStore(postgres.url(password="canary"))

    assert "canary" not in str(failed.value) and "postgres:" not in str(failed.value)


def test_a_database_that_is_not_there_is_told(postgres: Server):
    """The database must exist."""
    with pytest.raises(LedgerError, match="no such database or role"):
        PostgresStore(postgres.url(database="none"))


def test_a_store_shows_no_password(store: PostgresStore):
    """Neither repr nor str of a store names the server."""
    assert PASSWORD not in repr(store) + str(store)


def test_a_server_that_stays_away_is_an_error(far_store: PostgresStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch):
    """A server that does not come back is an error of the ledger, and of no other kind."""
    granted(far_store, reserve("r"))
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    proxy.close()

    with pytest.raises(LedgerError, match=r"the connection (was refused|failed or was lost)"):
        said(far_store, settle("r", 70))


def test_a_text_that_the_server_cannot_hold_is_an_error(store: PostgresStore):
    """PostgreSQL has no NUL in a text."""
    with pytest.raises(LedgerError, match="a text that PostgreSQL cannot hold"):
        store.apply([reserve("a\0b")])

    granted(store, reserve("a"))


@pytest.mark.parametrize(("more", "name"), [("", "llm-migrate"), ("&application_name=mine", "mine")])
def test_connections_have_a_name(postgres_url: str, hand: psycopg.Connection[tuple[object, ...]], more: str, name: str):
    """An administrator sees whose connections they are; the address may say another name."""
    store = PostgresStore(postgres_url + more)

    rows = hand.execute("SELECT application_name FROM pg_stat_activity WHERE state = 'idle'").fetchall()

    assert (name,) in rows
    store.close()


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    """Where psycopg is not installed, the error says how to install it, not what the address was."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "llm_migrate.ledger.postgres")

    with pytest.raises(MissingExtraError, match=r"llm-migrate\[postgres\]"):
        open_store("postgresql://me:canary@h/d")


def test_an_empty_sweep_answers_with_nothing(store: PostgresStore):
    """Books without an offer are swept too."""
    assert said(store, Sweep(NOW)) == Swept(0, 0, 0)


def test_a_server_is_never_asked_in_no_time(store: PostgresStore):
    """Whoever may not wait gets nothing done here."""
    assert store.apply_now([reserve("r")]) is None
    assert store.balances() == []
