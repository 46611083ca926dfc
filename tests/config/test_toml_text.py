"""Tables written as TOML are read back as they were meant."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.config.toml_text import table_lines, value_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT, st.integers(-(2**63), 2**63 - 1), st.lists(TEXT, max_size=3))
def test_whatever_is_written_is_read_back(name, text, number, texts):
    """Any key and any text that Unicode has."""
    lines = table_lines(("budgets", name), {"text": text, "number": number, "list": tuple(texts), name: True})

    (table,) = tomllib.loads("\n".join(lines))["budgets"].values()

    expected = {"text": text, "number": number, "list": texts}
    assert table == {**expected, name: True}


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        0,
        5_000_000,
        Decimal("1.25"),
        Decimal(20),
        Decimal("1e-9"),
        Decimal("1e3"),
        dt.date(2024, 7, 31),
        dt.datetime(2024, 7, 31, 12, tzinfo=dt.timezone(dt.timedelta(hours=8))),
    ],
)
def test_each_kind_of_value_keeps_its_kind(value):
    """A whole number of points is a number with a point, not text."""
    read = tomllib.loads(f"a = {value_text(value)}", parse_float=Decimal)["a"]

    assert read == value
    assert type(read) is type(value)


def test_an_inline_table_is_one():
    """With keys in the order given."""
    text = value_text({"input": Decimal("1.5"), "output": Decimal(6)})

    assert text == "{ input = 1.5, output = 6.0 }"
