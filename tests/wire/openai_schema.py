"""OpenAI's own schema, as a judge of what goes out. Where it comes from stands in the file's `origin`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import jsonschema

_FILE = Path(__file__).parent.parent / "data" / "openai-schemas.json"


def problems(name: str, value: object) -> list[str]:
    """Return what OpenAI's schema of that name has against a value."""
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in _validator(name).iter_errors(value)]


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    components = _nullable(json.loads(_FILE.read_text(encoding="utf-8")))["components"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema.Draft202012Validator(schema)


def _nullable(node):
    """Turn OpenAPI 3.0's `nullable`, which the published file still has, into a null alternative."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _nullable(value) for key, value in node.items()}
    if node.pop("nullable", None) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node
