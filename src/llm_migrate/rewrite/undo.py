"""Bring back the files that a rewrite replaced, in reverse order, whether it ended or was cut short."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_migrate.errors import RewriteError, UsageError
from llm_migrate.rewrite.journal import Entry, Journal, from_name, hash_of, load_journals
from llm_migrate.rewrite.place import LeftAloneError, move_into_place, read_file, stage
from llm_migrate.rewrite.state import discard, locked


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did.

    Attributes:
        id: of the rewrite.
        restored: files that have their old bytes and mode again.
        refused: (file, reason) of those left as they are; the rewrite is remembered while there are any.
        interrupted: the rewrite had been cut short.
    """

    id: str
    restored: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    interrupted: bool


def undo(root: Path, *, wanted: str | None = None, force: bool = False) -> Undone | None:
    """Undo the latest rewrite of a tree, or the one with the id `wanted`; None if there is none.

    Args:
        root: top of the tree.
        wanted: id of a rewrite.
        force: bring the old bytes back even over files that were changed since.

    Raises:
        UsageError: no rewrite has that id.
        RewriteError: another process changes the tree, the journal is damaged, or a file cannot be written.
    """
    if not load_journals(root) and wanted is None:
        with contextlib.suppress(RewriteError):
            if (root / ".llm-migrate").is_dir():
                with locked(root):  # removes what a killed process left before it changed anything
                    pass
        return None
    with locked(root):
        journal = _choose(load_journals(root), wanted)
        refused = bring_back(root, journal, force=force)
        kept = {path for path, _ in refused}
        restored = [e.path for i, e in enumerate(journal.entries) if e.path not in kept and i not in journal.left]
        if not refused:
            discard(journal.folder)
        return Undone(journal.id, tuple(restored), tuple(refused), not journal.applied)


def bring_back(root: Path, journal: Journal, *, force: bool) -> list[tuple[str, str]]:
    """Put the old files of a rewrite back, last first; returns (file, reason) of those that could not be.

    Running it again continues where it was cut short.
    """
    refused: list[tuple[str, str]] = []
    for index in reversed(range(len(journal.entries))):
        if index in journal.left:
            continue
        entry = journal.entries[index]
        # What an interrupted move to another file system left beside the file.
        beside = f".{journal.id}-{index}"
        path = root / from_name(entry.path)
        try:
            if not _restore(root, journal, index, beside=beside, force=force):
                refused.append((entry.path, "was changed since: --force brings the old bytes back all the same"))
        except LeftAloneError as e:
            refused.append((entry.path, str(e)))
        except OSError as e:
            raise RewriteError(f"{entry.path}: cannot be brought back: {e.strerror}: run undo again") from e
        with contextlib.suppress(OSError):
            path.with_name(beside).unlink()
    return refused[::-1]


def _restore(root: Path, journal: Journal, index: int, *, beside: str, force: bool) -> bool:
    """Put one old file back if the new one is there; says False if neither is."""
    entry = journal.entries[index]
    path = root / from_name(entry.path)
    if force and not os.path.lexists(path) and path.parent.is_dir():
        path.touch()
    found, status = read_file(root, entry.path)
    if hash_of(found) == entry.old_sha256:
        path.chmod(entry.mode)
        return True
    if hash_of(found) != entry.new_sha256 and not force:
        return False
    old = _old_bytes(journal, entry, index)
    staged = journal.folder / f"back-{index}"
    staged.unlink(missing_ok=True)
    stage(old, staged, status)
    staged.chmod(entry.mode)
    move_into_place(staged, path, beside)
    return True


def _old_bytes(journal: Journal, entry: Entry, index: int) -> bytes:
    copy = journal.folder / "old" / str(index)
    if copy.is_symlink() or not copy.is_file():
        raise LeftAloneError(f"its copy {copy} is gone")
    old = copy.read_bytes()
    if hash_of(old) != entry.old_sha256:
        raise LeftAloneError(f"its copy {copy} is damaged")
    return old


def _choose(journals: Sequence[Journal], wanted: str | None) -> Journal:
    if wanted is None and journals:
        return journals[-1]
    for journal in journals:
        if journal.id == wanted:
            return journal
    known = ", ".join(journal.id for journal in journals) or "none"
    raise UsageError(f"undo: no rewrite has the id {wanted!r}; known are: {known}")
