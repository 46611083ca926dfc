"""Budgets for programs: JSON documents that name their schema. Amounts are integers, as in the books; instants UTC."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Final

from llm_migrate.config.budgets import NANO, Budget
from llm_migrate.ledger.books import Entry
from llm_migrate.ledger.forecast import Course, Forecast, Loss
from llm_migrate.ledger.status import Account, Status

_STATUS: Final = "llm-migrate/budget-status/1"
_FORECAST: Final = "llm-migrate/budget-forecast/1"
_ACCOUNT: Final = "llm-migrate/budget-explain/1"
_COLUMNS: Final = (
    "number",
    "at",
    "kind",
    "request",
    "attempt",
    "offer",
    "bucket",
    "model",
    "unit",
    "amount",
    "quantity",
    "overrun",
    "basis",
    "mark",
)


def status_to_json(statuses: Sequence[Status], now_ms: int) -> str:
    """Return how offers stand."""
    return _document(_STATUS, {"at": utc(now_ms), "offers": [_status(status) for status in statuses]})


def forecast_to_json(forecasts: Sequence[Forecast], now_ms: int, *, chain: str, order: str) -> str:
    """Return what will become of offers, unit by unit."""
    rows = [_forecast(forecast) for forecast in forecasts]
    return _document(_FORECAST, {"at": utc(now_ms), "chain": chain, "order": order, "forecasts": rows})


def accounts_to_json(accounts: Sequence[Account], budgets: Mapping[str, Budget], *, every: bool) -> str:
    """Return the accounts of offers.

    Args:
        accounts: all that the books hold of each.
        budgets: by name.
        every: with each entry.
    """
    rows = [_account(account, budgets.get(account.offer), every=every) for account in accounts]
    return _document(_ACCOUNT, {"offers": rows})


def entries_to_jsonl(entries: Iterable[Entry], budgets: Mapping[str, Budget]) -> Iterator[str]:
    """Yield one line an entry."""
    for entry in entries:
        yield json.dumps(entry_row(entry, budgets.get(entry.offer)), ensure_ascii=False) + "\n"


def entries_to_csv(entries: Iterable[Entry], budgets: Mapping[str, Budget]) -> Iterator[str]:
    """Yield a head, then one line an entry."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in entries:
        writer.writerow(entry_row(entry, budgets.get(entry.offer)).values())
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def entry_row(entry: Entry, budget: Budget | None) -> dict[str, object]:
    """Return an entry as it is exported; without a budget nobody knows its unit."""
    return {
        "number": entry.number,
        "at": utc(entry.at),
        "kind": entry.kind,
        "request": entry.request,
        "attempt": entry.attempt,
        "offer": entry.offer,
        "bucket": entry.bucket,
        "model": entry.model,
        "unit": None if budget is None else budget.currency or budget.unit,
        "amount": entry.amount,
        "quantity": _quantity(entry.amount, budget),
        "overrun": entry.overrun,
        "basis": entry.basis,
        "mark": entry.mark,
    }


def utc(at_ms: int) -> str:
    """Return an instant as ISO 8601, to the millisecond."""
    moment = dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC) + dt.timedelta(milliseconds=at_ms % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(schema: str, body: dict[str, object]) -> str:
    return json.dumps({"schema": schema, **body}, ensure_ascii=False, indent=2) + "\n"


def _status(status: Status) -> dict[str, object]:
    budget, balance = status.offer.budget, status.balance
    return {
        "offer": status.offer.id,
        "title": budget.title,
        "target": budget.target,
        "models": list(budget.models),
        "kind": budget.kind,
        "hard": budget.hard,
        "unit": budget.unit,
        "currency": budget.currency,
        "state": status.state,
        "limit": budget.amount,
        "spent": balance.spent,
        "reserved": balance.reserved,
        "unresolved": balance.unresolved,
        "overrun": balance.overrun,
        "free": status.free,
        "every": budget.every,
        "rolling_hours": budget.rolling_hours,
        "zone": budget.zone,
        "begins_at": _or_none(status.begins_at),
        "lost_at": _or_none(status.lost_at),
        "over_at": _or_none(status.over_at),
        "last_24h": status.day_pace,
        "a_day_over_7_days": status.week_pace,
    }


def _forecast(forecast: Forecast) -> dict[str, object]:
    return {
        "unit": forecast.unit,
        "currency": forecast.currency,
        "per_day": forecast.per_day,
        "given": forecast.given,
        "offers": [
            {
                "offer": outlook.status.offer.id,
                "free": outlook.status.free,
                "per_day": outlook.per_day,
                "gone_at": _or_none(outlook.gone_at),
                "expires": None if outlook.loss is None else _loss(outlook.loss),
            }
            for outlook in forecast.outlooks
        ],
        "outside_chain": list(forecast.outside),
        "configured": _course(forecast.configured),
        "free_first": _course(forecast.free_first),
    }


def _course(course: Course) -> dict[str, object]:
    return {
        "order": list(course.order),
        "wasted": course.wasted,
        "gone_at": {offer: utc(at) for offer, at in course.gone.items()},
        "expires": [_loss(loss) for loss in course.losses],
        "short_at": _or_none(course.short_at),
    }


def _loss(loss: Loss) -> dict[str, object]:
    return {"offer": loss.offer, "amount": loss.amount, "at": utc(loss.at), "times": loss.times, "latest": loss.latest}


def _account(account: Account, budget: Budget | None, *, every: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "offer": account.offer,
        "unit": None if budget is None else budget.unit,
        "currency": None if budget is None else budget.currency,
        "balanced": None if account.faults and not account.settled else not account.faults,
        "faults": [asdict(fault) for fault in account.faults],
        "balances": [asdict(balance) for balance in account.balances],
        "entry_count": len(account.entries),
        "entry_sum": sum(entry.amount for entry in account.entries),
        "open": [
            {
                "request": held.request,
                "attempt": held.attempt,
                "bucket": held.bucket,
                "state": held.state,
                "amount": held.amount,
                "model": held.model,
                "since": utc(held.since),
            }
            for held in account.open
        ],
    }
    if every:
        body["entries"] = [entry_row(entry, budget) for entry in account.entries]
    return body


def _quantity(amount: int, budget: Budget | None) -> str | None:
    """Return an amount in whole units, every digit kept."""
    if budget is None:
        return None
    return f"{Decimal(amount) / NANO:f}" if budget.unit in ("money", "points") else str(amount)


def _or_none(at_ms: int | None) -> str | None:
    return None if at_ms is None else utc(at_ms)
