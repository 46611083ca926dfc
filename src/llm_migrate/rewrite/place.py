"""Reach a file of a tree without following a link, and put another in its place in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from llm_migrate.rewrite.journal import from_name
from llm_migrate.rewrite.state import fsync_folder, write_durably

MAX_BYTES = 5_000_000  # larger files are reported, never edited


class LeftAloneError(Exception):
    """A file cannot be replaced safely; the message says why, for people."""


def read_file(root: Path, name: str) -> tuple[bytes, os.stat_result]:
    """Return the bytes and the state of a regular file below `root`.

    Args:
        root: top of the tree.
        name: path below it, spelt as in the journal.

    Raises:
        LeftAloneError: missing, a link or below one, not a regular file, or with several names.
    """
    path = root / from_name(name)
    try:
        for folder in list(path.relative_to(root).parents)[:-1]:
            if (root / folder).is_symlink():
                raise LeftAloneError("lies behind a link")
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise LeftAloneError("is not a regular file")
        if found.st_nlink > 1:
            raise LeftAloneError("has several names (hard links), which replacing it would part: edit it by hand")
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            return file.read(), os.fstat(file.fileno())
    except OSError as e:
        raise LeftAloneError(f"cannot be read: {e.strerror}") from e


def stage(data: bytes, staged: Path, like: os.stat_result) -> None:
    """Write the file that will take a place, durably, with the mode and owner of the one that is there.

    Raises:
        OSError: no room, or no right.
    """
    write_durably(staged, data)
    if hasattr(os, "chown"):
        mine = staged.stat()
        if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
            # Only root may give files away; a group we are not in cannot be kept either.
            with contextlib.suppress(PermissionError):
                os.chown(staged, like.st_uid, like.st_gid)
    staged.chmod(stat.S_IMODE(like.st_mode))


def move_into_place(staged: Path, path: Path, beside: str) -> None:
    """Replace `path` by the staged file in one step, durably.

    Args:
        staged: the new file, in the state folder.
        path: what it replaces.
        beside: name for a temporary copy next to `path`, needed when that is another file system.

    Raises:
        OSError: the file at `path` is still the old one.
    """
    try:
        staged.replace(path)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        near = path.with_name(beside)
        try:
            stage(staged.read_bytes(), near, staged.stat())
            near.replace(path)
        finally:
            near.unlink(missing_ok=True)
        staged.unlink()
    fsync_folder(path.parent)
