"""The chart of one offer as SVG: what is used over time, its limit, and where the pace leads until it ends.

Colours are classes, which the page explains; so a chart follows the page into the dark.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Final

from llm_migrate.ledger.books import Entry
from llm_migrate.ledger.status import DAY_MS, Status, day_of, used_by_day
from llm_migrate.ledger.windows import buckets
from llm_migrate.ledger.zone import load_zone
from llm_migrate.report.budget_words import short, short_day
from llm_migrate.report.cells import printable

_WIDTH: Final = 360
_HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 354, 26, 164
_DAYS_SHOWN: Final = 14  # bars of an offer that begins anew each day
_SAMPLES: Final = 120  # of what a rolling window holds
_AHEAD_MS: Final = 7 * DAY_MS  # at least so much of the future where there is no end
_FARTHEST_MS: Final = 60 * DAY_MS  # until it is used up, so that this still shows


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a chart shows, in Unix milliseconds and units."""

    start: int
    end: int
    top: int

    def x(self, at: float) -> float:
        part = (at - self.start) / max(1, self.end - self.start)
        return round(_LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, part)), 1)

    def y(self, amount: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * min(1.0, max(0.0, amount / max(1, self.top))), 1)


def chart_of(status: Status, entries: Sequence[Entry], now_ms: int) -> str:
    """Return the SVG element of an offer.

    Args:
        status: how it stands at `now_ms`.
        entries: all of it that the books hold.
        now_ms: the instant.
    """
    if status.offer.window is None:
        return ""
    if status.offer.budget.every == "day":
        body = _days(status, entries, now_ms)
    elif status.offer.budget.rolling_hours is not None:
        body = _rolling(status, entries, now_ms)
    else:
        body = _line(status, entries, now_ms)
    label = escape(printable(f"Use of {status.offer.id} over time"), quote=True)
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{body}</svg>'


def _line(status: Status, entries: Sequence[Entry], now_ms: int) -> str:
    """Draw what is used of one balance, from its beginning to its end."""
    window, zone = status.offer.window, status.offer.budget.zone
    if window is not None and window.every is not None:
        number = buckets(window, now_ms)[2]
        entries = [entry for entry in entries if entry.bucket == number]
    points = _climb(status, entries, now_ms)
    future = _projection(status, points[-1], now_ms)
    limit = status.offer.budget.amount
    top = max(limit or 0, *(amount for _, amount in [*points, *future]), 1)
    frame = _Frame(points[0][0], _end(status, points[0][0], now_ms), top)
    area = [*points, (points[-1][0], 0), (points[0][0], 0)]
    parts = [
        f'<polygon class="area" points="{_path(frame, area)}"/>',
        _limit(frame, status),
        f'<polyline class="used" points="{_path(frame, points)}"/>',
    ]
    if future:
        parts.append(f'<polyline class="ahead" points="{_path(frame, [points[-1], *future])}"/>')
    if frame.start <= now_ms < frame.end:
        parts.append(_now(frame, now_ms, points[-1][1]))
    return "".join([*parts, _axis(frame, zone)])


def _climb(status: Status, entries: Sequence[Entry], now_ms: int) -> list[tuple[int, int]]:
    """Return (instant, used until then): flat where nothing was used, rising within days of use."""
    zone = status.offer.budget.zone
    days = used_by_day(entries, zone)
    used, start = 0, _start(status, next(iter(days), None), now_ms)
    points = [(start, 0)]
    last = min(now_ms, status.over_at or now_ms)
    for day, amount in days.items():
        begin, end = _midnight(day, zone), _midnight(day + dt.timedelta(days=1), zone)
        if begin > points[-1][0]:
            points.append((begin, used))
        used += amount
        points.append((max(points[-1][0], min(end, max(last, points[-1][0]))), used))
    if last > points[-1][0]:
        points.append((last, used))
    return points


def _start(status: Status, first: dt.date | None, now_ms: int) -> int:
    zone = status.offer.budget.zone
    if status.offer.budget.every == "month":
        return _midnight(day_of(now_ms, zone).replace(day=1), zone)
    used = [_midnight(first, zone)] if first is not None else []
    if status.begins_at is not None:
        return min([status.begins_at, *used])
    return min([now_ms - _AHEAD_MS, *used])


def _end(status: Status, start: int, now_ms: int) -> int:
    if status.lost_at is not None:
        return status.lost_at
    ahead = max(_AHEAD_MS, (now_ms - start) // 2)
    if status.free is not None and status.day_pace > 0:
        gone = status.free * DAY_MS // status.day_pace
        ahead = max(ahead, gone * 11 // 10) if gone < _FARTHEST_MS else ahead
    return now_ms + ahead


def _projection(status: Status, last: tuple[int, int], now_ms: int) -> list[tuple[int, int]]:
    """Return where the pace leads: to the end, or to the limit if that is reached before."""
    at, used = last
    if status.state not in ("open", "used up") or status.day_pace <= 0 or at < now_ms - DAY_MS:
        return []
    end = _end(status, at, now_ms)
    limit = status.offer.budget.amount
    reached = used + status.day_pace * (end - at) // DAY_MS
    if limit is None or reached <= limit or not status.offer.budget.hard:
        return [(end, reached)]
    return [(at + (max(0, limit - used)) * DAY_MS // status.day_pace, limit)]


def _days(status: Status, entries: Sequence[Entry], now_ms: int) -> str:
    """Draw a bar for each of the last days."""
    window, budget = status.offer.window, status.offer.budget
    today = buckets(window, now_ms)[2] if window is not None else 0
    used: dict[int, int] = defaultdict(int)
    for entry in entries:
        used[entry.bucket] += entry.amount
    numbers = range(today - _DAYS_SHOWN + 1, today + 1)
    frame = _Frame(0, _DAYS_SHOWN, max(budget.amount or 0, *(used[number] for number in numbers), 1))
    parts: list[str] = []
    for place, number in enumerate(numbers):
        left, right, top = frame.x(place + 0.12), frame.x(place + 0.88), frame.y(used[number])
        name = escape(f"{dt.date.fromordinal(number)}: {short(used[number], budget)}")
        parts.append(
            f'<rect class="bar{" today" if number == today else ""}" x="{left}" y="{top}" width="{right - left:.1f}"'
            f' height="{_BOTTOM - top:.1f}"><title>{name}</title></rect>'
        )
    first, last = (dt.date.fromordinal(number) for number in (numbers[0], numbers[-1]))
    return "".join([*parts, _limit(frame, status), _base(), *_ends(short_day(first), f"{short_day(last)} (today)")])


def _rolling(status: Status, entries: Sequence[Entry], now_ms: int) -> str:
    """Draw what a rolling window held at each instant."""
    budget = status.offer.budget
    span = (budget.rolling_hours or 1) * 3_600_000
    start = now_ms - max(4 * span, DAY_MS)
    booked = sorted((entry.at, entry.amount) for entry in entries if start - span < entry.at)
    instants = [at for at, _ in booked]
    sums = [0, *accumulate(amount for _, amount in booked)]
    points: list[tuple[int, int]] = []
    for step in range(_SAMPLES + 1):
        at = start + (now_ms - start) * step // _SAMPLES
        points.append((at, sums[bisect_right(instants, at)] - sums[bisect_right(instants, at - span)]))
    frame = _Frame(start, now_ms, max(budget.amount or 0, *(amount for _, amount in points), 1))
    area = [*points, (points[-1][0], 0), (points[0][0], 0)]
    return "".join(
        [
            f'<polygon class="area" points="{_path(frame, area)}"/>',
            _limit(frame, status),
            f'<polyline class="used" points="{_path(frame, points)}"/>',
            _base(),
            *_ends(_clock(start, budget.zone), f"{_clock(now_ms, budget.zone)} (now)"),
        ]
    )


def _limit(frame: _Frame, status: Status) -> str:
    limit = status.offer.budget.amount
    if limit is None:
        return ""
    y = frame.y(limit)
    text = escape(f"limit {short(limit, status.offer.budget)}")
    return (
        f'<line class="limit" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text class="limit-text" x="{_LEFT}" y="{y - 6:.1f}">{text}</text>'
    )


def _now(frame: _Frame, now_ms: int, used: int) -> str:
    x = frame.x(now_ms)
    side = "end" if x > _WIDTH * 0.8 else "start"
    shift = -5 if side == "end" else 5
    return (
        f'<line class="now" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_BOTTOM}"/>'
        f'<circle class="dot" cx="{x}" cy="{frame.y(used)}" r="3.5"/>'
        f'<text class="small" x="{x + shift}" y="{_BOTTOM - 5}" text-anchor="{side}">now</text>'
    )


def _axis(frame: _Frame, zone: str) -> str:
    last = day_of(frame.end - 1, zone)
    first = day_of(frame.start, zone)
    return "".join([_base(), *_ends(short_day(first), short_day(last))])


def _base() -> str:
    return f'<line class="axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_BOTTOM}" y2="{_BOTTOM}"/>'


def _ends(first: str, last: str) -> tuple[str, str]:
    y = _BOTTOM + 18
    return (
        f'<text class="small" x="{_LEFT}" y="{y}">{escape(first)}</text>',
        f'<text class="small" x="{_RIGHT}" y="{y}" text-anchor="end">{escape(last)}</text>',
    )


def _path(frame: _Frame, points: Sequence[tuple[int, int]]) -> str:
    return " ".join(f"{frame.x(at)},{frame.y(amount)}" for at, amount in points)


def _clock(at_ms: int, zone: str) -> str:
    local = dt.datetime.fromtimestamp(at_ms / 1000, load_zone(zone))
    return f"{short_day(local.date())} {local:%H:%M}"


def _midnight(day: dt.date, zone: str) -> int:
    return int(dt.datetime.combine(day, dt.time(), load_zone(zone)).timestamp()) * 1000
