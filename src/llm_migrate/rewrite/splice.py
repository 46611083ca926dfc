"""Put edits into bytes: the one place where new file contents are made.

Everything between two edits is copied from the original, so untouched bytes are untouched by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_migrate.errors import RewriteError


@dataclass(frozen=True, slots=True)
class Edit:
    """A byte range of the original and what stands there afterwards; `start == end` inserts."""

    start: int
    end: int
    text: bytes


def splice(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return `data` with each range replaced by its text.

    Args:
        data: the original bytes.
        edits: in order, not overlapping. Edits that touch are allowed; insertions at one place keep their order.

    Raises:
        RewriteError: an edit lies outside the data, ends before it starts, or begins before the last one ended.
    """
    parts: list[bytes] = []
    done = 0
    for edit in edits:
        if not done <= edit.start <= edit.end <= len(data):
            raise RewriteError(f"edit {edit.start}..{edit.end}: overlaps the one before, or lies outside the file")
        parts += (data[done : edit.start], edit.text)
        done = edit.end
    parts.append(data[done:])
    return b"".join(parts)


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits sorted for `splice`, doubles left out; insertions at one place stay in the order given."""
    return sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
