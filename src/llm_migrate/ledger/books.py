"""What can be done to the books, and what comes of it, as data. Nothing here stores, counts time or knows a vendor.

A reservation is one attempt of a request against one offer. It is held, then sent, and ends once: settled, void or
lapsed; one whose outcome nobody knows is unresolved until it is settled or written off. What is settled or adjusted is
an entry, which nobody changes any more. All amounts are integers in the unit of their offer (tokens, calls, points, or
billionths of a currency), all instants Unix milliseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

State: TypeAlias = Literal["held", "sent", "unresolved", "settled", "void", "lapsed", "written_off"]
# Who says how much it was: the vendor, our count of what came, nobody (the reservation stands), or a vendor's bill.
Basis: TypeAlias = Literal["vendor", "estimate", "assumed", "bill"]
Mark: TypeAlias = Literal["", "cut", "cancelled"]

NEVER: Final = sys.maxsize  # an instant after all others
UNRESOLVED_MS: Final = 15 * 60 * 1000  # until an attempt with an unknown outcome counts as it was reserved
CLOCK_BACK_MS: Final = 2000  # how far a clock may go back before that is ignored


@dataclass(frozen=True, slots=True)
class Want:
    """What a reservation would take of one offer.

    Attributes:
        offer: id.
        rank: 0 for a free one, 1 for a prepaid one, 2 for a postpaid one.
        ends_at: when what is left of it is lost; `NEVER` if it is not. From then on nothing is taken.
        buckets: first and last number of the balances that count now, and that of the one that is charged.
        limit: most that these balances may hold; None for no limit.
        hard: the limit is never passed; else it is only told about.
        amount: how much.
        least: how little would do.
        estimate: what it will be if nobody ever says.
    """

    offer: str
    rank: int
    ends_at: int
    buckets: tuple[int, int, int]
    limit: int | None
    hard: bool
    amount: int
    least: int
    estimate: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """Take the best offer that has room; answered with `Grant` or `NoRoom`. Repeating one answers the same again."""

    request: str
    attempt: int
    wants: tuple[Want, ...]
    owner: str
    now: int
    lease_until: int
    model: str = ""
    state: Literal["held", "sent"] = "sent"


@dataclass(frozen=True, slots=True)
class Send:
    """Note that the request goes out now; answered with `Done`."""

    request: str
    attempt: int
    now: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Book what an attempt took; answered with `Done`, or `Conflict` if it has ended otherwise."""

    request: str
    attempt: int
    amount: int
    now: int
    basis: Basis = "vendor"
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Void:
    """Give back all of a reservation: it cost nothing; answered as `Settle` is.

    What is unresolved is not given back like this: settle it at 0, if that is known.
    """

    request: str
    attempt: int
    now: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """Note that nobody knows what a sent attempt came to; answered as `Settle` is."""

    request: str
    attempt: int
    now: int
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class WriteOff:
    """End an unresolved attempt at nothing, because the vendor's bill does not know it; answered as `Settle` is."""

    request: str
    attempt: int
    now: int


@dataclass(frozen=True, slots=True)
class Adjust:
    """Book a difference to the vendor's own count; answered with `Done`. Once for each `reference`."""

    offer: str
    bucket: int
    amount: int
    reference: str
    now: int


@dataclass(frozen=True, slots=True)
class Extend:
    """Prolong all reservations of an owner that are held or sent since an instant; answered with `Done`."""

    owner: str
    lease_until: int
    since: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """Lapse what is held and doubt what is sent of those who are gone; settle what stays unresolved for too long.

    Answered with `Swept`.

    Attributes:
        now: when.
        gone: owners who are known to be gone, whatever their lease says.
    """

    now: int
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Warn:
    """Ask whether somebody was already told that so many percent of an offer are used; answered with `Done`."""

    offer: str
    bucket: int
    percent: int
    now: int


@dataclass(frozen=True, slots=True)
class Activate:
    """Set when an offer was activated, over any earlier word; answered with `Done`."""

    offer: str
    at: int


@dataclass(frozen=True, slots=True)
class Correct:
    """Keep what was learned of how a model's tokens are counted, as a number of the counter's own; `Done`."""

    model: str
    value: int
    count: int


Ending: TypeAlias = Settle | Void | Doubt | WriteOff
Operation: TypeAlias = Reserve | Send | Ending | Adjust | Extend | Sweep | Warn | Activate | Correct


@dataclass(frozen=True, slots=True)
class Step:
    """What an operation does to the state of a reservation.

    Attributes:
        before: the states it can be in.
        after: the state it comes to.
        again: where it has said so before, or need not say so any more.
    """

    before: tuple[State, ...]
    after: State
    again: tuple[State, ...]


STEPS: Final[Mapping[type[Send] | type[Ending], Step]] = {
    Send: Step(("held",), "sent", ("sent",)),
    # A lapsed one was thought not to be sent. If it was after all, it counts.
    Settle: Step(("held", "sent", "unresolved", "lapsed"), "settled", ("settled",)),
    Void: Step(("held", "sent"), "void", ("void", "lapsed")),
    Doubt: Step(("sent",), "unresolved", ("unresolved",)),
    WriteOff: Step(("unresolved",), "written_off", ("written_off",)),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A reservation is made.

    Attributes:
        offer: which one pays.
        bucket: number of its balance.
        amount: how much is reserved; less than wanted only of a hard limit.
    """

    offer: str
    bucket: int
    amount: int


@dataclass(frozen=True, slots=True)
class NoRoom:
    """No offer has as much left."""


@dataclass(frozen=True, slots=True)
class Done:
    """It is in the books.

    Attributes:
        changed: False if it was there already, or there was nothing to do.
        offer: what it was charged to.
        bucket: number of the balance.
        spent: what this balance holds now, reserved amounts not counted; 0 where it did not change.
        before: the same before.
    """

    changed: bool
    offer: str = ""
    bucket: int = 0
    spent: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """It contradicts the books, which stay as they are."""

    problem: str


@dataclass(frozen=True, slots=True)
class Swept:
    """How many reservations a sweep has moved."""

    lapsed: int
    doubted: int
    assumed: int


Outcome: TypeAlias = Grant | NoRoom | Done | Conflict | Swept


@dataclass(frozen=True, slots=True)
class Balance:
    """What one bucket of an offer holds."""

    offer: str
    bucket: int
    spent: int = 0
    reserved: int = 0
    unresolved: int = 0
    overrun: int = 0

    @property
    def taken(self) -> int:
        """All that is not free any more."""
        return self.spent + self.reserved + self.unresolved


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the books.

    Attributes:
        number: in the order of booking.
        kind: of an attempt, or an adjustment.
        request: id; the reference of an adjustment.
        attempt: number; 0 of an adjustment.
        offer: what it is charged to.
        bucket: number of the balance.
        amount: below zero only of an adjustment.
        overrun: how much of it no reservation had covered.
        basis: who says so.
        mark: that the answer was cut, or its caller left.
        model: the vendor's id.
        at: when it was booked.
    """

    number: int
    kind: Literal["settle", "adjust"]
    request: str
    attempt: int
    offer: str
    bucket: int
    amount: int
    overrun: int
    basis: Basis
    mark: Mark
    model: str
    at: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """One attempt that is, or was, held against an offer."""

    request: str
    attempt: int
    offer: str
    bucket: int
    amount: int
    estimate: int
    state: State
    owner: str
    lease_until: int
    since: int
    mark: Mark
    model: str


class Store(Protocol):
    """Where the books are kept. For one thread of a process at a time; other processes may use the same books.

    All methods raise LedgerError when the books cannot be read or written.
    """

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Do all of them, in order, in one step that is done wholly or not at all."""
        ...

    def apply_now(self, operations: Sequence[Operation]) -> list[Outcome] | None:
        """Do the same if it takes no time to speak of, so that even an event loop may do it; else nothing: None."""
        ...

    def balances(self) -> list[Balance]:
        """Return all balances, by offer and bucket."""
        ...

    def entries(self, offer: str | None = None, *, after: int = 0, since: int = 0) -> list[Entry]:
        """Return entries in the order of booking: of one offer or all, after a number, since an instant."""
        ...

    def open_reservations(self, offer: str | None = None) -> list[Reservation]:
        """Return what is held, sent or unresolved."""
        ...

    def activations(self) -> Mapping[str, int]:
        """Return when offers were activated."""
        ...

    def corrections(self) -> Mapping[str, tuple[int, int]]:
        """Return what `Correct` has kept, by model."""
        ...

    def seen(self) -> int:
        """Return the latest instant that the books know of."""
        ...

    def close(self) -> None:
        """Let go of the books."""
        ...


def choose(wants: Sequence[Want], taken: Mapping[str, int]) -> tuple[Want, int] | None:
    """Return which offer pays and how much is reserved; None if none has enough left.

    Free offers go before prepaid and postpaid ones, among equals the one that is lost first, then the one with the
    least left, then by id. One that holds all of it goes before one that holds only a part.

    Args:
        wants: what each would be asked for.
        taken: offer -> what is not free of it in the balances that count.
    """
    left = {want.offer: left_of(want, taken.get(want.offer, 0)) for want in wants}
    ordered = sorted(wants, key=lambda want: (want.rank, want.ends_at, left[want.offer], want.offer))
    for want in ordered:
        if want.amount <= left[want.offer]:
            return want, want.amount
    for want in ordered:
        if want.least <= left[want.offer]:
            return want, left[want.offer]
    return None


def left_of(want: Want, taken: int) -> int:
    """Return how much can be had of an offer of which so much is not free; a soft one never runs out."""
    return NEVER if want.limit is None or not want.hard else max(0, want.limit - taken)


def unchanged(
    operation: Send | Ending, offer: str, bucket: int, *, state: State, settled: int | None
) -> Done | Conflict:
    """Return the answer to an operation for which a reservation is in no state: it was said before, or contradicts.

    Args:
        operation: what is said of it.
        offer: which one it is charged to.
        bucket: number of the balance.
        state: in which it is.
        settled: at which amount, if it is.
    """
    if state not in STEPS[type(operation)].again:
        return Conflict("it was never sent" if state == "held" else f"{state.replace('_', ' ')} already")
    if isinstance(operation, Settle) and operation.amount != settled:
        return Conflict(f"settled already, at {settled}")
    return Done(False, offer, bucket)
