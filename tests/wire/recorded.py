"""What the vendors' own SDKs sent, by vendor and kind."""

from __future__ import annotations

import json
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "data" / "vectors"


def load_vectors(vendor: str, kind: str) -> list[dict]:
    """Return the vectors of one kind."""
    vectors = json.loads((_FOLDER / f"{vendor}.json").read_text(encoding="utf-8"))["vectors"]
    return [v for v in vectors if v.get("kind") == kind]


def one(vendor: str, kind: str, name: str | None = None) -> dict:
    """Return the one vector of a kind and name."""
    (found,) = (v for v in load_vectors(vendor, kind) if name in (None, v["name"]))
    return found
