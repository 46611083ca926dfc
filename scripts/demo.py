#!/usr/bin/env python3
"""Install llm-migrate and carry a copy of the example from OpenAI to Zhipu. Needs Python 3.11 or newer, and pip.

The copy is build/demo/support_desk, so that the example itself stays as it is.
"""

from __future__ import annotations

import shutil
import subprocess

from environment import ROOT, prepare, run

TARGET = "zhipu"


def main() -> None:
    """Install, scan, show the diff, write it, and say how to take it back."""
    programs = prepare(ROOT / ".venv", "--editable", ".[all]")
    tool = str(programs / "llm-migrate")
    copy = ROOT / "build" / "demo" / "support_desk"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / "support_desk", copy, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    # A repository of its own, as the example would be in a team; the tool lists files through git there.
    for step in (["init", "-q"], ["add", "-A"], [*_who(), "commit", "-qm", "The support desk before its move"]):
        subprocess.run(["git", *step], cwd=copy, check=True)
    place = str(copy.relative_to(ROOT))
    for step in (
        ["scan", place, "--to", TARGET],
        ["rewrite", f"{place}/app", "--to", TARGET, "--map", "text-embedding-3-small=embedding-3"],
        ["rewrite", f"{place}/app", "--to", TARGET, "--map", "text-embedding-3-small=embedding-3", "--write"],
    ):
        print(f"\n$ llm-migrate {' '.join(step)}", flush=True)
        run([tool, *step])
    print(f"\nTake it back with:  {programs.relative_to(ROOT) / 'llm-migrate'} undo {place}/app")


def _who() -> list[str]:
    return ["-c", "user.name=demo", "-c", "user.email=demo@example.invalid"]


if __name__ == "__main__":
    main()
