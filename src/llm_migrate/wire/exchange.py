"""The two directions of one exchange: a call to a vendor's request, a vendor's answer to OpenAI's.

Pure: no socket and no clock. The engine imports its names from here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from llm_migrate.catalog.policy import Effect, Policy, Ruling, judge
from llm_migrate.config import Secret, Target
from llm_migrate.config.target import Adapt
from llm_migrate.wire.answer import read_answer
from llm_migrate.wire.auth import Unsigned, sign
from llm_migrate.wire.call import Call, parse_call
from llm_migrate.wire.dialect import DIALECTS
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
        CredentialError: the key is not of the form that the target's way to sign needs.
    """
    dialect = DIALECTS[target.dialect]
    method, body, rulings = "GET", b"", list[Ruling]()
    if call.api != "models":
        policy = Policy(target.provider, target.endpoint.id, call.api, model)
        rulings = judge(policy, call.body)
        _check(target, rulings, adapt)
        method, body = "POST", dialect.write_body(target, call, rulings, policy)
    url = dialect.write_url(target, call, model=model)
    request = Unsigned(method, url, dialect.write_headers(call), body)
    signed = sign(target.auth, secret, request, now_s=now_s)
    return Outgoing(
        request.method,
        f"{url}{'&' if '?' in url else '?'}{urlencode(signed.query)}" if signed.query else url,
        request.headers + signed.headers,
        request.body,
        stream=call.stream,
        model=model,
        rulings=tuple(rulings),
        adapted=_summary(rulings),
        now_s=now_s,
        secret=secret,
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
