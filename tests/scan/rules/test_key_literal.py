from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "key_literal"
KEY = "sk-proj-abcdefghijklmnop0123456789"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (f'KEY = "{KEY}"\n', "python"),
        (f'h = {{"Authorization": "Bearer {KEY}"}}\n', "python"),
        (f"fetch(u, {{headers: {{Authorization: 'Bearer {KEY}'}}}})\n", "javascript"),
    ],
)
def test_a_key_in_the_code_is_a_secret_wherever_it_stands(text, language):
    """A literal key is found in a constant and in a header, and marked as to be masked."""
    (seen,) = ask(RULE, text, language)

    assert (seen.kind, seen.provider, seen.value, seen.hit.secret) == ("credential", "openai", KEY, True)


@pytest.mark.parametrize(
    "text",
    [
        'k = "sk-zz-api03-abcdefghijklmnop"\n',
        'c = "sk-fading-circle"\n',
        'k = "sk-..."\n',
        'k = "risk-of-abcdefghijklmnop0123"\n',
        'k = "sk-<your key>"\n',
    ],
)
def test_what_only_begins_like_a_key_is_none(text):
    """Another service's key, a style name, a placeholder and another word are no keys of the catalog's vendors."""
    assert kinds(RULE, text, "python") == []
