"""Ask git which files have changes that it could not bring back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from llm_migrate.rewrite.journal import from_name, to_name

_LIMIT_S = 60


def dirty_files(root: Path, names: Sequence[str]) -> list[str]:
    """Return those of some files, spelt as in the journal, that git tracks and that differ from the last commit.

    Empty without git, outside a work tree, and in one that git itself refuses.
    """
    if not names:
        return []
    # A tree from elsewhere may bring a configuration: git shall run nothing on its behalf.
    command = ["git", "-c", "core.fsmonitor=false", "--literal-pathspecs", "status", "--porcelain", "-z", "-uno"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [*command, "--no-renames", "--", *(from_name(name) for name in names)],
            cwd=root,
            env=environment,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
        prefix = subprocess.run(
            ["git", "rev-parse", "--show-prefix"],
            cwd=root,
            env=environment,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    if done.returncode or prefix.returncode:
        return []
    above = to_name(os.fsdecode(prefix.stdout.rstrip(b"\n")))
    paths = [to_name(os.fsdecode(row[3:])) for row in done.stdout.split(b"\0") if row]
    return [path.removeprefix(above) for path in paths]
