"""What a workload comes to under each order, for people and for programs. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from llm_migrate.config.budgets import Budget
from llm_migrate.config.workload import Workload
from llm_migrate.ledger.simulate import OfferUse, Outcome, RouteUse
from llm_migrate.report.budget_words import exact, short
from llm_migrate.report.cells import display_width, padded, printable, wrapped
from llm_migrate.report.ink import paint

_SCHEMA: Final = "llm-migrate/simulate/1"


def simulate_to_text(
    workload: Workload, outcomes: Sequence[Outcome], notes: Sequence[str], *, width: int, colour: bool
) -> str:
    """Return each order's offers and bill, then all orders side by side.

    Args:
        workload: that was simulated.
        outcomes: of it.
        notes: what a reader must know of its prices.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    lines = [
        f"{workload.days} days from {workload.start}, {workload.calls_per_day:,} calls a day, days of {workload.zone}"
    ]
    for outcome in outcomes:
        lines += ["", paint(outcome.order, "1", colour)]
        lines += _table(
            ("OFFER", "USED", "EXPIRED UNUSED", "LEFT"), [_offer_row(use) for use in outcome.offers], colour
        )
        lines += _table(
            ("TARGET", "MODEL", "CALLS", "TOKENS", "TO PAY"), [_route_row(use) for use in outcome.routes], colour
        )
        if outcome.unserved_calls:
            lost = f"{outcome.unserved_calls:,} calls ({_tokens(outcome.unserved_tokens)}) found nobody to answer them."
            lines += wrapped(lost, width, first="  ", then="  ")
    lines += ["", paint("all orders", "1", colour)]
    lines += _table(("ORDER", "TO PAY", "EXPIRED UNUSED", "NOT ANSWERED"), [_summary(o) for o in outcomes], colour)
    for note in notes:
        lines += wrapped(printable(note), width, first="  > ", then="    ")
    return "\n".join(lines) + "\n"


def simulate_to_json(workload: Workload, outcomes: Sequence[Outcome], notes: Sequence[str]) -> str:
    """Return the same as one JSON document; amounts in tokens, calls, or billionths of money and points."""
    body = {
        "schema": _SCHEMA,
        "start": workload.start.isoformat(),
        "days": workload.days,
        "zone": workload.zone,
        "calls_per_day": workload.calls_per_day,
        "rates": {currency: str(rate) for currency, rate in workload.rates.items()},
        "notes": list(notes),
        "orders": [_outcome(outcome) for outcome in outcomes],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _offer_row(use: OfferUse) -> tuple[str, ...]:
    budget = use.budget
    if use.state in ("never activated", "not open"):
        return printable(budget.name), use.state, "-", "-"
    used = short(use.used, budget) if use.used else "nothing"
    if budget.amount:
        used += f" of {short(budget.amount, budget)}" if budget.every is None else f", {_each(budget)}"
    return (
        printable(budget.name),
        used,
        "-" if use.expired is None else short(use.expired, budget) if use.expired else "nothing",
        "-" if use.left is None else short(use.left, budget) if use.left else "nothing",
    )


def _each(budget: Budget) -> str:
    return f"{short(budget.amount or 0, budget)} each {budget.every}"


def _route_row(use: RouteUse) -> tuple[str, ...]:
    return printable(use.name), printable(use.model), f"{use.calls:,}", _tokens(use.tokens), _bill(use)


def _bill(use: RouteUse) -> str:
    parts = [_money(currency, nano) for currency, nano in use.money.items() if nano]
    if use.unpriced:
        parts.append(f"{_tokens(use.unpriced)} at an unknown price")
    if use.prepaid:
        parts.append(f"{_tokens(use.prepaid)} paid before")
    return " + ".join(parts) or ("nothing" if use.calls else "-")


def _summary(outcome: Outcome) -> tuple[str, ...]:
    parts = [_money(currency, nano) for currency, nano in outcome.money.items() if nano]
    bill = " + ".join(parts)
    if outcome.total is not None and (len(parts) > 1 or outcome.total.currency not in outcome.money) and bill:
        bill += f" = {_money(outcome.total.currency, outcome.total.nano)}"
    if outcome.unpriced:
        bill += f"{' + ' if bill else ''}{_tokens(outcome.unpriced)} at an unknown price"
    expired = _expired(outcome)
    lost = " + ".join(short(amount, budget) for amount, budget in expired.values())
    calls = f"{outcome.unserved_calls:,} calls" if outcome.unserved_calls else "none"
    return outcome.order, bill or "nothing", lost or "nothing", calls


def _expired(outcome: Outcome) -> Mapping[tuple[str, str | None], tuple[int, Budget]]:
    """Return what was lost of all offers, by unit."""
    found: dict[tuple[str, str | None], tuple[int, Budget]] = {}
    for use in outcome.offers:
        if use.expired:
            key = (use.budget.unit, use.budget.currency)
            found[key] = (found.get(key, (0, use.budget))[0] + use.expired, use.budget)
    return found


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], colour: bool) -> Iterator[str]:
    if not rows:
        return
    widths = [max(display_width(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for number, row in enumerate([head, *rows]):
        line = ("  " + "  ".join(padded(cell, wide) for cell, wide in zip(row, widths, strict=True))).rstrip()
        yield paint(line, "2", colour and not number)


def _tokens(count: int) -> str:
    return short(count, _TOKENS)


def _money(currency: str, nano: int) -> str:
    return (
        f"{nano / 10**9:,.2f} {currency}"
        if nano >= 10**7
        else exact(nano, Budget("", "", "", (), "money", None, currency))
    )


_TOKENS: Final = Budget("", "", "", (), "tokens", None)


def _outcome(outcome: Outcome) -> dict[str, object]:
    total = outcome.total
    return {
        "order": outcome.order,
        "offers": [
            {
                "name": use.budget.name,
                "target": use.budget.target,
                "kind": use.budget.kind,
                "unit": use.budget.unit,
                "currency": use.budget.currency,
                "limit": use.budget.amount,
                "used": use.used,
                "calls": use.calls,
                "tokens": use.tokens,
                "expired_unused": use.expired,
                "left": use.left,
                "state": use.state,
            }
            for use in outcome.offers
        ],
        "targets": [
            {
                "name": use.name,
                "model": use.model,
                "calls": use.calls,
                "tokens": use.tokens,
                "money": use.money,
                "free_tokens": use.free,
                "prepaid_tokens": use.prepaid,
                "tokens_at_unknown_price": use.unpriced,
            }
            for use in outcome.routes
        ],
        "unserved_calls": outcome.unserved_calls,
        "unserved_tokens": outcome.unserved_tokens,
        "money": outcome.money,
        "tokens_at_unknown_price": outcome.unpriced,
        "total": None if total is None else {"currency": total.currency, "nano": total.nano},
    }
