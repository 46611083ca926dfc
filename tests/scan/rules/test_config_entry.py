from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds

RULE = "config_entry"


@pytest.mark.parametrize(
    ("text", "language", "kind", "provider"),
    [
        ("OPENAI_API_KEY=", "env", "credential", "openai"),
        ("MY_OPENAI_TOKEN=x", "env", "credential", "openai"),
        ("OPENAI_BASE_URL=http://127.0.0.1:1/v1", "env", "base-url", "openai"),
        ("LLM_URL=https://api.openai.com/v1", "env", "base-url", "openai"),
        ("AZURE_OPENAI_RESOURCE=r", "env", "base-url", "azure-openai"),
        ("OPENAI_MODEL=", "env", "model", "openai"),
        ("CHAT_MODEL=gpt-4o", "env", "model", "openai"),
        ("MODEL=glm-4-air", "env", "model", "zhipu"),
        ("AZURE_OPENAI_TEMPERATURE=0", "env", "config", "azure-openai"),
        ("LLM_PROVIDER=openai", "env", "config", "openai"),
        ("LLM_PROVIDER=azure", "env", "config", "azure-openai"),
        ("api_type: azure_openai", "yaml", "config", "azure-openai"),
        ("openai:\n  api_key: x", "yaml", "credential", "openai"),
        ("spring:\n  ai:\n    azure:\n      openai:\n        endpoint: x", "yaml", "base-url", "azure-openai"),
        ("spring.ai.openai.chat.options.model=m", "properties", "model", "openai"),
        ('{"AzureOpenAI": {"Endpoint": ""}}', "json", "base-url", "azure-openai"),
        ('{"name": "AZURE_OPENAI_KEY", "value": "[p]"}', "json", "credential", "azure-openai"),
        ('{"url": "https://<resource name>.openai.azure.com/x?y=1"}', "json", "base-url", "azure-openai"),
        ('[llm]\nbackend = "openai"', "toml", "config", "openai"),
        ("[openai]\nkey = x", "ini", "credential", "openai"),
        ("ENV OPENAI_API_KEY=x", "dockerfile", "credential", "openai"),
        ("services:\n  a:\n    environment:\n    - OPENAI_API_KEY=x", "yaml", "credential", "openai"),
        (
            "env:\n- name: OPENAI_API_KEY\n  valueFrom: {secretKeyRef: {name: a, key: b}}",
            "yaml",
            "credential",
            "openai",
        ),
        ("token: ${{ secrets.OPENAI_API_KEY }}", "yaml", "credential", "openai"),
        ("key_env: OPENAI_API_KEY", "yaml", "credential", "openai"),
        ('secretKey: "" # base64 encoded OpenAI token', "yaml", "credential", "openai"),
        ("param openAIModelName string = 'x'", "bicep", "model", "openai"),
    ],
)
def test_a_setting_of_a_provider_is_found(text: str, language: str, kind: str, provider: str):
    """Names, sections, values, variables in values and comments beside a value are evidence."""
    assert [(seen.kind, seen.provider) for seen in ask(RULE, text, language)] == [(kind, provider)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("API_KEY=x", "env"),
        ("api_key: x\nmodel: y\nbase_url: http://h", "yaml"),
        ("MODEL=resnet50", "env"),
        ("AZURE_SEARCH_KEY=x\nAZURE_CLIENT_SECRET=y\nTENCENT_COS_KEY=z", "env"),
        ("cloud: azure\ncloud_provider: azure", "yaml"),
        ("docs: https://platform.openai.com/docs", "yaml"),
        ("topics: kubernetes, openai, sre", "yaml"),
        ('{"keywords": ["openai"], "dependencies": {"openai": "^4.0.0"}}', "json"),
        ('{"resolutions": {"openai-edge": "1"}, "scripts": {"openai:model": "x"}}', "json"),
        ('{"openaiKey": {"description": "Your OpenAI API key"}}', "json"),
        ("# OPENAI_API_KEY=x\n", "env"),
        ("image: ada", "yaml"),
        ("class: sk-toggleable__label-arrow", "yaml"),
    ],
)
def test_a_generic_word_alone_is_no_evidence(text: str, language: str):
    """Neither names that any program has, nor other products of the same company, nor prose."""
    assert kinds(RULE, text, language) == []


def test_the_value_range_is_what_a_rewrite_replaces():
    """The hit spans the entry; its value range is the value without quotes."""
    (seen,) = ask(RULE, 'a: 1\nmodel: "gpt-4o" # note', "yaml")

    assert (seen.text, seen.value, seen.hit.model) == ('model: "gpt-4o"', "gpt-4o", "gpt-4o")


def test_a_literal_key_is_secret():
    """A value that begins like a key is marked, so that its text is masked."""
    (seen,) = ask(RULE, "SOMETHING=sk-proj-abcdefghij0123456789", "env")

    assert seen.kind == "credential" and seen.hit.secret and seen.hit.confidence == "likely"


def test_a_key_belongs_to_whom_its_name_says():
    """Keys of several vendors begin alike: the name decides."""
    (seen,) = ask(RULE, "MOONSHOT_API_KEY=sk-abcdefghij0123456789", "env")

    assert (seen.provider, seen.hit.secret) == ("kimi", True)


def test_the_address_decides_whose_an_openai_variable_is():
    """The OpenAI SDK pointed at another vendor is that vendor's."""
    (seen,) = ask(RULE, "OPENAI_BASE_URL=https://open.bigmodel.cn/api/paas/v4", "env")

    assert (seen.kind, seen.provider) == ("base-url", "zhipu")


def test_a_model_below_the_azure_section_is_azures():
    """Two providers serve one id: the section decides."""
    (seen,) = ask(RULE, "spring.ai.azure.openai.chat.options.model=gpt-4o", "properties")

    assert (seen.kind, seen.provider, seen.hit.model) == ("model", "azure-openai", "gpt-4o")


def test_a_routers_prefix_names_the_provider():
    """`azure/gpt-4o` is Azure's."""
    (seen,) = ask(RULE, "model: azure/gpt-4o", "yaml")

    assert (seen.provider, seen.hit.model) == ("azure-openai", "gpt-4o")


def test_generic_neighbours_of_a_providers_address_are_its_too():
    """In a section with an address `api_key` is that provider's; names that say more, and other sections, are not."""
    text = "a:\n  url: https://api.openai.com/v1\n  api_key: x\n  search_secret_name: w\nb:\n  api_key: y\n"

    assert kinds(RULE, text, "yaml") == [
        ("base-url", "openai", "url: https://api.openai.com/v1"),
        ("credential", "openai", "api_key: x"),
    ]


def test_generic_variables_with_one_prefix_belong_together():
    """`LLM_API_KEY` beside `LLM_PROVIDER=openai`; `DB_TOKEN` not."""
    found = kinds(RULE, "LLM_PROVIDER=openai\nLLM_API_KEY=\nDB_TOKEN=x\n", "env")

    assert found == [("config", "openai", "LLM_PROVIDER=openai"), ("credential", "openai", "LLM_API_KEY=")]


def test_lock_files_are_not_read():
    """What a lock file pins follows the manifest."""
    assert ask(RULE, '{"openai": {"api_key": "x"}}', "json", "package-lock.json") == []


def test_values_padded_inside_their_quotes_are_read():
    """Some compose files line their values up with spaces inside the quotes."""
    text = "environment:\n  LLM_MODEL: '   gpt-4o     '\n  TITLE: '  gpt-4o  '\n"

    assert [(seen.kind, seen.hit.model) for seen in ask(RULE, text, "yaml")] == [("model", "gpt-4o")]


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("0123456789abcdef0123456789abcdef", True),
        ("'  sk-o6JSoidygl7llRxIb4kbT3  '", True),
        ("fk195831-IdP0Pb3W6DCM,sk-o6JSoidygl7llR", True),
        ("${AZURE_OPENAI_KEY_1}", False),
        ("AZURE_OPENAI_API_KEY_2", False),
        ("your-key", False),
    ],
)
def test_keys_without_a_known_prefix_are_secrets(value: str, secret: bool):
    """Azure's keys have no prefix: what stands under a key's name and looks like one is masked."""
    (seen,) = ask(RULE, f"AZURE_OPENAI_API_KEY: {value}\n", "yaml")

    assert (seen.kind, seen.hit.secret) == ("credential", secret)


@pytest.mark.parametrize(
    "text", ["default-api: openai", "voice_to_text: OpenAI", "jobs: {summary: {with: azure-openai}}"]
)
def test_a_vendors_name_as_a_whole_value_selects_it(text: str):
    """What the setting is called matters little when its value is a vendor's name and nothing else."""
    assert [seen.kind for seen in ask(RULE, text + "\n", "yaml")] == ["config"]


@pytest.mark.parametrize(
    "text",
    [
        "include: [openai]",
        "words: [OPENAI, secho]",
        "label: OpenAI",
        "author: openai",
        "title: we left openai",
        "to: azure",
    ],
)
def test_a_vendors_name_that_describes_selects_nothing(text: str):
    """Names, labels, lists of words and of folders are no settings; a company's bare name is no vendor."""
    assert ask(RULE, text + "\n", "yaml") == []


@pytest.mark.parametrize("text", ['{"请输入 OpenAI API key": "OpenAI API key"}', '{"发送到openai": "send to openai"}'])
def test_translations_are_no_settings(text: str):
    """In a table of translations the keys are sentences."""
    assert ask(RULE, text, "json") == []
