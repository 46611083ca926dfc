"""What a call asks of its driver, what it is told back, and the record that the driver keeps.

Nothing here acts. Instants are on the driver's monotonic clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from llm_migrate.config.secret import TokenProvider
from llm_migrate.errors import LedgerError
from llm_migrate.wire.exchange import Outcome, Outgoing

if TYPE_CHECKING:
    from concurrent.futures import Future

    from llm_migrate.ledger.books import Outcome as Booked
    from llm_migrate.ledger.ledger import Hold

State: TypeAlias = Literal["prepared", "sent", "answered", "committed", "done"]


@dataclass(slots=True)
class Attempt:
    """One HTTP request to one target. The driver owns it and moves it on; a pure function prices it when abandoned.

    Attributes:
        target: name of the target.
        model: id at the vendor.
        state: how far it came; `committed` once content went to the caller.
        delivered_bytes: how much of the answer the caller has.
        left: told the target's name when the caller goes before the call is over; from any thread, also a finalizer.
        over: what came of it is known, so `left` has nothing to tell.
        hold: the reservation under which it goes out, if it is under a budget.
    """

    target: str
    model: str
    state: State = "prepared"
    delivered_bytes: int = 0
    left: Callable[[str], None] | None = None
    over: bool = False
    hold: Hold | None = None

    @property
    def outcome(self) -> Outcome:
        """Class of an attempt that its caller abandons now."""
        match self.state:
            case "prepared":
                return "unsent"
            case "sent" | "answered":
                return "ambiguous"
            case "committed":
                return "cut"
            case "done":
                return "ok"

    def leave(self) -> None:
        """Tell, once, that the caller went away; takes no lock and waits for nothing."""
        if not self.over and self.left is not None:
            self.over = True
            self.left(self.target)
            if self.hold is not None:
                self.hold.end(self.outcome, left=True)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; answer with `Head` or `Failure`."""

    outgoing: Outgoing
    attempt: Attempt
    connect_s: float
    until: float


class Read(NamedTuple):  # cheaper to make than a frozen class, and made for every piece of a stream
    """Read what there is of the answer; answer with bytes (empty: the end) or `Failure`."""

    until: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait; answer with None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets, once a call: whole with `body`, or the head of a stream whose events follow (None)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


class Emit(NamedTuple):
    """Give events of a stream to the caller; answer with None. The first one of a call is its commit.

    Attributes:
        payload: whole events.
        whole: these are the last ones, and the answer is complete.
    """

    payload: bytes
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a function of the program for a key; answer with the text, or `Failure`. It may take its time."""

    provider: TokenProvider


@dataclass(frozen=True, slots=True)
class Fan:
    """Send several requests at once and read each answer to its end; answer with one `Whole` or `Failure` for each.

    Attributes:
        sends: what to send.
        most: bytes of one answer; a longer one is a failure.
    """

    sends: tuple[Send, ...]
    most: int


@dataclass(frozen=True, slots=True)
class Book:
    """Have a reservation made; answer with what the books say, or LedgerError.

    Attributes:
        submit: begins it.
        forgo: takes it back; for a caller who went away before the answer.
        until: when the answer must be there.
    """

    submit: Callable[[], Future[Booked]]
    forgo: Callable[[Future[Booked]], None]
    until: float


# A driver closes the answer it holds before it sends or sleeps, and when the call ends.
Command: TypeAlias = Send | Read | Sleep | Reply | Emit | Ask | Fan | Book


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer, or no more of it.

    Attributes:
        outcome: `unsent` when the request cannot have reached the vendor.
        cause: what happened, in words that name no address.
        timed_out: a time limit passed.
    """

    outcome: Literal["unsent", "ambiguous"]
    cause: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that was read to its end, its content coding untouched."""

    head: Head
    body: bytes = field(repr=False)


Result: TypeAlias = "Head | Failure | bytes | str | tuple[Whole | Failure, ...] | Booked | LedgerError | None"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often.

    Attributes:
        connect_s: for a connection.
        read_s: the caller's read limit, between bytes of a stream.
        total_s: for a whole call that is not streamed.
        first_token_s: for the first content of a stream, while another target could still serve.
        target_attempts: tries at one target.
        call_attempts: tries of one call.
        body_bytes: of an answer, decompressed.
        preamble_bytes: of a stream before its first content.
    """

    connect_s: float = 5.0
    read_s: float = 600.0
    total_s: float = 570.0
    first_token_s: float = 120.0
    target_attempts: int = 3
    call_attempts: int = 5
    body_bytes: int = 32 * 1024 * 1024
    preamble_bytes: int = 4 * 1024 * 1024


@dataclass(slots=True)
class Journey:
    """All attempts of one call, and why the first ones were left."""

    attempts: list[Attempt] = field(default_factory=list[Attempt])
    reasons: list[str] = field(default_factory=list[str])
