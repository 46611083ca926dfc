"""What happens to a call, one typed event for each decision: for logs, traces and listeners of the program.

None holds a prompt, an answer, a key or an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_migrate.catalog.schema import Api, JsonValue
from llm_migrate.ledger.alert import Alert
from llm_migrate.wire.exchange import Outcome


@dataclass(frozen=True, slots=True)
class Began:
    """A call came in.

    Attributes:
        call_id: the same in all events of a call.
        api: which of OpenAI's.
        asked: the model that the program names.
        stream: whether events are wanted.
    """

    call_id: str
    api: Api
    asked: str
    stream: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """A target was passed over: its breaker is open, it is benched (why: `reason`), busy, too small, or over budget."""

    call_id: str
    target: str
    hindrance: Literal["open", "benched", "busy", "too small", "over budget"]
    reason: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Adapted:
    """A vendor does not get a parameter as it was asked."""

    call_id: str
    target: str
    model: str
    subject: str
    effect: str
    advice: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A request goes out; `attempt` counts the requests of the call from 1."""

    call_id: str
    target: str
    provider: str
    model: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A try came to nothing, and what is done next.

    Attributes:
        call_id: of the call.
        target: who was asked.
        outcome: class of the failure.
        status: HTTP status in OpenAI's terms.
        code: OpenAI's or the vendor's.
        then: the same target again, the next one, or the error goes to the caller.
        wait_s: until the same target is asked again.
    """

    call_id: str
    target: str
    outcome: Outcome
    status: int
    code: str | None
    then: Literal["retry", "renew", "next", "fail"]
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Committed:
    """The first content of a stream goes to the caller, `after_s` seconds after the call came in."""

    call_id: str
    target: str
    model: str
    after_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The caller has all that it gets.

    Attributes:
        call_id: of the call.
        target: who answered; None if nobody did.
        model: id there.
        outcome: "ok", or why it is an error.
        status: HTTP status that the caller saw.
        attempts: requests that went out.
        usage: as the vendor counted; None if it said nothing.
        duration_s: since the call came in.
    """

    call_id: str
    target: str | None
    model: str | None
    outcome: Outcome
    status: int
    attempts: int
    usage: Mapping[str, JsonValue] | None
    duration_s: float


CallEvent: TypeAlias = Began | Skipped | Adapted | Sent | Failed | Committed | Ended | Alert
Listener: TypeAlias = Callable[[CallEvent], None]
