from __future__ import annotations

import pytest

from tests.scan.entries.reading import pairs, read, spliced

SAMPLE = """\
FROM python:3.11
ARG OPENAI_API_KEY
ARG MODEL=gpt-4o
ENV OPENAI_BASE_URL=https://h/v1 NAME="a b" \\
    # a comment between
    OTHER='c d' LAST=e\\ f
ENV OLD the rest of the line
RUN echo ENV NOT=this && \\
    ENV ALSO=not
env lower=x
ONBUILD ENV LATER=1
RUN <<EOF
ENV INSIDE=heredoc
EOF
ENV AFTER=1
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_variables_of_env_and_arg_are_read(ending: str):
    """Both forms of ENV, several names on continued lines, ARG with and without a default."""
    assert pairs(SAMPLE.replace("\n", ending), "dockerfile") == [
        ("OPENAI_API_KEY", ""),
        ("MODEL", "gpt-4o"),
        ("OPENAI_BASE_URL", "https://h/v1"),
        ("NAME", "a b"),
        ("OTHER", "c d"),
        ("LAST", "e\\ f"),
        ("OLD", "the rest of the line"),
        ("lower", "x"),
        ("LATER", "1"),
        ("AFTER", "1"),
    ]


def test_each_value_can_be_replaced():
    """Putting a value into an entry's bytes changes that entry alone; an ARG without default has no place."""
    data = SAMPLE.encode()
    before = pairs(data, "dockerfile")

    for index, entry in enumerate(read(data, "dockerfile")):
        if entry.value_start >= 0:
            after = pairs(spliced(data, entry, "new"), "dockerfile")
            assert after == [*before[:index], (before[index][0], "new"), *before[index + 1 :]]
    assert read(data, "dockerfile")[0].value_start == -1


def test_the_escape_directive_is_kept():
    """With a backtick as escape, a backslash is text."""
    assert pairs("# escape=`\nENV A=C:\\ `\n    B=2\n", "dockerfile") == [("A", "C:\\"), ("B", "2")]


@pytest.mark.parametrize(
    "text", ["ENV A=\\\n" * 30_000, "RUN <<A\n" * 9_000, "ENV " + "a " * 90_000, 'ENV A="' * 20_000]
)
def test_hostile_text_ends_soon(text: str):
    """Endless continuations and here-documents take linear time."""
    read(text, "dockerfile")
