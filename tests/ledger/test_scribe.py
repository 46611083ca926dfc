"""The one place of a process where its books are written."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_migrate.errors import LedgerError
from llm_migrate.ledger.books import NEVER, Conflict, Done, Grant, Operation, Outcome, Reserve, Settle, Want
from llm_migrate.ledger.scribe import Scribe
from llm_migrate.ledger.sqlite import SqliteStore

TOO_LARGE = 1 << 70  # for any store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def scribe(file: Path) -> Iterator[Scribe]:
    scribe = Scribe(lambda: SqliteStore(file), time.time)
    yield scribe
    scribe.close()


def reserve(request: str) -> Reserve:
    now = int(time.time() * 1000)
    want = Want("offer", 0, NEVER, (0, 0, 0), 1000, True, 10, 10, 10)
    return Reserve(request, 1, (want,), "me", now, now + 60_000)


def settle(request: str, amount: int = 7) -> Settle:
    return Settle(request, 1, amount, int(time.time() * 1000))


def written(scribe: Scribe) -> list[tuple[str, int]]:
    scribe.flush()
    return [(entry.request, entry.amount) for entry in scribe.read(lambda store: store.entries())]


def test_whoever_asks_takes_along_what_was_told(scribe):
    """A settle that nobody waits for is in the books before the next reserve is answered."""
    assert scribe.submit(reserve("a")).result() == Grant("offer", 0, 10)
    scribe.tell(settle("a"))

    assert scribe.submit(reserve("b")).result() == Grant("offer", 0, 10)
    assert scribe.read(lambda store: store.balances())[0].spent == 7


def test_what_nobody_asks_after_is_written_soon(scribe):
    """By the thread, without anybody who waits."""
    scribe.submit(reserve("a")).result()
    heard: list[Outcome] = []
    told = threading.Event()

    def hear(outcome: Outcome) -> None:
        heard.append(outcome)
        told.set()

    scribe.tell(settle("a"), hear)

    assert told.wait(5)
    assert heard == [Done(True, "offer", 0, 7, 0)]


def test_many_threads_write_each_their_own(scribe):
    """Whoever finds the store taken is served by whoever holds it, or by the thread."""
    granted: list[Outcome] = []

    def work(number: int) -> None:
        for i in range(20):
            granted.append(scribe.submit(reserve(f"{number}-{i}")).result(10))
            scribe.tell(settle(f"{number}-{i}", 1))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert granted == [Grant("offer", 0, 10)] * 120
    assert sorted(written(scribe)) == sorted((f"{number}-{i}", 1) for number in range(6) for i in range(20))


def test_what_no_books_can_hold_harms_nobody_else(scribe, caplog):
    """One entry beyond all numbers is dropped; the others, and who asks, go on."""
    scribe.submit(reserve("bad")).result()
    scribe.submit(reserve("good")).result()
    scribe.tell(settle("bad", TOO_LARGE))
    scribe.tell(settle("good"))

    assert scribe.submit(reserve("next")).result(5) == Grant("offer", 0, 10)
    assert written(scribe) == [("good", 7)]
    assert "dropped" in caplog.text


def test_what_cannot_be_written_stays_owed(scribe, file):
    """Books that fail for a while lose nothing that was told."""
    scribe.submit(reserve("a")).result()
    scribe.flush()
    scribe.read(lambda store: store.close())  # as if the file were gone
    scribe.tell(settle("a"))
    scribe.tell(settle("never made"))
    with pytest.raises(LedgerError):
        scribe.submit(reserve("b")).result(5)

    with scribe._lock:
        scribe._store = SqliteStore(file)
    assert written(scribe) == [("a", 7)]


@pytest.mark.parametrize("where", ["tell", "heard"])
def test_a_fault_of_ours_stays_where_it_is(scribe, caplog, where):
    """Its place is logged and not its text, and the books go on."""

    def fail(*_: object) -> Operation:
        raise RuntimeError("PROMPT")

    scribe.submit(reserve("a")).result()
    scribe.submit(reserve("b")).result()
    scribe.tell(*((fail,) if where == "tell" else (settle("a"), fail)))
    scribe.tell(settle("b"))

    assert written(scribe)[-1] == ("b", 7)
    assert "RuntimeError" in caplog.text and "PROMPT" not in caplog.text


def test_a_contradiction_is_logged(scribe, caplog):
    """An attempt ends once; whoever says otherwise is not believed."""
    scribe.submit(reserve("a")).result()
    scribe.tell(settle("a", 7))
    scribe.tell(settle("a", 8))

    assert written(scribe) == [("a", 7)]
    assert "settled already, at 7" in caplog.text
    assert isinstance(scribe.submit(settle("a", 9)).result(), Conflict)


def test_an_asker_who_went_away_gets_nothing(scribe):
    """A reservation whose caller is gone before it was made is not made."""
    scribe.submit(reserve("first")).result()
    with scribe._lock:  # somebody else writes
        answer = scribe.submit(reserve("gone"))
        assert answer.cancel()

    scribe.flush()
    assert [held.request for held in scribe.read(lambda store: store.open_reservations())] == ["first"]


def test_the_end_of_a_program_writes_what_was_told(file):
    """Closing waits for what is still to be written."""
    scribe = Scribe(lambda: SqliteStore(file), time.time)
    scribe.submit(reserve("a")).result()
    scribe.tell(settle("a"))
    scribe.close()

    with sqlite3.connect(file) as db:
        assert db.execute("SELECT request, amount FROM entries").fetchall() == [("a", 7)]
    db.close()


def test_books_that_cannot_be_opened_fail_who_asks(tmp_path, caplog):
    """With the reason; nothing hangs."""
    (tmp_path / "file").write_text("")
    scribe = Scribe(lambda: SqliteStore(tmp_path / "file" / "ledger.db"), time.time)
    with caplog.at_level(logging.CRITICAL), pytest.raises(LedgerError, match="file"):
        scribe.submit(reserve("a")).result(5)
    scribe.close()
