"""What is said of budgets in words: the same in a terminal and on a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llm_migrate.config.budgets import NANO, Budget
from llm_migrate.ledger.forecast import Course, Forecast, Loss, Outlook
from llm_migrate.ledger.offers import in_units
from llm_migrate.ledger.status import DAY_MS, Status
from llm_migrate.ledger.zone import load_zone

_SHORT: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_WEEK_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a limit, each from 0 to 1: spent, reserved and unresolved never pass 1 together."""

    spent: float
    reserved: float
    unresolved: float


def shares_of(status: Status) -> Shares | None:
    """Return the parts of an offer's limit that are taken; None without a limit."""
    limit, balance = status.offer.budget.amount, status.balance
    if limit is None:
        return None
    ends = [min(1.0, max(0, amount) / limit) for amount in (balance.spent, balance.spent + balance.reserved)]
    return Shares(ends[0], ends[1] - ends[0], min(1.0, max(0, balance.taken) / limit) - ends[1])


def percent_of(status: Status) -> str:
    """Return how much of a limit is taken, never rounded up to all of it."""
    limit = status.offer.budget.amount
    if limit is None:
        return "no limit"
    return f"{max(0, status.balance.taken) * 100 // limit} %"


def short(amount: int, budget: Budget) -> str:
    """Return an amount in three figures with its unit, such as "3.1 M tokens"."""
    if budget.unit == "money":
        return in_units(round(amount, -7), budget)
    value = amount / NANO if budget.unit == "points" else float(amount)
    unit = budget.unit.replace("-", " ")
    for size, letter in _SHORT:
        if abs(value) >= size * 0.9995:
            return f"{_three(value / size)} {letter} {unit}"
    return f"{_three(value)} {unit}"


def exact(amount: int, budget: Budget) -> str:
    """Return an amount to the last billionth, with its unit."""
    if budget.unit not in ("money", "points"):
        return in_units(amount, budget)
    whole, part = divmod(abs(amount), NANO)
    text = f"{'-' if amount < 0 else ''}{whole:,}.{part:09}".rstrip("0").rstrip(".")
    return f"{text} {budget.currency or 'points'}"


def say_day(at_ms: int, now_ms: int, zone: str) -> str:
    """Return the day of an instant as people say it: "today at 14:20", "on Thursday", "on 31 July"."""
    day = name_day(at_ms, now_ms, zone)
    return day if day.startswith("today") else f"on {day}"


def name_day(at_ms: int, now_ms: int, zone: str) -> str:
    """Return the day of an instant by itself: "today at 14:20", "Thursday", "31 July"."""
    at, now = _local(at_ms, zone), _local(now_ms, zone)
    ahead = (at.date() - now.date()).days
    if ahead == 0:
        return f"today at {at:%H:%M}"
    return _WEEK_DAYS[at.weekday()] if 0 < ahead < 7 else plain_day(at.date(), now.date())


def say_last_day(end_ms: int, now_ms: int, zone: str) -> str:
    """Return the day that ends at an instant, which itself does not count any more."""
    end = _local(end_ms, zone)
    if end.time() == dt.time():
        return f"on {plain_day((end - dt.timedelta(microseconds=1)).date(), _local(now_ms, zone).date())}"
    return f"on {plain_day(end.date(), _local(now_ms, zone).date())} at {end:%H:%M}"


def plain_day(day: dt.date, today: dt.date) -> str:
    """Return a day with its year only where that is another one."""
    text = f"{day.day} {_MONTHS[day.month - 1]}"
    return text if day.year == today.year else f"{text} {day.year}"


def short_day(day: dt.date) -> str:
    """Return a day for a narrow place: "9 Jul"."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def instant(at_ms: int, zone: str) -> str:
    """Return an instant to the minute, with the zone's name."""
    return f"{_local(at_ms, zone):%Y-%m-%d %H:%M} {zone}"


def say_time(status: Status, now_ms: int) -> str:
    """Return when an offer begins, ends or becomes whole again, and how long that is."""
    zone = status.offer.budget.zone
    if status.state == "never activated":
        return f"run  llm-migrate budget activate {status.offer.id} --at WHEN  to say when its days began"
    if status.state == "over" and status.over_at is not None:
        return f"ended {instant(status.over_at, zone)}"
    if status.state == "not begun" and status.begins_at is not None:
        return f"begins {instant(status.begins_at, zone)}, {_in(status.begins_at - now_ms)} from now"
    if status.offer.budget.rolling_hours is not None:
        rolling = f"what was used longer than {status.offer.budget.rolling_hours} hours ago counts no more"
        return rolling if status.over_at is None else f"{rolling}; {_ends(status, status.over_at, now_ms)}"
    if status.lost_at is None:
        return "no end"
    if status.over_at is not None and status.lost_at >= status.over_at:
        return _ends(status, status.over_at, now_ms)
    whole = f"whole again {instant(status.lost_at, zone)}, {_in(status.lost_at - now_ms)} from now"
    return whole if status.over_at is None else f"{whole}; {_ends(status, status.over_at, now_ms)}"


def say_pace(status: Status) -> str:
    """Return how fast an offer is used."""
    budget = status.offer.budget
    return f"{short(status.day_pace, budget)} in the last 24 h, {short(status.week_pace, budget)} a day over 7 days"


def say_amounts(status: Status) -> str:
    """Return what an offer holds, to the unit."""
    budget, balance = status.offer.budget, status.balance
    parts = [f"spent {in_units(balance.spent, budget)}"]
    parts += [
        f"{name} {in_units(amount, budget)}"
        for name, amount in (
            ("reserved", balance.reserved),
            ("unresolved", balance.unresolved),
            ("overrun", balance.overrun),
        )
        if amount
    ]
    if status.free is not None and budget.amount is not None:
        parts.append(f"free {in_units(status.free, budget)} of {in_units(budget.amount, budget)}")
    return ", ".join(parts)


def say_outlook(outlook: Outlook, now_ms: int) -> str:
    """Return what will become of an offer, in one sentence without its stop."""
    status = outlook.status
    budget = status.offer.budget
    parts: list[str] = []
    if status.state == "not begun" and status.begins_at is not None:
        parts.append(f"begins {say_day(status.begins_at, now_ms, budget.zone)}")
    if outlook.gone_at is not None and status.free != 0:
        parts.append(_say_gone(outlook.gone_at, status, now_ms))
    if outlook.loss is not None:
        parts.append(_say_loss(outlook.loss, budget, now_ms))
    text = "; ".join(parts) or _say_calm(status)
    if outlook.per_day is None or budget.amount is None or (status.free == 0 and not parts):
        return text  # which no pace can change
    return f"{'at the pace of the last 24 h' if outlook.per_day else 'not used in the last 24 h:'} {text}"


def say_orders(forecast: Forecast, chain: str, order: str, now_ms: int) -> Iterator[str]:
    """Yield sentences on the order of spending, none where there is only one offer to spend."""
    budget = forecast.outlooks[0].status.offer.budget
    listed, best = forecast.configured, forecast.free_first
    if len(listed.order) < 2:
        return
    how = "" if order in ("ordered", "free-first") else f" (taken as listed, though its order is {order!r})"
    yield f"Chain {chain!r} spends{how}: {', '.join(listed.order)}. {_say_waste(listed, budget, now_ms)}."
    if best.wasted >= listed.wasted:
        yield "No order wastes less."
        return
    yield (
        f"Free first, and of that what ends first: {', '.join(best.order)}. {_say_waste(best, budget, now_ms)}:"
        f' {short(listed.wasted - best.wasted, budget)} less. Write  order = "free-first"  in the chain.'
    )


def _say_waste(course: Course, budget: Budget, now_ms: int) -> str:
    text = f"{short(course.wasted, budget)} expire unused" if course.wasted else "Nothing expires unused"
    if course.short_at is None:
        return text
    return f"{text}, and from {name_day(course.short_at, now_ms, budget.zone)} on nothing is left for some calls"


def _say_gone(gone_at: int, status: Status, now_ms: int) -> str:
    when = say_day(gone_at, now_ms, status.offer.budget.zone)
    if status.offer.budget.rolling_hours is not None:
        return f"calls will find too little left now and then, first {when}"
    if not status.offer.budget.hard:
        return f"past its limit {when}, and goes on, as it is a soft one"
    return f"used up {when}" if status.offer.budget.every is not None else f"gone {when}"


def _say_loss(loss: Loss, budget: Budget, now_ms: int) -> str:
    if loss.times > 1:
        return f"{short(loss.latest, budget)} expire unused each {budget.every}"
    return f"{short(loss.amount, budget)} will expire unused {say_last_day(loss.at, now_ms, budget.zone)}"


def _say_calm(status: Status) -> str:
    budget = status.offer.budget
    if budget.amount is None:
        return "it has no limit"
    if status.free == 0:
        return "nothing is left" if budget.hard else "it is past its limit, and goes on, as that is a soft one"
    return "it lasts for more than a year" if status.lost_at is None else "nothing of it expires"


def _ends(status: Status, end: int, now_ms: int) -> str:
    return f"{_in(end - now_ms)} left, ends {instant(end, status.offer.budget.zone)}"


def _in(span_ms: int) -> str:
    """Return a span in days, or in hours where it is short."""
    if span_ms >= 2 * DAY_MS:
        return f"{span_ms // DAY_MS} days"
    hours = span_ms // 3_600_000
    return f"{hours} hours" if hours >= 2 else f"{span_ms // 60_000} minutes"


def _three(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def _local(at_ms: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms / 1000, load_zone(zone))
