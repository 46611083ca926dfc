from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "shell_variable"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('export OPENAI_API_KEY="sk-x"', "credential", "sk-x"),
        ("OPENAI_API_KEY=a python x.py", "credential", "a"),
        ("MODEL=${MODEL:-gpt-3.5-turbo}", "model", "gpt-3.5-turbo"),
        ("URL=https://api.openai.com/v1", "base-url", "https://api.openai.com/v1"),
        ("OPENAI_API_TYPE=azure", "config", "azure"),
        ('[[ -z "$OPENAI_KEY" ]] && exit', "credential", "OPENAI_KEY"),
        ("echo ${OPENAI_API_KEY:-none}", "credential", "OPENAI_API_KEY"),
        ('echo "export OPENAI_KEY=$key" >> ~/.profile', "credential", "OPENAI_KEY"),
        ("cat > .env <<EOF\nOPENAI_API_KEY=$k\nEOF\n", "credential", "OPENAI_API_KEY"),
        ("read -r OPENAI_API_KEY", "credential", "OPENAI_API_KEY"),
        ('[[ "$MODEL" =~ ^gpt- ]]', "model", "gpt-"),
        ('[ "$model" = "gpt-4o" ]', "model", "gpt-4o"),
    ],
)
def test_a_place_that_names_a_variable_or_model(text: str, kind: str, value: str):
    """Set, exported, used, asked for, written elsewhere, tested."""
    (seen,) = ask(RULE, text, "bash")

    assert (seen.kind, seen.value) == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        "# export OPENAI_API_KEY=x",
        "export API_KEY=x",
        'CHATGPT_LABEL="chatgpt"',
        'echo "set your OPENAI_API_KEY first"',
        'echo "$MY_KEY"',
        '[[ "$NAME" =~ ^gpt- ]]',
        'MODEL="$1"',
    ],
)
def test_places_that_are_none(text: str):
    """Comments, generic names, labels, prose, tests of something else."""
    assert kinds(RULE, text, "bash") == []


def test_a_tested_prefix_is_no_model_id():
    """What only begins like ids names the vendor, not a model."""
    (seen,) = ask(RULE, '[[ "$MODEL" =~ ^gpt- ]]', "bash")

    assert (seen.provider, seen.hit.model) == ("openai", None)
