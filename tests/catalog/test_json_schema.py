"""Keywords in JSON schemas."""

from __future__ import annotations

from llm_migrate.catalog.json_schema import has_keywords, without_keywords
from llm_migrate.catalog.policy import UNKNOWN, Effect, apply
from tests.catalog.tiny import rule_on

SIZES = frozenset({"minLength", "maxItems"})
SCHEMA = {
    "type": "object",
    "properties": {"maxItems": {"type": "string", "minLength": 1, "default": {"minLength": 2}}},
    "items": [{"anyOf": [{"maxItems": 3, "type": "array"}]}],
    "$defs": {"minLength": {"type": "integer"}},
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
RULE = {"tools.function.parameters": {"effect": "drop", "keywords": sorted(SIZES), "advice": "no sizes"}}


def test_keywords_go_and_names_stay():
    """A property that is called like a keyword is none, and a default is a value, not a schema."""
    assert without_keywords(SCHEMA, SIZES) == {
        "type": "object",
        "properties": {"maxItems": {"type": "string", "default": {"minLength": 2}}},
        "items": [{"anyOf": [{"type": "array"}]}],
        "$defs": {"minLength": {"type": "integer"}},
    }


def test_a_schema_without_them_is_the_same_object():
    """Nothing is copied for nothing."""
    plain = {"type": "object", "properties": {"maxItems": {"type": "string"}}}

    assert without_keywords(plain, SIZES) is plain
    assert not has_keywords(plain, SIZES)
    assert not has_keywords("text", SIZES)


def test_a_schema_that_is_too_deep_is_left_alone():
    """S5: no request can exhaust the stack."""
    deep: dict = {"minLength": 1}
    for _ in range(500):
        deep = {"items": deep}

    assert without_keywords(deep, SIZES) is deep


def test_the_judge_drops_and_reports_them():
    """The schema stays without them, and the report names the place."""
    (ruling,) = rule_on({"tools": [TOOL]}, **RULE)

    assert (ruling.subject, ruling.effect) == ("tools.function.parameters", Effect.DROPPED)
    sent = apply({"tools": [TOOL]}, [ruling])["tools"][0]["function"]
    assert sent["name"] == "f"
    assert not has_keywords(sent["parameters"], SIZES)


def test_a_schema_without_them_gets_no_ruling():
    """And one that cannot be seen may have them."""
    plain = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    hidden = {"type": "function", "function": {"name": "f", "parameters": UNKNOWN}}

    assert rule_on({"tools": [plain]}, **RULE) == []
    (ruling,) = rule_on({"tools": [hidden]}, **RULE)
    assert (ruling.effect, ruling.at_worst) == (Effect.KEPT, Effect.DROPPED)
