from __future__ import annotations

import json

import pytest

from llm_migrate.scan.notebook import to_code
from llm_migrate.scan.reading import decode
from llm_migrate.scan.rule import UnreadableError
from tests.scan.scanning import inner, said, scan_text, scan_tree

CELLS = [
    {"cell_type": "markdown", "source": ["import openai"], "metadata": {}},
    {
        "cell_type": "code",
        "source": ["!pip install openai\n", 'm = "gpt-4o"  # \u00e9 "q"\n', "import openai"],
        "outputs": [{"text": "gpt-4"}],
    },
    {"cell_type": "code", "source": "x = 'text-embedding-3-small'", "outputs": []},
]


def notebook(**options):
    return json.dumps({"metadata": {"kernelspec": {"name": "python3"}}, "cells": CELLS, "nbformat": 4}, **options)


@pytest.mark.parametrize("options", [{"indent": 1}, {}, {"ensure_ascii": False, "indent": 2}])
def test_code_cells_map_back_to_the_file(options):
    """Each character of the code knows its byte in the JSON, whatever its layout and escapes."""
    document = decode("n.ipynb", notebook(**options).encode(), "notebook")

    code, offsets = to_code(document)

    assert code.text.splitlines()[:3] == ["#pip install openai", 'm = "gpt-4o"  # é "q"', "import openai"]
    at = code.text.index("gpt-4o")
    assert document.data[offsets[at] :].startswith(b"gpt-4o")
    assert len(offsets) == len(code.text) + 1


def test_findings_in_cells_have_places_of_the_file(tmp_path):
    """Lines and bytes of a finding in a notebook are those of the .ipynb file; prose and outputs are not code."""
    text = notebook(indent=1)

    findings = scan_text(tmp_path, text, "n.ipynb")

    models = [finding for finding in findings if finding.hit.kind == "model"]
    assert [inner(f, text.encode()) for f in models] == ["gpt-4o", "text-embedding-3-small"]
    assert text.splitlines()[models[0].line - 1].lstrip().startswith('"m = ')
    assert said(findings, "sdk-import") == ["import openai"]


def test_escaped_signs_beyond_the_first_plane_are_read(tmp_path):
    """An emoji that JSON writes as two escapes is one character, half of one is none; what follows keeps its place."""
    source = 'q = "\\ud83d\\ude00 \\ud83d"; m = "gpt-4o"'.replace('"', '\\"')
    text = '{"cells": [{"cell_type": "code", "source": "import openai; ' + source + '"}]}'

    code, _ = to_code(decode("n.ipynb", text.encode(), "notebook"))
    findings = scan_text(tmp_path, text, "n.ipynb")

    assert 'q = "\U0001f600 \ufffd"' in code.text
    assert [inner(f, text.encode()) for f in findings if f.hit.kind == "model"] == ["gpt-4o"]


@pytest.mark.parametrize("text", ["{", '{"cells": 1}', "[" * 100_000])
def test_what_is_no_notebook_is_refused(text):
    """Broken JSON, other JSON and endless nesting give a reason."""
    with pytest.raises(UnreadableError, match="notebook"):
        to_code(decode("n.ipynb", text.encode(), "notebook"))


def test_a_notebook_of_another_kernel_is_read_in_its_language(tmp_path):
    """Code cells of a .NET notebook are C#: its clients and models have places of the file, its commands do no harm."""
    cell = {
        "cell_type": "code",
        "source": ['#r "nuget: Azure.AI.OpenAI"\n', "using Azure.AI.OpenAI;\n", 'var model = "gpt-4o";\n'],
        "metadata": {},
        "outputs": [],
    }
    metadata = {"kernelspec": {"language": "C#", "name": ".net-csharp"}}
    text = json.dumps({"metadata": metadata, "cells": [cell], "nbformat": 4}, indent=1)

    result = scan_tree(tmp_path, {"n.ipynb": text})

    assert result.skipped == ()
    lines = text.splitlines()
    places = {(f.hit.kind, lines[f.line - 1].strip()) for f in result.findings}
    assert ("sdk-import", '"using Azure.AI.OpenAI;\\n",') in places
    assert ("model", '"var model = \\"gpt-4o\\";\\n"') in places
