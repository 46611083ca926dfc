from __future__ import annotations

import configparser

import pytest

from tests.scan.entries.reading import pairs, read, spliced

SAMPLE = """\
top = 1
[openai]
api_key = sk-1
base_url: https://h/v1
# comment = no
; comment = no
model = gpt-4 ; inline
quoted = "x y"
empty =
[a "sub"]
list =
    one
    two
é = ü
"""


def test_sections_and_options_are_read():
    """Sections make the path, continued lines one value, comments no entries."""
    assert pairs(SAMPLE, "ini") == [
        ("top", "1"),
        ("openai.api_key", "sk-1"),
        ("openai.base_url", "https://h/v1"),
        ("openai.model", "gpt-4"),
        ("openai.quoted", "x y"),
        ("openai.empty", ""),
        ("a.sub.list", "one\ntwo"),
        ("a.sub.é", "ü"),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_each_value_can_be_replaced(ending: str):
    """A value put into an option's range is what configparser reads there."""
    data = SAMPLE.replace("top = 1\n", "").replace("\n", ending).encode()

    for entry in read(data, "ini"):
        parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(spliced(data, entry, "new").decode())
        section = entry.path[0] if len(entry.path) == 2 else 'a "sub"'
        assert parser[section][entry.path[-1]].strip('"\n') == "new"


@pytest.mark.parametrize("text", ["[" * 100_000, "a\n" * 50_000, "=\n:\n[]\n", " x = 1\n  y = 2\n" * 20_000])
def test_odd_text_never_raises(text: str):
    """What is no option is passed over."""
    read(text, "ini")
