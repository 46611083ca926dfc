"""When an offer can be used, and which of its balances count: pure functions of a window and an instant.

Days and months are those of the window's own zone; that of the machine plays no part. Windows are half open: an offer
takes nothing from the instant on at which it ends.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final, Literal

from llm_migrate.ledger.books import CLOCK_BACK_MS
from llm_migrate.ledger.zone import load_zone

_HOURS_A_DAY: Final = 24
_ROLLING_BUCKETS: Final = (
    60  # balances that a rolling window is cut into: it forgets a 60th of itself late at most, or a second
)


@dataclass(frozen=True, slots=True)
class Window:
    """When an offer can be used.

    Attributes:
        from_s: first instant, in Unix seconds; None for no beginning.
        until_s: first instant after it, in Unix seconds; None for no end.
        every: it is whole again with each day or month.
        rolling_s: what was used longer ago than so many seconds counts no more.
        zone: whose days and months.
    """

    from_s: int | None = None
    until_s: int | None = None
    every: Literal["day", "month"] | None = None
    rolling_s: int | None = None
    zone: str = "UTC"


def fixed(from_: dt.date | None, until: dt.date | None, zone: str) -> Window:
    """Return the window between two days or instants.

    Args:
        from_: first day, or first instant.
        until: last day that counts, or first instant that does not.
        zone: whose days; also of instants that name none.

    Raises:
        ConfigError: no such zone.
    """
    if until is not None and not isinstance(until, dt.datetime):
        until = until + dt.timedelta(days=1)
    return Window(_instant_s(from_, zone), _instant_s(until, zone), zone=zone)


def after_activation(days: int, at: dt.datetime | None, zone: str) -> Window | None:
    """Return the window of so many times 24 hours from an activation on; None where nobody said when that was.

    Raises:
        ConfigError: no such zone.
    """
    from_s = _instant_s(at, zone)
    return None if from_s is None else Window(from_s, from_s + days * _HOURS_A_DAY * 3600, zone=zone)


def is_open(window: Window, now_ms: int) -> bool:
    """Say whether an offer can be used at an instant."""
    return (window.from_s is None or window.from_s * 1000 <= now_ms) and (
        window.until_s is None or now_ms < window.until_s * 1000
    )


def buckets(window: Window, now_ms: int) -> tuple[int, int, int]:
    """Return the numbers of the first and the last balance that count now, and of the one that is charged.

    A plain window has one balance. Days have their proleptic ordinal, months year x 12 + month. A rolling window has
    short balances, each of which counts until all of it is too old, and so never for less long than at the vendor;
    those count too that another process wrote whose clock is a little ahead.

    Raises:
        ConfigError: no such zone.
    """
    if window.rolling_s is not None:
        size_ms = max(1, -(-window.rolling_s // _ROLLING_BUCKETS)) * 1000
        first_ms = now_ms - window.rolling_s * 1000
        return first_ms // size_ms, (now_ms + CLOCK_BACK_MS) // size_ms, now_ms // size_ms
    number = 0
    if window.every is not None:
        number = _day(now_ms, window.zone)
    if window.every == "month":
        day = dt.date.fromordinal(number)
        number = day.year * 12 + day.month
    return number, number, number


def ends_at(window: Window, now_ms: int) -> int | None:
    """Return when what is unused now is lost, in Unix milliseconds; None where it never is.

    That is the window's end or that of the day or month, whichever is first.

    Raises:
        ConfigError: no such zone.
    """
    ends = [] if window.until_s is None else [window.until_s]
    if window.every is not None:
        day = dt.date.fromordinal(_day(now_ms, window.zone))
        ends.append(_midnight_s(_next(day, window.every), window.zone))
    return min(ends) * 1000 if ends else None


def _instant_s(value: dt.date | None, zone: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, dt.datetime):
        return _midnight_s(value, zone)
    moment = value if value.tzinfo is not None else value.replace(tzinfo=load_zone(zone))
    return math.floor(moment.timestamp())


def _midnight_s(day: dt.date, zone: str) -> int:
    """Return when a day begins: at the first of two midnights, or right behind the gap that has swallowed it."""
    return int(dt.datetime.combine(day, dt.time(), load_zone(zone)).timestamp())


def _day(now_ms: int, zone: str) -> int:
    """Return the ordinal of the day.

    A few clocks are put back from just past midnight into the day before (St. John's until 2011): the new day, once
    begun, goes on, so that no balance comes back.
    """
    local = dt.datetime.fromtimestamp(now_ms // 1000, load_zone(zone)).date()
    tomorrow = local + dt.timedelta(days=1)
    return (tomorrow if _midnight_s(tomorrow, zone) * 1000 <= now_ms else local).toordinal()


def _next(day: dt.date, every: Literal["day", "month"]) -> dt.date:
    """Return the first day of the next day or month."""
    if every == "day":
        return day + dt.timedelta(days=1)
    return dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)
