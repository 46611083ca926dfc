from __future__ import annotations

import pytest

from tests.scan.rules.asking import kinds

RULE = "java_sdk_use"


def test_imports_clients_and_calls_of_java():
    """The package's own name tells whose it is, and whether a framework wraps it."""
    text = """\
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import org.springframework.ai.azure.openai.AzureOpenAiChatModel;
import com.azure.ai.openai.OpenAIClientBuilder;
import java.util.List;
class A { void f() {
  OpenAIClient c = OpenAIOkHttpClient.fromEnv();
  new OpenAIClientBuilder();
  c.chat().completions().create(p);
  list.create(a);
} }
"""

    assert kinds(RULE, text, "java") == [
        ("sdk-import", "openai", "import com.openai.client.OpenAIClient;"),
        ("sdk-import", "openai", "import com.openai.client.okhttp.OpenAIOkHttpClient;"),
        ("wrapper", "azure-openai", "import org.springframework.ai.azure.openai.AzureOpenAiChatModel;"),
        ("sdk-import", "azure-openai", "import com.azure.ai.openai.OpenAIClientBuilder;"),
        ("client", "openai", "OpenAIOkHttpClient.fromEnv()"),
        ("client", "azure-openai", "new OpenAIClientBuilder()"),
        ("api-call", "openai", "c.chat().completions().create(p)"),
    ]


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        (
            "import com.openai.client.okhttp.OpenAIOkHttpClient\nval c = OpenAIOkHttpClient.builder().build()\n",
            "kotlin",
            ["sdk-import", "client"],
        ),
        (
            "using OpenAI.Chat;\nvar d = new OpenAIClient(k);\nvar r = c.CompleteChat(x);\n",
            "csharp",
            ["sdk-import", "client", "api-call"],
        ),
    ],
)
def test_kotlin_and_csharp(text: str, language: str, found: list[str]):
    """The same three kinds of places."""
    assert [kind for kind, _, _ in kinds(RULE, text, language)] == found


def test_a_file_without_the_vendors_packages_has_nothing():
    """Names of methods and classes alone prove nothing."""
    text = (
        "import a.b.OpenAIClient;\nclass A { Object c = new OpenAIClient(); void f() { x.createChatCompletion(r); } }\n"
    )

    assert kinds(RULE, text, "java") == []


def test_a_long_chain_of_calls_ends_soon():
    """Every call of a chain holds all before it: what is longer than a call is not looked at."""
    chain = "import com.openai.A;\nclass A { void f() { x" + ".a()" * 8000 + "; } }"

    assert [kind for kind, _, _ in kinds(RULE, chain, "java")] == ["sdk-import"]


def test_a_framework_package_named_after_the_company_is_told_by_its_class():
    """`model.azure.AzureOpenAiChatModel` is a wrapper of Azure OpenAI; `model.azure.AzureSearch` is not."""
    text = """\
import dev.langchain4j.model.azure.AzureOpenAiChatModel;
import dev.langchain4j.store.azure.AzureSearchStore;
class A { Object m = AzureOpenAiChatModel.builder().build(); }
"""

    assert kinds(RULE, text, "java") == [
        ("wrapper", "azure-openai", "import dev.langchain4j.model.azure.AzureOpenAiChatModel;"),
        ("wrapper", "azure-openai", "AzureOpenAiChatModel.builder()"),
    ]


def test_constants_of_the_framework_that_stand_for_models():
    """`GPT_4_O_MINI` from a provider's class of names is a model; other constants and own ones are not."""
    text = """\
import static dev.langchain4j.model.openai.OpenAiChatModelName.GPT_4_O_MINI;
import dev.langchain4j.model.openai.OpenAiChatModelName;
import static dev.langchain4j.model.openai.OpenAiThing.DEFAULT_LIMIT;
class A { void f() {
  b.modelName(GPT_4_O_MINI);
  b.modelName(OpenAiChatModelName.GPT_3_5_TURBO);
  b.limit(DEFAULT_LIMIT);
  b.modelName(Mine.GPT_4);
} }
"""

    found = [row for row in kinds(RULE, text, "java") if row[0] == "model"]
    assert found == [("model", "openai", "GPT_4_O_MINI"), ("model", "openai", "OpenAiChatModelName.GPT_3_5_TURBO")]
