"""What a failed attempt means for the rest of the call: a pure table.

An outcome class says whether the same target may be tried again and whether the next one may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from llm_migrate.engine import waits
from llm_migrate.engine.steps import Limits
from llm_migrate.wire.exchange import OpenAIError, Outcome


@dataclass(frozen=True, slots=True)
class Retry:
    """Try the same target again after a wait."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Next:
    """Go on to the next target."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Nothing more to try: the caller gets this error."""


Decision: TypeAlias = Retry | Next | Fail

# Classes that another target cannot mend either.
_FINAL: Final[frozenset[Outcome]] = frozenset({"policy", "cut"})
_SAME_AGAIN: Final[dict[Outcome, int]] = {"unsent": 3, "limited": 3, "ambiguous": 2}
_ELSEWHERE: Final = frozenset({"model_not_found", "unsupported_parameter", "unsupported_value"})
CONTEXT_OVERFLOW: Final = "context_length_exceeded"


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the call stands after a failure.

    Attributes:
        tries: tries at this target so far; one that takes several requests is one.
        total: tries of this call so far.
        more_targets: another target could serve.
        larger_targets: another target has a larger context.
        may_retry: one more retry is within the target's budget.
        left_s: seconds to the deadline.
        chance: uniform in [0, 1).
        patience_s: seconds until when the caller would wait for the same target; a stream has no deadline but this.
    """

    tries: int
    total: int
    more_targets: bool
    larger_targets: bool
    may_retry: bool
    left_s: float
    chance: float
    patience_s: float = float("inf")


def decide(error: OpenAIError, at: Situation, limits: Limits) -> Decision:
    """Return what to do after an attempt that failed before its commit."""
    if at.total >= limits.call_attempts or at.left_s <= 0 or error.outcome in _FINAL:
        return Fail()
    onward: Decision = Next() if at.more_targets else Fail()
    if error.outcome == "request":
        return _after_refusal(error, at)
    allowed = min(limits.target_attempts, _SAME_AGAIN.get(error.outcome, 1))
    if at.tries >= allowed or not at.may_retry:
        return onward
    if error.outcome == "limited" and at.more_targets:
        return onward
    if error.outcome == "unsent" and at.more_targets and at.tries >= 2:
        return onward
    wait = _wait_s(error, at)
    if wait >= min(at.left_s, at.patience_s) or (error.retry_after_s or 0) > waits.LONGEST_RETRY_AFTER_S:
        return onward
    return Retry(wait)


def _after_refusal(error: OpenAIError, at: Situation) -> Decision:
    """A request that one vendor refuses goes on only where another may well take it."""
    if error.code == CONTEXT_OVERFLOW:
        return Next() if at.larger_targets else Fail()
    return Next() if at.more_targets and error.code in _ELSEWHERE else Fail()


def _wait_s(error: OpenAIError, at: Situation) -> float:
    if error.retry_after_s is not None:
        return waits.stretched_s(error.retry_after_s, at.chance)
    if error.outcome == "unsent" and at.tries == 1:
        return 0.0
    return waits.backoff_s(at.tries, at.chance)
