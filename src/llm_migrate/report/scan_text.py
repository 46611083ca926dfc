"""The report of a scan for people."""

from __future__ import annotations

from llm_migrate.scan.finding import ScanResult


def scan_to_text(result: ScanResult, *, terminal: bool) -> str:
    """Return the report."""
    lines = [
        f"{f.file}:{f.line}:{f.column} {f.hit.kind} {f.text.splitlines()[0] if f.text else ''}" for f in result.findings
    ]
    return "\n".join(lines) + "\n"
