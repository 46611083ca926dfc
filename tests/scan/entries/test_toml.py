from __future__ import annotations

import tomllib

import hypothesis.strategies as st
import pytest
import tomli_w
from hypothesis import given, settings

from tests.scan.entries.reading import assert_edits_hold, leaves, pairs, read

SAMPLE = """\
title = "x" # comment
a.b."c d" = 'lit'
[tool.app]
model = "gpt-4o"
count = 3
list = ["one", "KEY=val", {inner = "deep"}]
table = {k = "v", n.m = "w"}
multi = \"\"\"
first
second\"\"\"
[[arr]]
"键" = "值"
[[arr]]
empty = ""
"""


def test_tables_and_dotted_keys_make_the_path():
    """Tables, arrays of tables, dotted and quoted keys, inline tables."""
    found = dict(pairs(SAMPLE, "toml"))

    assert found["a.b.c d"] == "lit"
    assert found["tool.app.model"] == "gpt-4o"
    assert found["tool.app.list.KEY"] == "val"
    assert found["tool.app.list.inner"] == "deep"
    assert found["tool.app.table.n.m"] == "w"
    assert found["tool.app.multi"] == "first\nsecond"
    assert found["arr.键"] == "值"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_each_string_can_be_replaced(bom: bytes, ending: str):
    """A value put into a string's range is what tomllib reads there."""
    data = bom + SAMPLE.replace("count = 3\n", "").replace("\n", ending).encode()

    assert assert_edits_hold(data, "toml", lambda raw: tomllib.loads(raw.decode("utf-8-sig"))) == 11


SCALAR = st.one_of(st.text(max_size=8), st.integers(min_value=-9, max_value=9), st.booleans())
KEYS = st.text("abcd-_ .é'\"", max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(KEYS, st.one_of(SCALAR, st.dictionaries(KEYS, SCALAR, max_size=3), st.lists(SCALAR, max_size=3)))
)
def test_every_leaf_is_seen(tree: dict[str, object]):
    """As many entries as tomllib has scalars, at places that hold their text."""
    text = tomli_w.dumps(tree)

    found = read(text, "toml")

    assert len(found) == len(list(leaves(tree)))


def test_a_broken_line_does_not_hide_the_others():
    """What stands outside the break is read."""
    assert ("b", "2") in pairs("a = = 1\nb = 2\n", "toml")


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "[" * 50_000, "a." * 20_000 + "b = 1", 'x = "' * 9_000])
def test_hostile_text_never_raises(text: str):
    """Deep nesting does not exhaust the stack."""
    read(text, "toml")
