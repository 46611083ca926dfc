"""What a check found: how bad it is, where it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from llm_migrate.wire.exchange import Outcome

# `wrong` is to be mended here and would fail calls; `failed` is what a target or the network did.
Severity: TypeAlias = Literal["good", "note", "warning", "wrong", "failed"]
Topic: TypeAlias = Literal[
    "configuration",
    "key",
    "model",
    "endpoint",
    "network",
    "live",
    "package",
    "proxy",
    "certificates",
    "clock",
    "budget",
]

# The classes of outcomes, for people.
OUTCOMES: Final[Mapping[Outcome, str]] = {
    "ok": "answered",
    "unsent": "not reached",
    "limited": "busy",
    "quota": "no balance",
    "region": "region blocked",
    "credential": "key refused",
    "ambiguous": "no sound answer",
    "request": "request refused",
    "policy": "filtered",
    "cut": "cut off",
}
SEVERITIES: Final[tuple[Severity, ...]] = ("good", "note", "warning", "wrong", "failed")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. It may name hosts, and never holds a key.

    Attributes:
        severity: how bad it is.
        topic: what it is about.
        where: the place: a line of the configuration, or the environment.
        what: what is so.
        advice: what to do; "" where nothing is.
        target: name of the target it is about; None for the whole.
        source: where a fact comes from; "" for what was seen here.
    """

    severity: Severity
    topic: Topic
    where: str
    what: str
    advice: str = ""
    target: str | None = None
    source: str = ""


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 if something here would fail calls, else 3 if a target or the network failed, else 0."""
    severities = {finding.severity for finding in findings}
    return 1 if "wrong" in severities else 3 if "failed" in severities else 0
