from __future__ import annotations

import json

import jsonschema

from llm_migrate.report.scan_json import scan_to_json
from tests.scan.scanning import scan_tree

VERDICT = {"enum": ["as-is", "adapted", "lossy", "blocked"]}
TEXT, COUNT, PLACE = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}
TEXT_OR_NULL = {"type": ["string", "null"]}
KINDS = [
    "sdk-import",
    "client",
    "api-call",
    "model",
    "base-url",
    "credential",
    "config",
    "manifest",
    "raw-http",
    "wrapper",
    "error",
    "doc",
]


def exact(properties):
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


NOTE = exact({"subject": TEXT, "effect": TEXT, "advice": TEXT, "source": TEXT})
COMPAT = exact({"target": TEXT, "verdict": VERDICT, "at_worst": VERDICT, "notes": {"type": "array", "items": NOTE}})
FINDING = exact(
    {
        **dict.fromkeys(("id", "rule", "file", "language", "provider", "text"), TEXT),
        **dict.fromkeys(("line", "column", "end_line", "end_column"), PLACE),
        **dict.fromkeys(("start_byte", "end_byte"), COUNT),
        **dict.fromkeys(("api", "model"), TEXT_OR_NULL),
        **{key: {"type": "boolean"} for key in ("ignored", "switched")},
        "kind": {"enum": KINDS},
        "parameters": {"type": ["object", "null"]},
        "confidence": {"enum": ["certain", "likely", "mention"]},
        "compat": {"type": "array", "items": COMPAT},
    }
)
REPORT = exact(
    {
        "schema": {"const": "llm-migrate/scan/1"},
        "root": TEXT,
        "summary": {"type": "object"},
        "findings": {"type": "array", "items": FINDING},
        "skipped": {"type": "array", "items": exact({"file": TEXT, "reason": TEXT})},
    }
)
FILES = {
    "a.py": "import openai\nc = openai.OpenAI()\nc.chat.completions.create(model='gpt-4o', n=x, **k)\n",
    ".env": "OPENAI_API_KEY=\nOPENAI_BASE_URL=https://api.openai.com/v1\n",
    "package.json": '{"dependencies": {"openai": "^4.0.0"}}\n',
    "nul.py": b"openai\0",
}


def test_the_report_follows_the_contract(tmp_path):
    """Each field of the contract is there with its type, and no other."""
    result = scan_tree(tmp_path, FILES, targets=["zhipu", "kimi:kimi-k2.5"])

    report = json.loads(scan_to_json(result))

    jsonschema.validate(report, REPORT)
    assert {f["kind"] for f in report["findings"]} >= {"sdk-import", "client", "api-call", "model", "manifest"}
    assert [[c["target"] for c in f["compat"]] for f in report["findings"][:1]] == [["zhipu", "kimi:kimi-k2.5"]]
    assert [row["file"] for row in report["skipped"]] == ["nul.py"]


def test_unknown_values_are_marked(tmp_path):
    """A value that is only known at run time cannot be mistaken for a string or null."""
    report = json.loads(scan_to_json(scan_tree(tmp_path, FILES)))

    call = next(f for f in report["findings"] if f["kind"] == "api-call")
    assert call["parameters"] == {"model": "gpt-4o", "n": {"$unknown": True}, "**": {"$unknown": True}}


def test_the_summary_counts(tmp_path):
    """Counts by kind and verdict add up to the findings."""
    result = scan_tree(tmp_path, FILES, targets=["zhipu"])

    summary = json.loads(scan_to_json(result))["summary"]

    assert summary["findings"] == sum(summary["by_kind"].values()) == len(result.findings)
    assert sum(summary["by_verdict"]["zhipu"].values()) == len(result.findings)


def test_an_empty_scan_is_a_report(tmp_path):
    """No finding is a report, too."""
    jsonschema.validate(json.loads(scan_to_json(scan_tree(tmp_path, {"a.py": "x = 1\n"}))), REPORT)
