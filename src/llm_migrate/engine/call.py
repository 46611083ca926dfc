"""One call along a chain of targets, as a generator that says what to do and is told what happened.

It opens no socket, reads no clock and rolls no dice: time and chance are given, a driver acts. It never yields after
it was abandoned (there is no `finally` here), so closing it costs nothing; the driver's record of the attempts says
how far they came. Until the first content of an answer is there, a failure leads on to the next try or target and the
caller sees nothing of it; from then on nothing is repeated, and a break becomes one error event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, cast
from urllib.parse import quote

from llm_migrate.catalog.policy import find_model
from llm_migrate.config import Target
from llm_migrate.engine.decode import DecodeError, Decoder, decoder_for
from llm_migrate.engine.outcome import CONTEXT_OVERFLOW, Next, Retry, Situation, decide
from llm_migrate.engine.steps import (
    Attempt,
    Command,
    Emit,
    Failure,
    Head,
    Journey,
    Limits,
    Read,
    Reply,
    Result,
    Send,
    Sleep,
)
from llm_migrate.errors import ConfigError, CredentialError, WireError
from llm_migrate.wire.exchange import (
    DONE,
    Answer,
    Call,
    Chunk,
    Done,
    Event,
    Fault,
    OpenAIError,
    Outgoing,
    RefusedError,
    StreamReader,
    encode_event,
    error_event,
    prepare,
    read_answer,
)

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
MAX_PREAMBLE_BYTES: Final = 4 * 1024 * 1024  # held back before the first content
_AFTER_FINISH_S: Final = 5.0  # how long usage and [DONE] may come after the finish

Steps: TypeAlias = Generator[Command, Result, None]
_Tried: TypeAlias = Generator[Command, Result, OpenAIError | None]


@dataclass(frozen=True, slots=True)
class World:
    """Time and chance: monotonic seconds, Unix seconds, a number in [0, 1), an id for a request."""

    now: Callable[[], float]
    wall: Callable[[], float]
    chance: Callable[[], float]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call may use.

    Attributes:
        targets: in the order to try them.
        model_for: the vendor's id for what was asked; raises ConfigError where there is none.
        adapt: what to do where a vendor cannot keep a parameter.
        limits: how long and how often.
        world: time and chance.
        notice: told of every request before it is sent.
    """

    targets: Sequence[Target]
    model_for: Callable[[Target, str], str]
    adapt: Literal["strict", "warn", "silent"]
    limits: Limits
    world: World
    notice: Callable[[Target, Outgoing], None]


def run(call: Call, plan: Plan, journey: Journey) -> Steps:
    """Serve one call.

    Yields:
        Commands; exactly one `Reply`, and after one without body the events of a stream.
    """
    route = _Route(call, plan, journey)
    last: OpenAIError | None = None
    heaviest = 0
    for index, target in enumerate(plan.targets):
        others = plan.targets[index + 1 :]
        if not route.fits(target):
            continue
        sent_before = len(journey.attempts)
        error = yield from route.serve(target, others)
        if error is None:
            return
        weight = _weight(error, asked=len(journey.attempts) > sent_before)
        if weight >= heaviest:
            last, heaviest = error, weight
        journey.reasons.append(error.outcome)
        if route.failed:
            break
    yield route.refusal(cast("OpenAIError", last))


class _Route:
    """The state of one call: where it stands and how long it has."""

    def __init__(self, call: Call, plan: Plan, journey: Journey) -> None:
        self._call = call
        self._plan = plan
        self._journey = journey
        self._limits = plan.limits
        self._now = plan.world.now
        self._ends_at = float("inf") if call.stream else self._now() + plan.limits.total_s
        self._sent: Outgoing | None = None
        self._provider = ""
        self._vendor_headers: tuple[tuple[str, str], ...] = ()
        self._too_small: int | None = None  # a context, in tokens, that did not hold the request
        self.failed = False  # no further target may be asked

    def fits(self, target: Target) -> bool:
        """Say whether a target may hold what another one could not; only one that is declared larger may."""
        return self._too_small is None or self._context_tokens_at(target) > self._too_small

    def serve(self, target: Target, others: Sequence[Target]) -> _Tried:
        """Try one target as often as is sensible; return what was wrong at last, None when the caller has an answer."""
        tries = 0
        while True:
            outgoing = self._prepare(target)
            if isinstance(outgoing, OpenAIError):
                return outgoing
            tries += 1
            attempt = Attempt(target.name, outgoing.model)
            self._journey.attempts.append(attempt)
            once = self._stream if self._call.stream else self._whole
            error = yield from once(target, outgoing, attempt, bool(others))
            if error is None:
                return None
            match decide(error, self._situation(error, tries, target, outgoing.model, others), self._limits):
                case Retry(wait_s):
                    if wait_s > 0:
                        yield Sleep(wait_s)
                case Next():
                    return error
                case _:
                    self.failed = True
                    return error

    def refusal(self, error: OpenAIError) -> Reply:
        """Return the final answer of a call that nobody could serve."""
        headers = [("content-type", "application/json"), *self._marks(), ("x-should-retry", "false")]
        if error.retry_after_s is not None:
            headers.append(("retry-after", str(max(0, -int(-error.retry_after_s // 1)))))
        return Reply(error.status, tuple(headers), error.body())

    def _prepare(self, target: Target) -> Outgoing | OpenAIError:
        plan = self._plan
        try:
            model = plan.model_for(target, self._call.model)
            outgoing = prepare(
                target,
                self._call,
                model=model,
                adapt=plan.adapt,
                secret=target.credential(),
                now_s=plan.world.wall(),
            )
        except CredentialError as e:
            return OpenAIError(401, str(e), "authentication_error", None, "missing_credential", "credential")
        except ConfigError as e:
            return OpenAIError(404, str(e), "invalid_request_error", "model", "model_not_found", "request")
        except RefusedError as e:
            return e.error
        except WireError as e:
            return OpenAIError(400, str(e), code="unsupported_parameter")
        self._sent, self._provider = outgoing, target.provider.id
        plan.notice(target, outgoing)
        return outgoing

    def _situation(
        self, error: OpenAIError, tries: int, target: Target, model: str, others: Sequence[Target]
    ) -> Situation:
        larger = error.code == CONTEXT_OVERFLOW and self._has_larger(target, model, others)
        return Situation(
            tries=tries,
            total=len(self._journey.attempts),
            more_targets=bool(others),
            larger_targets=larger,
            left_s=self._ends_at - self._now(),
            chance=self._plan.world.chance(),
        )

    def _has_larger(self, target: Target, model: str, others: Sequence[Target]) -> bool:
        here = _context_tokens(target, model)
        if here is None:
            return False
        self._too_small = max(here, self._too_small or 0)
        return any(self.fits(other) for other in others)

    def _context_tokens_at(self, target: Target) -> int:
        """Return the declared context of what would serve this call at a target; 0 if nobody declares it."""
        try:
            return _context_tokens(target, self._plan.model_for(target, self._call.model)) or 0
        except ConfigError:
            return 0

    def _whole(self, target: Target, outgoing: Outgoing, attempt: Attempt, _more: bool) -> _Tried:
        """Ask for an answer in one piece."""
        head = yield Send(outgoing, attempt, self._limits.connect_s, self._ends_at)
        if not isinstance(head, Head):
            return _failed(head, target)
        answer = yield from self._read_whole(target, outgoing, head, self._ends_at)
        if isinstance(answer, OpenAIError):
            return answer
        headers = (("content-type", "application/json"), *self._marks(head))
        yield Reply(200, headers, answer.body)
        return None

    def _read_whole(
        self, target: Target, outgoing: Outgoing, head: Head, until: float
    ) -> Generator[Command, Result, Answer | OpenAIError]:
        pieces: list[bytes] = []
        left = MAX_BODY_BYTES
        try:
            decoder = decoder_for(head.headers.get("content-encoding", ""))
            while True:
                data = yield Read(until)
                if not isinstance(data, bytes):
                    return _failed(data, target)
                if not data:
                    break
                plain = decoder.feed(data, left)
                left -= len(plain)
                if left < 0:
                    return _broken(target, "the answer is too large")
                pieces.append(plain)
        except DecodeError as e:
            return _broken(target, str(e))
        return read_answer(target, self._call, outgoing, head.status, head.headers, b"".join(pieces))

    def _stream(self, target: Target, outgoing: Outgoing, attempt: Attempt, more: bool) -> _Tried:
        """Ask for a stream and hold it back until its first content."""
        limits = self._limits
        gate = self._now() + limits.read_s
        if more and not _is_slow(target, outgoing):
            gate = min(gate, self._now() + limits.first_token_s)
        head = yield Send(outgoing, attempt, limits.connect_s, gate)
        if not isinstance(head, Head):
            return _failed(head, target)
        if head.status != 200:
            answer = yield from self._read_whole(target, outgoing, head, gate)
            return answer if isinstance(answer, OpenAIError) else _broken(target, "no stream came")
        try:
            decoder = decoder_for(head.headers.get("content-encoding", ""))
        except DecodeError as e:
            return _broken(target, str(e))
        source = _Source(StreamReader(target, self._call, outgoing), decoder, target)
        preamble = yield from source.preamble(gate)
        if isinstance(preamble, OpenAIError):
            return preamble
        yield Reply(200, (("content-type", "text/event-stream; charset=utf-8"), *self._marks(head)), None)
        yield preamble
        while not source.over:
            limit = min(limits.read_s, _AFTER_FINISH_S) if source.finished else limits.read_s
            emit = source.take((yield Read(self._now() + limit)))
            if emit is not None:
                yield emit
        return None

    def _marks(self, head: Head | None = None) -> tuple[tuple[str, str], ...]:
        """Return the headers that say how the answer came about; never an address or a key."""
        vendor: Mapping[str, str] = head.headers if head is not None else {}
        marks = [("x-request-id", vendor.get("x-request-id") or self._plan.world.new_id())]
        if self._sent is not None:
            marks += [("x-llm-migrate-provider", self._provider), ("x-llm-migrate-model", self._sent.model)]
            if self._sent.adapted:
                marks.append(("x-llm-migrate-adapted", self._sent.adapted))
        marks.append(("x-llm-migrate-attempts", str(len(self._journey.attempts))))
        if self._journey.reasons:
            marks.append(("x-llm-migrate-fallback-reason", ", ".join(self._journey.reasons)))
        marks += [(name, value) for name, value in vendor.items() if name.startswith("x-ratelimit-")]
        return tuple((name, _header_text(value)) for name, value in marks)


class _Source:
    """A stream being read: turns events into bytes for the caller, or into the error that it was."""

    def __init__(self, reader: StreamReader, decoder: Decoder, target: Target) -> None:
        self._reader = reader
        self._decoder = decoder
        self._target = target
        self.finished = False
        self.over = False

    def preamble(self, gate: float) -> Generator[Command, Result, Emit | OpenAIError]:
        """Read until there is content, or a finish, or nothing more to hope for; hold everything back until then."""
        held: list[bytes] = []
        size = 0
        while True:
            data = yield Read(gate)
            content = False
            for event in self._events(data):
                match event:
                    case Chunk(payload, has_content, finish):
                        held.append(encode_event(payload))
                        size += len(payload)
                        content = content or has_content or finish
                        self.finished = self.finished or finish
                    case Done():
                        return self._last(held)
                    case Fault(error):
                        self.over = True
                        if content:
                            return Emit(b"".join([*held, error_event(_interrupted(error))]))
                        return _failed(data, self._target) if isinstance(data, Failure) else _before_commit(error)
            if content:
                return Emit(b"".join(held))
            if size > MAX_PREAMBLE_BYTES:
                return _broken(self._target, "the stream holds no content")

    def take(self, data: Result) -> Emit | None:
        """Return what goes to the caller of what was read; None if nothing does."""
        out: list[bytes] = []
        for event in self._events(data):
            if isinstance(event, Chunk):  # asked first and by hand: this is once for every word of an answer
                out.append(encode_event(event.payload))
                self.finished = self.finished or event.finish
            elif isinstance(event, Done):
                return self._last(out)
            else:
                self.over = True
                out.append(error_event(_interrupted(event.error)))
                break
        return Emit(b"".join(out)) if out else None

    def _last(self, out: list[bytes]) -> Emit:
        self.over = True
        return Emit(b"".join([*out, DONE]), whole=True)

    def _events(self, data: Result) -> list[Event]:
        if not isinstance(data, bytes) or not data:
            return self._reader.finish()
        try:
            plain = self._decoder.feed(data, MAX_BODY_BYTES)
        except DecodeError as e:
            return [Fault(_broken(self._target, str(e)))]
        if len(plain) > MAX_BODY_BYTES:
            return [Fault(_broken(self._target, "one piece of the stream is too large"))]
        return self._reader.feed(plain)


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


def _failed(result: Result, target: Target) -> OpenAIError:
    """Return the error for an attempt without an answer."""
    failure = result if isinstance(result, Failure) else Failure("ambiguous", "no answer")
    status, code = (504, "upstream_timeout") if failure.timed_out else (502, "upstream_unreachable")
    return OpenAIError(status, f"{target.name}: {failure.cause}", "upstream_error", None, code, failure.outcome)


def _broken(target: Target, problem: str) -> OpenAIError:
    return OpenAIError(502, f"{target.name}: {problem}", "upstream_error", None, "upstream_invalid", "ambiguous")


def _before_commit(error: OpenAIError) -> OpenAIError:
    """A stream that broke before its first content counts like an answer that never came."""
    return replace(error, status=502, outcome="ambiguous") if error.outcome == "cut" else error


def _interrupted(error: OpenAIError) -> OpenAIError:
    return replace(error, type="upstream_error", param=None, code="stream_interrupted", outcome="cut")
