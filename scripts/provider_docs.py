#!/usr/bin/env python3
"""Write docs/providers.md from providers/*.toml. Run it after a change to a provider file; a test tells when.

Usage: .venv/bin/python scripts/provider_docs.py
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from llm_migrate.catalog.load import all_providers
from llm_migrate.catalog.schema import Provider
from llm_migrate.report.markdown import sections_to_markdown
from llm_migrate.report.providers import detail_sections

PAGE = Path(__file__).resolve().parent.parent / "docs" / "providers.md"
_HEAD = """\
# Providers

What changes for a program that comes from OpenAI, provider by provider. Written from `providers/*.toml` by
`scripts/provider_docs.py`; `llm-migrate providers NAME` prints the same, with the state of today. Sources stand beside
each fact in the TOML files.
"""


def page() -> str:
    """Return the whole page; it depends on the provider files only, not on the day."""
    providers = all_providers()
    contents = "\n".join(f"- [{p.name}](#{_anchor(p)})" for p in providers)
    # The state of each provider on the day when its facts were last looked up.
    parts = [sections_to_markdown(detail_sections(p, _looked_up(p)), level=2) for p in providers]
    return "\n".join([_HEAD, contents, "", *parts])


def _looked_up(provider: Provider) -> dt.date:
    return max(e.checked for e in provider.endpoints)


def _anchor(provider: Provider) -> str:
    title = f"{provider.name}  [{provider.id}]".lower()
    return "".join(c for c in title if c.isalnum() or c in " -_").replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(all_providers())} providers")
