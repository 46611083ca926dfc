from __future__ import annotations

from pathlib import Path

from llm_migrate.taps import family_httpx, family_httpx2


def test_the_two_families_differ_by_their_import_only():
    """Base classes tie a module to one family, so there are two; what is mended in one must be mended in the other."""
    legacy, current = (Path(module.__file__).read_text(encoding="utf-8") for module in (family_httpx, family_httpx2))

    assert legacy.replace("clients of httpx,", "clients of httpx2,").replace("import httpx as", "import httpx2 as") == (
        current
    )
