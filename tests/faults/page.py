"""The page of faults: what a program sees of each, from a run of the drop-in against the fault server.

`scripts/fault_docs.py` writes it; `test_slow_faults.py` says when it is not true any more.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.faults.broken_rules import ENOUGH, RULES
from tests.faults.case import Case, Outcome, run
from tests.faults.fault import CONNECT_S, READ_S, Fault
from tests.faults.rows import GROUPS, ROWS
from tests.faults.ways import WAYS

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
_COLUMNS: Final = [(streamed, second) for streamed in (False, True) for second in (False, True)]
_HEAD: Final = f"""\
# What a program sees when a vendor fails

Each fault comes from a server on raw TCP (`tests/faults`), and is seen by the openai SDK through `llm_migrate.OpenAI`.
Sync and async, through `http_client()` under clients of httpx2 and of httpx, the same comes out. Written by
`scripts/fault_docs.py` from a run; the tests fail when the page is not true.

There is one target, or a second one that is healthy. Of every call one of four things comes:

- **the answer**;
- **second**: the answer of the second target. The response headers `x-llm-migrate-provider`, `-attempts` and
  `-fallback-reason` tell of it, and nothing else does;
- an **error** in OpenAI's form, here with its HTTP status and `code`, that the SDK raises and does not try again;
- **error event**: the stream ends with one, without a finish and without `[DONE]`. The SDK raises `APIError` with the
  code `stream_interrupted`, after the part of the answer that was there. From the first content on nothing is asked
  again, of nobody.

`x 2` and `x 3` say how many requests the first target got. What takes time was run with a read limit of {READ_S:g} s,
and the connection that is never made with a limit of {CONNECT_S:g} s for it. No row makes the program grow by more than
100 MiB: a body is read up to 32 MiB, unpacked, and a line or a packet of a stream up to 4 MiB.
"""
_TIME: Final = """
The deadline of a call without a stream is 0.95 times the SDK's read limit; a target that is silent uses it up. A stream
has no deadline: the read limit holds until the first content of each target, and then from event to event. The limits
hold for every byte, also over an async `upstream_transport` of the program's own; over a sync one they are looked at
between two parts of an answer only, so that headers which come byte by byte can hold the caller.
"""
_BROKEN: Final = """
## What breaks when a rule is broken

The tests are worth what they notice. `scripts/break_rules.py` breaks one rule after the other in a copy of the source
and runs the tests of a call, and the faults above through the drop-in, until enough tests went red:

| rule | change | red tests |
| --- | --- | --- |
"""


def results() -> dict[Case, Outcome]:
    """Run every fault in the four ways that the page has columns for."""
    cases = [Case(fault, WAYS[0], *column) for fault in ROWS for column in _COLUMNS]
    cases = [case for case in cases if case.want is not None]
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(cases, pool.map(run, cases), strict=True))


def page(found: dict[Case, Outcome]) -> str:
    """Return the page for what came."""
    parts = [_HEAD]
    for title, faults in GROUPS.items():
        rows = [["", "one target", "two targets", "stream, one target", "stream, two targets"], ["---"] * 5]
        rows += [[fault.name, *_cells(fault, found)] for fault in faults]
        parts.append(f"\n## {title}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
    broken = [f"| {broken.rule} | {broken.change} | {_count(broken.red)} |\n" for broken in RULES]
    return "".join([*parts, _TIME, _BROKEN, *broken])


def _cells(fault: Fault, found: dict[Case, Outcome]) -> list[str]:
    outcomes = [found.get(Case(fault, WAYS[0], *column)) for column in _COLUMNS]
    return [_cell(outcome) if outcome is not None else "" for outcome in outcomes]


def _cell(outcome: Outcome) -> str:
    tries = f" x {outcome.sent['a']}" if outcome.sent["a"] > 1 else ""
    seen = outcome.seen
    if seen.end == "answer":
        return ("second" if outcome.sent["b"] else "the answer") + tries
    if seen.end == "cut":
        return "error event" + tries
    code = seen.error.code if seen.error is not None else None
    return f"{getattr(seen.error, 'status_code', '')}" + (f" `{code}`" if code else "") + tries


def _count(red: int) -> str:
    return f"{red}" if red < ENOUGH else f"{red} or more"
