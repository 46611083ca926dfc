"""The findings of a check, for people by target, for programs as JSON. Decides nothing, and holds no key."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from llm_migrate.config import Chain, Config, Target
from llm_migrate.engine import routes
from llm_migrate.engine.check.ask import Seen
from llm_migrate.engine.check.finding import SEVERITIES, Finding, Severity, exit_code
from llm_migrate.engine.check.live import Lived
from llm_migrate.engine.check.review import targets_of
from llm_migrate.engine.check.surroundings import shown_proxy
from llm_migrate.report.ink import paint

_SCHEMA: Final = "llm-migrate/check/1"
_STYLE: Final[Mapping[Severity, str]] = {
    "good": "32",
    "note": "2",
    "warning": "33",
    "wrong": "1;31",
    "failed": "1;35",
}
_INDENT: Final = 27


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that is over.

    Attributes:
        place: the file that was looked at, as messages name it.
        config: what it says; None if it is not sound.
        chains: those that were looked at.
        seen: what targets said.
        findings: all, in the order of looking.
    """

    place: str
    config: Config | None
    chains: Sequence[Chain]
    seen: Sequence[Seen]
    findings: Sequence[Finding]


def check_to_text(checked: Checked, *, width: int, colour: bool) -> str:
    """Return the report for people.

    Args:
        checked: what was found.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    targets = targets_of(checked.chains)
    names = {target.name for target in targets}
    of_all = [finding for finding in checked.findings if finding.target not in names]
    lines = [paint(checked.place, "1", colour)]
    lines += _lines((f for f in of_all if f.topic == "configuration"), width, colour)
    for target in targets:
        lines += ["", f"{paint(target.name, '1', colour)}  {target.base_url}"]
        lines += _lines((f for f in checked.findings if f.target == target.name), width, colour)
    rest = [finding for finding in of_all if finding.topic != "configuration"]
    if rest:
        lines += ["", paint("environment", "1", colour), *_lines(rest, width, colour)]
    return "\n".join([*lines, "", *_verdict(checked.findings, colour)]) + "\n"


def check_to_json(checked: Checked) -> str:
    """Return the report as one JSON document."""
    by_name = {seen.target.name: seen for seen in checked.seen}
    body = {
        "schema": _SCHEMA,
        "config": str(checked.config.path) if checked.config and checked.config.path else checked.place,
        "exit_code": exit_code(checked.findings),
        "summary": _counts(checked.findings),
        "chains": [{"name": c.name, "targets": [target.name for target in c.targets]} for c in checked.chains],
        "targets": [_target(target, by_name.get(target.name)) for target in targets_of(checked.chains)],
        "findings": [asdict(finding) for finding in checked.findings],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _lines(findings: Sequence[Finding] | Iterator[Finding], width: int, colour: bool) -> Iterator[str]:
    for finding in findings:
        word = paint(f"{finding.severity:<8}", _STYLE[finding.severity], colour)
        first, *more = _wrapped(finding.what, width)
        yield f"  {word}  {finding.topic:<13}  {first}"
        if finding.severity != "good" and finding.where:
            more += _wrapped(f"at {finding.where}", width)
        if finding.advice:
            more += _wrapped(f"> {finding.advice}", width)
        if finding.source and finding.severity in ("warning", "wrong", "failed"):
            more += _wrapped(f"source: {finding.source}", width)
        yield from (" " * _INDENT + line for line in more)


def _wrapped(text: str, width: int) -> list[str]:
    room = max(30, width - _INDENT)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _verdict(findings: Sequence[Finding], colour: bool) -> Iterator[str]:
    counts = _counts(findings)
    bad = [f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES[2:]) if counts[severity]]
    code = exit_code(findings)
    said = {
        0: "Nothing found that would fail a call.",
        1: "Something is wrong here that would fail calls.",
        3: "A target or the network failed.",
    }[code]
    yield paint(said + (f" ({', '.join(bad)})" if bad else ""), "1", colour)


def _counts(findings: Sequence[Finding]) -> dict[Severity, int]:
    counted = Counter(finding.severity for finding in findings)
    return {severity: counted[severity] for severity in SEVERITIES}


def _target(target: Target, seen: Seen | None) -> dict[str, object]:
    proxy = routes.proxy_for(target.base_url)
    return {
        "name": target.name,
        "provider": target.provider.id,
        "endpoint": target.endpoint.id,
        "address": target.base_url,
        "proxy": shown_proxy(proxy) if proxy is not None else None,
        "answer": None if seen is None else _probed(seen),
        "live": None if seen is None or seen.lived is None else _lived(seen.lived),
    }


def _probed(seen: Seen) -> dict[str, object]:
    probed = seen.probed
    return {
        "host": probed.host,
        "addresses": list(probed.addresses),
        "stage": probed.stage,
        "failure": probed.failure or None,
        "status": probed.status or None,
        "outcome": probed.error.outcome if probed.error is not None else None if probed.failure else "ok",
        "latency_ms": None if probed.failure else round(probed.latency_s * 1000, 1),
    }


def _lived(lived: Lived) -> dict[str, object]:
    table = asdict(lived)
    table["latency_ms"] = round(table.pop("latency_s") * 1000, 1)
    return table
