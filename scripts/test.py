#!/usr/bin/env python3
"""Install everything that the tests need and run them all. Needs Python 3.11 or newer, and pip.

Usage: python3 scripts/test.py [PYTEST ARGUMENTS...]
"""

from __future__ import annotations

import sys

from environment import ROOT, prepare, run

programs = prepare(ROOT / ".venv", "--editable", ".[all]", "--group", "test")
workers = ["-n", "2", "--dist", "loadfile"]
sys.exit(run([str(programs / "python"), "-m", "pytest", *workers, *sys.argv[1:]], check=False))
