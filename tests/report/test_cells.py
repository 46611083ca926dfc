"""Columns of a terminal, and what must not reach one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.report.cells import display_width, padded, printable, wrapped


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("gift", 4),
        ("通义千问", 8),
        ("Ｆｕｌｌ，", 10),
        ("é", 1),
        ("é", 1),
        ("ｱｲ", 2),
        ("한국", 4),
        ("a智b", 4),
        ("e\u0301", 1),
        ("\U0001f469\u200d\U0001f4bb", 4),
    ],
)
def test_a_character_takes_the_columns_that_terminals_give_it(text, width):
    """Two for wide ones, one for narrow ones, none for an accent of its own."""
    assert display_width(text) == width
    assert display_width(padded(text, 12)) == 12


@given(st.text())
def test_nothing_that_acts_upon_a_terminal_is_left(text):
    """No escape, no line end, no change of direction."""
    shown = printable(text)

    assert len(shown) == len(text)
    assert all(char == "\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in shown)


@given(st.text(st.sampled_from("ab 智谱 "), max_size=60), st.integers(8, 20))
def test_lines_keep_to_their_width_and_lose_no_word(text, width):
    """But for words that are wider than a line."""
    lines = wrapped(text, width, first="- ", then="  ")

    assert " ".join(lines).split()[1:] == text.split() or " ".join(lines).split() == text.split()
    for line in lines:
        assert display_width(line) <= width or len(line.removeprefix("- ").split()) == 1
