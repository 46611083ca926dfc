from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "openai_client_python"


def test_a_client_and_its_literals():
    """Construction, address and key are hits of their own, each with its replaceable value."""
    text = (
        "from openai import OpenAI\n"
        "OpenAI(api_key='sk-abcdefghijklmnop', base_url='https://api.openai.com/v1', timeout=3)\n"
    )

    found = {seen.kind: seen for seen in ask(RULE, text, "python")}

    assert found["client"].hit.parameters == {
        "api_key": "sk-abcdefghijklmnop",
        "base_url": "https://api.openai.com/v1",
        "timeout": 3,
    }
    assert (found["base-url"].value, found["credential"].value) == ("https://api.openai.com/v1", "sk-abcdefghijklmnop")
    assert found["credential"].hit.secret


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("OpenAI", "openai"),
        ("AsyncOpenAI", "openai"),
        ("AzureOpenAI", "azure-openai"),
        ("AsyncAzureOpenAI", "azure-openai"),
    ],
)
def test_each_class_has_its_provider(name, provider):
    """The classes for Azure are Azure's."""
    assert kinds(RULE, f"import openai\nopenai.{name}()\n", "python") == [("client", provider, f"openai.{name}()")]


@pytest.mark.parametrize(
    ("line", "kind", "legacy"),
    [
        ("openai.api_key = key", "credential", False),
        ("openai.api_base = 'https://x.test'", "base-url", True),
        ("openai.base_url = url", "base-url", False),
        ("openai.api_type = 'azure'", "client", False),
        ("openai.api_version = '2023-05-15'", "client", False),
        ("openai.organization = org", "client", False),
        ("openai.proxy = p", "client", True),
    ],
)
def test_module_state(line, kind, legacy):
    """What is set on the module counts like arguments of a client."""
    (seen,) = ask(RULE, f"import openai\n{line}\n", "python")

    assert (seen.kind, seen.text, seen.hit.legacy) == (kind, line, legacy)


def test_a_placeholder_is_no_secret():
    """A key that says where a key belongs is a credential's place, but no secret."""
    seen = ask(RULE, "import openai\nopenai.api_key = '<your openai api key>'\n", "python")

    assert [(s.kind, s.value, s.hit.secret) for s in seen] == [("credential", "<your openai api key>", False)]


@pytest.mark.parametrize(
    "text",
    [
        "class OpenAI: pass\nOpenAI()",
        "from langchain.llms import OpenAI\nOpenAI()",
        "import other\nother.api_key = 'x'",
        "import openai\nopenai.custom = 1",
    ],
)
def test_like_named_things_are_left_alone(text):
    """Only names that come from the SDK count."""
    assert kinds(RULE, text, "python") == []
