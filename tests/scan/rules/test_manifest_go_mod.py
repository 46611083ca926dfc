from __future__ import annotations

from tests.scan.rules.asking import kinds

RULE = "manifest_go_mod"


def test_required_modules_are_found_in_any_major_version():
    """Both forms of require; a module of the same owner does not count."""
    text = (
        "module github.com/openai/openai-go-user\n"
        "require github.com/openai/openai-go/v2 v2.1.0\n"
        "require (\n\tgithub.com/sashabaranov/go-openai v1.36.0\n\tgithub.com/sashabaranov/x v1.0.0 // indirect\n)\n"
    )

    assert [hit[2] for hit in kinds(RULE, text, "gomod")] == [
        "github.com/openai/openai-go/v2 v2.1.0",
        "github.com/sashabaranov/go-openai v1.36.0",
    ]
