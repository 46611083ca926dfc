"""The JSON report of a scan, as the contract names its fields."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import cast

from llm_migrate.catalog.policy import Unknown, Value
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.scan.finding import Compat, Finding, ScanResult

SCHEMA = "llm-migrate/scan/1"
_UNKNOWN: JsonValue = {"$unknown": True}


def scan_to_json(result: ScanResult) -> str:
    r"""Return the report as indented JSON. File names that are no Unicode keep their bytes as `\\udcXX` escapes."""
    return json.dumps(scan_to_dict(result), ensure_ascii=False, indent=2) + "\n"


def scan_to_dict(result: ScanResult) -> dict[str, JsonValue]:
    """Return the report as JSON values."""
    return {
        "schema": SCHEMA,
        "root": result.root,
        "summary": _summary(result),
        "findings": [finding_to_dict(finding) for finding in result.findings],
        "skipped": [{"file": row.file, "reason": row.reason} for row in result.skipped],
    }


def finding_to_dict(finding: Finding) -> dict[str, JsonValue]:
    """Return one finding; a parameter value that is only known at run time is `{"$unknown": true}`."""
    hit = finding.hit
    parameters = hit.parameters
    return {
        "id": finding.id,
        "rule": hit.rule,
        "kind": hit.kind,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "start_byte": hit.start,
        "end_byte": hit.end,
        "language": finding.language,
        "provider": hit.provider,
        "api": hit.api,
        "model": hit.model,
        "parameters": None if parameters is None else {name: _plain(value) for name, value in parameters.items()},
        "text": finding.text,
        "confidence": hit.confidence,
        "compat": [_compat(row) for row in finding.compat],
        "ignored": finding.ignored,
        "switched": finding.switched,
    }


def _compat(row: Compat) -> JsonValue:
    notes: list[JsonValue] = [
        {"subject": note.subject, "effect": note.effect, "advice": note.advice, "source": note.source}
        for note in row.notes
    ]
    return {"target": row.target, "verdict": row.verdict, "at_worst": row.at_worst, "notes": notes}


def _summary(result: ScanResult) -> dict[str, JsonValue]:
    findings = result.findings
    targets = [row.target for row in findings[0].compat] if findings else []
    return {
        "files": result.files,
        "files_with_findings": len({finding.file for finding in findings}),
        "findings": len(findings),
        "skipped": len(result.skipped),
        "by_kind": _counts(finding.hit.kind for finding in findings),
        "by_provider": _counts(finding.hit.provider for finding in findings),
        "by_verdict": {
            target: _counts(row.verdict for finding in findings for row in finding.compat if row.target == target)
            for target in targets
        },
    }


def _counts(words: object) -> dict[str, JsonValue]:
    counted = Counter(cast("list[str]", words))
    return dict(counted.most_common())


def _plain(value: Value) -> JsonValue:
    if isinstance(value, Unknown):
        return _UNKNOWN
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Value]", value)
        return {str(key): _plain(inner) for key, inner in table.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in cast("list[Value]", value)]
    return cast("JsonValue", value)
