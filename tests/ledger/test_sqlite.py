"""What is peculiar to books in a SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from llm_migrate.errors import ConfigError, LedgerError
from llm_migrate.ledger import sqlite
from llm_migrate.ledger.books import Done, Grant, NoRoom
from llm_migrate.ledger.door import Door
from llm_migrate.ledger.filesystem import remote_kind
from llm_migrate.ledger.sqlite import SqliteStore
from llm_migrate.ledger.stores import open_store
from tests.ledger.saying import granted, reserve, said, settle, want


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "ledger.db"


def made(path: Path) -> None:
    SqliteStore(path).close()


def test_a_new_file_and_its_folder_are_the_owners_alone(path: Path):
    """Nobody else of the machine reads the books, nor the files that SQLite keeps beside them."""
    store = SqliteStore(path)
    granted(store, reserve())

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    names = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(names.values()) == {0o600}
    assert {"ledger.db", "ledger.db-wal", "ledger.db-door"} <= set(names)
    store.close()


def test_the_mode_of_a_file_that_is_there_stays(path: Path):
    """Who shares the books with a group goes on sharing them."""
    made(path)
    path.chmod(0o660)

    made(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.parametrize("statement", ["UPDATE entries SET amount = 1", "DELETE FROM entries"])
def test_entries_are_neither_changed_nor_removed(path: Path, statement: str):
    """Not even by hand: the file itself refuses."""
    store = SqliteStore(path)
    store.apply([reserve("r"), settle("r", 70)])
    other = sqlite3.connect(path)

    with pytest.raises(sqlite3.IntegrityError, match="entries are never"):
        other.execute(statement)

    other.close()
    assert [entry.amount for entry in store.entries()] == [70]
    store.close()


def test_every_statement_that_is_often_run_uses_an_index(path: Path):
    """No reserve, settle, sweep or heartbeat reads all that was ever booked."""
    store = SqliteStore(path)
    statements = [
        f"SELECT 1 FROM reservations WHERE {sqlite._OPEN}",
        sqlite._EXTEND.replace("?1", "1").replace("?2", "'me'").replace("?3", "1"),
        "SELECT 1 FROM reservations WHERE request = '' AND attempt = 1",
        "SELECT spent FROM balances WHERE offer = '' AND bucket BETWEEN 1 AND 2",
    ]

    plans = [store._rows(f"EXPLAIN QUERY PLAN {statement}") for statement in statements]

    assert [row[3] for plan in plans for row in plan if row[3].startswith("SCAN")] == [
        "SCAN reservations USING INDEX open_reservations"
    ] * sum(row[3].startswith("SCAN") for plan in plans for row in plan)
    store.close()


# -- files that are no ledger


def test_a_file_of_a_newer_version_is_left_alone(path: Path):
    """A ledger of a newer version is not opened, and the message says what to do."""
    made(path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {sqlite.VERSION + 1}")
    db.close()
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=r"ledger.db: of a newer version of llm-migrate: install that"):
        SqliteStore(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1])
def test_another_database_is_left_alone(path: Path, version: int):
    """A database of another program is not opened, whatever version it counts, and no byte of it is changed."""
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE balances (theirs)")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=r"ledger.db: a database, but no ledger: name another file"):
        SqliteStore(path)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["ledger.db"]


def test_a_file_that_is_no_database_is_left_alone(path: Path):
    """Garbage is refused and kept."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database at all, but long enough to have a header " * 20)
    before = path.read_bytes()

    with pytest.raises(LedgerError, match=r"ledger.db: file is not a database"):
        SqliteStore(path)

    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_ledger(path: Path):
    """A file without a byte is as good as none."""
    path.parent.mkdir(parents=True)
    path.touch()

    store = SqliteStore(path)

    granted(store, reserve())
    store.close()


def test_a_path_through_a_file_is_refused(path: Path):
    """Where no folder can be, the message names the path and the cause."""
    path.parent.parent.mkdir()
    path.parent.write_text("a file")

    with pytest.raises(LedgerError, match=r"ledger.db: (File exists|Not a directory)"):
        SqliteStore(path)


def test_a_folder_in_place_of_the_file_is_refused(path: Path):
    """A folder is no ledger."""
    path.mkdir(parents=True)

    with pytest.raises(LedgerError, match=r"ledger.db: unable to open database file"):
        SqliteStore(path)


_OPEN_IT = """
import sys
from pathlib import Path
from llm_migrate.errors import LedgerError
from llm_migrate.ledger.sqlite import SqliteStore
try:
    SqliteStore(Path(sys.argv[1]))
except LedgerError as e:
    print(e)
"""


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_folder_that_one_may_not_use_is_refused(path: Path, mode: int):
    """Without the right to write there, the message names the path and the cause."""
    path.parent.mkdir(parents=True)
    user = None
    if os.geteuid() == 0:  # whom no mode keeps out
        user = 65534
        os.chown(path.parent, user, user)
        for folder in path.parents[1:]:
            if folder.stat().st_uid == 0 and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
                folder.chmod(0o755)
    path.parent.chmod(mode)
    run = subprocess.run([sys.executable, "-c", _OPEN_IT, path], user=user, capture_output=True, text=True, cwd="/")
    path.parent.chmod(0o700)

    assert run.stdout == f"{path}: Permission denied\n", run.stderr


# -- where files lie


@pytest.mark.parametrize(
    ("kind", "found"),
    [("nfs4", "nfs4"), ("cifs", "cifs"), ("fuse.sshfs", "fuse.sshfs"), ("fuse.ntfs", None), ("ext4", None)],
)
def test_a_network_file_system_is_recognised(tmp_path: Path, kind: str, found: str | None):
    """The file system of a path is that of the deepest mount above it."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {tmp_path}/my\\040net {kind} rw 0 0\nshort\n")

    assert remote_kind(tmp_path / "my net" / "a" / "ledger.db", mounts) == found
    assert remote_kind(tmp_path / "ledger.db", mounts) is None


def test_the_last_mount_on_a_point_counts(tmp_path: Path):
    """What is mounted over a network file system hides it."""
    mounts = tmp_path / "mounts"
    mounts.write_text("host:/x / nfs rw 0 0\n/dev/a / ext4 rw 0 0\n")

    assert remote_kind(tmp_path, mounts) is None


def test_where_nothing_lists_mounts_nothing_is_known(tmp_path: Path):
    """Other systems have no such table; then no path is refused."""
    assert remote_kind(tmp_path, tmp_path / "none") is None


def test_a_file_on_a_network_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is made on a network file system, and the message says what to do instead."""
    monkeypatch.setattr(sqlite, "remote_kind", lambda _: "nfs4")

    with pytest.raises(LedgerError, match=r"on a network file system \(nfs4\).*postgresql://"):
        SqliteStore(path)

    assert not path.parent.exists()


# -- several at once


def test_a_second_store_of_a_process_leaves_the_locks_of_the_first(path: Path):
    """Opening the books again in one process does not let go of the locks that SQLite has on the file."""
    first = SqliteStore(path)
    granted(first, reserve("r"))
    second = SqliteStore(path)
    second.close()

    held = _locks(path)

    assert held, "the first store has no lock on its file any more"
    first.close()


def _locks(path: Path) -> list[str]:
    """Return the locks that this process has on a file, as the kernel lists them."""
    if not Path("/proc/locks").exists():
        return ["unknown"]
    inode = path.stat().st_ino
    lines = Path("/proc/locks").read_text().splitlines()
    return [line for line in lines if f":{inode} " in line and f" {os.getpid()} " in line]


_CREATE = """
import sys, time
from pathlib import Path
from llm_migrate.ledger.sqlite import SqliteStore
from tests.ledger.saying import reserve, said, want
while time.time() < float(sys.argv[2]):
    pass
store = SqliteStore(Path(sys.argv[1]))
print(type(said(store, reserve(sys.argv[3], want(amount=300)))).__name__)
"""


def test_several_processes_make_one_file_at_once(path: Path):
    """Of four that open a new ledger in the same instant and want 300 of 1000, three get it and one does not."""
    go = str(time.time() + 1.0)
    processes = [
        subprocess.Popen([sys.executable, "-c", _CREATE, path, go, f"p{i}"], stdout=subprocess.PIPE, text=True)
        for i in range(4)
    ]

    answers = [process.communicate()[0].strip() for process in processes]

    assert sorted(answers) == ["Grant", "Grant", "Grant", "NoRoom"]


def test_a_file_that_another_has_made_meanwhile_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who finds an empty file, and then that another was faster, uses what that one has made."""
    look = SqliteStore._is_ready
    others: list[SqliteStore] = []

    def slowly(store: SqliteStore) -> bool:
        ready = look(store)
        if not others:
            others.append(store)
            with contextlib.closing(SqliteStore(path)) as other:
                granted(other, reserve("theirs"))
        return ready

    monkeypatch.setattr(SqliteStore, "_is_ready", slowly)
    store = SqliteStore(path)

    assert [held.request for held in store.open_reservations()] == ["theirs"]
    store.close()


def test_a_store_waits_while_another_writes(path: Path):
    """A writer that finds the file taken waits for it, and then does its work."""
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.05, other.execute, ["COMMIT"])
    release.start()

    outcome = said(store, reserve())

    assert outcome == Grant("free", 0, 100)
    release.join()
    other.close()
    store.close()


def test_a_store_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that stays taken is an error in the end."""
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(sqlite, "_PATIENCE_S", 0.01)

    with pytest.raises(LedgerError, match=r"ledger.db: database is locked"):
        said(store, reserve())

    other.execute("ROLLBACK")
    assert said(store, reserve()) == Grant("free", 0, 100)
    other.close()
    store.close()


def test_what_takes_no_time_is_done_at_once(path: Path):
    """With nobody else at the file, operations are done without waiting."""
    store = SqliteStore(path)

    assert store.apply_now([reserve("r"), settle("r", 70)]) == [Grant("free", 0, 100), Done(True, "free", 0, 70, 0)]
    store.close()


@pytest.mark.parametrize("where", ["in the file", "in the door", "durable"])
def test_what_would_take_time_is_not_begun(path: Path, where: str):
    """While somebody else writes or is about to, or if the disk must be waited for, nothing is done."""
    store, other, door = SqliteStore(path, durable=where == "durable"), sqlite3.connect(path), Door(path)
    with contextlib.ExitStack() as stack:
        if where == "in the file":
            other.execute("BEGIN IMMEDIATE")
        if where == "in the door":
            stack.enter_context(door.held(wait=True))

        assert store.apply_now([reserve("r")]) is None

    other.close()
    assert store.balances() == []
    store.close()
    door.close()


@pytest.mark.parametrize("amount", [-1, 2**63])
def test_what_cannot_be_done_is_an_error_at_once(path: Path, amount: int):
    """An impossible operation is an error of the ledger here, too, and leaves nothing."""
    store = SqliteStore(path)

    with pytest.raises(LedgerError):
        store.apply_now([reserve("r"), settle("r", amount)])

    assert store.balances() == []
    store.close()


def test_books_in_memory_are_nobody_elses():
    """Each store in memory is alone."""
    one, other = SqliteStore(None), SqliteStore(None)
    granted(one, reserve("r", want(amount=1000)))

    assert said(other, reserve("r", want(amount=1000))) == Grant("free", 0, 1000)
    assert said(one, reserve("s")) == NoRoom()
    one.close()
    other.close()


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
def test_a_durable_store_waits_for_the_disk(path: Path, durable: bool, level: int):
    """`durable` is SQLite's FULL, else NORMAL; the log is written ahead either way."""
    store = open_store(f"sqlite:///{path}", durable=durable)
    assert isinstance(store, SqliteStore)

    assert store._rows("PRAGMA synchronous") == [(level,)]
    assert store._rows("PRAGMA journal_mode") == [("wal",)]
    store.close()


def test_an_address_of_no_kind_of_store_is_refused():
    """Neither SQLite nor PostgreSQL: the message names both and repeats no password."""
    with pytest.raises(ConfigError) as refused:
        open_store("mysql://me:canary@host/db")

    assert "sqlite:///" in str(refused.value) and "canary" not in str(refused.value)


def test_a_batch_that_is_interrupted_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C in the middle of a batch undoes it, and the next one finds the file free."""
    store = SqliteStore(path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.apply([reserve("r"), settle("r", 70)])

    assert store.balances() == []
    assert store.apply([reserve("r"), settle("r", 70)])[1] == Done(True, "free", 0, 70, 0)
    store.close()
