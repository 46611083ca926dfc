from __future__ import annotations

import pytest

from tests.scan.scanning import scan_text


def settings(tmp_path, text, name="a.py"):
    """Return (kind, text) of what the rule finds; the file speaks of openai, so that it is looked at at all."""
    mark = "#" if name.endswith(".py") else "//"
    findings = scan_text(tmp_path, f"{text}\n{mark} openai\n", name)
    return [(f.hit.kind, f.text) for f in findings if f.hit.rule == "vendor_setting"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('provider = "openai"', "config"),
        ('if cfg.llm_provider == "azure": pass', "config"),
        ('def f(provider="openai"): pass', "config"),
        ('get_model(provider="openai")', "config"),
        ('openai_key = "<your key>"', "credential"),
        ('OPENAI_API_VERSION = "2024-05-01-preview"', "config"),
        ('AZURE_OPENAI_PREVIEW_API_VERSION = "2024-05-01-preview"', "config"),
        ('openai_url = "http://proxy.test/v1"', "base-url"),
        ('C = SettingsConfigDict(env_prefix="AZURE_OPENAI_")', "config"),
        ('AZURE_OPENAI_KEY = "fill in your key"', "credential"),
        ('azure_openai_deployment_name = "<set it when on azure>"', "model"),
    ],
)
def test_settings_about_a_vendor(tmp_path, text, kind):
    """Selectors, and constants and fields named after a vendor, are settings to change."""
    assert [row[0] for row in settings(tmp_path, text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        'name = "openai"',
        'print("openai")',
        'OPENAI_TITLE = "Ask OpenAI"',
        'tags = ["openai"]',
        'cloud = "azure"',
        'openai_client = make("x")',
    ],
)
def test_generic_words_alone_are_no_settings(tmp_path, text):
    """A vendor's name without a name that chooses among vendors is no evidence."""
    assert settings(tmp_path, text) == []


def test_vendors_in_the_programs_own_lists(tmp_path):
    """Members of an enumeration of providers, and keys of a table of models by provider, count."""
    text = "enum Provider { OPENAI = 'openai' }\nconst p = PROVIDERS.OPENAI;\nconst MODEL_LIST = { openai: ['x'] };\n"

    found = settings(tmp_path, text, "a.ts")

    assert [value for _, value in found] == ["OPENAI = 'openai'", "PROVIDERS.OPENAI", "openai"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("switch (model.provider) {\n case 'openai': a(); }", "a.ts"),
        ("match provider:\n  case 'openai':\n    pass", "a.py"),
    ],
)
def test_a_branch_of_a_switch_on_the_vendor_is_a_setting(tmp_path, text, name):
    """What is decided on tells whether the branches are vendors."""
    assert settings(tmp_path, text, name) == [("config", text[text.index("'") : text.rindex("'") + 1])]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("switch (icon) {\n case 'openai': a(); }", "a.ts"),
        ("match word:\n  case 'openai':\n    pass", "a.py"),
    ],
)
def test_a_branch_of_another_switch_is_none(tmp_path, text, name):
    """A vendor's name among other words chooses no vendor."""
    assert settings(tmp_path, text, name) == []


def test_a_table_of_defaults_names_what_is_to_be_filled_in(tmp_path):
    """Keys, addresses and models of a vendor count when they are empty; other words and lists of texts do not."""
    text = 'D = {"open_ai_api_key": "", "azure_openai_api_base": \'\', "openai_title": "", "api_key": "", "openai": ""}'

    assert settings(tmp_path, text) == [
        ("credential", '"open_ai_api_key": ""'),
        ("base-url", "\"azure_openai_api_base\": ''"),
    ]
