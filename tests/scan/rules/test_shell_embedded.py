from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "shell_embedded"
WORKFLOW = """\
steps:
- run: |
    # curl https://api.openai.com
    é=1
    curl https://api.openai.com/v1/models \\
      -H "A: $OPENAI_API_KEY"
    echo done
"""


@pytest.mark.parametrize(
    ("text", "language", "hits"),
    [
        (
            WORKFLOW,
            "yaml",
            [
                ("raw-http", 'curl https://api.openai.com/v1/models \\\n      -H "A: $OPENAI_API_KEY"'),
                ("credential", "OPENAI_API_KEY"),
            ],
        ),
        ("auth: Bearer ${OPENAI_API_KEY}", "yaml", [("credential", "OPENAI_API_KEY")]),
        ('{"start": "OPENAI_API_KEY=x node a.js"}', "json", [("credential", "OPENAI_API_KEY")]),
        ("command: curl https://api.openai.com/v1", "yaml", [("raw-http", "curl https://api.openai.com/v1")]),
        (
            '{"scripts": {"x": "curl https://api.openai.com/v1"}}',
            "json",
            [("raw-http", "curl https://api.openai.com/v1")],
        ),
        (
            "RUN curl https://api.openai.com/v1 && x\n",
            "dockerfile",
            [("raw-http", "curl https://api.openai.com/v1 && x")],
        ),
        ("t:\n\tOPENAI_API_KEY=x go\n", "makefile", [("credential", "OPENAI_API_KEY")]),
        ('$env:OPENAI_API_KEY = "x"\r\n', "powershell", [("credential", "OPENAI_API_KEY")]),
        ("set OPENAI_BASE_URL=x\r\nREM set OPENAI_API_KEY=y\r\n", "batch", [("base-url", "OPENAI_BASE_URL")]),
    ],
)
def test_command_lines_inside_other_files(text: str, language: str, hits: list[tuple[str, str]]):
    """Requests and variables, with continued lines, without comments."""
    assert [(seen.kind, seen.text) for seen in ask(RULE, text, language)] == hits


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("OPENAI_API_KEY: ${OPENAI_API_KEY}\n", "yaml"),
        ("url: see https://api.openai.com for more\n", "yaml"),
        ("run: |\n  curl https://example.com\n  API_KEY=x\n", "yaml"),
        ("ENV OPENAI_API_KEY=x\n", "dockerfile"),
    ],
)
def test_entries_and_prose_are_left_to_others(text: str, language: str):
    """What is an entry of its own is not found twice; another host is none."""
    assert kinds(RULE, text, language) == []
