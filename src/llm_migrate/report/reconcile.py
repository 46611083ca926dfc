"""How far the books are from a vendor's bill, for people and for programs. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from llm_migrate.config.budgets import Budget
from llm_migrate.ledger.bill import EVERY_MODEL
from llm_migrate.ledger.books import Adjust, Conflict, Outcome, Settle, WriteOff
from llm_migrate.ledger.reconcile import ALARM_PERCENT, Booking, Drift, Reconciliation, Verdict
from llm_migrate.report.budget_words import exact
from llm_migrate.report.cells import display_width, padded, printable, wrapped
from llm_migrate.report.ink import paint

_SCHEMA: Final = "llm-migrate/reconcile/1"
_HEAD: Final = ("DAY", "MODEL", "OURS", "THEIRS", "DIFFERENCE", "")
_WHY: Final[Mapping[Verdict, str]] = {
    "compared": "",
    "not-over": "the day is not over",
    "open": "calls have not ended",
    "only-ours": "not in the file",
    "no-budget": "no budget is for it",
    "mixed": "paid in several units",
    "not-said": "the file counts otherwise",
}
_ADVICE: Final[Mapping[Verdict, str]] = {
    "not-over": "A day that is not over is not booked: take a file that was made later.",
    "open": "Calls that have not ended are settled by any program that uses the books, within 15 minutes of their end;"
    " or end them with  --write-off  if the vendor does not know them.",
    "only-ours": "What the file does not know is not booked, as it may be of another account or key.",
    "mixed": "Where budgets in tokens and in money paid for one model, a count of all its tokens cannot be divided.",
    "not-said": "The file says nothing in the unit of the budget: a budget in money needs a bill, one in tokens a"
    " count of tokens.",
}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A file that was held against the books.

    Attributes:
        file: its name.
        found: what came of it.
        outcomes: what the books said to each operation; empty if they were not asked.
        budgets: by name.
        dry: nothing was booked.
    """

    file: str
    found: Reconciliation
    outcomes: tuple[Outcome, ...]
    budgets: Mapping[str, Budget]
    dry: bool


def reconcile_to_text(said: Reconciled, width: int, colour: bool) -> str:
    """Return the drift as a table, then what was booked.

    Args:
        said: what was found.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    found = said.found
    lines = [paint(f"{printable(said.file)} against the books, days of {found.zone}", "1", colour), ""]
    lines += _table([_HEAD, *(_row(drift) for drift in found.drifts)], found.drifts, colour)
    if found.matched:
        lines += ["", f"{found.matched:,} calls were found by their id."]
    verdicts = dict.fromkeys(drift.verdict for drift in found.drifts)
    for verdict in verdicts:
        if verdict in _ADVICE:
            lines += wrapped(_ADVICE[verdict], width, first="  > ", then="    ")
    lines += ["", *_booked(said, width), "", _verdict(found, colour)]
    return "\n".join(lines) + "\n"


def reconcile_to_json(said: Reconciled) -> str:
    """Return the report as one JSON document; amounts in tokens, calls, or billionths of money and points."""
    outcomes: Sequence[Outcome | None] = said.outcomes or [None] * len(said.found.operations)
    body = {
        "schema": _SCHEMA,
        "file": said.file,
        "zone": said.found.zone,
        "dry_run": said.dry,
        "alarm": said.found.alarm,
        "matched_by_id": said.found.matched,
        "drift": [_drift(drift) for drift in said.found.drifts],
        "operations": [_operation(*pair) for pair in zip(said.found.operations, outcomes, strict=True)],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _row(drift: Drift) -> tuple[str, ...]:
    percent = drift.percent
    difference = "-" if drift.theirs is None else _amount(drift.ours - drift.theirs, drift, signed=True)
    if percent is not None:
        difference += f"  {percent:+.1f} %"
    return (
        drift.day.isoformat(),
        "all models" if drift.model == EVERY_MODEL else printable(drift.model),
        _amount(drift.ours, drift),
        "-" if drift.theirs is None else _amount(drift.theirs, drift),
        difference,
        "ALARM" if drift.alarm and not _WHY[drift.verdict] else _WHY[drift.verdict],
    )


def _amount(amount: int, drift: Drift, *, signed: bool = False) -> str:
    text = exact(amount, Budget("", "", "", (), drift.unit, None, drift.currency))
    return f"+{text}" if signed and amount > 0 else text


def _table(rows: Sequence[tuple[str, ...]], drifts: Sequence[Drift], colour: bool) -> Iterator[str]:
    widths = [max(display_width(row[i]) for row in rows) for i in range(len(_HEAD))]
    styles = ["2", *("1;31" if drift.alarm else "2" if _WHY[drift.verdict] else "" for drift in drifts)]
    for row, style in zip(rows, styles, strict=True):
        cells = [padded(row[0], widths[0]), padded(row[1], widths[1])]
        cells += [" " * (widths[i] - display_width(row[i])) + row[i] for i in (2, 3, 4)]
        line = ("  " + "  ".join([*cells, row[5]])).rstrip()
        yield paint(line, style, colour and bool(style))


def _booked(said: Reconciled, width: int) -> Iterator[str]:
    operations = said.found.operations
    if not operations:
        yield "Nothing is to be booked."
        return
    yield "Would be booked:" if said.dry else "Booked:"
    outcomes: Sequence[Outcome | None] = said.outcomes or [None] * len(operations)
    for operation, outcome in zip(operations, outcomes, strict=True):
        text = _say(operation, said.budgets)
        if isinstance(outcome, Conflict):
            text += f"  (refused by the books: {outcome.problem})"
        yield from wrapped(printable(text), width, first="  ", then="      ")


def _say(operation: Booking, budgets: Mapping[str, Budget]) -> str:
    if isinstance(operation, Adjust):
        sign = "+" if operation.amount > 0 else ""
        amount = exact(operation.amount, budgets[operation.offer])
        return f"adjust {operation.offer}: {sign}{amount}, as {operation.reference}"
    call = f"call {operation.request}, attempt {operation.attempt}"
    return f"settle {call}, by the bill" if isinstance(operation, Settle) else f"write off {call}"


def _verdict(found: Reconciliation, colour: bool) -> str:
    alarms = sum(drift.alarm for drift in found.drifts)
    if alarms:
        plural = "days and models differ" if alarms > 1 else "day and model differs"
        return paint(f"{alarms} {plural} by more than {ALARM_PERCENT} %.", "1;31", colour)
    return paint(f"The books agree with the file within {ALARM_PERCENT} %, where they can be compared.", "1", colour)


def _drift(drift: Drift) -> dict[str, object]:
    return {
        "day": drift.day.isoformat(),
        "model": None if drift.model == EVERY_MODEL else drift.model,
        "unit": drift.unit,
        "currency": drift.currency,
        "ours": drift.ours,
        "theirs": drift.theirs,
        "percent": None if drift.percent is None else round(drift.percent, 4),
        "open_calls": drift.open,
        "verdict": drift.verdict,
        "alarm": drift.alarm,
    }


def _operation(operation: Booking, outcome: Outcome | None) -> dict[str, object]:
    names: dict[type[Booking], str] = {Adjust: "adjust", Settle: "settle", WriteOff: "write-off"}
    fields = {key: value for key, value in asdict(operation).items() if key in _TOLD}
    refused = outcome.problem if isinstance(outcome, Conflict) else None
    return {"do": names[type(operation)], **fields, "refused": refused}


_TOLD: Final = frozenset({"offer", "bucket", "amount", "reference", "request", "attempt"})
