"""Look for keywords in a JSON schema, and take them out: a property that is called like a keyword is none.

Schemas nest, so deeper ones than any program writes are left alone.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from llm_migrate.catalog.schema import JsonValue

_MOST_DEEP: Final = 60
_OF_NAMES: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_OF_VALUES: Final = frozenset({"const", "default", "enum", "example", "examples"})


def has_keywords(schema: JsonValue, keywords: Set[str]) -> bool:
    """Say whether any of the keywords stands in a schema or in one inside of it."""
    return without_keywords(schema, keywords) is not schema


def without_keywords(schema: JsonValue, keywords: Set[str], depth: int = 0) -> JsonValue:
    """Return a schema without the keywords; the same object if it has none."""
    if depth > _MOST_DEEP:
        return schema
    if isinstance(schema, list):
        items = [without_keywords(item, keywords, depth + 1) for item in schema]
        return items if any(new is not old for new, old in zip(items, schema, strict=True)) else schema
    if not isinstance(schema, dict):
        return schema
    out: dict[str, JsonValue] = {}
    for name, inner in schema.items():
        if name in keywords:
            continue
        if name in _OF_NAMES and isinstance(inner, dict):
            named = {key: without_keywords(value, keywords, depth + 1) for key, value in inner.items()}
            out[name] = named if any(named[key] is not inner[key] for key in inner) else inner
        else:
            out[name] = inner if name in _OF_VALUES else without_keywords(inner, keywords, depth + 1)
    changed = len(out) < len(schema) or any(out[name] is not schema[name] for name in out)
    return out if changed else schema
