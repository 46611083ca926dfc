from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds


def found(rule, text, language="python"):
    return [(kind, value) for kind, _, value in kinds(rule, text, language)]


@pytest.mark.parametrize(
    "text",
    [
        'f(model="gpt-4o")',
        'f(engine="davinci")',
        'MODEL = "o1"',
        'self.model_name = "gpt-4"',
        'def f(model="gpt-4"): pass',
        'd = {"model": "gpt-4o"}',
        'if model == "gpt-4": pass',
        'MODELS = ["o1", "gpt-4o"]',
        'x.add_argument("--m", default="gpt-4o")',
        'load("gpt-3.5-turbo-16k")',
        'T = {"gpt-4o": 5}',
        'name.startswith("gpt-")',
        'name.startswith("o1")',
    ],
)
def test_models_in_python(text):
    """A model id is found as argument, constant, default, field, key, list item, in comparisons and prefix tests."""
    assert {kind for kind, _ in found("model_literal", text)} == {"model"}


@pytest.mark.parametrize(
    "text",
    [
        'lang = "ada"',
        'x = ["o1", "o2"]',
        '"""gpt-4o"""',
        'print("I like gpt-4 a lot")',
        "model = f'gpt-{n}'",
        'model = "my-own"',
        'path.startswith("/v1")',
    ],
)
def test_other_strings_are_no_models(text):
    """Short words need a name about models near them; prose, docstrings and unknown ids are left alone."""
    assert found("model_literal", text) == []


def test_models_in_scripts():
    """JavaScript and TypeScript: fields, enums, regular expressions; types are left alone."""
    text = "const c = { model: 'gpt-4o' };\nenum M { A = \"gpt-4\" }\n/^(o[1-9]|gpt-5)/.test(m);\ntype T = 'gpt-4o';\n"

    values = [value for _, value in found("model_literal", text, "typescript")]

    assert values == ["'gpt-4o'", '"gpt-4"', "/^(o[1-9]|gpt-5)/"]


@pytest.mark.parametrize(
    ("text", "kind", "provider"),
    [
        ('u = "https://api.openai.com/v1"', "base-url", "openai"),
        ('u = "https://api.openai.com"', "base-url", "openai"),
        ('u = "https://api.openai.com/v1/chat/completions"', "raw-http", "openai"),
        ('requests.get("https://api.openai.com/v1")', "raw-http", "openai"),
        ('u = f"https://{r}.openai.azure.com"', "base-url", "azure-openai"),
        ('u = "https://" + name + ".openai.azure.com/"', "base-url", "azure-openai"),
        ('h = "api.openai.com"', "base-url", "openai"),
        ('h = "https://chat.openai.com/backend-api/x"', "raw-http", "openai"),
        ('h = "https://platform.openai.com/api-keys"', "doc", "openai"),
        ('print("see https://api.openai.com/v1 for more")', "doc", "openai"),
        ('x.split("/openai/deployments/")', "base-url", "azure-openai"),
        ('u = "https://open.bigmodel.cn/api/paas/v4/"', "base-url", "zhipu"),
    ],
)
def test_addresses(text, kind, provider):
    """A base URL, the URL of one call, a bare host and a link for people are told apart."""
    assert [row[:2] for row in kinds("host_literal", text, "python")][:1] == [(kind, provider)]


@pytest.mark.parametrize(
    "text",
    [
        'u = "https://example.com/openai"',
        '"""https://api.openai.com/v1"""',
        'endpoint = f"https://{form}.cognitiveservices.azure.com/"',
        'u = "https://portal.azure.com/"',
        'f = "openai.com.txt"',
    ],
)
def test_other_addresses_are_left_alone(text):
    """Other hosts, docstrings, and hosts that the vendor shares among its products are no evidence."""
    assert kinds("host_literal", text, "python") == []


def test_a_shared_host_counts_when_its_use_is_plain():
    """A host of several products counts where the name it is kept under speaks of the vendor's models."""
    text = 'openai_endpoint = f"https://{r}.cognitiveservices.azure.com/"'

    assert found("host_literal", text)[0][0] == "base-url"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('os.getenv("OPENAI_API_KEY")', "credential", "OPENAI_API_KEY"),
        ('os.environ["OPENAI_API_KEY"]', "credential", "OPENAI_API_KEY"),
        ('os.environ.get("AZURE_OPENAI_ENDPOINT", None)', "base-url", "AZURE_OPENAI_ENDPOINT"),
        ('config("OPENAI_MODEL")', "model", "OPENAI_MODEL"),
        ('os.getenv("AZURE_OPENAI_TEMPERATURE")', "config", "AZURE_OPENAI_TEMPERATURE"),
        ('os.getenv("MY_OPENAI_KEY")', "credential", "MY_OPENAI_KEY"),
    ],
)
def test_variables_that_are_read(text, kind, value):
    """The whole read is the place, the variable's name the replaceable value, its role the kind."""
    assert [(s.kind, s.text, s.value) for s in ask("env_name", text, "python")] == [(kind, text, value)]


def test_variables_in_scripts():
    """`process.env.X`, `import.meta.env.X` and `process.env["X"]` are reads."""
    text = 'process.env.OPENAI_API_KEY; import.meta.env.VITE_OPENAI_BASE_URL; process.env["OPENAI_API_KEY"]; a.env.X_Y;'

    seen = ask("env_name", text, "typescript")

    assert [(s.kind, s.value) for s in seen] == [
        ("credential", "OPENAI_API_KEY"),
        ("base-url", "VITE_OPENAI_BASE_URL"),
        ("credential", "OPENAI_API_KEY"),
    ]


@pytest.mark.parametrize("text", ['os.getenv("HOME_DIR")', 'x = "AZURE_OPENAI"', 'os.getenv("AZURE_SEARCH_KEY")'])
def test_other_variables_are_left_alone(text):
    """Other products' variables, and a vendor's bare name, are none."""
    assert kinds("env_name", text, "python") == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("conf().get('open_ai_api_key')", "credential", "conf().get('open_ai_api_key')"),
        ("config['openai_api_base']", "base-url", "config['openai_api_base']"),
        ("self.settings.get('azure_openai_deployment', 'x')", "model", None),
        ("app_config.get('openai_model')", "model", None),
    ],
)
def test_settings_that_are_read_by_lower_case_names(text: str, kind: str, value: str | None):
    """A program's own configuration names the vendor's key, address and models in its own way."""
    assert found("env_name", text) == [(kind, value or text)]


@pytest.mark.parametrize(
    "text",
    [
        "row.get('openai_api_key')",
        "config.get('api_key')",
        "config.get('openai_titles')",
        "log('openai_api_key')",
        "config.get('openai key')",
        "status == 'ERROR_OPENAI_API_KEY'",
        "config.has('openai_api_key').x",
    ],
)
def test_other_lower_case_names_are_no_settings(text: str):
    """Without a vendor and a use in the name, or outside of a configuration, it is a word like any other."""
    assert found("env_name", text) == []


@pytest.mark.parametrize("reads", ["os.environ.get", "settings.get"])
def test_the_default_of_a_setting_is_an_address_not_a_request(reads):
    """A `get` that reads a setting is no HTTP call, whatever it falls back to."""
    text = f'base = {reads}("LLM_BASE", "https://api.openai.com/v1")\n'

    assert kinds("host_literal", text, "python") == [("base-url", "openai", '"https://api.openai.com/v1"')]
