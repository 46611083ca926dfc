from __future__ import annotations

import time

import pytest

from llm_migrate.errors import UsageError
from llm_migrate.scan.scan import scan
from tests.scan.scanning import inner, said, scan_text, scan_tree, write_tree

PROGRAM = """import os
from openai import OpenAI

client = OpenAI(api_key=os.environ["OPENAI_API_KEY"])
answer = client.chat.completions.create(model="gpt-4o", messages=[], temperature=0.2)
"""


def test_places_count_in_code_points_and_bytes(tmp_path):
    """Lines and columns are for people, from 1, in code points; byte offsets are of the file, BOM included."""
    data = b"\xef\xbb\xbf" + "# 注释\r\nx = '日本'; m = {'model': 'gpt-4o'}\r\n".encode()

    (finding,) = scan_text(tmp_path, data)

    assert (finding.line, finding.column, finding.end_line, finding.end_column) == (2, 25, 2, 33)
    assert data[finding.hit.start : finding.hit.end] == b"'gpt-4o'"
    assert inner(finding, data) == "gpt-4o"


def test_ids_are_stable_when_lines_shift(tmp_path):
    """A finding keeps its id when code is put above it, and equal places have different ids."""
    twice = PROGRAM + 'client.chat.completions.create(model="gpt-4o")\n'
    before = [finding.id for finding in scan_text(tmp_path, twice)]

    after = [finding.id for finding in scan_text(tmp_path, "# one\n# two\n\n" + twice)]

    assert after == before
    assert len(set(before)) == len(before)


def test_a_literal_key_is_masked(tmp_path):
    """A secret in the source is never in a report: not where it stands, not in the call around it."""
    key = "sk-" + "CANARY" * 6

    findings = scan_text(tmp_path, f'import openai\nc = openai.OpenAI(api_key="{key}")\nopenai.api_key = "{key}"\n')

    assert {finding.hit.kind for finding in findings} == {"sdk-import", "client", "credential"}
    assert not any("CANARY" in finding.text for finding in findings)
    assert all(finding.hit.secret for finding in findings if finding.hit.kind == "credential")


def test_only_the_asked_providers_are_kept(tmp_path):
    """`--from` keeps the findings of some providers, named by id or alias."""
    files = {"a.py": "import openai\n", "b.py": "import zhipuai\n"}

    result = scan_tree(tmp_path, files, from_providers=["ChatGPT"])

    assert [finding.file for finding in result.findings] == ["a.py"]
    assert set(result.documents) == {"a.py"}


def test_a_client_of_another_file_is_followed(tmp_path):
    """A client built in one module is known where another imports and calls it, also through a function."""
    files = {
        "llm.py": "from openai import AzureOpenAI\nclient = AzureOpenAI()\ndef make():\n    return AzureOpenAI()\n",
        "use.py": "from app.llm import client, make\nclient.embeddings.create(model='m', input='x')  # openai\n"
        "make().responses.create(model='m', input='x')\n",
    }

    result = scan_tree(tmp_path, files)

    calls = [(f.file, f.hit.provider, f.hit.api) for f in result.findings if f.hit.kind == "api-call"]
    assert calls == [("use.py", "azure-openai", "embeddings"), ("use.py", "azure-openai", "responses")]


def test_an_address_of_another_file_is_followed(tmp_path):
    """`requests.post(self.url)` is found when the class of another file holds a vendor's address in `url`."""
    files = {
        "base.py": 'class Base:\n    url = "https://api.openai.com/v1/chat/completions"\n',
        "use.py": "import requests\n# to openai\nclass U(Base):\n    def f(self):\n        requests.post(self.url)\n",
    }

    result = scan_tree(tmp_path, files)

    assert [(f.file, f.hit.kind, f.hit.api) for f in result.findings] == [
        ("base.py", "raw-http", "chat"),
        ("use.py", "raw-http", "chat"),
    ]


def test_broken_syntax_is_scanned_in_part_and_said(tmp_path):
    """What can be read of a broken file is reported, and the file is listed under skipped."""
    result = scan_tree(tmp_path, {"a.py": "import openai\ndef (:\n"})

    assert said(result.findings) == ["import openai"]
    assert [(row.file, "line 2" in row.reason) for row in result.skipped] == [("a.py", True)]


def test_one_bad_file_does_not_stop_the_scan(tmp_path):
    """An unreadable file is listed with its reason, the others are scanned."""
    result = scan_tree(tmp_path, {"a.py": b"import openai\0", "b.py": "import openai\n", "c.json": '{"openai": '})

    assert [finding.file for finding in result.findings] == ["b.py"]
    assert "a.py" in [row.file for row in result.skipped]


@pytest.mark.parametrize(
    "source",
    [
        "import openai\nx = " + "(" * 3000 + "1" + ")" * 3000,
        "import openai\nx = " + "[{" * 20_000,
        "import openai\nx = " + "a." * 100_000 + "b",
        "import openai\nx = " + "-" * 50_000 + "1",
        "import openai\nx = '" + "a" * 2_000_000 + "'",
        "import openai\nx = " + " + ".join(["'gpt-4o'"] * 3_000),
        "openai" * 100_000 + "\n" + "sk-" * 200_000 + "\nhttps://" + "a." * 100_000,
        "import openai\n" + "x = x\n" * 30_000,
        "import openai\n"
        + "".join(f"x{n} = x{n + 1}.y or x{n + 2}\n" for n in range(5_000))
        + "x0.chat.completions.z()",
    ],
    ids=["brackets", "open brackets", "members", "minus", "long line", "sum", "words", "self", "chain"],
)
def test_hostile_source_ends_in_time(tmp_path, source):
    """W4: nesting, long lines, long chains and bait for regular expressions cost seconds at most."""
    started = time.process_time()

    scan_text(tmp_path, source)

    assert time.process_time() - started < 15


def test_many_processes_find_the_same(tmp_path):
    """With `jobs` the findings and their order are the same."""
    files = {f"d{n % 7}/f{n}.py": PROGRAM if n % 40 == 0 else "x = 1\n" for n in range(420)}
    files["d0/bad.py"] = b"import openai\0"
    write_tree(tmp_path, files)

    one, two = scan([tmp_path]), scan([tmp_path], jobs=2)

    assert [f.id for f in one.findings] == [f.id for f in two.findings]
    assert one.skipped == two.skipped
    assert len(one.findings) > 40


def test_several_paths_share_a_root(tmp_path):
    """Files of several paths are named from the folder that all share; a file named twice is scanned once."""
    write_tree(tmp_path, {"a/x.py": "import openai\n", "b/y.py": "import openai\n", "c/z.py": "import openai\n"})

    result = scan([tmp_path / "a", tmp_path / "b" / "y.py", tmp_path / "a" / "x.py"])

    assert [finding.file for finding in result.findings] == ["a/x.py", "b/y.py"]
    assert result.root == str(tmp_path)


def test_one_file_is_named_from_its_folder(tmp_path):
    """A single file as PATH has its folder as root."""
    write_tree(tmp_path, {"a/x.py": "import openai\n"})

    result = scan([tmp_path / "a" / "x.py"])

    assert ([f.file for f in result.findings], result.root) == (["x.py"], str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ["klingon"]}, "klingon: unknown provider"),
        ({"from_providers": ["opena"]}, "did you mean 'openai'"),
        ({"targets": ["zhipu:"]}, "a model must follow"),
    ],
)
def test_wrong_names_are_refused(tmp_path, options, message):
    """An unknown provider, or a colon without a model, is said before anything is read."""
    with pytest.raises(UsageError, match=message):
        scan([tmp_path], **options)


def test_a_missing_path_is_refused(tmp_path):
    """A path that does not exist is named."""
    with pytest.raises(UsageError, match="gone: no such file or folder"):
        scan([tmp_path / "gone"])


@pytest.mark.parametrize(
    ("name", "text", "switched"),
    [
        ("a.py", 'f(model="glm" if LLM_PROVIDER == "zhipu" else "gpt-4o")\ng(model="gpt-4")\n', [True, False]),
        ("a.ts", 'f({ model: LLM_PROVIDER === "zhipu" ? "glm" : "gpt-4o" });\ng({ model: "gpt-4" });\n', [True, False]),
        (".env", "LLM_PROVIDER=zhipu\nOPENAI_API_KEY=\n", [True]),
        (".env", "OPENAI_API_KEY=\n", [False]),
    ],
)
def test_places_behind_the_switch_are_marked(tmp_path, name, text, switched):
    """What a rewrite left behind `LLM_PROVIDER` is reported as switched, other places of the file are not."""
    findings = scan_text(tmp_path, text, name, from_providers=["openai"])

    assert [finding.switched for finding in findings] == switched
