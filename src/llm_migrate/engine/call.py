"""One call along a chain of targets, as a generator that says what to do and is told what happened.

It opens no socket, reads no clock and rolls no dice: time and chance are given, a driver acts. It never yields after
it was abandoned (there is no `finally` here), so closing it costs nothing; the driver's record of the attempts says
how far they came. Until the first content of an answer is there, a failure leads on to the next try or target and the
caller sees nothing of it; from then on nothing is repeated, and a break becomes one error event.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final, Literal, TypeAlias

from llm_migrate.catalog.policy import find_model
from llm_migrate.config import Target
from llm_migrate.config.target import BEARERS
from llm_migrate.engine.course import Course, Tried
from llm_migrate.engine.events import Began, Failed, Skipped
from llm_migrate.engine.outcome import CONTEXT_OVERFLOW, Next, Retry, Situation, decide
from llm_migrate.engine.plan import Plan, World
from llm_migrate.engine.proof import Proof
from llm_migrate.engine.steps import Command, Journey, Reply, Result, Sleep
from llm_migrate.engine.tries import Tries
from llm_migrate.engine.waits import LONGEST_RETRY_AFTER_S
from llm_migrate.errors import ConfigError
from llm_migrate.ledger.alert import OVER_BUDGET
from llm_migrate.wire.exchange import Call, OpenAIError, read_date

_SKEW_S: Final = 30.0  # clocks that differ by less are not to blame for a refused signature
_POLL_S: Final = 0.02  # for a place at a busy target

__all__ = ["Plan", "Steps", "World", "run"]

Steps: TypeAlias = Generator[Command, Result, None]


def run(call: Call, plan: Plan, journey: Journey) -> Steps:
    """Serve one call.

    Yields:
        Commands; exactly one `Reply`, and after one without body the events of a stream.
    """
    route = _Route(Course(call, plan, journey))
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
    """The way of one call along its targets: which is asked next, and how often."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._attempts = Tries(course, self._open)
        self._call, self._plan, self._limits = course.call, course.plan, course.limits
        self._now = course.now
        self._began, self._ends_at, self._id = course.began, course.ends_at, course.id
        self._tries = 0  # at all targets
        self._too_small: int | None = None  # a context, in tokens, that did not hold the request
        self._worst: tuple[int, OpenAIError] | None = None
        self.failed = False  # no further target may be asked
        self.insist = False  # a target is asked though it is closed
        self._plan.notice(Began(self._id, self._call.api, self._call.model, self._call.stream))

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

    def serve(self, target: Target, others: Sequence[Target]) -> Tried:
        """Try one target as often as is sensible; return what was wrong at last, None when the caller has an answer."""
        sent_before = len(self._course.journey.attempts)
        error = yield from self._serve(target, others)
        if error is not None:
            weight = _weight(error, asked=len(self._course.journey.attempts) > sent_before)
            if self._worst is None or weight >= self._worst[0]:
                self._worst = weight, error
            self._course.journey.reasons.append(error.outcome)
        return error

    def refusal(self) -> Reply:
        """Return the final answer of a call that nobody could serve."""
        error = self._worst[1] if self._worst is not None else _nobody(self._call)
        headers = [("content-type", "application/json"), *self._course.marks(), ("x-should-retry", "false")]
        if error.retry_after_s is not None:
            headers.append(("retry-after", str(max(0, -int(-error.retry_after_s // 1)))))
        self._course.end(None, error.outcome, error.status, None)
        return Reply(error.status, tuple(headers), error.body())

    def _serve(self, target: Target, others: Sequence[Target]) -> Tried:
        tries = 0
        renewed = False
        self._course.have.clear()
        refused = yield from self._wait_for_place(target)
        if refused is not None:
            return self._unasked(target, refused)
        while True:
            proof = yield from self._course.obtain(target)
            if isinstance(proof, OpenAIError) and proof.outcome == "credential":
                return self._unasked(target, proof)
            if isinstance(proof, OpenAIError):
                error, model = proof, ""
                self._plan.health.fail(target, error, self._now(), self._plan.world.chance())
            else:
                ready = yield from self._course.ready(target, proof)
                if isinstance(ready, OpenAIError):
                    return self._unasked(target, ready)
                outgoing, hold = ready
                model = outgoing.model
                failure = yield from self._attempts.once(target, outgoing, hold, retry=tries > 0, more=bool(others))
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
        """Note that a target is left without a request: no key, no model, no budget, a request that it cannot take."""
        if error.code == OVER_BUDGET:
            self._plan.notice(Skipped(self._id, target.name, "over budget"))
        else:
            self._plan.notice(self._failed(target, error, "next"))
        return error

    def _failed(
        self, target: Target, error: OpenAIError, then: Literal["retry", "renew", "next", "fail"], wait_s: float = 0.0
    ) -> Failed:
        return Failed(self._id, target.name, error.outcome, error.status, error.code, then, wait_s)

    def _wait_for_place(self, target: Target) -> Tried:
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

    def _renew(self, target: Target, proof: Proof, error: OpenAIError) -> bool:
        """Say whether a refused proof may be taken if it is made anew: by the vendor's clock, or with a new token."""
        if error.outcome != "credential":
            return False
        keyring, wall = self._plan.keyring, self._plan.world.wall()
        date = read_date(self._course.head.headers) if self._course.head is not None else None
        if date is not None and target.auth.kind not in BEARERS and abs(date - wall - keyring.skew_s(target)) > _SKEW_S:
            keyring.learn_skew(target, date - wall)
            keyring.drop(target, proof.secret)
            return True
        keyring.drop(target, proof.secret)
        return proof.kept

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
