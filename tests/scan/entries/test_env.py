from __future__ import annotations

import pytest

from tests.scan.entries.reading import pairs, read, spliced

SAMPLE = """\
# OPENAI_API_KEY=commented out
export OPENAI_API_KEY=sk-1 # trailing
QUOTED="a \\"b\\" # no comment"
SINGLE='it is # kept'
EMPTY=
EMPTY_COMMENT= # nothing
SPACED = value with blanks
HASH=a#b
MULTI="first
SECOND=inside"
LAST=é值
NO_NEWLINE=x"""


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_values_are_read_whatever_the_line_end(ending: str):
    """Names, quotes, comments and multi-line values are told apart."""
    found = pairs(SAMPLE.replace("\n", ending), "env")

    assert found == [
        ("OPENAI_API_KEY", "sk-1"),
        ("QUOTED", 'a "b" # no comment'),
        ("SINGLE", "it is # kept"),
        ("EMPTY", ""),
        ("EMPTY_COMMENT", ""),
        ("SPACED", "value with blanks"),
        ("HASH", "a#b"),
        ("MULTI", f"first{ending}SECOND=inside"),
        ("LAST", "é值"),
        ("NO_NEWLINE", "x"),
    ]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_each_value_can_be_replaced(bom: bytes):
    """Putting a value into an entry's bytes changes that entry alone."""
    data = bom + SAMPLE.encode()
    before = pairs(data, "env")

    for index, entry in enumerate(read(data, "env")):
        after = pairs(spliced(data, entry, "new-1"), "env")
        assert after == [*before[:index], (entry.path[0], "new-1"), *before[index + 1 :]]


def test_an_encoding_of_several_bytes_gives_its_own_places():
    """Offsets count in the file's bytes, here GB18030."""
    text = "中文=值\nKEY_A=模型\nKEY_B=x\n"
    data = text.encode("gb18030")

    entry = read(data.decode("gb18030"), "env", "gb18030")[-1]

    assert data[entry.value_start : entry.value_end] == b"x"


def test_an_unclosed_quote_takes_only_its_line():
    """A broken value does not swallow the variables after it."""
    assert pairs("A='broken\nB=1\n", "env") == [("A", "'broken"), ("B", "1")]


def test_a_quote_that_closes_in_the_middle_of_a_later_line_is_broken():
    """Text behind a closing quote means that it was no closing quote."""
    assert pairs('A="x\nB="y"\n', "env") == [("A", '"x'), ("B", "y")]


def test_a_path_that_ends_in_a_backslash_does_not_swallow_the_next_variable():
    """A backslash continues a value only onto a line that sets nothing."""
    assert pairs("DIR=C:\\x\\\nB=1\nLONG=a\\\n b\n", "env") == [("DIR", "C:\\x\\"), ("B", "1"), ("LONG", "a b")]


@pytest.mark.parametrize("text", ['A="' * 60_000, "A='\n" * 60_000, "A=\\\n" * 60_000, '"' * 200_000])
def test_hostile_text_ends_soon(text: str):
    """Quotes that never close take linear time."""
    read(text, "env")
