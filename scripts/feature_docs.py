#!/usr/bin/env python3
"""Write docs/features.md from a run of the real openai SDK against every fake. A test tells when the page is stale.

Usage: .venv/bin/python scripts/feature_docs.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.e2e import features

if __name__ == "__main__":
    results = features.run(features.SDKS[-1])
    features.PAGE.write_text(features.page(results), encoding="utf-8")
    print(f"{features.PAGE.name}: {len(results)} vendors under openai {features.SDKS[-1]}")
