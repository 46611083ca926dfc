from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "openai_error_python"


@pytest.mark.parametrize(
    ("clause", "legacy"),
    [
        ("except openai.error.RateLimitError as e", True),
        ("except openai.RateLimitError", False),
        ("except (ValueError, oe.APITimeoutError)", False),
        ("except RateLimitError", False),
        ("except openai._exceptions.APIConnectionError as e", False),
    ],
)
def test_caught_errors(clause, legacy):
    """The head of an `except` that names a class of the SDK is a hit."""
    text = f"import openai, openai as oe\nfrom openai import RateLimitError\ntry: pass\n{clause}: pass\n"

    assert [(s.kind, s.text, s.hit.legacy) for s in ask(RULE, text, "python")] == [("error", clause, legacy)]


def test_errors_given_to_a_call():
    """Classes in `isinstance` and retry helpers count as well."""
    text = "import openai\nisinstance(e, (openai.APIError, KeyError))\nbackoff(f, openai.RateLimitError)\n"

    assert [row[2] for row in kinds(RULE, text, "python")] == ["(openai.APIError, KeyError)", "openai.RateLimitError"]


@pytest.mark.parametrize(
    "text",
    [
        "try: pass\nexcept RateLimitError: pass",
        "import openai\ntry: pass\nexcept ValueError: pass",
        "import openai\nf(openai.OpenAI)",
    ],
)
def test_other_errors_are_left_alone(text):
    """Classes of other origin, and other names of the SDK, are none."""
    assert kinds(RULE, text, "python") == []
