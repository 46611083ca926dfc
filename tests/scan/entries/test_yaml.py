from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.scan.entries.reading import assert_edits_hold, leaves, pairs, read

pyyaml = pytest.importorskip("yaml")

SAMPLE = """\
# comment: not an entry
%s
version: "3.8"   # trailing
services:
  app:
    image: 'it''s'
    environment:
      - OPENAI_API_KEY=sk-demo
      - "OPENAI_BASE_URL=https://api.example.com/v1"
      - PLAIN
    command: ["run", "--model=m1", {a: b, "c":d}]
  worker: &anchor
    environment: {MODEL: m2, "KEY": 'v', empty: }
    text: first
      second # end
list:
- one
- - nested
  - key: deep
    other: x
url: http://host:80/a#b
多: 值 # ü
after: "é"
null_value:
last: ~
"""


def parse(data: bytes) -> object:
    return list(pyyaml.load_all(data.decode("utf-8-sig"), Loader=pyyaml.BaseLoader))


def test_block_and_flow_collections_give_paths():
    """Keys of block and flow mappings make the path; list indices are left out."""
    found = pairs(SAMPLE % "", "yaml")

    assert ("services.app.image", "it's") in found
    assert ("services.app.environment.OPENAI_API_KEY", "sk-demo") in found
    assert ("services.app.environment.OPENAI_BASE_URL", "https://api.example.com/v1") in found
    assert ("services.app.command.--model", "m1") in found
    assert ("services.worker.environment.MODEL", "m2") in found
    assert ("services.worker.text", "first second") in found
    assert ("list.key", "deep") in found
    assert ("url", "http://host:80/a#b") in found
    assert ("多", "值") in found


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_each_value_can_be_replaced(ending: str, bom: bytes):
    """A value put into an entry's range is what another parser reads there, whatever line ends and BOM."""
    data = bom + (SAMPLE % "").replace("\n", ending).encode()

    assert assert_edits_hold(data, "yaml", parse) > 15


def test_every_scalar_is_seen():
    """No scalar that another parser finds is missing."""
    found = {value for _, value in pairs(SAMPLE % "", "yaml")}

    for _, value in leaves(parse((SAMPLE % "").encode())):
        assert value in found or str(value).partition("=")[2] in found or value in ("b", "first second"), value


def test_name_and_value_of_a_list_item_are_one_entry():
    """Kubernetes' `- name: X / value: Y` is an entry X that covers both lines."""
    text = "env:\n  - name: OPENAI_API_KEY\n    value: abc\n  - value: m1\n    name: MODEL\n"

    first, second = read(text, "yaml")

    assert first.path == ("env", "OPENAI_API_KEY") and first.value == "abc"
    assert text[first.start : first.end] == "name: OPENAI_API_KEY\n    value: abc"
    assert text[second.value_start : second.value_end] == "m1"


def test_a_name_whose_value_comes_from_elsewhere_is_an_entry():
    """`valueFrom` leaves nothing to replace, but the variable is there."""
    text = "env:\n- name: API_KEY\n  valueFrom:\n    secretKeyRef:\n      name: s\n      key: k\n- name: plain\n"

    found = read(text, "yaml")

    assert found[0].path == ("env", "API_KEY") and found[0].value_start == -1
    assert ("env.name", "plain") in pairs(text, "yaml")


def test_templates_are_passed_over():
    """Lines and values of Helm templates do not keep the rest from being read."""
    text = """\
{{- if .Values.x }}
a: {{ .Values.a | quote }}
args: ["serve"
{{- if .Values.mcp }}, "--mcp"
{{- end }}
]
b:
  {{- toYaml .Values.b | nindent 2 }}
c: 1
{{- end }}
"""

    found = dict(pairs(text, "yaml"))

    assert found["a"] == "{{ .Values.a | quote }}"
    assert found["c"] == "1"


def test_an_empty_value_takes_no_text_that_would_touch_the_colon():
    """`key:` without a blank has no place for a value; with one it has."""
    bare, spaced = read("a:\nb: \n", "yaml")

    assert bare.value_start == -1
    assert (spaced.value_start, spaced.value) == (6, "")


def test_block_scalars_are_one_value():
    """A block scalar gives its text and does not leak keys."""
    text = "run: |\n  export A=1\n\n  key: no entry\nnext: x\n"

    assert pairs(text, "yaml") == [("run", "export A=1\n\nkey: no entry"), ("next", "x")]


def test_documents_do_not_share_mappings():
    """Names of one document are not joined with values of the next."""
    assert pairs("name: a\n---\nvalue: b\n", "yaml") == [("name", "a"), ("value", "b")]


@pytest.mark.parametrize(
    "text", ["a: 'x\nb: 1\n", "a: [1,\nb: 2\n", '"a: 1', "{{", "- - -", ": :", "\t\ta: 1", "?", "["]
)
def test_broken_text_never_raises(text: str):
    """What cannot be read surely is left out without an error."""
    read(text, "yaml")


@pytest.mark.parametrize("text", ["[" * 200_000, "a: [\n" * 20_000, "a: '\n" * 50_001, "- " * 100_000, "{a: " * 50_000])
def test_hostile_text_ends_soon(text: str):
    """Deep nesting and brackets that never close take linear time."""
    read(text, "yaml")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)
TREE = st.recursive(
    st.one_of(TEXT, st.integers(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(TEXT, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    TREE.filter(lambda t: isinstance(t, dict)), st.sampled_from([None, True, False]), st.sampled_from([None, '"', "'"])
)
def test_what_pyyaml_writes_can_be_edited(tree: object, flow: bool | None, style: str | None):
    """In whatever style another library writes a tree, each edit changes exactly one leaf."""
    text = pyyaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, default_style=style, width=10_000)

    assert_edits_hold(text.encode(), "yaml", parse)
