from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask


@pytest.mark.parametrize(
    ("rule", "text", "language"),
    [
        ("manifest_requirements", "openai==0.28.1  # pinned\n", "requirements"),
        ("manifest_requirements", "openai<1\n", "requirements"),
        ("manifest_requirements", "openai[datalib] >= 0.27, < 1.0.0\n", "requirements"),
        ("manifest_requirements", "openai~=0.27.0 ; python_version > '3'\n", "requirements"),
        ("manifest_entries", '[project]\ndependencies = ["openai==0.28.*"]\n', "toml"),
        ("manifest_entries", '[tool.poetry.dependencies]\nopenai = "^0.27"\n', "toml"),
        ("manifest_entries", "dependencies:\n  - pip:\n    - openai==0.28.1\n", "yaml"),
        ("manifest_entries", "dependencies:\n  - openai=0.28\n", "yaml"),
        ("manifest_entries", '{"dependencies": {"openai": "^3.2.1 || ~3.1"}}', "json"),
        ("manifest_entries", "[options]\ninstall_requires =\n    openai<1\n", "ini"),
        ("manifest_setup_py", 'setup(install_requires=["openai<=0.28.1"])\n', "python"),
        ("manifest_install", "pip install 'openai<1'\n", "bash"),
        ("manifest_install", "npm i openai@3.3.0\n", "bash"),
    ],
)
def test_a_dependency_on_the_old_interface_is_told(rule, text, language):
    """A manifest that admits only the SDK's old generation says so, whatever its form."""
    (seen,) = ask(rule, text, language)

    assert seen.hit.legacy


@pytest.mark.parametrize(
    ("rule", "text", "language"),
    [
        ("manifest_requirements", "openai\n", "requirements"),
        ("manifest_requirements", "openai>=0.28\n", "requirements"),
        ("manifest_requirements", "openai<2,>=1 ; python_version < '0.5'\n", "requirements"),
        ("manifest_requirements", "openai!=0.28,<1.5\n", "requirements"),
        ("manifest_requirements", "langchain-openai==0.1.8\n", "requirements"),
        ("manifest_entries", '{"dependencies": {"openai": "^3 || ^4"}}', "json"),
        ("manifest_entries", '{"dependencies": {"openai": "latest"}}', "json"),
        ("manifest_install", "npm i openai@4\n", "bash"),
    ],
)
def test_a_dependency_that_admits_the_current_interface_is_not(rule, text, language):
    """One version of today's interface among those admitted is enough; other packages count as they like."""
    (seen,) = ask(rule, text, language)

    assert not seen.hit.legacy
