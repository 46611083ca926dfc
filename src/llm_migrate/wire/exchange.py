"""The two directions of one exchange: a call to a vendor's request, a vendor's answer to OpenAI's.

Pure: no socket and no clock. The engine imports its names from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from llm_migrate.catalog.policy import Effect, Policy, Ruling, judge
from llm_migrate.config import Secret, Target
from llm_migrate.config.target import Adapt
from llm_migrate.wire.answer import read_answer
from llm_migrate.wire.call import Call, parse_call
from llm_migrate.wire.dialects import openai_chat
from llm_migrate.wire.event import DONE, Chunk, Done, Event, Fault, encode_event, error_event
from llm_migrate.wire.failure import OpenAIError, Outcome, RefusedError
from llm_migrate.wire.outgoing import Answer, Outgoing
from llm_migrate.wire.stream import StreamReader

__all__ = [
    "DONE",
    "Answer",
    "Call",
    "Chunk",
    "Done",
    "Event",
    "Fault",
    "OpenAIError",
    "Outcome",
    "Outgoing",
    "RefusedError",
    "StreamReader",
    "encode_event",
    "error_event",
    "parse_call",
    "prepare",
    "read_answer",
]

_NAME: Final = re.compile(r"[\w.$*-]{1,64}", re.ASCII)
_MAX_HEADER: Final = 2000


class Dialect(Protocol):
    """What a module of `dialects` offers."""

    def write_url(self, target: Target, call: Call, *, model: str) -> str:
        """Return the whole address for a call."""
        ...

    def write_headers(self, target: Target, call: Call, *, secret: Secret) -> tuple[tuple[str, str], ...]:
        """Return all headers."""
        ...

    def write_body(self, target: Target, call: Call, rulings: Sequence[Ruling], policy: Policy) -> bytes:
        """Return the request's body with every ruling applied."""
        ...


DIALECTS: Final[Mapping[str, Dialect]] = {"openai-chat": openai_chat}


def prepare(target: Target, call: Call, *, model: str, adapt: Adapt, secret: Secret, now_s: float) -> Outgoing:
    """Return the HTTP request that says a call to a target.

    Args:
        target: where to.
        call: what was asked.
        model: the id there.
        adapt: "strict" refuses what would lose something.
        secret: the target's key.
        now_s: Unix time.

    Raises:
        RefusedError: the vendor cannot do what was asked, or only with a loss and `adapt` is "strict".
    """
    dialect = DIALECTS[target.dialect]
    url = dialect.write_url(target, call, model=model)
    headers = dialect.write_headers(target, call, secret=secret)
    if call.api == "models":
        return Outgoing("GET", url, headers, b"", stream=False, model=model, now_s=now_s)
    policy = Policy(target.provider, target.endpoint.id, call.api, model)
    rulings = judge(policy, call.body)
    _check(target, rulings, adapt)
    return Outgoing(
        "POST",
        url,
        headers,
        dialect.write_body(target, call, rulings, policy),
        stream=call.stream,
        model=model,
        rulings=tuple(rulings),
        adapted=_summary(rulings),
        now_s=now_s,
    )


def _check(target: Target, rulings: Sequence[Ruling], adapt: Adapt) -> None:
    """Refuse what the vendor refuses, what would need an emulation, and in strict mode what loses something."""
    blocking = next((r for r in rulings if r.effect is Effect.REFUSED), None)
    if blocking is not None:
        raise _refusal(target, blocking, "cannot be sent", "unsupported_parameter")
    emulated = next((r for r in rulings if r.effect is Effect.EMULATED and r.how is not None), None)
    if emulated is not None:
        raise _refusal(target, emulated, "needs an emulation that this version lacks", "unsupported_parameter")
    if adapt == "strict":
        lossy = next((r for r in rulings if r.verdict == "lossy"), None)
        if lossy is not None:
            raise _refusal(target, lossy, f"would be {lossy.effect.name.lower()} and adapt.policy is strict", "lossy")


def _refusal(target: Target, ruling: Ruling, problem: str, code: str) -> RefusedError:
    subject = _safe(ruling.subject)
    text = f"{target.name}: {subject} {problem}" + (f": {ruling.advice}" if ruling.advice else "")
    error = OpenAIError(400, text, param=subject, code=code)
    return RefusedError(error, provider=target.provider.id, path=f"$.{subject}")


def _summary(rulings: Sequence[Ruling]) -> str:
    """Return `subject=effect, ...` for what was changed; never a value."""
    changed = [f"{_safe(r.subject)}={r.effect.name.lower()}" for r in rulings if r.verdict != "as-is"]
    text = ", ".join(changed)
    return text if len(text) <= _MAX_HEADER else text[: _MAX_HEADER - 5].rpartition(", ")[0] + ", ..."


def _safe(subject: str) -> str:
    # An unlisted field is named by the caller: only what looks like a name may enter a header or a message.
    return subject if _NAME.fullmatch(subject) else "(unnamed)"
