from __future__ import annotations

import pytest

from llm_migrate.catalog.policy import OPEN, UNKNOWN
from tests.scan.scanning import scan_text


def found(tmp_path, text, name="a.ts", rule="openai_script"):
    return [
        (f.hit.kind, f.hit.provider, f.hit.api, f.hit.legacy)
        for f in scan_text(tmp_path, text, name)
        if f.hit.rule == rule
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import OpenAI from 'openai'; const c = new OpenAI(); await c.chat.completions.create({});",
        "import { OpenAI as O } from 'openai'; const c = new O(); c.chat.completions.create({});",
        "const OpenAI = require('openai'); const c = new OpenAI(); c.chat.completions.create({});",
        "const { OpenAI } = require('openai'); class A { c = new OpenAI(); f() { this.c.chat.completions.create(); } }",
        (
            "import OpenAI from 'openai';\n"
            "class A { constructor(private c: OpenAI) {} f() { this.c.chat.completions.create({}); } }"
        ),
        "import OpenAI from 'openai'; const make = () => new OpenAI(); make().chat.completions.create({});",
        (
            "import OpenAI from 'openai';\n"
            "function make() { return new OpenAI(); } const c = make(); c.beta.chat.completions.stream({});"
        ),
    ],
)
def test_the_client_is_followed_through_names(tmp_path, text):
    """Default and named imports, `require`, fields, constructor parameters and functions lead to the client."""
    calls = [row for row in found(tmp_path, text) if row[0] == "api-call"]

    assert calls == [("api-call", "openai", "chat", False)]


def test_version_3_of_the_package_is_legacy(tmp_path):
    """`new OpenAIApi(new Configuration())` and its methods are the package before 4.0."""
    text = (
        "const { Configuration, OpenAIApi } = require('openai');\n"
        "const api = new OpenAIApi(new Configuration({ apiKey: process.env.OPENAI_API_KEY }));\n"
        "api.createChatCompletion({ model: 'gpt-4' });\n"
    )

    assert found(tmp_path, text, "a.js") == [
        ("client", "openai", None, False),
        ("client", "openai", None, False),
        ("api-call", "openai", "chat", True),
    ]


def test_azures_own_package(tmp_path):
    """`@azure/openai` has its own client and methods."""
    text = (
        "import { OpenAIClient, AzureKeyCredential } from '@azure/openai';\n"
        "const c = new OpenAIClient(url, new AzureKeyCredential(key));\nawait c.getChatCompletions('d', m);\n"
    )

    assert [row[:3] for row in found(tmp_path, text)] == [
        ("client", "azure-openai", None),
        ("client", "azure-openai", None),
        ("api-call", "azure-openai", "chat"),
    ]


def test_the_provider_follows_the_base_url(tmp_path):
    """A client pointed at another vendor is that vendor's, and so are its calls."""
    text = (
        "import OpenAI from 'openai';\nconst c = new OpenAI({ baseURL: 'https://api.moonshot.cn/v1' });\n"
        "c.chat.completions.create({});\n"
    )

    assert [row[:2] for row in found(tmp_path, text)] == [
        ("client", "kimi"),
        ("base-url", "kimi"),
        ("api-call", "kimi"),
    ]


def test_parameters_are_the_fields_of_the_first_argument(tmp_path):
    """Fields, shorthands, spreads and variables that hold an object are read; a computed key leaves it open."""
    text = (
        "import OpenAI from 'openai';\nconst c = new OpenAI();\nconst base = { n: 2, [k]: 1 };\nconst top_p = 0.5;\n"
        "c.chat.completions.create({ ...base, model: `gpt-4o`, top_p, stop: null, seed: f() });\n"
    )

    call = next(f for f in scan_text(tmp_path, text, "a.ts") if f.hit.kind == "api-call")

    assert call.hit.model == "gpt-4o"
    assert call.hit.parameters == {
        "n": 2,
        OPEN: 1,
        "model": "gpt-4o",
        "top_p": 0.5,
        "stop": None,
        "seed": UNKNOWN,
    }


def test_framework_classes(tmp_path):
    """A framework's class is a wrapper with its model, and its key is masked."""
    text = (
        "import { ChatOpenAI } from '@langchain/openai';\n"
        "new ChatOpenAI({ modelName: 'gpt-4o', openAIApiKey: 'sk-" + "CANARY" * 5 + "' });\n"
    )

    findings = scan_text(tmp_path, text, "a.ts")

    wrapper = next(f for f in findings if f.hit.kind == "wrapper" and f.hit.rule == "openai_script")
    assert wrapper.hit.model == "gpt-4o"
    assert any(f.hit.kind == "credential" and f.hit.secret for f in findings)
    assert not any("CANARY" in f.text for f in findings)


def test_options_apart_from_the_client(tmp_path):
    """Options that are typed as the SDK's are the client's, and what is set on them later, too."""
    text = (
        "import { OpenAI } from 'openai';\nconst o: OpenAI.ClientOptions = { apiKey: k };\n"
        "if (u) { o.baseURL = u; }\nconst p: Other = {}; p.baseURL = u;\n"
    )

    assert [row[0] for row in found(tmp_path, text)] == ["client", "base-url"]


def test_errors(tmp_path):
    """`instanceof` against a class of the package is a hit."""
    text = "import OpenAI from 'openai';\nif (e instanceof OpenAI.APIError || e instanceof TypeError) {}\n"

    assert found(tmp_path, text, rule="openai_error_script") == [("error", "openai", None, False)]


@pytest.mark.parametrize(
    "text",
    [
        "class OpenAI {} new OpenAI(); // openai",
        "import Anthropic from 'x-openai'; new Anthropic().messages.create({});",
    ],
)
def test_like_named_things_are_left_alone(tmp_path, text):
    """Only names that come from the package count."""
    assert found(tmp_path, text) == []
