"""The state folder `.llm-migrate/` of a tree: who may write, and which rewrites it remembers.

    .llm-migrate/           mode 0700
        .gitignore          `*`: git never sees the folder
        lock                held while a tree is changed
        20261122T101500-3f/ one rewrite (see journal.py)
        trash-*             a rewrite that was undone and is being removed

The folder may come with a cloned repository, so nothing in it is trusted: a link in its place is refused.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Generator
from pathlib import Path

from llm_migrate.errors import RewriteError

STATE = ".llm-migrate"
_TRASH = "trash-"


@contextlib.contextmanager
def locked(root: Path) -> Generator[Path]:
    """Hold the tree's lock; yields the state folder, and removes it at the end if it remembers nothing.

    Args:
        root: top of the tree, without links in it.

    Raises:
        RewriteError: another process changes this tree, or the folder cannot be made.
    """
    state = root / STATE
    lock = _acquire(state)
    try:
        _sweep(state)
        yield state
    finally:
        _sweep(state)
        if not any(entry.name not in (".gitignore", "lock") for entry in state.iterdir()):
            shutil.rmtree(state, ignore_errors=True)
        os.close(lock)


def run_folders(root: Path) -> list[Path]:
    """Return the folders of the rewrites that a tree remembers, oldest first."""
    state = root / STATE
    if not _is_folder(state):
        return []
    return sorted(p for p in state.iterdir() if p.name[0].isdigit() and _is_folder(p))


def discard(folder: Path) -> None:
    """Remove one rewrite's folder; it is forgotten at once, even if the removal is cut short."""
    trash = folder.with_name(_TRASH + folder.name)
    folder.rename(trash)
    fsync_folder(trash.parent)
    shutil.rmtree(trash, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Create a file that does not exist yet, with its bytes on the disk before this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)


def _acquire(state: Path) -> int:
    """Return a descriptor that holds the lock; the folder exists then and is ours."""
    while True:
        try:
            if not _is_folder(state):
                state.mkdir(mode=0o700)
            state.chmod(0o700)
            ignore = state / ".gitignore"
            if not ignore.is_symlink() and not ignore.exists():
                ignore.write_bytes(b"*\n")
            descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileNotFoundError:
            if not state.parent.is_dir():
                raise RewriteError(f"{state.parent}: no such folder") from None
            continue  # the holder of the lock removed the folder just now
        except OSError as e:
            raise RewriteError(f"{state}: cannot be used to keep the old files: {e.strerror}") from e
        if not _try_lock(descriptor):
            os.close(descriptor)
            raise RewriteError(f"{state.parent}: another llm-migrate is changing this tree: wait for it")
        # A holder may have removed the folder between our open and our lock: then this lock guards nothing.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), (state / "lock").stat()):
                return descriptor
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(state: Path) -> None:
    """Remove what a killed process left: undone rewrites, and ones that never got their journal."""
    for entry in list(state.iterdir()):
        if entry.name.startswith(_TRASH) or (
            entry.name[0].isdigit() and _is_folder(entry) and not (entry / "journal.json").is_file()
        ):
            shutil.rmtree(entry, ignore_errors=True)


def _is_folder(path: Path) -> bool:
    """Say whether a real folder is there; a link or anything else in its place is refused."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(mode):
        raise RewriteError(f"{path}: is not a folder of ours: move it away")
    return True
