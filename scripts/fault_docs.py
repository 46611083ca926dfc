#!/usr/bin/env python3
"""Write docs/faults.md from a run of the openai SDK against every fault. A test tells when the page is stale.

Usage: .venv/bin/python scripts/fault_docs.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults import page

if __name__ == "__main__":
    results = page.results()
    page.PAGE.write_text(page.page(results), encoding="utf-8")
    print(f"{page.PAGE.name}: {len(results)} calls")
