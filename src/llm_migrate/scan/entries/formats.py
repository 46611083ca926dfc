"""Finds the reader of a document's language; a reader is imported when its first document comes."""

from __future__ import annotations

import importlib
from typing import Final, cast

from llm_migrate.scan.finding import Document, Entry

# Document language -> module of its reader.
FORMATS: Final = {
    "bicep": "blocks",
    "dockerfile": "dockerfile",
    "env": "env",
    "hcl": "blocks",
    "ini": "ini",
    "json": "json",
    "properties": "properties",
    "toml": "toml",
    "yaml": "yaml",
}


def read_entries(document: Document) -> tuple[Entry, ...]:
    """Return the entries of a document, in its order; none for a lock file or a language without a reader."""
    if document.language not in FORMATS or _is_lock(document.path):
        return ()
    module = importlib.import_module(f"llm_migrate.scan.entries.{FORMATS[document.language]}")
    return cast("tuple[Entry, ...]", tuple(module.read(document)))


def _is_lock(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return "lock" in name and name.endswith((".json", ".yaml", ".yml", ".toml", ".lock", ".json5"))
