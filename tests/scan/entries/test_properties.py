from __future__ import annotations

import pytest

from tests.scan.entries.reading import pairs, read, spliced

SAMPLE = """\
# spring.ai.openai.api-key=commented
! also a comment
spring.ai.openai.api-key=${OPENAI_API_KEY}
spring.ai.openai.base-url : https://h\\:8080/v1
key value with blanks
a\\ b=c
long = one,\\
       two
list[0].name=x
empty=
u=\\u00e9
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_keys_are_paths_and_values_plain(ending: str):
    """All three separators, escapes and continued lines."""
    assert pairs(SAMPLE.replace("\n", ending), "properties") == [
        ("spring.ai.openai.api-key", "${OPENAI_API_KEY}"),
        ("spring.ai.openai.base-url", "https://h:8080/v1"),
        ("key", "value with blanks"),
        ("a b", "c"),
        ("long", "one,two"),
        ("list.0.name", "x"),
        ("empty", ""),
        ("u", "é"),
    ]


def test_each_value_can_be_replaced():
    """Putting a value into an entry's bytes changes that entry alone."""
    data = SAMPLE.encode()
    before = pairs(data, "properties")

    for index, entry in enumerate(read(data, "properties")):
        after = pairs(spliced(data, entry, "new"), "properties")
        assert after == [*before[:index], (before[index][0], "new"), *before[index + 1 :]]


@pytest.mark.parametrize("text", ["\\" * 200_000, "a=\\\n" * 50_000, "=\n" * 1000, "a.b." * 50_000])
def test_hostile_text_ends_soon(text: str):
    """Backslashes and endless keys take linear time."""
    read(text, "properties")
