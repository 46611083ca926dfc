"""Choose the three things that a person should do first after a scan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from llm_migrate.scan.finding import Finding, ScanResult

_CALLS: Final = frozenset({"api-call", "raw-http", "wrapper"})
_PLACES: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and where."""

    what: str
    where: str = ""


def first_steps(result: ScanResult) -> list[Step]:
    """Return at most three steps, the most pressing first: what leaks, what is dead, what blocks, what to set."""
    return list(islice(_steps(result.findings), 3))


def _steps(findings: Sequence[Finding]) -> Iterator[Step]:
    secrets = [f for f in findings if f.hit.secret]
    if secrets:
        yield Step(
            f"Revoke {_count(len(secrets), 'key')} written into files and read keys from outside.", _where(secrets)
        )
    legacy = [f for f in findings if f.hit.legacy and f.hit.kind == "api-call"]
    if legacy:
        what = f"Move {_count(len(legacy), 'call')} from the SDK's old interface to its current one."
        yield Step(what, _where(legacy))
    gone, ending = _ends(findings)
    if gone:
        yield Step(f"Replace models that no longer answer: {_list(gone)}.", _where(_all(gone)))
    yield from _blocked(findings)
    yield from _addresses(findings)
    if ending:
        yield Step(f"Plan for models that will end: {_list(ending)}.", _where(_all(ending)))
    yield from _losses(findings)
    if findings and not findings[0].compat:
        yield Step("Run again with --to PROVIDER to see what breaks there; `llm-migrate providers` lists them.")


_Ends: TypeAlias = dict[str, list[Finding]]  # what is said of a model -> where it is named


def _ends(findings: Sequence[Finding]) -> tuple[_Ends, _Ends]:
    """Return the models that are gone, and those that will be."""
    told: _Ends = defaultdict(list)
    for finding in findings:
        if finding.hit.kind == "model" and finding.compat:
            for note in finding.compat[0].notes:
                if note.subject == "retirement":
                    told[note.advice.partition(":")[0]].append(finding)
    gone = {advice: rows for advice, rows in told.items() if "retired" in advice}
    return gone, {advice: rows for advice, rows in told.items() if advice not in gone}


def _all(ends: _Ends) -> list[Finding]:
    return [row for rows in ends.values() for row in rows]


def _blocked(findings: Sequence[Finding]) -> Iterator[Step]:
    """Calls that a target does not take, by API family and by reason."""
    for number, compat in enumerate(findings[0].compat if findings else ()):
        rows = [f for f in findings if f.hit.kind in _CALLS and f.compat[number].verdict == "blocked"]
        if not rows:
            continue
        reasons = Counter(_reason(row, number) for row in rows)
        said = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
        yield Step(f"Rework {_count(len(rows), 'call')} that {compat.target} blocks: {said}.", _where(rows))


def _reason(finding: Finding, number: int) -> str:
    for note in finding.compat[number].notes:
        if note.effect == "refused":
            if note.subject == finding.hit.api:
                return f"no {note.subject} API"
            named = {"model": f"{finding.hit.api} model to be named", "url": "no API behind the address"}
            return named.get(note.subject, note.subject)
    return finding.hit.api or "other"


def _addresses(findings: Sequence[Finding]) -> Iterator[Step]:
    if not findings or not findings[0].compat:
        return
    rows = [f for f in findings if f.hit.kind in ("base-url", "credential", "client") and f.hit.confidence != "mention"]
    if not rows:
        return
    notes = {note.subject: note.advice for row in rows for note in row.compat[0].notes if note.effect == "mapped"}
    url = notes.get("base_url", "").removeprefix("set it to ").removeprefix("becomes ")
    key = notes.get("api_key", "").removeprefix("take it from ").removeprefix("becomes ")
    if url and key:
        yield Step(f"Point {_count(len(rows), 'place')} at {url} with the key in {key}.", _where(rows))
    elif url or key:
        yield Step(f"Change {_count(len(rows), 'place')} to {url or key}.", _where(rows))


def _losses(findings: Sequence[Finding]) -> Iterator[Step]:
    for number, compat in enumerate(findings[0].compat if findings else ()):
        rows = [f for f in findings if f.hit.kind in _CALLS and f.compat[number].verdict == "lossy"]
        if rows:
            yield Step(f"Look at {_count(len(rows), 'call')} that lose something at {compat.target}.", _where(rows))


def _where(rows: Sequence[Finding]) -> str:
    places = list(dict.fromkeys(f"{row.file}:{row.line}" for row in rows))
    more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
    return ", ".join(places[:_PLACES]) + more


def _list(told: _Ends) -> str:
    texts = sorted(told, key=lambda advice: -len(told[advice]))
    more = f" and {len(texts) - _PLACES} more" if len(texts) > _PLACES else ""
    return ", ".join(texts[:_PLACES]) + more


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
