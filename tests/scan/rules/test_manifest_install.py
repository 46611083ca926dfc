from __future__ import annotations

import pytest

from tests.scan.rules.asking import kinds

RULE = "manifest_install"


@pytest.mark.parametrize(
    ("text", "language", "hits"),
    [
        ("RUN pip install -U 'openai[x]>=1' flask && rm x", "dockerfile", ["'openai[x]>=1'"]),
        ("python -m pip install \\\n  requests \\\n  openai==0.28.1\n", "bash", ["openai==0.28.1"]),
        ("npm install --save openai@4 @langchain/openai", "bash", ["openai@4", "@langchain/openai"]),
        ("      run: uv add openai", "yaml", ["openai"]),
        ("go get github.com/sashabaranov/go-openai@latest", "bash", ["github.com/sashabaranov/go-openai@latest"]),
        ("# pip install openai", "bash", []),
        ("pip install flask; echo openai", "bash", []),
        ("pip install langchain", "bash", []),
        ("pip install ./openai", "bash", []),
        ("conda install numpy # openai", "bash", []),
    ],
)
def test_installed_packages(text: str, language: str, hits: list[str]):
    """The arguments of an install command up to its end; comments and frameworks do not count."""
    assert [hit[2] for hit in kinds(RULE, text, language)] == hits
