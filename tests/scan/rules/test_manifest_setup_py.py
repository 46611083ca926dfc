from __future__ import annotations

from tests.scan.rules.asking import kinds

RULE = "manifest_setup_py"


def test_requirements_of_setup_are_found():
    """Strings of install_requires and extras_require."""
    text = 'setup(name="openai", install_requires=["openai>=1", "x"], extras_require={"a": ["langchain-openai"]})\n'

    assert [hit[2] for hit in kinds(RULE, text, "python")] == ["openai>=1", "langchain-openai"]


def test_other_arguments_are_not():
    """A name or a key word of the call is no dependency."""
    assert kinds(RULE, 'setup(name="openai", keywords=["openai"])\n', "python") == []
