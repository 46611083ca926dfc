"""Tables and paragraphs fit, with rich and without it."""

from __future__ import annotations

import io
import sys

import pytest

from llm_migrate.report.sections import Section, plain_text, print_sections

WORDS = "a sentence of several words that is longer than its column"
TABLE = Section("Title", ("id", "text"), (("first", WORDS), ("second\nbelow", "short")), ("a note",), fixed=(0,))


def printed(*sections: Section, width: int = 30, colour: bool = False) -> str:
    stream = io.StringIO()
    print_sections(sections, stream, width=width, colour=colour)
    return stream.getvalue()


def test_plain_text_wraps_the_widest_column():
    """Without rich the table keeps its columns and breaks long cells at words."""
    assert plain_text([TABLE], 30) == (
        "Title\n"
        "  ID      TEXT\n"
        "  first   a sentence of\n"
        "          several words that\n"
        "          is longer than its\n"
        "          column\n"
        "  second  short\n"
        "  below\n"
        "  a note\n"
    )


def test_rich_prints_the_same_words():
    """Whether rich is there or not, the text is the same."""
    assert printed(TABLE).split() == plain_text([TABLE], 30).split()


def test_without_rich_plain_text_is_printed(monkeypatch: pytest.MonkeyPatch):
    """The command works where only the lean core is installed."""
    monkeypatch.setitem(sys.modules, "rich", None)

    assert printed(TABLE) == plain_text([TABLE], 30)


@pytest.mark.parametrize("width", [20, 30, 80])
def test_fixed_columns_are_never_broken(width: int):
    """An id or address stays whole, so that it can be copied."""
    section = Section("", ("id", "text"), (("the Acme coding plan", WORDS),), fixed=(0,))

    assert "the Acme coding plan" in plain_text([section], width)


def test_cells_are_text_and_not_markup():
    """Square brackets in a fact are shown, not read as rich's markup."""
    assert "[bold]" in printed(Section("", ("id",), (("[bold]",),)))


def test_colour_comes_only_when_it_is_welcome():
    """Escape sequences appear in colour mode and nowhere else."""
    assert "\x1b[" in printed(TABLE, colour=True)
    assert "\x1b[" not in printed(TABLE)


def test_chinese_text_stays_in_its_column():
    """A wide character takes two columns of the terminal."""
    output = printed(Section("", ("a", "b"), (("智谱", "x"), ("ab", "y"))))

    assert "  智谱  x" in output
    assert "  ab    y" in output
