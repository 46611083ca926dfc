"""Scan small trees that tests write as a table of names and texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llm_migrate.scan.finding import Finding, ScanResult
from llm_migrate.scan.scan import scan


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def scan_tree(root: Path, files: Mapping[str, str | bytes], **options: object) -> ScanResult:
    return scan([write_tree(root, files)], **options)


def scan_text(root: Path, text: str | bytes, name: str = "a.py", **options: object) -> tuple[Finding, ...]:
    return scan_tree(root, {name: text}, **options).findings


def said(findings: tuple[Finding, ...], kind: str | None = None) -> list[str]:
    """Return the texts found, of one kind."""
    return [finding.text for finding in findings if kind is None or finding.hit.kind == kind]


def inner(finding: Finding, data: bytes) -> str:
    """Return the replaceable value inside a finding."""
    return data[finding.hit.value_start : finding.hit.value_end].decode()
