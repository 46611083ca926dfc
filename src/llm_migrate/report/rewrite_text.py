"""What a rewrite would do, or did, for a person at a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from llm_migrate.rewrite.apply import Applied
from llm_migrate.rewrite.diff import unified_diff
from llm_migrate.rewrite.journal import Journal, from_name
from llm_migrate.rewrite.plan import Plan
from llm_migrate.rewrite.proposal import ByHand


def plan_diff(plan: Plan, base: Path) -> bytes:
    """Return the unified diff of a plan, as `git apply` takes it in the folder `base`.

    Paths count from `base`, or from the tree where that is not below it.
    """
    inside = plan.root.is_relative_to(base)
    prefix = os.fsencode(plan.root.relative_to(base)).replace(b"\\", b"/") if inside else b"."
    head = b"" if prefix == b"." else prefix + b"/"
    return b"".join(
        unified_diff(head + os.fsencode(from_name(change.path)), change.old, change.edits) for change in plan.changes
    )


def plan_summary(plan: Plan, *, applied: Applied | None = None, shown: str = ".") -> str:
    """Return what changes, what is lost, what a person must do, and how to go on.

    Args:
        plan: of one tree.
        applied: what became of it, once written.
        shown: the tree's path as the person wrote it.
    """
    changed = {change.path for change in plan.changes} if applied is None else set(applied.changed)
    lines: list[str] = []
    for change in plan.changes:
        if change.path in changed:
            lines.append(_name(change.path))
            for proposal in sorted(change.proposals, key=lambda p: p.line):
                lines.append(f"  {proposal.line:>6}  {proposal.what}")
                lines += [f"          lost: {proposal.note}"] if proposal.note else []
    left = [*plan.left, *(applied.left if applied else ())]
    if plan.by_hand:
        lines += ["", "By hand:", *_by_hand(plan.by_hand)]
    if left:
        lines += ["", "Left alone:", *(f"  {_name(file)}: {reason}" for file, reason in sorted(left))]
    lines += ["", *_closing(plan, changed, applied, shown)]
    return "\n".join(lines).lstrip("\n") + "\n"


def history_text(journals: Sequence[Journal]) -> str:
    """Return the rewrites that a tree remembers, newest first."""
    if not journals:
        return "No rewrite to undo.\n"
    lines = [
        f"{journal.id}  {len(journal.entries)} file{'s'[: len(journal.entries) != 1]}  {journal.command}"
        + ("" if journal.applied else "  (interrupted: undo it first)")
        for journal in reversed(journals)
    ]
    lines += ["", f"The old files are kept in {journals[0].folder.parent} and may contain secrets."]
    return "\n".join(lines) + "\n"


def _by_hand(places: Sequence[ByHand]) -> list[str]:
    lines: list[str] = []
    for file, group in groupby(places, key=lambda place: place.file):
        lines.append(f"  {_name(file)}")
        same: dict[tuple[bool, str, str], list[int]] = {}
        for place in group:
            same.setdefault((place.blocked, place.reason, place.advice), []).append(place.line)
        for (blocked, reason, advice), numbers in same.items():
            rest = f" (also {', '.join(map(str, dict.fromkeys(numbers[1:])))})" if len(set(numbers)) > 1 else ""
            lines.append(
                f"  {'!' if blocked else ' '} {numbers[0]:>4}  {reason}{f'; {advice}' if advice else ''}{rest}"
            )
    if any(place.blocked for place in places):
        lines.append("  (! = does not work at the target until this is done)")
    return lines


def _closing(plan: Plan, changed: set[str], applied: Applied | None, shown: str) -> list[str]:
    if not changed:
        others = ", ".join(f"{name} in {count} place{'s'[: count != 1]}" for name, count in plan.others)
        told = f" This tree also uses {others}: --from NAME moves away from that one." if others else ""
        return [f"Nothing to change.{told}"]
    files = f"{len(changed)} file{'s'[: len(changed) != 1]}"
    if applied is None:
        return [f"{files} would change. Nothing was written: --write does it."]
    key = f"Set {plan.move.key_env}"
    back = "" if plan.move.replace else f"; LLM_PROVIDER={plan.move.source.id} leads back"
    return [f"{files} changed. {key}{back}.", f"To undo:  llm-migrate undo {shown} --id {applied.id}"]


def _name(path: str) -> str:
    """Return a path that prints on one line in any terminal."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
