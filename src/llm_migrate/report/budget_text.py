"""Budgets in a terminal: bars, forecasts, and the account of an offer. Decides nothing."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from llm_migrate.config.budgets import Budget
from llm_migrate.ledger.books import Entry
from llm_migrate.ledger.forecast import Forecast
from llm_migrate.ledger.status import Account, State, Status, day_of
from llm_migrate.report.budget_words import (
    exact,
    instant,
    percent_of,
    say_amounts,
    say_orders,
    say_outlook,
    say_pace,
    say_time,
    shares_of,
    short,
)
from llm_migrate.report.cells import display_width, padded, printable, wrapped
from llm_migrate.report.ink import paint

_BAR: Final = 30  # columns
_SHORTEST: Final = 10
_BESIDE: Final = 30  # columns of a line that are neither name nor bar
_WIDEST_NAME: Final = 32  # a longer one gets a line of its own
# Plain letters: blocks and shades take one column in some terminals and two in Chinese ones.
_SPENT, _RESERVED, _UNRESOLVED, _FREE = "#", "=", "?", "."
_STYLES: Final[Mapping[State, str]] = {
    "open": "32",
    "not begun": "2",
    "over": "2",
    "never activated": "33",
    "used up": "1;31",
}
_NONE: Final = (
    "No budgets. Add one:  llm-migrate budget add NAME --target TARGET --tokens N"
    "  (llm-migrate budget offers  lists what vendors give)"
)


def status_to_text(statuses: Sequence[Status], now_ms: int, *, width: int, colour: bool) -> str:
    """Return bars and amounts for people.

    Args:
        statuses: how offers stand at `now_ms`.
        now_ms: the instant.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    if not statuses:
        return _joined(wrapped(_NONE, width))
    most = min(_WIDEST_NAME, width - _BESIDE - _SHORTEST)
    widths = [display_width(printable(status.offer.id)) for status in statuses]
    names = max((name for name in widths if name <= most), default=0)
    bar = min(_BAR, width - _BESIDE - names)
    lines: list[str] = []
    for status in statuses:
        lines += [*_head(status, names, bar, colour), *_details(status, now_ms, width), ""]
    key = f"{_SPENT} spent  {_RESERVED} reserved  {_UNRESOLVED} unresolved (sent, outcome unknown)  {_FREE} free"
    at = instant(now_ms, statuses[0].offer.budget.zone)
    return _joined([*lines, *wrapped(key, width), f"As of {at}."])


def forecast_to_text(
    forecasts: Sequence[Forecast], now_ms: int, *, chain: str, order: str, width: int, colour: bool
) -> str:
    """Return what will become of offers, unit by unit.

    Args:
        forecasts: of each unit.
        now_ms: the instant.
        chain: name of the chain whose order was reckoned with.
        order: its kind.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    if not forecasts:
        return _joined(wrapped("No offer can be used any more, or none ever could.", width))
    lines: list[str] = []
    for forecast in forecasts:
        lines += [*_forecast(forecast, now_ms, width, colour), *_orders(forecast, now_ms, chain, order, width), ""]
    if any(len(forecast.configured.order) > 1 for forecast in forecasts):
        lines += [*wrapped("Orders are compared as if each of these offers could serve any call.", width), ""]
    return _joined(lines[:-1])


def account_to_text(account: Account, budget: Budget | None, *, every: bool, width: int, colour: bool) -> str:
    """Return where each unit of an offer's balances comes from.

    Args:
        account: all that the books hold of it.
        budget: what the configuration says of it; None if it does not any more.
        every: show each entry.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    amount = _amounts(budget)
    zone = budget.zone if budget is not None else "UTC"
    title = f"  {printable(budget.title)}" if budget is not None and budget.title else ""
    lines = [f"{paint(printable(account.offer), '1', colour)}{title}"]
    for balance in account.balances:
        lines += wrapped(
            f"balance {_bucket(balance.bucket, budget)}: spent {amount(balance.spent)}, reserved"
            f" {amount(balance.reserved)}, unresolved {amount(balance.unresolved)}, overrun {amount(balance.overrun)}",
            width,
            first="  ",
            then="    ",
        )
    lines += _sums(account.entries, amount, zone)
    lines += [
        f"  open: {printable(held.request)} attempt {held.attempt}, {held.state}, {amount(held.amount)},"
        f" since {instant(held.since, zone)}"
        for held in account.open
    ]
    if every:
        lines += [_entry(entry, amount, zone) for entry in account.entries]
    return _joined([*lines, *wrapped(_verdict(account, amount), width, first="  ", then="    ")])


def _head(status: Status, names: int, bar: int, colour: bool) -> list[str]:
    name, title = printable(status.offer.id), printable(status.offer.budget.title)
    state = paint(f"{percent_of(status):>8}  {status.state}", _STYLES[status.state], colour)
    alone = display_width(name) > names
    lines = [paint(name, "1", colour)] if alone else []
    lines.append(f"{paint(padded('' if alone else name, names), '1', colour)}  [{_bar(status, bar)}] {state}")
    return [*lines, f"  {title}"] if title and title != name else lines


def _details(status: Status, now_ms: int, width: int) -> Iterator[str]:
    for text in (say_amounts(status), say_time(status, now_ms), f"pace: {say_pace(status)}"):
        yield from wrapped(printable(text), width, first="  ", then="    ")


def _bar(status: Status, width: int) -> str:
    """Return a bar in which whatever is there shows, however little, and which is full only if nothing is free."""
    shares = shares_of(status)
    if shares is None:
        return " " * width
    bar = ""
    for share, letter in ((shares.spent, _SPENT), (shares.reserved, _RESERVED), (shares.unresolved, _UNRESOLVED)):
        bar += letter * max(round(share * width), 1 if share else 0)
    return bar[: width - 1 if status.free else width].ljust(width, _FREE)


def _forecast(forecast: Forecast, now_ms: int, width: int, colour: bool) -> Iterator[str]:
    budget = forecast.outlooks[0].status.offer.budget
    unit = budget.currency or budget.unit.replace("-", " ")
    basis = "as given" if forecast.given else "the pace of the last 24 h"
    yield paint(f"{unit}: {short(forecast.per_day, budget)} a day, {basis}", "1", colour)
    for outlook in forecast.outlooks:
        text = f"{outlook.status.offer.id}: {say_outlook(outlook, now_ms)}"
        yield from wrapped(printable(text), width, first="  ", then="    ")


def _orders(forecast: Forecast, now_ms: int, chain: str, order: str, width: int) -> Iterator[str]:
    for sentence in say_orders(forecast, chain, order, now_ms):
        yield from wrapped(printable(sentence), width, first="  ", then="    ")
    if forecast.outside and forecast.configured.order:
        yield from wrapped(f"Not in this chain: {', '.join(forecast.outside)}.", width, first="  ", then="    ")


def _sums(entries: Sequence[Entry], amount: Callable[[int], str], zone: str) -> Iterator[str]:
    if not entries:
        yield "  no entries"
        return
    headings: dict[str, Callable[[Entry], str]] = {
        "by basis": lambda entry: entry.basis,
        "by mark": lambda entry: entry.mark or "whole",
        "by model": lambda entry: entry.model or "(adjustments)",
        "by day": lambda entry: day_of(entry.at, zone).isoformat(),
    }
    for heading, name in headings.items():
        sums = _by(entries, name)
        widest = max(display_width(printable(word)) for word in sums)
        yield f"  {heading}"
        for word, (total, count) in sums.items():
            lines = f"{count:,} {'entry' if count == 1 else 'entries'}"
            yield f"    {padded(printable(word), widest)}  {amount(total)} in {lines}"


def _by(entries: Iterable[Entry], name: Callable[[Entry], str]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for entry in entries:
        word = name(entry)
        total, count = sums[word]
        sums[word] = total + entry.amount, count + 1
    return dict(sorted(sums.items()))


def _entry(entry: Entry, amount: Callable[[int], str], zone: str) -> str:
    of = f"attempt {entry.attempt}" if entry.kind == "settle" else "adjustment"
    words = [entry.basis, entry.mark, entry.model, f"overrun {amount(entry.overrun)}" if entry.overrun else ""]
    said = ", ".join(word for word in words if word)
    text = f"  {entry.number:>8}  {instant(entry.at, zone)}  {amount(entry.amount)}  {entry.request} {of} ({said})"
    return printable(text)


def _verdict(account: Account, amount: Callable[[int], str]) -> str:
    if account.faults:
        said = "; ".join(
            f"{fault.what} of balance {fault.bucket} is {amount(fault.said)}, but {amount(fault.found)} by the lines"
            for fault in account.faults
        )
        if account.settled:
            return f"The books do NOT balance: {said}."
        return f"Others write all the while, so that the books could not be checked; run it again ({said})."
    total = sum(entry.amount for entry in account.entries)
    return (
        f"The books balance: {_count(account.entries, 'entry', 'entries')} of {amount(total)} in all,"
        f" and {_count(account.open, 'open reservation', 'open reservations')}."
    )


def _count(things: Sequence[object], one: str, many: str) -> str:
    return f"{len(things):,} {one if len(things) == 1 else many}"


def _amounts(budget: Budget | None) -> Callable[[int], str]:
    return (lambda value: f"{value:,}") if budget is None else lambda value: exact(value, budget)


def _bucket(number: int, budget: Budget | None) -> str:
    """Return the name of a balance: a day, a month, or its number."""
    if budget is not None and budget.every == "day":
        return f"of {dt.date.fromordinal(number)}"
    if budget is not None and budget.every == "month":
        return f"of {(number - 1) // 12}-{(number - 1) % 12 + 1:02}"
    return f"{number}"


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"
