#!/usr/bin/env python3
"""Install everything that the tests need and run them all. Needs Python 3.11 or newer, and pip.

Usage: python3 scripts/test.py [PYTEST ARGUMENTS...]
"""

from __future__ import annotations

import sys

from environment import ROOT, ensure_browser, prepare, run

_NONE_SELECTED = 5  # pytest's exit code

programs = prepare(ROOT / ".venv", "--editable", ".[all]", "--group", "test")
ensure_browser()
workers = ["-n", "2", "--dist", "loadfile"]
if any(argument.startswith("-m") for argument in sys.argv[1:]):
    steps = [workers]
else:
    # What keeps to time limits has the machine to itself.
    steps = [[*workers, "-m", "not realtime"], ["-m", "realtime"]]
codes = [run([str(programs / "python"), "-m", "pytest", *step, *sys.argv[1:]], check=False) for step in steps]
failed = [code for code in codes if code not in (0, _NONE_SELECTED)]
sys.exit(failed[0] if failed else min(codes))
