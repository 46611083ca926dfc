from __future__ import annotations

import pytest

from tests.scan.rules.asking import kinds


@pytest.mark.parametrize(
    ("text", "kind", "provider"),
    [
        ("import openai", "sdk-import", "openai"),
        ("import os, openai as oai", "sdk-import", "openai"),
        ("from openai import OpenAI", "sdk-import", "openai"),
        ("from openai.types.chat import ChatCompletion", "sdk-import", "openai"),
        ("from zhipuai import ZhipuAI", "sdk-import", "zhipu"),
        ("from langchain_openai import ChatOpenAI", "wrapper", "openai"),
        ("from langchain.embeddings.openai import OpenAIEmbeddings", "wrapper", "openai"),
        ("from langchain_openai import AzureChatOpenAI", "wrapper", "azure-openai"),
        ("from llama_index.llms.openai import OpenAI", "wrapper", "openai"),
    ],
)
def test_python_imports(text, kind, provider):
    """Imports of an SDK and of a framework's classes for it are found, the whole statement each."""
    assert kinds("sdk_import_python", text, "python") == [(kind, provider, text)]


@pytest.mark.parametrize(
    "text", ["import openaiish", "from .openai import x", "from app.openai import y", "import langchain", "import os"]
)
def test_other_python_imports_are_left_alone(text):
    """A module of the program's own, or a framework as a whole, is no vendor."""
    assert kinds("sdk_import_python", text, "python") == []


@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('import OpenAI from "openai";', "sdk-import"),
        ("import * as oai from 'openai'", "sdk-import"),
        ('import { zodResponseFormat } from "openai/helpers/zod";', "sdk-import"),
        ('export { OpenAI } from "openai";', "sdk-import"),
        ('import { ChatOpenAI } from "@langchain/openai";', "wrapper"),
        ('import { createOpenAI } from "@ai-sdk/openai";', "wrapper"),
    ],
)
def test_script_imports(text, kind, language):
    """The npm package, a file in it, a re-export and a framework's package are found."""
    assert kinds("sdk_import_script", text, language) == [(kind, "openai", text)]


def test_required_packages():
    """`require` and a dynamic import bring a package, too."""
    text = 'const { Configuration } = require("openai");\nconst m = await import("openai");\n'

    assert [row[2] for row in kinds("sdk_import_script", text, "javascript")] == [
        'require("openai")',
        'import("openai")',
    ]


@pytest.mark.parametrize("text", ['import x from "./openai";', 'import y from "openai-like-thing";', 'require("fs")'])
def test_other_script_imports_are_left_alone(text):
    """The program's own files and like-named packages are none."""
    assert kinds("sdk_import_script", text, "javascript") == []
