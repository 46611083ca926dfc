from __future__ import annotations

import pytest

from llm_migrate.catalog.policy import UNKNOWN
from tests.scan.rules.asking import ask, kinds

RULE = "go_api_call"
HEAD = 'package a\nimport "github.com/sashabaranov/go-openai"\n'


def test_the_request_literal_gives_model_and_parameters():
    """Fields have the names of the wire; what is no literal is unknown."""
    text = HEAD + (
        "func f() { r, err := c.client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{\n"
        '\tModel: "gpt-4o", Temperature: 0.5, MaxTokens: 10, Stream: true, Stop: stops, N: n,\n}) }\n'
    )

    (seen,) = ask(RULE, text, "go")

    assert (seen.kind, seen.hit.api, seen.hit.model) == ("api-call", "chat", "gpt-4o")
    assert seen.hit.parameters == {
        "model": "gpt-4o", "temperature": 0.5, "max_tokens": 10, "stream": True, "stop": UNKNOWN, "n": UNKNOWN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "api"),
    [
        ("client.Chat.Completions.New(ctx, p)", "chat"),
        ("s.client.Embeddings.New(ctx, p)", "embeddings"),
        ("client.CreateEmbeddings(ctx, r)", "embeddings"),
        ("client.ListModels(ctx)", "models"),
    ],
)
def test_methods_of_both_styles(call: str, api: str):
    """Flat methods, and services below the client."""
    assert [seen.hit.api for seen in ask(RULE, f"{HEAD}func f() {{ {call} }}\n", "go")] == [api]


@pytest.mark.parametrize("call", ["config.GetModel()", "list.New()", "os.CreateFile()", "store.Files()", "New()"])
def test_other_types_methods_are_no_calls(call: str):
    """A generic method name counts only on a client."""
    assert kinds(RULE, f"{HEAD}func f() {{ {call} }}\n", "go") == []


def test_a_file_without_the_sdk_has_no_calls():
    """Method names alone prove nothing."""
    assert kinds(RULE, "package a\nfunc f() { c.CreateChatCompletion(ctx, r) }\n", "go") == []
