from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "shell_command"


def test_a_request_over_several_lines_is_one_hit():
    """The whole command with its continued lines, its API and the model in its payload."""
    text = (
        "x=$(curl https://api.openai.com/v1/chat/completions \\\n  -H 'A: b' \\\n"
        '  -d \'{"model": "gpt-4o", "n": 1}\' | jq .)\n'
    )

    request, model = ask(RULE, text, "bash")

    assert (request.kind, request.provider, request.hit.api) == ("raw-http", "openai", "chat")
    assert request.text.startswith("curl") and request.text.endswith("}'")
    assert (model.kind, model.value, model.hit.model) == ("model", "gpt-4o", "gpt-4o")


@pytest.mark.parametrize(
    "text",
    [
        "wget -qO- https://open.bigmodel.cn/api/paas/v4/models",
        "http POST api.moonshot.cn/v1/models",
        'curl "$OPENAI_BASE_URL/models"',
        "/usr/bin/curl -s https://my.openai.azure.com/openai/deployments/x/chat/completions",
    ],
)
def test_tools_and_ways_to_write_the_address(text: str):
    """Other clients, a bare host, an address in a variable, a path before the command."""
    assert [kind for kind, _, _ in kinds(RULE, text, "bash")] == ["raw-http"]


@pytest.mark.parametrize(
    "text",
    [
        "curl https://example.com",
        "echo https://api.openai.com/v1",
        "# curl https://api.openai.com",
        "git clone openai.com",
    ],
)
def test_other_commands_are_not_requests(text: str):
    """Another host, another command, a comment."""
    assert kinds(RULE, text, "bash") == []


def test_the_vendors_command_line_tool_is_a_call():
    """`openai api ...` with its model option."""
    call, model = ask(RULE, "openai api chat.completions.create -m gpt-4 -g user hi", "bash")

    assert (call.kind, call.hit.api) == ("api-call", "chat")
    assert (model.kind, model.value) == ("model", "gpt-4")


def test_long_options_name_models_and_vendors():
    """Tools of a cloud take the model as `--model-name` and its vendor as `--kind` or `--model-format`."""
    text = "az deploy create --kind OpenAI --model-name 'gpt-4o' --model-version 2024 --model-format OpenAI\n"

    assert kinds(RULE, text, "bash") == [
        ("config", "openai", "OpenAI"),
        ("model", "openai", "gpt-4o"),
        ("config", "openai", "OpenAI"),
    ]


@pytest.mark.parametrize(
    "text",
    ["git clone --branch openai x\n", "x --kind Deployment --format json\n", "x --model-name mine --name gpt-4o\n"],
)
def test_other_options_say_nothing(text: str):
    """A vendor's word or a model's id behind an unrelated option is no setting."""
    assert kinds(RULE, text, "bash") == []
