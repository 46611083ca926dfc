"""Hold the books against a vendor's usage or bill, and say what must be booked so that they agree: pure functions.

Entries are never edited: a difference becomes an adjustment. What is compared is one day and one model in one unit:
a day in the zone of the file, a unit as the budgets count (tokens, calls, money in its currency).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from llm_migrate.config.budgets import Budget, Unit
from llm_migrate.ledger.bill import EVERY_MODEL, Line
from llm_migrate.ledger.books import NEVER, Adjust, Entry, Reservation, Settle, WriteOff
from llm_migrate.ledger.offers import RANKS, Offer, most
from llm_migrate.ledger.windows import buckets, ends_at, is_open
from llm_migrate.ledger.zone import load_zone

ALARM_PERCENT: Final = 2  # more than so much is not explained by rounding and calls at midnight

# Compared, or why not: the day is not over, calls are not settled yet, only we know it, only the vendor does, what the
# file says of the model is paid by budgets that count in different units, or in one that the file says nothing of.
Verdict: TypeAlias = Literal["compared", "not-over", "open", "only-ours", "no-budget", "mixed", "not-said"]
Booking: TypeAlias = Adjust | Settle | WriteOff
Scale: TypeAlias = tuple[Unit, str | None, int, tuple[int, int]]  # all by which amounts of budgets can be added up

_REFERENCE: Final = re.compile(r"bill (\d{4}-\d\d-\d\d) (.+) #[0-9a-f]{16}(?: of (.*))?", re.DOTALL)
_SNAPSHOT: Final = re.compile(r"-20\d\d-?\d\d-?\d\d$")
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Books:
    """What is known here.

    Attributes:
        offers: those that the file can be about, by id.
        entries: of them, from a day before the file's first on.
        open: what is held, sent or unresolved of them.
    """

    offers: Mapping[str, Offer]
    entries: Sequence[Entry]
    open: Sequence[Reservation]


@dataclass(frozen=True, slots=True)
class Drift:
    """One day and model in one unit.

    Attributes:
        day: in the zone of the file.
        model: the vendor's id; `EVERY_MODEL` for all.
        unit: of the amounts.
        currency: of money.
        ours: by the books.
        theirs: by the file; None if it says nothing.
        open: calls of that day that have not ended.
        verdict: whether they were compared.
        alarm: they differ by more than two percent.
    """

    day: dt.date
    model: str
    unit: Unit
    currency: str | None
    ours: int
    theirs: int | None
    open: int
    verdict: Verdict
    alarm: bool

    @property
    def percent(self) -> float | None:
        """By how much we are above the vendor; None where he has nothing."""
        return 100 * (self.ours - self.theirs) / self.theirs if self.theirs else None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of it.

    Attributes:
        drifts: by day and model.
        operations: what is to be booked.
        matched: calls that were found by their id.
        zone: whose days.
    """

    drifts: tuple[Drift, ...]
    operations: tuple[Booking, ...]
    matched: int
    zone: str

    @property
    def alarm(self) -> bool:
        """Whether anything differs by more than two percent."""
        return any(drift.alarm for drift in self.drifts)


@dataclass(slots=True)
class _Group:
    """What both sides say of a day and a model."""

    lines: list[Line] = field(default_factory=list[Line])
    entries: list[Entry] = field(default_factory=list[Entry])
    open: list[Reservation] = field(default_factory=list[Reservation])


_Key: TypeAlias = tuple[dt.date, str]


def first_instant(lines: Iterable[Line], zone: str) -> int:
    """Return from when on entries can be those of a file, in Unix milliseconds: a day before its first."""
    first = min(line.day for line in lines)
    return _midnight_ms(first, zone) - _DAY_MS


def reconcile(
    lines: Sequence[Line], books: Books, *, zone: str, now_ms: int, write_off: bool = False
) -> Reconciliation:
    """Return how far the books are from a file, and what makes them agree.

    Calls that the file names are held against it one by one, the others by day and model. What the file does not
    know at all is told but not booked, and neither is a day that is not over or has calls that have not ended.

    Args:
        lines: what the file says; not empty.
        books: what is known here.
        zone: whose days the file has.
        now_ms: Unix milliseconds.
        write_off: end at nothing what is unresolved on days that the file knows.
    """
    by_id = _ByRequest(lines, books)
    operations: list[Booking] = by_id.operations(books.offers, now_ms)
    drifts: list[Drift] = []
    today = dt.datetime.fromtimestamp(now_ms / 1000, load_zone(zone)).date()
    for (day, model), group in sorted(_groups(lines, books, by_id, zone).items()):
        scales = _scales(group, books, day, model, zone)
        if not scales:
            drifts.append(_unbudgeted(day, model, group.lines))
        for scale in scales:
            held = _Comparison(day, model, scale, group, books.offers, by_id)
            drift = held.drift(over=day < today, write_off=write_off)
            drifts.append(drift)
            if drift.verdict == "compared":
                operations += held.bookings(books.offers, zone, now_ms, write_off=write_off)
    return Reconciliation(tuple(drifts), tuple(dict.fromkeys(operations)), len(by_id.lines), zone)


class _ByRequest:
    """Lines and entries that belong together by the id of their call."""

    def __init__(self, lines: Sequence[Line], books: Books) -> None:
        ours: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in books.entries:
            if request := _request(entry):
                ours[request].append(entry)
        unresolved: defaultdict[str, list[Reservation]] = defaultdict(list)
        for held in books.open:
            if held.state == "unresolved":
                unresolved[held.request].append(held)
        theirs: defaultdict[str, list[Line]] = defaultdict(list)
        for line in lines:
            if line.request and (line.request in ours or line.request in unresolved):
                theirs[line.request].append(line)
        self.lines: Mapping[str, list[Line]] = theirs
        self._entries, self._unresolved = ours, unresolved

    def operations(self, offers: Mapping[str, Offer], now_ms: int) -> list[Booking]:
        """Return what makes each of these calls agree."""
        found: list[Booking] = []
        for request, lines in self.lines.items():
            found += self._agreed(request, lines, offers, now_ms)
        return found

    def _agreed(self, request: str, lines: list[Line], offers: Mapping[str, Offer], now_ms: int) -> Iterable[Booking]:
        """Settle what is unresolved of a call at what the file has beyond the rest; else adjust its last entry."""
        entries, unresolved = self._entries.get(request, []), self._unresolved.get(request, [])
        last = unresolved[-1] if unresolved else entries[-1]
        scale = _scale(offers[last.offer].budget)
        theirs = _theirs(lines, scale)
        if theirs is None:
            return
        ours = sum(entry.amount for entry in entries if _scale(offers[entry.offer].budget) == scale)
        more = theirs - ours
        for held in reversed(unresolved):
            amount = max(0, more)
            more -= amount
            yield Settle(request, held.attempt, amount, now_ms, "bill", held.mark)
        if more:
            facts = (scale, last.offer, last.bucket, theirs, ours)
            reference = f"{_reference(lines[0].day, lines[0].model, facts)} of {request}"
            yield Adjust(last.offer, last.bucket, more, reference, now_ms)


class _Comparison:
    """A day and a model in one unit."""

    def __init__(
        self,
        day: dt.date,
        model: str,
        scale: Scale,
        group: _Group,
        offers: Mapping[str, Offer],
        by_id: _ByRequest,
    ) -> None:
        self.day, self.model, self.scale = day, model, scale
        self._lines = group.lines
        self._entries = [entry for entry in group.entries if _scale(offers[entry.offer].budget) == scale]
        self._open = [held for held in group.open if _scale(offers[held.offer].budget) == scale]
        self._mixed = len({_scale(offers[entry.offer].budget) for entry in group.entries}) > 1
        self._by_id = by_id

    def drift(self, *, over: bool, write_off: bool) -> Drift:
        """Return how far apart the two sides are."""
        unit, currency, *_ = self.scale
        ours, theirs = sum(entry.amount for entry in self._entries), _theirs(self._lines, self.scale)
        verdict = self._verdict(theirs, over=over, write_off=write_off)
        alarm = verdict in ("compared", "only-ours") and abs(ours - (theirs or 0)) * 100 > ALARM_PERCENT * (theirs or 0)
        return Drift(self.day, self.model, unit, currency, ours, theirs, len(self._open), verdict, alarm)

    def _verdict(self, theirs: int | None, *, over: bool, write_off: bool) -> Verdict:
        if not over:
            return "not-over"
        if not self._lines:
            return "only-ours"
        if theirs is None:
            return "not-said"
        # Tokens and calls of a file are those of all budgets together; money is only what was charged.
        if self._mixed and self.scale[0] != "money":
            return "mixed"
        waiting = [held for held in self._unknown_open() if not (write_off and held.state == "unresolved")]
        return "open" if waiting else "compared"

    def bookings(self, offers: Mapping[str, Offer], zone: str, now_ms: int, *, write_off: bool) -> list[Booking]:
        """Return what makes all calls of the group agree that the file does not name."""
        found: list[Booking] = []
        if write_off:
            found += [WriteOff(held.request, held.attempt, now_ms) for held in self._unknown_open()]
        lines = [line for line in self._lines if line.request not in self._by_id.lines]
        entries = [entry for entry in self._entries if _request(entry) not in self._by_id.lines]
        if not lines and not entries:
            return found
        theirs = _theirs(lines, self.scale) or 0
        ours = sum(entry.amount for entry in entries)
        if theirs == ours:
            return found
        content = sorted(_plain(line) for line in lines)
        for offer, bucket, amount in self._shares(theirs - ours, entries, offers, zone):
            facts = (self.scale, offer, bucket, theirs, ours, content)
            found.append(Adjust(offer, bucket, amount, _reference(self.day, self.model, facts), now_ms))
        return found

    def _unknown_open(self) -> list[Reservation]:
        return [held for held in self._open if held.request not in self._by_id.lines]

    def _shares(
        self, difference: int, entries: Sequence[Entry], offers: Mapping[str, Offer], zone: str
    ) -> list[tuple[str, int, int]]:
        """Return (offer, bucket, amount) that add up to a difference.

        What lacks goes to the offer that paid last; what is too much is taken from the last one first, from none more
        than it has paid that day.
        """
        paid: dict[tuple[str, int], int] = {}
        for entry in reversed(entries):
            paid[entry.offer, entry.bucket] = paid.get((entry.offer, entry.bucket), 0) + entry.amount
        if not paid:
            place = self._payer(offers, zone)
            return [(*place, difference)] if place is not None else []
        shares: dict[tuple[str, int], int] = {}
        for place, amount in paid.items() if difference < 0 else ():
            shares[place] = max(difference, -max(0, amount))
            difference -= shares[place]
        last = next(iter(paid))
        shares[last] = shares.get(last, 0) + difference
        return [(*place, share) for place, share in shares.items() if share]

    def _payer(self, offers: Mapping[str, Offer], zone: str) -> tuple[str, int] | None:
        """Return the offer, and its bucket, that would have paid for calls that did not go through these books."""
        noon_ms = _midnight_ms(self.day, zone) + _DAY_MS // 2
        usable = [
            (RANKS[offer.budget.kind], ends_at(window, noon_ms) or NEVER, offer.id, buckets(window, noon_ms)[2])
            for offer in offers.values()
            if _scale(offer.budget) == self.scale
            and (window := offer.window) is not None
            and is_open(window, noon_ms)
            and _fits(offer.budget, self.model)
        ]
        return min(usable)[2:] if usable else None


def _unbudgeted(day: dt.date, model: str, lines: Sequence[Line]) -> Drift:
    """Return what the vendor counted of a model that no budget is for."""
    tokens = _theirs(lines, ("tokens", None, 0, (0, 0)))
    currency = next((line.currency for line in lines if line.currency), None)
    if tokens is None and currency is not None:
        money = _theirs(lines, ("money", currency, 0, (0, 0)))
        return Drift(day, model, "money", currency, 0, money, 0, "no-budget", alarm=False)
    return Drift(day, model, "tokens", None, 0, tokens, 0, "no-budget", alarm=False)


def _groups(lines: Sequence[Line], books: Books, by_id: _ByRequest, zone: str) -> dict[_Key, _Group]:
    """Return what both sides say, by day and model, of the days from the first to the last of the file."""
    first, last = min(line.day for line in lines), max(line.day for line in lines)
    whole = all(line.model == EVERY_MODEL for line in lines)
    named = {line.model.lower(): line.model for line in lines}
    dated = [(entry, *said) for entry in books.entries if (said := _said_of(entry, zone)) is not None]
    ours: dict[str, str] = {}
    for model in [*(model for _, _, model in dated), *(held.model for held in books.open)]:
        ours.setdefault(model.lower(), model)
    groups: defaultdict[_Key, _Group] = defaultdict(_Group)
    of_call: dict[str, _Key] = {}  # a call that the file names is of the day and model that the file says
    for line in lines:
        place = line.day, _as_asked(line.model, ours)
        groups[place].lines.append(line)
        if line.request in by_id.lines:
            of_call.setdefault(line.request, place)

    def key(day: dt.date, model: str) -> _Key:
        return day, EVERY_MODEL if whole else ours.get(model.lower()) or named.get(model.lower(), model)

    for entry, booked, model in dated:
        place = of_call.get(_request(entry)) or key(booked, model)
        if first <= place[0] <= last:
            groups[place].entries.append(entry)
    for held in books.open:
        place = of_call.get(held.request) or key(_day_of(held.since, zone), held.model)
        if first <= place[0] <= last:
            groups[place].open.append(held)
    return groups


def _as_asked(model: str, ours: Mapping[str, str]) -> str:
    """Return the id that programs asked for: bills name the dated version that answered."""
    exact = ours.get(model.lower())
    return exact or ours.get(_SNAPSHOT.sub("", model.lower())) or model


def _scales(group: _Group, books: Books, day: dt.date, model: str, zone: str) -> list[Scale]:
    """Return the units in which a day and a model are compared: those that paid, else those that could have."""
    paid = [books.offers[entry.offer].budget for entry in group.entries]
    paid += [books.offers[held.offer].budget for held in group.open]
    noon_ms = _midnight_ms(day, zone) + _DAY_MS // 2
    could = [o.budget for o in books.offers.values() if o.is_usable(noon_ms) and _fits(o.budget, model)]
    return sorted({_scale(budget) for budget in paid or could}, key=repr)


def _fits(budget: Budget, model: str) -> bool:
    globs = budget.models
    return not globs or model == EVERY_MODEL or any(fnmatchcase(model.lower(), glob.lower()) for glob in globs)


def _scale(budget: Budget) -> Scale:
    return budget.unit, budget.currency, budget.points_per_call, budget.points_per_mtok


def _theirs(lines: Sequence[Line], scale: Scale) -> int | None:
    """Return what lines say in a unit; None if they say nothing of it."""
    unit, currency, *_ = scale
    if unit == "money":
        return _sum(line.money for line in lines if line.currency == currency)
    if unit == "calls":
        return _calls(lines)
    given, written = (_sum(line.input_tokens for line in lines), _sum(line.output_tokens for line in lines))
    if unit in ("input-tokens", "output-tokens"):
        return given if unit == "input-tokens" else written
    return _sum(_tokens(line) for line in lines) if unit == "tokens" else _points(lines, given, written, scale)


def _points(lines: Sequence[Line], given: int | None, written: int | None, scale: Scale) -> int | None:
    _, _, per_call, per_mtok = scale
    calls = _calls(lines) if per_call else 0
    if given is None or written is None or calls is None:
        return None
    rates = Budget("", "", "", (), "points", None, points_per_mtok=per_mtok)
    return (most(rates, given, written, None) or 0) + per_call * calls


def _tokens(line: Line) -> int | None:
    if line.total_tokens is not None:
        return line.total_tokens
    return _sum((line.input_tokens, line.output_tokens))


def _calls(lines: Sequence[Line]) -> int | None:
    if lines and all(line.request for line in lines):
        return len({line.request for line in lines})
    return _sum(line.calls for line in lines)


def _sum(amounts: Iterable[int | None]) -> int | None:
    said = [amount for amount in amounts if amount is not None]
    return sum(said) if said else None


def _reference(day: dt.date, model: str, facts: object) -> str:
    """Return the name of an adjustment: the same for the same file and the same books, so that it is booked once."""
    digest = hashlib.sha256(json.dumps([str(day), model, facts], ensure_ascii=False).encode()).hexdigest()[:16]
    return f"bill {day} {model} #{digest}"


def _plain(line: Line) -> str:
    counts = (line.request, line.input_tokens, line.output_tokens, line.total_tokens, line.calls, line.money)
    return json.dumps([str(line.day), line.model, *counts, line.currency], ensure_ascii=False)


def _request(entry: Entry) -> str:
    return entry.request if entry.kind == "settle" else _of_request(entry)


def _of_request(entry: Entry) -> str:
    """Return the call that an adjustment was booked for; "" if it was for a day."""
    found = _REFERENCE.fullmatch(entry.request)
    return (found.group(3) or "") if found else ""


def _said_of(entry: Entry, zone: str) -> tuple[dt.date, str] | None:
    """Return the day and the model of an entry; an adjustment names those it was booked for, or is not of a bill."""
    if entry.kind == "settle":
        return _day_of(entry.at, zone), entry.model
    found = _REFERENCE.fullmatch(entry.request)
    return (dt.date.fromisoformat(found.group(1)), found.group(2)) if found is not None else None


def _day_of(at_ms: int, zone: str) -> dt.date:
    return dt.datetime.fromtimestamp(at_ms / 1000, load_zone(zone)).date()


def _midnight_ms(day: dt.date, zone: str) -> int:
    return int(dt.datetime.combine(day, dt.time(), load_zone(zone)).timestamp() * 1000)
