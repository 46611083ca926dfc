"""The generated page of providers is what the provider files say."""

from __future__ import annotations

import runpy
from pathlib import Path

from llm_migrate.catalog.load import all_providers

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    """docs/providers.md is what scripts/provider_docs.py would write now."""
    written = runpy.run_path(str(ROOT / "scripts" / "provider_docs.py"))["page"]()

    assert (ROOT / "docs" / "providers.md").read_text(encoding="utf-8") == written, (
        "run .venv/bin/python scripts/provider_docs.py"
    )


def test_every_provider_has_its_part() -> None:
    """Each provider's heading stands on the page, and the contents lead to it."""
    text = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")

    assert [p.id for p in all_providers() if f"[{p.id}]" not in text] == []
    assert text.count("\n## ") == len(all_providers())
