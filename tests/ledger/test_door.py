"""The door before a file, in which one process stands at a time."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from llm_migrate.ledger import door as module
from llm_migrate.ledger.door import Door
from llm_migrate.ledger.sqlite import SqliteStore
from tests.ledger.saying import granted, reserve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.db"
    file.touch(0o640)
    file.chmod(0o640)
    return file


def test_one_stands_in_the_door_at_a_time(path: Path):
    """Who does not wait is told that somebody stands there; when it is free, anybody may."""
    one, other = Door(path), Door(path)

    with one.held(wait=True) as first, other.held(wait=False) as second:
        assert (first, second) == (True, False)
    with other.held(wait=False) as second:
        assert second

    one.close()
    other.close()
    other.close()


def test_nobody_waits_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Somebody who does not leave the door keeps the others back for a while only."""
    one, other = Door(path), Door(path)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)

    with one.held(wait=True), other.held(wait=True) as second:
        assert not second

    one.close()
    other.close()


_STAND = """
import sys
from pathlib import Path
from llm_migrate.ledger.door import Door
with Door(Path(sys.argv[1])).held(wait=True):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_the_door_of_a_killed_process_is_free(path: Path):
    """A process that is killed where it stands bars nobody."""
    process = subprocess.Popen([sys.executable, "-c", _STAND, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"in\n"
    door = Door(path)
    with door.held(wait=False) as entered:
        assert not entered

    process.kill()
    process.communicate()

    with door.held(wait=False) as entered:
        assert entered
    door.close()


def test_a_door_is_for_whom_the_file_is_for(path: Path):
    """It has the mode of the file, so that a group that shares the one shares the other."""
    Door(path).close()

    assert stat.S_IMODE(Path(f"{path}-door").stat().st_mode) == 0o640


def test_where_no_door_can_be_everybody_enters(path: Path, monkeypatch: pytest.MonkeyPatch):
    """In memory, on a system without such locks, or where no file can be made beside, one goes on without."""

    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    Path(f"{path}-door").mkdir()
    doors = [Door(None), Door(path)]
    with monkeypatch.context() as patch:
        patch.setattr(module, "_fcntl", None)
        doors.append(Door(path))
    Path(f"{path}-door").rmdir()
    doors.append(Door(path))
    monkeypatch.setattr(module._fcntl, "flock", refuse)

    for door in doors:
        with door.held(wait=False) as entered:
            assert entered
        door.close()


def test_a_store_writes_though_somebody_stays_in_the_door(path: Path, monkeypatch: pytest.MonkeyPatch):
    """The door is a courtesy: the file's own lock is what counts."""
    store, door = SqliteStore(path), Door(path)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)

    with door.held(wait=True):
        granted(store, reserve())

    door.close()
    store.close()
