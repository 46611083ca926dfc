"""A model of the books for the machine that tests stores: lists in memory, from which all figures are counted anew.

It is written from the rules and not from a store: no balance is kept, each is a sum over attempts and entries. All
instants are whole seconds, so that it need not know how coarsely a store writes its clock down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from llm_migrate.ledger.books import (
    Adjust,
    Balance,
    Conflict,
    Done,
    Doubt,
    Ending,
    Extend,
    Grant,
    NoRoom,
    Operation,
    Outcome,
    Reserve,
    Send,
    Settle,
    Sweep,
    Swept,
    Void,
    Want,
    Warn,
    WriteOff,
)

Key = tuple[str, int]
Line = tuple[str, str, int, str, int, int, int, str, str, str, int]

_QUARTER_MS = 15 * 60 * 1000


@dataclass
class Attempt:
    """One reservation; `late` if it was settled after its room had been given away."""

    key: Key
    offer: str
    bucket: int
    amount: int
    estimate: int
    state: str
    owner: str
    lease_until: int
    since: int
    model: str
    mark: str = ""
    settled: int | None = None
    late: bool = False
    ends: list[str] = field(default_factory=list)


@dataclass
class Model:
    """The books."""

    attempts: dict[Key, Attempt] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    told: set[tuple[str, int, int]] = field(default_factory=set)
    seen: int = 0

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        before = self.seen
        outcomes = [self._do(operation, before) for operation in operations]
        self.seen = max([before, *(getattr(operation, "now", 0) for operation in operations)])
        return outcomes

    # -- what is in the books

    def balance(self, offer: str, bucket: int) -> Balance:
        mine = [a for a in self.attempts.values() if (a.offer, a.bucket) == (offer, bucket)]
        lines = [line for line in self.lines if (line[3], line[4]) == (offer, bucket)]
        return Balance(
            offer,
            bucket,
            spent=sum(line[5] for line in lines),
            reserved=sum(a.amount for a in mine if a.state in ("held", "sent")),
            unresolved=sum(a.amount for a in mine if a.state == "unresolved"),
            overrun=sum(line[6] for line in lines),
        )

    def balances(self) -> dict[Key, Balance]:
        """Return all balances that hold anything."""
        keys = {(a.offer, a.bucket) for a in self.attempts.values()} | {(line[3], line[4]) for line in self.lines}
        found = {key: self.balance(*key) for key in keys}
        return {key: balance for key, balance in found.items() if balance != Balance(*key)}

    def open(self) -> set[tuple[object, ...]]:
        return {
            (*a.key, a.offer, a.bucket, a.amount, a.estimate, a.state, a.owner, a.lease_until, a.since, a.mark, a.model)
            for a in self.attempts.values()
            if a.state in ("held", "sent", "unresolved")
        }

    # -- what is done to them

    def _do(self, operation: Operation, seen: int) -> Outcome:
        now = max(getattr(operation, "now", 0), seen - 2000)
        if isinstance(operation, Reserve):
            return self._reserve(operation, now)
        if isinstance(operation, Sweep):
            return self._sweep(operation, now)
        if isinstance(operation, Adjust):
            return self._adjust(operation, now)
        if isinstance(operation, Extend):
            held = [a for a in self.attempts.values() if a.state in ("held", "sent") and a.owner == operation.owner]
            late = [a for a in held if a.lease_until < operation.lease_until]
            for a in late:
                a.lease_until = operation.lease_until
            return Done(bool(late))
        if isinstance(operation, Warn):
            key = (operation.offer, operation.bucket, operation.percent)
            new = key not in self.told
            self.told.add(key)
            return Done(new)
        assert isinstance(operation, Send | Settle | Void | Doubt | WriteOff)
        return self._say(operation, now)

    def _reserve(self, operation: Reserve, now: int) -> Grant | NoRoom:
        key = operation.request, operation.attempt
        if key in self.attempts:
            made = self.attempts[key]
            return Grant(made.offer, made.bucket, made.amount)
        found = self.best(operation.wants, now)
        if found is None:
            return NoRoom()
        want, amount = found
        self.attempts[key] = Attempt(
            key,
            want.offer,
            want.buckets[2],
            amount,
            min(want.estimate, amount),
            operation.state,
            operation.owner,
            operation.lease_until,
            now,
            operation.model,
        )
        return Grant(want.offer, want.buckets[2], amount)

    def best(self, wants: Sequence[Want], now: int) -> tuple[Want, int] | None:
        """Return what is to pay, by going through the rules one after the other."""
        usable = [want for want in wants if want.ends_at > now]
        left = {want.offer: self.left(want) for want in usable}
        whole = [want for want in usable if _holds(left[want.offer], want.amount)]
        group = whole or [want for want in usable if _holds(left[want.offer], want.least)]
        if not group:
            return None
        rank = min(want.rank for want in group)
        group = [want for want in group if want.rank == rank]
        end = min(want.ends_at for want in group)
        group = [want for want in group if want.ends_at == end]
        limited = [room for want in group if (room := left[want.offer]) is not None]
        if limited:
            group = [want for want in group if left[want.offer] == min(limited)]
        first = min(group, key=lambda want: want.offer)
        room = left[first.offer]
        return first, first.amount if whole or room is None else room

    def left(self, want: Want) -> int | None:
        """Return what is left of an offer; None for no end."""
        if want.limit is None or not want.hard:
            return None
        first, last, _ = want.buckets
        counted = [held for (offer, bucket), held in self.balances().items() if offer == want.offer]
        return max(0, want.limit - sum(held.taken for held in counted if first <= held.bucket <= last))

    def _say(self, operation: Send | Ending, now: int) -> Done | Conflict:
        a = self.attempts.get((operation.request, operation.attempt))
        if a is None:
            return Conflict("no such reservation")
        before = self.balance(a.offer, a.bucket)
        word = type(operation).__name__
        if self._moves(a, operation, now):
            after = self.balance(a.offer, a.bucket)
            if word == "Send":
                return Done(True, a.offer, a.bucket)
            return Done(True, a.offer, a.bucket, after.spent + after.unresolved, before.spent + before.unresolved)
        same = {"Send": "sent", "Void": "void", "Doubt": "unresolved", "WriteOff": "written_off"}
        if isinstance(operation, Settle):
            if a.state == "settled" and a.settled == operation.amount:
                return Done(False, a.offer, a.bucket)
            problem = f"settled already, at {a.settled}" if a.state == "settled" else f"{a.state} already"
            return Conflict(problem.replace("_", " "))
        if a.state == same[word] or (word == "Void" and a.state == "lapsed"):
            return Done(False, a.offer, a.bucket)
        return Conflict("it was never sent" if a.state == "held" else f"{a.state} already".replace("_", " "))

    def _moves(self, a: Attempt, operation: Send | Ending, now: int) -> bool:
        match operation, a.state:
            case Send(), "held":
                a.state = "sent"
            case Settle(), "held" | "sent" | "unresolved" | "lapsed":
                a.late = a.state == "lapsed"
                self._settle(a, operation.amount, operation.basis, operation.mark or a.mark, now)
            case Void(), "held" | "sent":
                a.state = "void"
            case Doubt(), "sent":
                a.state, a.mark = "unresolved", operation.mark
            case WriteOff(), "unresolved":
                a.state = "written_off"
            case _:
                return False
        a.since = now
        if a.state not in ("sent", "unresolved"):
            a.ends.append(a.state)
        return True

    def _settle(self, a: Attempt, amount: int, basis: str, mark: str, now: int) -> None:
        a.state, a.settled = "settled", amount
        over = max(0, amount - a.amount)
        self.lines.append(("settle", *a.key, a.offer, a.bucket, amount, over, basis, mark, a.model, now))

    def _sweep(self, operation: Sweep, now: int) -> Swept:
        lapsed = doubted = assumed = 0
        for a in sorted(self.attempts.values(), key=lambda a: (a.since, a.key)):
            abandoned = a.lease_until <= now or a.owner in operation.gone
            if a.state == "held" and abandoned:
                a.state, a.since = "lapsed", now
                a.ends.append("lapsed")
                lapsed += 1
            elif a.state == "sent" and abandoned:
                a.state, a.mark, a.since = "unresolved", "", now
                doubted += 1
            elif a.state == "unresolved" and a.since + _QUARTER_MS <= now:
                self._settle(a, a.estimate, "assumed", a.mark, now)
                a.since = now
                a.ends.append("settled")
                assumed += 1
        return Swept(lapsed, doubted, assumed)

    def _adjust(self, operation: Adjust, now: int) -> Done:
        if any(line[0] == "adjust" and line[1] == operation.reference for line in self.lines):
            return Done(False, operation.offer, operation.bucket)
        before = self.balance(operation.offer, operation.bucket)
        amount = operation.amount
        self.lines.append(
            ("adjust", operation.reference, 0, operation.offer, operation.bucket, amount, 0, "bill", "", "", now)
        )
        counts = before.spent + before.unresolved
        return Done(True, operation.offer, operation.bucket, counts + amount, counts)


def _holds(room: int | None, amount: int) -> bool:
    return room is None or amount <= room
