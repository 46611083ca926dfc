from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "framework_class_python"


def test_a_chat_class_with_its_arguments():
    """Model, address and key of a framework's class are read; the provider follows the address."""
    text = (
        "from langchain_openai import ChatOpenAI\n"
        "ChatOpenAI(model='gpt-4o', temperature=0, base_url='https://open.bigmodel.cn/api/paas/v4', api_key='x')\n"
    )

    wrapper, *parts = ask(RULE, text, "python")

    assert (wrapper.kind, wrapper.provider, wrapper.hit.api, wrapper.hit.model) == (
        "wrapper",
        "zhipu",
        "chat",
        "gpt-4o",
    )
    assert [(part.kind, part.value) for part in parts] == [
        ("base-url", "https://open.bigmodel.cn/api/paas/v4"),
        ("credential", "x"),
    ]


@pytest.mark.parametrize(
    ("text", "provider", "api"),
    [
        ("import langchain_openai as lo\nlo.AzureChatOpenAI()", "azure-openai", "chat"),
        ("from langchain.embeddings.openai import OpenAIEmbeddings\nOpenAIEmbeddings()", "openai", "embeddings"),
        ("from llama_index.llms.openai import OpenAI\nOpenAI()", "openai", "chat"),
    ],
)
def test_each_framework(text, provider, api):
    """Classes are known by module and name, under any alias."""
    assert [(s.provider, s.hit.api) for s in ask(RULE, text, "python")] == [(provider, api)]


@pytest.mark.parametrize(
    "text", ["from app import ChatOpenAI\nChatOpenAI()", "import langchain_openai\nlangchain_openai.x()"]
)
def test_other_classes_are_left_alone(text):
    """A class of the program's own, or another of the framework, is none."""
    assert kinds(RULE, text, "python") == []


def test_a_class_built_on_a_frameworks_class_is_found_by_its_base():
    """A program's own subclass hides the vendor one step further; bases of no vendor say nothing."""
    text = """\
from langchain.chat_models import AzureChatOpenAI, ChatOpenAI
from langchain.schema import BaseRetriever
class Own(ChatOpenAI): pass
class OnAzure(AzureChatOpenAI, Own): pass
class Other(BaseRetriever, metaclass=M): pass
"""

    assert kinds("framework_class_python", text, "python") == [
        ("wrapper", "openai", "ChatOpenAI"),
        ("wrapper", "azure-openai", "AzureChatOpenAI"),
    ]
