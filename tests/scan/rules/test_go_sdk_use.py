from __future__ import annotations

from tests.scan.rules.asking import ask, kinds

RULE = "go_sdk_use"
SOURCE = """\
package a
import (
	"fmt"
	"github.com/sashabaranov/go-openai"
)
func f() error {
	config := openai.DefaultAzureConfig(key, url)
	config.BaseURL = other
	client := openai.NewClientWithConfig(config)
	var e *openai.APIError
	use(openai.GPT3Dot5Turbo, openai.GPT4o, openai.ChatMessageRoleUser)
	return fmt.Errorf("x")
}
"""


def test_what_a_program_does_with_the_sdk():
    """Import, clients, configuration, error types, model constants; message types are left to the call."""
    assert kinds(RULE, SOURCE, "go") == [
        ("sdk-import", "openai", '"github.com/sashabaranov/go-openai"'),
        ("client", "azure-openai", "openai.DefaultAzureConfig(key, url)"),
        ("base-url", "openai", "config.BaseURL = other"),
        ("client", "openai", "openai.NewClientWithConfig(config)"),
        ("error", "openai", "openai.APIError"),
        ("model", "openai", "openai.GPT3Dot5Turbo"),
        ("model", "openai", "openai.GPT4o"),
    ]


def test_a_constant_gives_the_id_that_it_stands_for():
    """`GPT3Dot5Turbo` is gpt-3.5-turbo."""
    models = [seen.hit.model for seen in ask(RULE, SOURCE, "go") if seen.kind == "model"]

    assert models == ["gpt-3.5-turbo", "gpt-4o"]


def test_an_alias_and_options_of_a_sub_package_are_followed():
    """`ai "…/openai-go/v2"` and its `option` package."""
    text = (
        'package a\nimport (\n ai "github.com/openai/openai-go/v2"\n "github.com/openai/openai-go/v2/option"\n)\n'
        "var c = ai.NewClient(option.WithAPIKey(k), option.WithBaseURL(u))\n"
    )

    assert [kind for kind, _, _ in kinds(RULE, text, "go")] == [
        "sdk-import", "sdk-import", "client", "credential", "base-url",
    ]  # fmt: skip


def test_a_package_that_is_only_called_so_is_not_the_sdk():
    """Without the SDK's import a name means nothing."""
    text = 'package a\nimport "example.com/openai"\nvar c = openai.NewClient(k)\nfunc g() { c.BaseURL = x }\n'

    assert kinds(RULE, text, "go") == []
