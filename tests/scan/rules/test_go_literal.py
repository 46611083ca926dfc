from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "go_literal"


@pytest.mark.parametrize(
    ("literal", "kind", "provider"),
    [
        ("OPENAI_API_KEY", "credential", "openai"),
        ("https://api.openai.com/v1", "base-url", "openai"),
        ("https://platform.openai.com/api-keys", "base-url", "openai"),
        ("gpt-4o", "model", "openai"),
        ("glm-4-air", "model", "zhipu"),
        ("openai", "config", "openai"),
        ("azureopenai", "config", "azure-openai"),
        ("sk-proj-abcdefghij0123456789", "credential", "openai"),
    ],
)
def test_constants_that_name_a_provider(literal: str, kind: str, provider: str):
    """Variables, addresses, models, selectors, keys, in their quotes."""
    (seen,) = ask(RULE, f'package a\nconst x = "{literal}"\n', "go")

    assert (seen.kind, seen.provider, seen.value) == (kind, provider, literal)


@pytest.mark.parametrize(
    "literal",
    ["API_KEY", "https://example.com", "davinci", "ada", "OpenAI organization ID", "openai_extra", "", "x" * 400],
)
def test_constants_that_do_not(literal: str):
    """Generic names, other hosts, words that are models only by context, prose."""
    assert kinds(RULE, f'package a\nconst x = "{literal}"\n', "go") == []


def test_an_import_path_is_no_constant():
    """Imports are another rule's."""
    assert kinds(RULE, 'package a\nimport "openai"\n', "go") == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('class A { String m = "gpt-4o"; }', "java"),
        ('val m = "gpt-4o"', "kotlin"),
        ('var m = "gpt-4o";', "csharp"),
        ("m = 'gpt-4o'", "ruby"),
        ("<?php $m = 'gpt-4o';", "php"),
        ('fn f() { let m = "gpt-4o"; }', "rust"),
    ],
)
def test_other_languages(text: str, language: str):
    """The same constants in languages without rules of their own."""
    assert [(seen.kind, seen.value) for seen in ask(RULE, text, language)] == [("model", "gpt-4o")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("MY_OPENAI_ENDPOINT", [("base-url", "openai")]),
        ("AZURE_OPENAI_DALLE_DEPLOYMENT_NAME", [("model", "azure-openai")]),
        ("MY_OPENAI_TITLE", []),
    ],
)
def test_a_variable_with_a_vendor_in_its_name_counts_by_what_it_holds(name: str, found: list[tuple[str, str]]):
    """Keys, addresses and models do, whatever else is in the name; the rest is the program's own affair."""
    seen = ask(RULE, f'class A {{ String x = System.getenv("{name}"); }}', "java")

    assert [(hit.kind, hit.provider) for hit in seen] == found
