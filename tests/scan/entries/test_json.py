from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.scan.entries.reading import assert_edits_hold, leaves, pairs, read

VALUE = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUE, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_every_leaf_is_an_entry(tree: dict[str, object], indent: int | None, escaped: bool):
    """All scalars of any JSON are found under their keys, but for name/value siblings."""
    text = json.dumps(tree, indent=indent, ensure_ascii=escaped)

    found = [(entry.path, entry.value) for entry in read(text, "json")]

    want = [(path, value if isinstance(value, str) else json.dumps(value)) for path, value in leaves(tree)]
    if "=" not in text and escaped is False and '"name"' not in text and '"key"' not in text:
        assert [(p, v) for p, v in found if "\\" not in v] == [(p, v) for p, v in want if "\\" not in v]
    assert len(found) <= len(want)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_each_string_can_be_replaced(bom: bytes):
    """A value put into a string's range is what the json module reads there."""
    text = '{"a": {"b": "x", "键": ["y", "--model=m", {"c": "é\\n"}]},\r\n "name": "n", "d": ""}'

    assert assert_edits_hold(bom + text.encode(), "json", lambda data: json.loads(data.decode("utf-8-sig"))) == 6


def test_comments_and_trailing_commas_are_passed_over():
    """JSONC and JSON5 are read: comments, unquoted keys, single quotes, trailing commas."""
    text = "{// a: 1\n a: 1, /* b: 2 */ 'c': 'd',\n\"u\": \"http://h/*x*/\",}"

    assert pairs(text, "json") == [("a", "1"), ("c", "d"), ("u", "http://h/*x*/")]


def test_name_and_value_objects_are_one_entry():
    """App settings of ARM templates: the name becomes the last part of the path."""
    text = '{"appSettings": [\n {"name": "API_KEY",\n  "value": "v"},\n {"value": "w", "Name": "OTHER"}]}'

    first, second = read(text, "json")

    assert (first.path, first.value) == (("appSettings", "API_KEY"), "v")
    assert text[first.start : first.end] == '"name": "API_KEY",\n  "value": "v"'
    assert (second.path, text[second.value_start : second.value_end]) == (("appSettings", "OTHER"), "w")


def test_a_file_that_is_cut_off_gives_what_stands_before_the_cut():
    """Truncation is no error."""
    assert pairs('{"a": "1", "b": {"c": "2", "d": "cut', "json") == [("a", "1"), ("b.c", "2"), ("b.d", "")]


@pytest.mark.parametrize(
    "text", ["[" * 300_000, '{"a":' * 100_000, '"' * 100_001, "/*" * 100_000, "'" * 100_001, "}]" * 9]
)
def test_hostile_text_ends_soon(text: str):
    """Deep nesting and unclosed comments neither raise nor take more than linear time."""
    read(text, "json")
