"""How long to wait before the next try: pure functions of what happened, with time and chance as arguments."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tenacity.wait import wait_base

LONGEST_RETRY_AFTER_S = 60.0


def backoff_s(tries: int, chance: float) -> float:
    """Return a wait with full jitter: somewhere between nothing and 0.5 s x 2^(tries - 1), at most 8 s.

    Args:
        tries: attempts that failed, from 1.
        chance: uniform in [0, 1).
    """
    # tenacity is only loaded when something has failed.
    from tenacity import RetryCallState

    state = RetryCallState(cast("object", None), None, (), {})  # type: ignore[arg-type]
    state.attempt_number = tries
    return chance * float(_strategy()(state))


def stretched_s(retry_after: float, chance: float) -> float:
    """Return the wait for a `Retry-After`: up to a tenth more, never less, so that callers do not return at once."""
    return retry_after * (1 + 0.1 * chance)


@cache
def _strategy() -> wait_base:
    from tenacity import wait_exponential

    return wait_exponential(multiplier=0.5, max=8)
