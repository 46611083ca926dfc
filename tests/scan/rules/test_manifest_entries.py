from __future__ import annotations

import pytest

from tests.scan.rules.asking import kinds

RULE = "manifest_entries"


@pytest.mark.parametrize(
    ("text", "language", "hit"),
    [
        ('[project]\ndependencies = ["openai>=1", "httpx"]', "toml", '"openai>=1"'),
        ('[project.optional-dependencies]\nai = ["openai"]', "toml", '"openai"'),
        ('[dependency-groups]\ndev = ["openai~=1.0"]', "toml", '"openai~=1.0"'),
        ('[tool.poetry.dependencies]\nopenai = "^1.29.0"', "toml", 'openai = "^1.29.0"'),
        ('[tool.poetry.dependencies]\nopenai = {version = "^1", extras = ["d"]}', "toml", 'version = "^1"'),
        ('[tool.poetry.group.dev.dependencies]\nopenai = "*"', "toml", 'openai = "*"'),
        ('[packages]\nopenai = "*"', "toml", 'openai = "*"'),
        ("[options]\ninstall_requires =\n    requests\n    openai>=1\n", "ini", "openai>=1"),
        ('{"dependencies": {"openai": "^4.57.0"}}', "json", '"openai": "^4.57.0"'),
        ('{"devDependencies": {"@langchain/openai": "1"}}', "json", '"@langchain/openai": "1"'),
        ("dependencies:\n  - python=3.11\n  - openai=1.2\n", "yaml", "openai=1.2"),
        ("dependencies:\n  - pip:\n    - openai==1.2\n", "yaml", "openai==1.2"),
    ],
)
def test_a_dependency_is_found_once(text: str, language: str, hit: str):
    """Whatever tool the manifest is for, the hit is the requirement."""
    assert kinds(RULE, text, language) == [("manifest", "openai", hit)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('[project]\nname = "openai"\nkeywords = ["openai"]', "toml"),
        ('{"name": "openai", "keywords": ["openai"], "scripts": {"openai": "node x"}}', "json"),
        ('{"dependencies": {"@types/openai-x": "1"}}', "json"),
        ("services:\n  openai: x\n", "yaml"),
        ("[options]\ninstall_requires =\n    # openai\n    requests\n", "ini"),
    ],
)
def test_a_word_elsewhere_is_no_dependency(text: str, language: str):
    """Names, key words and scripts are not dependencies."""
    assert kinds(RULE, text, language) == []
