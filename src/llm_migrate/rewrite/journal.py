"""The record of one rewrite: which files it replaces, and how to bring the old ones back.

A rewrite's folder holds `journal.json` (written once, whole, before the first file is replaced), `old/N` (the old
bytes), `new/N` (the new ones until they move into place) and, when all files are in place, `applied`. Without
`applied` the rewrite was cut short: it is *open*, and can only be undone.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import cast

from llm_migrate.errors import RewriteError
from llm_migrate.rewrite.state import fsync_folder, run_folders, write_durably

_SCHEMA = "llm-migrate/journal/1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One replaced file.

    Attributes:
        path: relative to the tree, with `/`; bytes that are not UTF-8 as lone surrogates.
        mode: permission bits.
        old_size: length in bytes before.
        old_sha256: hash before, hexadecimal.
        new_size: length in bytes after.
        new_sha256: hash after.
    """

    path: str
    mode: int
    old_size: int
    old_sha256: str
    new_size: int
    new_sha256: str


@dataclass(frozen=True, slots=True)
class Journal:
    """One rewrite of one tree.

    Attributes:
        id: name of its folder; sorts by time.
        folder: where it lives.
        command: what was asked for, for people.
        entries: in the order in which files are replaced.
        applied: all files are in place.
        left: indices of entries that were not replaced, because the file had changed.
    """

    id: str
    folder: Path
    command: str
    entries: tuple[Entry, ...]
    applied: bool = False
    left: frozenset[int] = frozenset()


def new_id(now: datetime) -> str:
    """Return an id that sorts by time and does not repeat within a second."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def write_journal(folder: Path, command: str, entries: Sequence[Entry]) -> None:
    """Make the journal valid, in one step and durably; all copies must be on the disk already."""
    rows = [
        {
            "path": entry.path,
            "mode": entry.mode,
            "old_size": entry.old_size,
            "old_sha256": entry.old_sha256,
            "new_size": entry.new_size,
            "new_sha256": entry.new_sha256,
        }
        for entry in entries
    ]
    # ASCII only: a lone surrogate, which stands for a byte of a name that is not UTF-8, survives as an escape.
    text = json.dumps({"schema": _SCHEMA, "command": command, "files": rows}, indent=1)
    write_durably(folder / "journal.part", text.encode("ascii"))
    (folder / "journal.part").rename(folder / "journal.json")
    fsync_folder(folder)
    fsync_folder(folder.parent)


def mark_applied(folder: Path, left: Sequence[int]) -> None:
    """Record that every file is in place, but those in `left`."""
    write_durably(folder / "applied.part", json.dumps({"left": list(left)}).encode("ascii"))
    (folder / "applied.part").rename(folder / "applied")
    fsync_folder(folder)


def load_journals(root: Path) -> list[Journal]:
    """Return the rewrites that a tree remembers, oldest first.

    Raises:
        RewriteError: a journal is damaged, or names a file outside the tree.
    """
    return [_load(folder) for folder in run_folders(root) if (folder / "journal.json").is_file()]


def hash_of(data: bytes) -> str:
    """Return the SHA-256 of some bytes, hexadecimal."""
    return sha256(data).hexdigest()


def to_name(path: str | os.PathLike[str]) -> str:
    """Return a path as the journal spells it, whatever the locale's encoding is."""
    return os.fsencode(path).decode("utf-8", "surrogateescape").replace(os.sep, "/")


def from_name(name: str) -> str:
    """Return the path that the system understands for a journal's spelling."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def _load(folder: Path) -> Journal:
    try:
        raw = cast("dict[str, object]", json.loads((folder / "journal.json").read_bytes()))
        entries = tuple(_entry(row) for row in cast("list[dict[str, object]]", raw["files"]))
        applied = (folder / "applied").is_file()
        left: object = json.loads((folder / "applied").read_bytes())["left"] if applied else []
        return Journal(folder.name, folder, str(raw["command"]), entries, applied, frozenset(cast("list[int]", left)))
    except (ValueError, KeyError, TypeError) as e:
        raise RewriteError(f"{folder / 'journal.json'}: damaged: the old files are in {folder / 'old'}") from e


def _entry(row: dict[str, object]) -> Entry:
    path = str(row["path"])
    parts = PurePosixPath(path).parts
    # The folder may have come with a cloned repository: a path must not lead out of the tree.
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or os.path.isabs(path):  # noqa: PTH117
        raise RewriteError(f"journal: {path!r}: lies outside the tree")
    numbers = [int(cast("int", row[key])) for key in ("mode", "old_size", "new_size")]
    return Entry(path, numbers[0] & 0o7777, numbers[1], str(row["old_sha256"]), numbers[2], str(row["new_sha256"]))
