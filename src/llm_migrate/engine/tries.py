"""One try at a target: a request and its answer, whole or streamed, or all the requests that a call still needs.

A stream is held back until its first content; from then on a break is one error event, or, where the caller asked for
it, another target goes on with the text.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from llm_migrate.catalog.policy import find_model
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.engine.continuing import continued, joined, may_continue, partial_field
from llm_migrate.engine.course import Course, Tried
from llm_migrate.engine.decode import DecodeError, decoder_for
from llm_migrate.engine.events import Committed, Sent
from llm_migrate.engine.faults import broken, failed
from llm_migrate.engine.source import Source, encode
from llm_migrate.engine.steps import Attempt, Command, Emit, Failure, Fan, Head, Read, Reply, Result, Send, Whole
from llm_migrate.errors import ConfigError
from llm_migrate.wire.exchange import (
    Answer,
    Call,
    OpenAIError,
    Outgoing,
    StreamReader,
    encode_event,
    join,
    read_answer,
)

if TYPE_CHECKING:
    from llm_migrate.ledger.ledger import Hold

_AFTER_FINISH_S: Final = 5.0  # how long usage and [DONE] may come after the finish
_ERROR_S: Final = 5.0  # for the body of an error, whose status says the most of it


class Tries:
    """Makes the tries of one call.

    Args:
        course: where the call stands.
        open_: of some targets those that may be asked now.
    """

    def __init__(self, course: Course, open_: Callable[[Sequence[Target]], list[Target]]) -> None:
        self._course = course
        self._call, self._plan, self._limits = course.call, course.plan, course.limits
        self._now = course.now
        self._ends_at = course.ends_at
        self._open = open_

    def once(self, target: Target, outgoing: Outgoing, hold: Hold | None, *, retry: bool, more: bool) -> Tried:
        """Make one try at a target: one request, or all that the call still needs where one does not do.

        Args:
            target: who is asked.
            outgoing: the request, with others where one does not do.
            hold: the reservation under which it goes out.
            retry: it is not the first one at this target.
            more: another target could still serve.
        """
        self._course.head = None
        parts = (outgoing, *outgoing.others)
        missing = [i for i in range(len(parts)) if i not in self._course.have]
        attempts = [self._attempt(target, parts[i], hold, retry=retry) for i in missing]
        if len(parts) > 1:
            error = yield from self._pieces(target, parts, missing, attempts)
        elif self._call.stream:
            error = yield from self._stream(target, outgoing, attempts[0], more)
        else:
            error = yield from self._whole(target, outgoing, attempts[0])
        for attempt in attempts:
            self._over(attempt, target, error)
        return error

    def _over(
        self,
        attempt: Attempt,
        target: Target,
        error: OpenAIError | None,
        usage: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Note what came of an attempt, and of the reservation that it was under, once."""
        self._tell_health(attempt, target, error)
        if attempt.hold is not None:
            attempt.hold.end("ok" if error is None else error.outcome, usage)

    def _tell_health(self, attempt: Attempt, target: Target, error: OpenAIError | None) -> None:
        if not attempt.over:
            attempt.over = True
            self._plan.health.end(target, error, self._now(), self._plan.world.chance())

    def _attempt(self, target: Target, outgoing: Outgoing, hold: Hold | None, *, retry: bool) -> Attempt:
        attempt = Attempt(target.name, outgoing.model, left=self._plan.health.leave, hold=hold)
        attempts = self._course.journey.attempts
        attempts.append(attempt)
        self._plan.health.begin(target, self._now(), retry=retry)
        self._plan.notice(Sent(self._course.id, target.name, target.provider.id, outgoing.model, len(attempts)))
        return attempt

    def _pieces(
        self, target: Target, parts: Sequence[Outgoing], missing: Sequence[int], attempts: Sequence[Attempt]
    ) -> Tried:
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
            self._tell_health(attempt, target, wrong)
            error = error or wrong
            if not isinstance(answer, OpenAIError):
                self._course.have[i] = answer
        hold = attempts[0].hold
        if hold is not None:
            self._end_pieces(hold, [self._course.have[i] for i in missing if i in self._course.have], error)
        if error is not None:
            return error
        whole = join(self._call, [self._course.have[i] for i in range(len(parts))])
        self._course.end(target, "ok", 200, whole.usage)
        yield Reply(200, (("content-type", "application/json"), *self._course.marks(self._course.head)), whole.body)
        return None

    def _end_pieces(self, hold: Hold, answers: Sequence[Answer], error: OpenAIError | None) -> None:
        """End the one reservation of all pieces: what was answered is paid for, whatever became of the others."""
        if error is None or (answers and error.outcome != "ambiguous"):
            hold.end("ok", join(self._call, answers).usage)
        else:
            hold.end(error.outcome)

    def _read_piece(self, target: Target, outgoing: Outgoing, result: Whole | Failure) -> Answer | OpenAIError:
        if not isinstance(result, Whole):
            return failed(result, target)
        head = self._course.head = result.head
        try:
            body = decoder_for(head.headers.get("content-encoding", "")).feed(result.body, self._limits.body_bytes)
        except DecodeError as e:
            return broken(target, str(e))
        if len(body) > self._limits.body_bytes:
            return broken(target, "the answer is too large")
        return read_answer(target, self._call, outgoing, head.status, head.headers, body)

    def _whole(self, target: Target, outgoing: Outgoing, attempt: Attempt) -> Tried:
        """Ask for an answer in one piece."""
        head = yield Send(outgoing, attempt, self._limits.connect_s, self._ends_at)
        if not isinstance(head, Head):
            return failed(head, target)
        self._course.head = head
        answer = yield from self._read_whole(target, outgoing, head, self._ends_at)
        if isinstance(answer, OpenAIError):
            return answer
        headers = (("content-type", "application/json"), *self._course.marks(head))
        if attempt.hold is not None and answer.usage is None:
            attempt.hold.deliver([answer.body])
        self._over(attempt, target, None, answer.usage)
        self._course.end(target, "ok", 200, answer.usage)
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

    def _stream(self, target: Target, outgoing: Outgoing, attempt: Attempt, more: bool) -> Tried:
        """Ask for a stream, hold it back until its first content, and hand it on."""
        gate = self._now() + self._limits.read_s
        if more and not _is_slow(target, outgoing):
            gate = min(gate, self._now() + self._limits.first_token_s)
        opened = yield from self._open_stream(target, self._call, outgoing, attempt, gate)
        if isinstance(opened, OpenAIError):
            return opened
        source, held, head = opened
        self._plan.notice(Committed(self._course.id, target.name, outgoing.model, self._now() - self._course.began))
        yield Reply(200, (("content-type", "text/event-stream; charset=utf-8"), *self._course.marks(head)), None)
        kept: list[bytes] | None = [*held] if self._plan.on_cut == "continue" and may_continue(self._call) else None
        last = yield from self._relay(source, attempt, held, kept)
        # The books are closed before the last events go out: many callers never ask for what follows them.
        self._over(attempt, target, source.fault, source.usage)
        if source.fault is not None and kept:
            if last:
                yield Emit(b"".join(map(encode_event, last)))
            going_on = yield from self._go_on(kept)
            last, source = going_on if going_on is not None else ([], source)
        self._course.end(target, "ok" if source.fault is None else "cut", 200, source.usage)
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
        self._course.head = head
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
        self,
        source: Source,
        attempt: Attempt,
        payloads: list[bytes],
        kept: list[bytes] | None,
        *,
        joins: Target | None = None,
    ) -> Generator[Command, Result, list[bytes]]:
        """Hand on a stream until it is over; return its last payloads, which nobody has yet.

        Args:
            source: the stream.
            attempt: that it answers.
            payloads: its first.
            kept: takes in all that is handed on.
            joins: the target that it is from, if it goes on with what is kept.
        """
        ends_at = float("inf")  # once the finish is out, comments do not restart the clock
        while not source.over:
            if payloads:
                if attempt.hold is not None:
                    attempt.hold.deliver(payloads)
                yield Emit(b"".join(map(encode_event, payloads)))
            now = self._now()
            if source.finished:
                ends_at = min(ends_at, now + _AFTER_FINISH_S, now + self._limits.read_s)
            payloads = source.take((yield Read(min(now + self._limits.read_s, ends_at))))
            if joins is not None and kept:
                payloads = joined(payloads, kept[0], joins)
            elif kept is not None:
                kept += payloads
        if attempt.hold is not None:
            attempt.hold.deliver(payloads)
        return payloads

    def _go_on(self, kept: list[bytes]) -> Generator[Command, Result, tuple[list[bytes], Source] | None]:
        """Have a text that broke off continued, once; return the last payloads and their stream, None if nobody can."""
        for target in self._open(self._plan.targets):
            call = self._continued(target, kept)
            if call is None:
                continue
            proof = yield from self._course.obtain(target)
            ready = proof if isinstance(proof, OpenAIError) else (yield from self._course.ready(target, proof, call))
            if isinstance(ready, OpenAIError):
                continue
            outgoing, hold = ready
            attempt = self._attempt(target, outgoing, hold, retry=True)
            opened = yield from self._open_stream(target, call, outgoing, attempt, self._now() + self._limits.read_s)
            if isinstance(opened, OpenAIError):
                self._over(attempt, target, opened)
                return None
            source, held, _ = opened
            last = yield from self._relay(source, attempt, joined(held, kept[0], target), kept, joins=target)
            self._over(attempt, target, source.fault, source.usage)
            return last, source
        return None

    def _continued(self, target: Target, kept: Sequence[bytes]) -> Call | None:
        try:
            field = partial_field(target, self._plan.model_for(target, self._call.model))
        except ConfigError:
            return None
        return continued(self._call, kept, field) if field is not None else None


def _is_slow(target: Target, outgoing: Outgoing) -> bool:
    """Say whether a model thinks before its first token, silently and long."""
    listed = find_model(target.provider, outgoing.model, endpoint=target.endpoint.id)
    return listed is not None and listed.always_thinking
