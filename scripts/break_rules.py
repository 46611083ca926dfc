#!/usr/bin/env python3
"""Break one rule of a call after the other in a copy of the project, and count the tests that go red.

Usage: .venv/bin/python scripts/break_rules.py [WORDS OF A RULE]

Prints a count for each rule of tests/faults/broken_rules.py, to be written there; exits with 1 if one is 0. Takes half
a minute for each, more where what is broken waits for a time limit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.faults.broken_rules import ENOUGH, RULES, TESTS, Broken, place  # noqa: E402

NOT_NEEDED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")


def main() -> int:
    """Return 1 if a rule can be broken without a test that says so."""
    words = " ".join(sys.argv[1:])
    green = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        shutil.copytree(ROOT, copy, ignore=NOT_NEEDED)
        if red := failing(copy):
            print(f"{len(red)} tests fail with every rule kept: {red[0]}")
            return 1
        for broken in RULES:
            if words in broken.rule:
                red = failing_with(broken, copy)
                green += not red
                print(f"{min(len(red), ENOUGH):5}  {broken.rule} ({broken.change})", flush=True)
    return 1 if green else 0


def failing_with(broken: Broken, copy: Path) -> list[str]:
    """Return the tests that fail in a copy of the project while a rule is broken there."""
    file = place(broken, copy)
    sound = file.read_text(encoding="utf-8")
    file.write_text(sound.replace(broken.old, broken.new), encoding="utf-8")
    try:
        return failing(copy)
    finally:
        file.write_text(sound, encoding="utf-8")


def failing(copy: Path) -> list[str]:
    """Return the tests that fail in a copy of the project, as they are named in a report."""
    report = copy / "report.xml"
    report.unlink(missing_ok=True)
    limits = ["-m", "not realtime", "-o", "timeout=60", f"--maxfail={ENOUGH}"]
    options = ["-p", "no:cacheprovider", "-n", "2", *limits, f"--junitxml={report}"]
    # The package of the copy, not the one that the environment has; and no byte code of the change before.
    env = {**os.environ, "PYTHONPATH": f"{copy / 'src'}{os.pathsep}{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", *options, *TESTS]
    subprocess.run(command, cwd=copy, env=env, stdout=subprocess.DEVNULL, check=False)
    cases = ElementTree.parse(report).iter("testcase")
    return [
        case.get("name", "") for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]


if __name__ == "__main__":
    sys.exit(main())
