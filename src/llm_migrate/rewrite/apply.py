"""Replace files by new ones so that at any moment each is wholly old or wholly new, and all can come back.

Order: lock; check every file against what the plan saw; copy the old and write the new files into the state folder;
make the journal durable; only then move the new files into place one by one, each checked once more just before. A
full disk is met before the first replacement. A failure later brings back what was replaced; a kill leaves an open
journal for `undo`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from stat import S_IMODE

from llm_migrate.errors import RewriteError
from llm_migrate.rewrite.journal import (
    Entry,
    Journal,
    from_name,
    hash_of,
    load_journals,
    mark_applied,
    new_id,
    write_journal,
)
from llm_migrate.rewrite.place import LeftAloneError, move_into_place, read_file, stage
from llm_migrate.rewrite.state import discard, fsync_folder, locked, write_durably
from llm_migrate.rewrite.undo import bring_back

CHANGED = "was changed since it was scanned: run the command again"


@dataclass(frozen=True, slots=True)
class Change:
    """One file's bytes as the plan saw them, and as they shall be."""

    path: str
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan.

    Attributes:
        id: of the rewrite, for `undo --id`; None when no file was replaced.
        changed: files replaced.
        left: (file, reason) of those that were left alone.
    """

    id: str | None
    changed: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def apply(root: Path, changes: Sequence[Change], *, command: str, now: datetime) -> Applied:
    """Write a plan to the tree.

    Args:
        root: top of the tree; its path holds no links.
        changes: files to replace, each path once.
        command: what was asked for, for `history`.
        now: time of the rewrite, UTC.

    Raises:
        RewriteError: nothing was changed (or an interrupted rewrite is open); the message says why.
    """
    with locked(root) as state:
        refuse_open(root)
        folder = state / new_id(now)
        left: list[tuple[str, str]] = []
        try:
            entries = list(_stage_all(root, folder, changes, left))
            if not entries:
                return Applied(None, (), tuple(left))
            write_journal(folder, command, entries)
        except OSError as e:
            raise RewriteError(f"{root}: nothing was changed: {e.strerror or e}") from e
        skipped = _replace_all(root, folder, entries)
        left += [(entries[index].path, reason) for index, reason in skipped.items()]
        mark_applied(folder, list(skipped))
        changed = tuple(entry.path for index, entry in enumerate(entries) if index not in skipped)
        return Applied(folder.name, changed, tuple(left))


def refuse_open(root: Path) -> None:
    """Raise RewriteError if a rewrite of this tree was cut short and not undone yet."""
    for journal in load_journals(root):
        if not journal.applied:
            remedy = f"bring the files back first with  llm-migrate undo {root}"
            raise RewriteError(f"{root}: the rewrite {journal.id} was interrupted: {remedy}")


def _stage_all(root: Path, folder: Path, changes: Sequence[Change], left: list[tuple[str, str]]) -> Iterator[Entry]:
    """Copy old and new files into the rewrite's folder; files that may not be replaced go to `left`."""
    for name in ("", "old", "new"):
        (folder / name).mkdir(mode=0o700)
    number = 0
    for change in changes:
        try:
            found, status = read_file(root, change.path)
        except LeftAloneError as e:
            left.append((change.path, str(e)))
            continue
        if found != change.old:
            left.append((change.path, CHANGED))
            continue
        write_durably(folder / "old" / str(number), change.old)
        stage(change.new, folder / "new" / str(number), status)
        number += 1
        mode = S_IMODE(status.st_mode)
        yield Entry(change.path, mode, len(change.old), hash_of(change.old), len(change.new), hash_of(change.new))
    for name in ("old", "new"):
        fsync_folder(folder / name)


def _replace_all(root: Path, folder: Path, entries: Sequence[Entry]) -> dict[int, str]:
    """Move the new files into place; returns index -> reason for files that had changed meanwhile."""
    skipped: dict[int, str] = {}
    try:
        for index, entry in enumerate(entries):
            try:
                found, _ = read_file(root, entry.path)
            except LeftAloneError as e:
                skipped[index] = str(e)
                continue
            if hash_of(found) != entry.old_sha256:
                skipped[index] = CHANGED
                continue
            beside = f".{folder.name}-{index}"
            move_into_place(folder / "new" / str(index), root / from_name(entry.path), beside)
    except BaseException as e:
        journal = Journal(folder.name, folder, "", tuple(entries))
        if bring_back(root, journal, force=False):
            raise
        discard(folder)
        if isinstance(e, OSError):
            raise RewriteError(f"{root}: all files are as they were: {e.strerror or e}") from e
        raise
    return skipped
