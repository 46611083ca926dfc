"""Rewrites as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from llm_migrate.report.rewrite_text import plan_diff
from llm_migrate.rewrite.apply import Applied
from llm_migrate.rewrite.journal import Journal
from llm_migrate.rewrite.plan import FileChange, Plan
from llm_migrate.rewrite.undo import Undone


def rewrite_json(plans: Sequence[tuple[Plan, Applied | None]], base: Path) -> str:
    """Return `llm-migrate/rewrite/1`: one tree per path of the command line."""
    trees = [_tree(plan, applied, base) for plan, applied in plans]
    return json.dumps({"schema": "llm-migrate/rewrite/1", "trees": trees}, indent=2) + "\n"


def history_json(root: Path, journals: Sequence[Journal]) -> str:
    """Return `llm-migrate/history/1`, newest first."""
    rows = [
        {
            "id": journal.id,
            "command": journal.command,
            "interrupted": not journal.applied,
            "files": [entry.path for entry in journal.entries],
        }
        for journal in reversed(journals)
    ]
    note = "the state folder holds copies of the old files, which may contain secrets"
    return (
        json.dumps({"schema": "llm-migrate/history/1", "root": str(root), "rewrites": rows, "note": note}, indent=2)
        + "\n"
    )


def undo_json(root: Path, undone: Undone | None) -> str:
    """Return `llm-migrate/undo/1`."""
    body: dict[str, object] = {
        "schema": "llm-migrate/undo/1",
        "root": str(root),
        "id": None,
        "restored": [],
        "refused": [],
    }
    if undone is not None:
        body |= {
            "id": undone.id,
            "restored": list(undone.restored),
            "refused": [{"file": file, "reason": reason} for file, reason in undone.refused],
        }
    return json.dumps(body, indent=2) + "\n"


def _tree(plan: Plan, applied: Applied | None, base: Path) -> dict[str, object]:
    left = [*plan.left, *(applied.left if applied else ())]
    return {
        "root": str(plan.root),
        "target": plan.move.target.id,
        "replace": plan.move.replace,
        "written": applied is not None,
        "id": applied.id if applied else None,
        "changes": [_file(change) for change in plan.changes if applied is None or change.path in applied.changed],
        "by_hand": [
            {
                "file": place.file,
                "line": place.line,
                "kind": place.kind,
                "text": place.text,
                "reason": place.reason,
                "advice": place.advice,
                "blocked": place.blocked,
            }
            for place in plan.by_hand
        ],
        "left": [{"file": file, "reason": reason} for file, reason in left],
        "diff": plan_diff(plan, base).decode("utf-8", "backslashreplace") if applied is None else None,
    }


def _file(change: FileChange) -> dict[str, object]:
    edits = [{"line": p.line, "kind": p.kind, "what": p.what, "lost": p.note} for p in change.proposals]
    return {"file": change.path, "edits": edits}
