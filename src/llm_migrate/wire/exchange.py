"""The two directions of one exchange: a call to a vendor's request, a vendor's answer to OpenAI's.

Pure: no socket and no clock. The engine imports its names from here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast
from urllib.parse import urlencode

import orjson

from llm_migrate.catalog.policy import Effect, Policy, Ruling, apply, judge
from llm_migrate.catalog.schema import Emulation, JsonValue, MessageRules
from llm_migrate.config import Secret, Target
from llm_migrate.config.target import Adapt
from llm_migrate.wire.absent import absent
from llm_migrate.wire.answer import read_answer
from llm_migrate.wire.assemble import assemble, calls_are_whole
from llm_migrate.wire.auth import TOKENED, Token, Unsigned, mint, read_token, sign, token_request
from llm_migrate.wire.call import CARRIED, Call, parse_call
from llm_migrate.wire.conversation import Turn, restore_reasoning, to_vendor
from llm_migrate.wire.dialect import DIALECTS
from llm_migrate.wire.emulate import emulate
from llm_migrate.wire.event import DONE, Chunk, Done, Event, Fault, encode_event, error_event
from llm_migrate.wire.failure import OpenAIError, Outcome, RefusedError, read_date, refuse
from llm_migrate.wire.memory import Reasoning
from llm_migrate.wire.merge import count_inputs, cut, join
from llm_migrate.wire.outgoing import Answer, Outgoing
from llm_migrate.wire.stream import StreamReader

__all__ = [
    "CARRIED",
    "DONE",
    "TOKENED",
    "Answer",
    "Call",
    "Chunk",
    "Done",
    "Event",
    "Fault",
    "Manner",
    "OpenAIError",
    "Outcome",
    "Outgoing",
    "Reasoning",
    "RefusedError",
    "StreamReader",
    "Token",
    "absent",
    "assemble",
    "calls_are_whole",
    "encode_event",
    "error_event",
    "join",
    "mint",
    "parse_call",
    "prepare",
    "read_answer",
    "read_date",
    "read_token",
    "token_request",
]

_RESTORED: Final = "messages.reasoning_content"
_NAME: Final = re.compile(r"[\w.$*-]{1,64}", re.ASCII)
_MAX_HEADER: Final = 2000


@dataclass(frozen=True, slots=True)
class Manner:
    """How requests are adapted, whatever the target.

    Attributes:
        adapt: "strict" refuses what would lose something.
        emulate: emulations that the user asked for.
        memory: what models thought before they called tools.
    """

    adapt: Adapt = "warn"
    emulate: frozenset[Emulation] = frozenset()
    memory: Reasoning | None = None


_USUAL: Final = Manner()


def prepare(
    target: Target,
    call: Call,
    *,
    model: str,
    secret: Secret,
    now_s: float,
    manner: Manner = _USUAL,
    token: Secret | None = None,
) -> Outgoing:
    """Return the HTTP request that says a call to a target, with further ones in `others` where one does not do.

    Args:
        target: where to.
        call: what was asked.
        model: the id there.
        secret: the target's key.
        now_s: Unix time by the vendor's clock.
        manner: how it is adapted.
        token: what stands in for the key, where the way to sign takes such a one.

    Raises:
        RefusedError: the vendor cannot do what was asked, or only with a loss and `adapt` is "strict".
        CredentialError: the key is not of the form that the target's way to sign needs.
    """
    if call.api == "models":
        return _outgoing(target, call, b"", model=model, secret=secret, token=token, now_s=now_s)
    policy = Policy(target.provider, target.endpoint.id, call.api, model, asked=call.model, emulate=manner.emulate)
    rulings = judge(policy, call.body)
    _check(target, rulings, manner.adapt)
    memory = manner.memory if _rules(policy).reasoning_content == "restore" else None
    first, *others = (
        _outgoing(
            target,
            piece,
            _write(target, piece, rulings, policy),
            model=model,
            secret=secret,
            token=token,
            now_s=now_s,
            rulings=tuple(rulings),
            memory=memory,
        )
        for piece in cut(_remembered(call, policy, memory, rulings), rulings, policy)
    )
    return replace(first, others=tuple(others)) if others else first


def _outgoing(
    target: Target,
    call: Call,
    body: bytes,
    *,
    model: str,
    secret: Secret,
    token: Secret | None,
    now_s: float,
    rulings: tuple[Ruling, ...] = (),
    memory: Reasoning | None = None,
) -> Outgoing:
    """Return a body as a signed request."""
    dialect = DIALECTS[target.dialect]
    url = dialect.write_url(target, call, model=model)
    request = Unsigned("POST" if body else "GET", url, dialect.write_headers(call), body)
    proof = sign(target.auth, secret, request, now_s=now_s, token=token)
    return Outgoing(
        request.method,
        f"{url}{'&' if '?' in url else '?'}{urlencode(proof.query)}" if proof.query else url,
        request.headers + proof.headers,
        body,
        stream=call.stream,
        model=model,
        rulings=rulings,
        adapted=_summary(rulings),
        now_s=now_s,
        secrets=(secret,) if token is None else (secret, token),
        inputs=count_inputs(call.body.get("input")),
        memory=memory,
    )


def _write(target: Target, call: Call, rulings: Sequence[Ruling], policy: Policy) -> bytes:
    """Return the body of a request with every ruling applied."""
    out = emulate(call.body, apply(call.body, rulings), rulings)
    out["model"] = cast("str", policy.model)
    if "messages" in out:
        turns = cast("list[Turn]", out["messages"])
        out["messages"] = cast("JsonValue", to_vendor(turns, _rules(policy), rulings, policy))
    if not call.stream:
        out.pop("stream", None)  # an explicit false says nothing, and not every vendor knows the word
    try:
        return orjson.dumps(DIALECTS[target.dialect].write_body(target, call, out, policy))
    except orjson.JSONEncodeError:
        raise refuse(400, "The body is nested too deeply", code="invalid_json") from None


def _rules(policy: Policy) -> MessageRules:
    return policy.facts.messages_for(policy.endpoint) if policy.facts is not None else MessageRules()


def _remembered(call: Call, policy: Policy, memory: Reasoning | None, rulings: list[Ruling]) -> Call:
    """Return a call with the reasoning that its program left out, and report it if the judge could not foresee it."""
    rules = _rules(policy)
    if rules.reasoning_content != "restore" or "messages" not in call.body:
        return call
    turns = cast("list[Turn]", call.body["messages"])
    restored = restore_reasoning(turns, rules, memory, thinks=_thinks(call, policy, rulings))
    if restored is turns:
        return call
    if not any(ruling.subject == _RESTORED and ruling.effect is Effect.EMULATED for ruling in rulings):
        advice = "reasoning that the program left out beside a tool call is sent back"
        rulings.append(Ruling(_RESTORED, Effect.EMULATED, Effect.EMULATED, advice=advice))
    return replace(call, body={**call.body, "messages": cast("JsonValue", restored)})


def _thinks(call: Call, policy: Policy, rulings: Sequence[Ruling]) -> bool:
    """Say whether a model will think, as far as the request says."""
    listed, unless = policy.listed_model, _rules(policy).filler_unless
    if listed is not None and listed.always_thinking:
        return True
    out = apply(call.body, rulings)
    said = {name: table.get("type") if isinstance(table := out.get(name), dict) else out.get(name) for name in unless}
    return bool(unless) and not any(said[name] in words for name, words in unless.items())


def _check(target: Target, rulings: Sequence[Ruling], adapt: Adapt) -> None:
    """Refuse what the vendor refuses, and in strict mode what loses something."""
    blocking = next((r for r in rulings if r.effect is Effect.REFUSED), None)
    if blocking is not None:
        raise _refusal(target, blocking, "cannot be sent", "unsupported_parameter")
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
