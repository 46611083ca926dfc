"""One call along a chain of targets, as a generator that says what to do and is told what happened.

It opens no socket, reads no clock and rolls no dice: time and chance are given, a driver acts. It never yields after
it was abandoned (there is no `finally` here), so closing it costs nothing; the driver's record of the attempts says
how far they came. Until the first content of an answer is there, a failure leads on to the next try or target and the
caller sees nothing of it; from then on nothing is repeated, and a break becomes one error event.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from llm_migrate.catalog.policy import Effect, find_model
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.config.target import BEARERS
from llm_migrate.engine.continuing import continued, joined, may_continue, partial_field
from llm_migrate.engine.decode import DecodeError, decoder_for
from llm_migrate.engine.events import Adapted, Began, Committed, Ended, Failed, Sent, Skipped
from llm_migrate.engine.faults import broken, failed
from llm_migrate.engine.outcome import CONTEXT_OVERFLOW, Next, Retry, Situation, decide
from llm_migrate.engine.plan import Plan, World
from llm_migrate.engine.proof import Proof, obtain
from llm_migrate.engine.source import Source, encode
from llm_migrate.engine.steps import (
    Attempt,
    Command,
    Emit,
    Failure,
    Fan,
    Head,
    Journey,
    Read,
    Reply,
    Result,
    Send,
    Sleep,
    Whole,
)
from llm_migrate.engine.waits import LONGEST_RETRY_AFTER_S
from llm_migrate.errors import ConfigError, CredentialError, WireError
from llm_migrate.wire.exchange import (
    Answer,
    Call,
    OpenAIError,
    Outcome,
    Outgoing,
    RefusedError,
    StreamReader,
    encode_event,
    join,
    prepare,
    read_answer,
    read_date,
)

_TOKEN_S: Final = 10.0  # for a token to come
_SKEW_S: Final = 30.0  # clocks that differ by less are not to blame for a refused signature
_AFTER_FINISH_S: Final = 5.0  # how long usage and [DONE] may come after the finish
_ERROR_S: Final = 5.0  # for the body of an error, whose status says the most of it
_POLL_S: Final = 0.02  # for a place at a busy target

__all__ = ["Plan", "Steps", "World", "run"]

Steps: TypeAlias = Generator[Command, Result, None]
_Tried: TypeAlias = Generator[Command, Result, OpenAIError | None]


def run(call: Call, plan: Plan, journey: Journey) -> Steps:
    """Serve one call.

    Yields:
        Commands; exactly one `Reply`, and after one without body the events of a stream.
    """
    route = _Route(call, plan, journey)
    queue = list(plan.targets)
    closed: list[Target] = []
    while queue or closed:
        if not queue:
            # All are closed just now: the one that opens first is as good as any, if nobody else could say a word.
            if journey.attempts:
                break
            queue, closed = [plan.health.soonest(closed)], []
            route.insist = True
        target = queue.pop(0)
        if not route.fits(target):
            continue
        if route.passes_over(target, queue):
            closed.append(target)
            continue
        error = yield from route.serve(target, queue)
        if error is None:
            return
        if route.failed:
            break
    yield route.refusal()


class _Route:
    """The state of one call: where it stands and how long it has."""

    def __init__(self, call: Call, plan: Plan, journey: Journey) -> None:
        self._call = call
        self._plan = plan
        self._journey = journey
        self._limits = plan.limits
        self._now = plan.world.now
        self._began = self._now()
        self._ends_at = float("inf") if call.stream else self._began + plan.limits.total_s
        self._id = plan.world.new_id()
        self._sent: Outgoing | None = None
        self._head: Head | None = None  # of the last answer
        self._tries = 0  # at all targets
        self._have: dict[int, Answer] = {}  # to pieces of the call, from the target in hand
        self._provider = ""
        self._too_small: int | None = None  # a context, in tokens, that did not hold the request
        self._worst: tuple[int, OpenAIError] | None = None
        self.failed = False  # no further target may be asked
        self.insist = False  # a target is asked though it is closed
        plan.notice(Began(self._id, call.api, call.model, call.stream))

    def fits(self, target: Target) -> bool:
        """Say whether a target may hold what another one could not; only one that is declared larger may."""
        fits = self._fits(target)
        if not fits:
            self._plan.notice(Skipped(self._id, target.name, "too small"))
        return fits

    def passes_over(self, target: Target, others: Sequence[Target]) -> bool:
        """Say whether a target is not asked now: it is closed, or others are free while it is busy."""
        hindrance = None if self.insist else self._plan.health.hindrance(target, self._now())
        if hindrance is None or (hindrance == "busy" and not self._open(others)):
            return False
        self._plan.notice(Skipped(self._id, target.name, hindrance, self._plan.health.reason(target)))
        return True

    def serve(self, target: Target, others: Sequence[Target]) -> _Tried:
        """Try one target as often as is sensible; return what was wrong at last, None when the caller has an answer."""
        sent_before = len(self._journey.attempts)
        error = yield from self._serve(target, others)
        if error is not None:
            weight = _weight(error, asked=len(self._journey.attempts) > sent_before)
            if self._worst is None or weight >= self._worst[0]:
                self._worst = weight, error
            self._journey.reasons.append(error.outcome)
        return error

    def refusal(self) -> Reply:
        """Return the final answer of a call that nobody could serve."""
        error = self._worst[1] if self._worst is not None else _nobody(self._call)
        headers = [("content-type", "application/json"), *self._marks(), ("x-should-retry", "false")]
        if error.retry_after_s is not None:
            headers.append(("retry-after", str(max(0, -int(-error.retry_after_s // 1)))))
        self._end(None, error.outcome, error.status, None)
        return Reply(error.status, tuple(headers), error.body())

    def _serve(self, target: Target, others: Sequence[Target]) -> _Tried:
        tries = 0
        renewed = False
        self._have.clear()
        refused = yield from self._wait_for_place(target)
        if refused is not None:
            return self._unasked(target, refused)
        while True:
            proof = yield from self._obtain(target)
            if isinstance(proof, OpenAIError) and proof.outcome == "credential":
                return self._unasked(target, proof)
            if isinstance(proof, OpenAIError):
                error, model = proof, ""
                self._plan.health.fail(target, error, self._now(), self._plan.world.chance())
            else:
                outgoing = self._prepare(target, proof)
                if isinstance(outgoing, OpenAIError):
                    return self._unasked(target, outgoing)
                model = outgoing.model
                failure = yield from self._once(target, outgoing, retry=tries > 0, more=bool(others))
                if failure is None:
                    return None
                error = failure
                if not renewed and self._renew(target, proof, error):
                    renewed = True
                    self._plan.notice(self._failed(target, error, "renew"))
                    continue
            tries += 1
            self._tries += 1
            decision = decide(error, self._situation(error, tries, target, model, others), self._limits)
            if isinstance(decision, Retry):
                self._plan.notice(self._failed(target, error, "retry", decision.wait_s))
                if decision.wait_s > 0:
                    yield Sleep(decision.wait_s)
                continue
            self.failed = not isinstance(decision, Next)
            self._plan.notice(self._failed(target, error, "fail" if self.failed else "next"))
            return error

    def _unasked(self, target: Target, error: OpenAIError) -> OpenAIError:
        """Note that a target is left without a request: no key, no model, a request that it cannot take."""
        self._plan.notice(self._failed(target, error, "next"))
        return error

    def _failed(
        self, target: Target, error: OpenAIError, then: Literal["retry", "renew", "next", "fail"], wait_s: float = 0.0
    ) -> Failed:
        return Failed(self._id, target.name, error.outcome, error.status, error.code, then, wait_s)

    def _wait_for_place(self, target: Target) -> _Tried:
        """Wait until a target that is asked all the same has cooled down, or has a place; return why it is too long."""
        health = self._plan.health
        rest = health.rest_s(target, self._now())
        while rest > 0:
            if rest > LONGEST_RETRY_AFTER_S or self._now() + rest > self._latest():
                text = f"{target.name}: asked to be left alone for {rest:.0f} s more"
                return OpenAIError(429, text, "rate_limit_error", None, "rate_limit_exceeded", "limited", rest)
            yield Sleep(rest)
            rest = health.rest_s(target, self._now())
        while health.hindrance(target, self._now()) == "busy":
            if self._now() + _POLL_S > self._latest():
                text = f"{target.name}: all of its {target.max_concurrency} places are taken"
                return OpenAIError(429, text, "rate_limit_error", None, "concurrency_limit", "limited")
            yield Sleep(_POLL_S)
        return None

    def _latest(self) -> float:
        """Return until when a call may wait for its turn."""
        return min(self._ends_at, self._began + self._limits.read_s)

    def _open(self, targets: Sequence[Target]) -> list[Target]:
        now = self._now()
        return [t for t in targets if self._fits(t) and self._plan.health.hindrance(t, now) is None]

    def _fits(self, target: Target) -> bool:
        return self._too_small is None or self._context_tokens_at(target) > self._too_small

    def _obtain(self, target: Target) -> Generator[Command, Result, Proof | OpenAIError]:
        now_s = self._plan.world.wall() + self._plan.keyring.skew_s(target)
        until = min(self._ends_at, self._now() + _TOKEN_S)
        try:
            return (
                yield from obtain(
                    target, self._plan.keyring, connect_s=self._limits.connect_s, now_s=now_s, until=until
                )
            )
        except CredentialError as e:
            return OpenAIError(401, str(e), "authentication_error", None, "missing_credential", "credential")

    def _renew(self, target: Target, proof: Proof, error: OpenAIError) -> bool:
        """Say whether a refused proof may be taken if it is made anew: by the vendor's clock, or with a new token."""
        if error.outcome != "credential":
            return False
        keyring, wall = self._plan.keyring, self._plan.world.wall()
        date = read_date(self._head.headers) if self._head is not None else None
        if date is not None and target.auth.kind not in BEARERS and abs(date - wall - keyring.skew_s(target)) > _SKEW_S:
            keyring.learn_skew(target, date - wall)
            keyring.drop(target, proof.secret)
            return True
        keyring.drop(target, proof.secret)
        return proof.kept

    def _prepare(self, target: Target, proof: Proof, call: Call | None = None) -> Outgoing | OpenAIError:
        plan = self._plan
        try:
            model = plan.model_for(target, self._call.model)
            outgoing = prepare(
                target,
                call or self._call,
                model=model,
                manner=plan.manner,
                secret=proof.secret,
                token=proof.token,
                now_s=plan.world.wall() + plan.keyring.skew_s(target),
            )
        except CredentialError as e:
            return OpenAIError(
                401, f"{target.name}: {e}", "authentication_error", None, "missing_credential", "credential"
            )
        except ConfigError as e:
            return OpenAIError(404, str(e), "invalid_request_error", "model", "model_not_found", "request")
        except RefusedError as e:
            return e.error
        except WireError as e:
            return OpenAIError(400, str(e), code="unsupported_parameter")
        self._sent, self._provider = outgoing, target.provider.id
        for ruling in outgoing.rulings:
            if ruling.verdict != "as-is":
                effect = Effect(ruling.effect).name.lower()
                plan.notice(Adapted(self._id, target.name, model, ruling.subject, effect, ruling.advice))
        return outgoing

    def _situation(
        self, error: OpenAIError, tries: int, target: Target, model: str, others: Sequence[Target]
    ) -> Situation:
        larger = error.code == CONTEXT_OVERFLOW and self._has_larger(target, model, others)
        return Situation(
            tries=tries,
            total=self._tries,
            more_targets=bool(self._open(others)),
            larger_targets=larger,
            may_retry=self._plan.health.may_retry(target, self._now()),
            left_s=self._ends_at - self._now(),
            patience_s=self._latest() - self._now(),
            chance=self._plan.world.chance(),
        )

    def _has_larger(self, target: Target, model: str, others: Sequence[Target]) -> bool:
        here = _context_tokens(target, model)
        if here is None:
            return False
        self._too_small = max(here, self._too_small or 0)
        return any(self._fits(other) for other in others)

    def _context_tokens_at(self, target: Target) -> int:
        """Return the declared context of what would serve this call at a target; 0 if nobody declares it."""
        try:
            return _context_tokens(target, self._plan.model_for(target, self._call.model)) or 0
        except ConfigError:
            return 0

    def _once(self, target: Target, outgoing: Outgoing, *, retry: bool, more: bool) -> _Tried:
        """Make one try at a target: one request, or all that the call still needs where one does not do."""
        self._head = None
        parts = (outgoing, *outgoing.others)
        missing = [i for i in range(len(parts)) if i not in self._have]
        attempts = [self._attempt(target, parts[i], retry=retry) for i in missing]
        if len(parts) > 1:
            error = yield from self._pieces(target, parts, missing, attempts)
        elif self._call.stream:
            error = yield from self._stream(target, outgoing, attempts[0], more)
        else:
            error = yield from self._whole(target, outgoing, attempts[0])
        for attempt in attempts:
            self._over(attempt, target, error)
        return error

    def _over(self, attempt: Attempt, target: Target, error: OpenAIError | None) -> None:
        """Note what came of an attempt, once."""
        if not attempt.over:
            attempt.over = True
            self._plan.health.end(target, error, self._now(), self._plan.world.chance())

    def _attempt(self, target: Target, outgoing: Outgoing, *, retry: bool) -> Attempt:
        attempt = Attempt(target.name, outgoing.model, left=self._plan.health.leave)
        self._journey.attempts.append(attempt)
        self._plan.health.begin(target, self._now(), retry=retry)
        number = len(self._journey.attempts)
        self._plan.notice(Sent(self._id, target.name, target.provider.id, outgoing.model, number))
        return attempt

    def _pieces(
        self, target: Target, parts: Sequence[Outgoing], missing: Sequence[int], attempts: Sequence[Attempt]
    ) -> _Tried:
        """Ask for all pieces of a call that are not there yet, at once; whole only when all are."""
        connect_s = self._limits.connect_s
        asked = zip(missing, attempts, strict=True)
        sends = [Send(parts[i], attempt, connect_s, self._ends_at) for i, attempt in asked]
        results = yield Fan(tuple(sends), self._limits.body_bytes)
        if not isinstance(results, tuple):
            return failed(results, target)
        error: OpenAIError | None = None
        for i, attempt, result in zip(missing, attempts, results, strict=True):
            answer = self._read_piece(target, parts[i], result)
            wrong = answer if isinstance(answer, OpenAIError) else None
            self._over(attempt, target, wrong)
            error = error or wrong
            if not isinstance(answer, OpenAIError):
                self._have[i] = answer
        if error is not None:
            return error
        whole = join(self._call, [self._have[i] for i in range(len(parts))])
        self._end(target, "ok", 200, whole.usage)
        yield Reply(200, (("content-type", "application/json"), *self._marks(self._head)), whole.body)
        return None

    def _read_piece(self, target: Target, outgoing: Outgoing, result: Whole | Failure) -> Answer | OpenAIError:
        if not isinstance(result, Whole):
            return failed(result, target)
        head = self._head = result.head
        try:
            body = decoder_for(head.headers.get("content-encoding", "")).feed(result.body, self._limits.body_bytes)
        except DecodeError as e:
            return broken(target, str(e))
        if len(body) > self._limits.body_bytes:
            return broken(target, "the answer is too large")
        return read_answer(target, self._call, outgoing, head.status, head.headers, body)

    def _whole(self, target: Target, outgoing: Outgoing, attempt: Attempt) -> _Tried:
        """Ask for an answer in one piece."""
        head = yield Send(outgoing, attempt, self._limits.connect_s, self._ends_at)
        if not isinstance(head, Head):
            return failed(head, target)
        self._head = head
        answer = yield from self._read_whole(target, outgoing, head, self._ends_at)
        if isinstance(answer, OpenAIError):
            return answer
        headers = (("content-type", "application/json"), *self._marks(head))
        self._over(attempt, target, None)
        self._end(target, "ok", 200, answer.usage)
        yield Reply(200, headers, answer.body)
        return None

    def _read_whole(
        self, target: Target, outgoing: Outgoing, head: Head, until: float
    ) -> Generator[Command, Result, Answer | OpenAIError]:
        good = 200 <= head.status < 300
        body = yield from self._read_body(target, head, until if good else min(until, self._now() + _ERROR_S))
        if isinstance(body, OpenAIError):
            if good:
                return body
            body = b""  # what the status says holds without the words that would have followed
        return read_answer(target, self._call, outgoing, head.status, head.headers, body)

    def _read_body(self, target: Target, head: Head, until: float) -> Generator[Command, Result, bytes | OpenAIError]:
        """Return a whole body, unpacked."""
        pieces: list[bytes] = []
        left = self._limits.body_bytes
        try:
            decoder = decoder_for(head.headers.get("content-encoding", ""))
            while True:
                data = yield Read(until)
                if not isinstance(data, bytes):
                    return failed(data, target)
                if not data:
                    return b"".join(pieces)
                plain = decoder.feed(data, left)
                left -= len(plain)
                if left < 0:
                    return broken(target, "the answer is too large")
                pieces.append(plain)
        except DecodeError as e:
            return broken(target, str(e))

    def _stream(self, target: Target, outgoing: Outgoing, attempt: Attempt, more: bool) -> _Tried:
        """Ask for a stream, hold it back until its first content, and hand it on."""
        gate = self._now() + self._limits.read_s
        if more and not _is_slow(target, outgoing):
            gate = min(gate, self._now() + self._limits.first_token_s)
        opened = yield from self._open_stream(target, self._call, outgoing, attempt, gate)
        if isinstance(opened, OpenAIError):
            return opened
        source, held, head = opened
        self._plan.notice(Committed(self._id, target.name, outgoing.model, self._now() - self._began))
        yield Reply(200, (("content-type", "text/event-stream; charset=utf-8"), *self._marks(head)), None)
        kept: list[bytes] | None = [*held] if self._plan.on_cut == "continue" and may_continue(self._call) else None
        last = yield from self._relay(source, held, kept)
        # The books are closed before the last events go out: many callers never ask for what follows them.
        self._over(attempt, target, source.fault)
        if source.fault is not None and kept:
            if last:
                yield Emit(b"".join(map(encode_event, last)))
            going_on = yield from self._go_on(kept)
            last, source = going_on if going_on is not None else ([], source)
        self._end(target, "ok" if source.fault is None else "cut", 200, source.usage)
        emit = encode(last, source)
        if emit is not None:
            yield emit
        return None

    def _open_stream(
        self, target: Target, call: Call, outgoing: Outgoing, attempt: Attempt, gate: float
    ) -> Generator[Command, Result, tuple[Source, list[bytes], Head] | OpenAIError]:
        """Ask for a stream; return it with its first payloads, or why there is none."""
        head = yield Send(outgoing, attempt, self._limits.connect_s, gate)
        if not isinstance(head, Head):
            return failed(head, target)
        self._head = head
        if head.status != 200:
            answer = yield from self._read_whole(target, outgoing, head, gate)
            return answer if isinstance(answer, OpenAIError) else broken(target, "no stream came")
        try:
            decoder = decoder_for(head.headers.get("content-encoding", ""))
        except DecodeError as e:
            return broken(target, str(e))
        reader = StreamReader(target, call, outgoing)
        source = Source(reader, decoder, target, self._limits, buffer_tool_calls=self._plan.buffer_tool_calls)
        held = yield from source.preamble(gate)
        return held if isinstance(held, OpenAIError) else (source, held, head)

    def _relay(
        self, source: Source, payloads: list[bytes], kept: list[bytes] | None, *, joins: Target | None = None
    ) -> Generator[Command, Result, list[bytes]]:
        """Hand on a stream until it is over; return its last payloads, which nobody has yet.

        Args:
            source: the stream.
            payloads: its first.
            kept: takes in all that is handed on.
            joins: the target that it is from, if it goes on with what is kept.
        """
        ends_at = float("inf")  # once the finish is out, comments do not restart the clock
        while not source.over:
            if payloads:
                yield Emit(b"".join(map(encode_event, payloads)))
            now = self._now()
            if source.finished:
                ends_at = min(ends_at, now + _AFTER_FINISH_S, now + self._limits.read_s)
            payloads = source.take((yield Read(min(now + self._limits.read_s, ends_at))))
            if joins is not None and kept:
                payloads = joined(payloads, kept[0], joins)
            elif kept is not None:
                kept += payloads
        return payloads

    def _go_on(self, kept: list[bytes]) -> Generator[Command, Result, tuple[list[bytes], Source] | None]:
        """Have a text that broke off continued, once; return the last payloads and their stream, None if nobody can."""
        for target in self._open(self._plan.targets):
            call = self._continued(target, kept)
            if call is None:
                continue
            proof = yield from self._obtain(target)
            outgoing = proof if isinstance(proof, OpenAIError) else self._prepare(target, proof, call)
            if isinstance(outgoing, OpenAIError):
                continue
            attempt = self._attempt(target, outgoing, retry=True)
            opened = yield from self._open_stream(target, call, outgoing, attempt, self._now() + self._limits.read_s)
            if isinstance(opened, OpenAIError):
                self._over(attempt, target, opened)
                return None
            source, held, _ = opened
            last = yield from self._relay(source, joined(held, kept[0], target), kept, joins=target)
            self._over(attempt, target, source.fault)
            return last, source
        return None

    def _continued(self, target: Target, kept: Sequence[bytes]) -> Call | None:
        try:
            field = partial_field(target, self._plan.model_for(target, self._call.model))
        except ConfigError:
            return None
        return continued(self._call, kept, field) if field is not None else None

    def _end(self, target: Target | None, outcome: Outcome, status: int, usage: Mapping[str, JsonValue] | None) -> None:
        name = target.name if target is not None else None
        model = self._sent.model if self._sent is not None and target is not None else None
        number, duration = len(self._journey.attempts), self._now() - self._began
        self._plan.notice(Ended(self._id, name, model, outcome, status, number, usage, duration))

    def _marks(self, head: Head | None = None) -> tuple[tuple[str, str], ...]:
        """Return the headers that say how the answer came about; never an address or a key."""
        vendor: Mapping[str, str] = head.headers if head is not None else {}
        marks = [("x-request-id", vendor.get("x-request-id") or self._id)]
        if self._sent is not None:
            marks += [("x-llm-migrate-provider", self._provider), ("x-llm-migrate-model", self._sent.model)]
            if self._sent.adapted:
                marks.append(("x-llm-migrate-adapted", self._sent.adapted))
        marks.append(("x-llm-migrate-attempts", str(len(self._journey.attempts))))
        if self._journey.reasons:
            marks.append(("x-llm-migrate-fallback-reason", ", ".join(self._journey.reasons)))
        marks += [(name, value) for name, value in vendor.items() if name.startswith("x-ratelimit-")]
        return tuple((name, _header_text(value)) for name, value in marks)


def _nobody(call: Call) -> OpenAIError:
    text = f"no target of this chain is for {call.model[:80]!r}, or for a request of this size"
    return OpenAIError(404, text, "invalid_request_error", "model", "model_not_found")


def _weight(error: OpenAIError, *, asked: bool) -> int:
    """Rank errors by what they tell the caller: a vendor's word, then why a request cannot go, then a dead line."""
    if error.outcome == "unsent":
        return 0
    return 2 if asked else 1


def _context_tokens(target: Target, model: str) -> int | None:
    listed = find_model(target.provider, model, endpoint=target.endpoint.id)
    return listed.context_tokens if listed else None


def _is_slow(target: Target, outgoing: Outgoing) -> bool:
    """Say whether a model thinks before its first token, silently and long."""
    listed = find_model(target.provider, outgoing.model, endpoint=target.endpoint.id)
    return listed is not None and listed.always_thinking


def _header_text(text: str) -> str:
    """Return a text that any client takes as a header: a deployment may be called by a Chinese name."""
    return text if text.isascii() and text.isprintable() else quote(text, safe=" ,;=:/")
