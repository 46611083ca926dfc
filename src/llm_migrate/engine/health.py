"""What is known of each target's health, shared by all calls of a chain: breakers, benches, retry budgets, places.

Decides nothing about a call: it is asked, and told what happened. Safe to use from any thread; time and chance are
given. What a finalizer has to say goes through a queue, so that it takes no lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final, Literal, TypeAlias

from llm_migrate.config import Target
from llm_migrate.engine.breaker import Breaker
from llm_migrate.wire.exchange import OpenAIError, Outcome

Hindrance: TypeAlias = Literal["open", "benched", "busy"]

# How long a target stays on the bench where the vendor does not say: until then it may have changed by a person's hand.
_BENCH_S: Final[Mapping[Outcome, float]] = {"quota": 900.0, "region": 600.0, "credential": 300.0}
_COOL_DOWN_S: Final = 1.0  # for a rate limit without a time
_RETRY_WINDOW_S: Final = 10.0
_RETRY_SHARE: Final = 0.1
_RETRY_FLOOR: Final = 3


@dataclass(slots=True)
class _Place:
    """The health of one target."""

    breaker: Breaker = field(default_factory=Breaker)
    benched_until: float = 0.0
    reason: Outcome | None = None
    open_requests: int = 0
    firsts: deque[float] = field(default_factory=deque[float])
    retries: deque[float] = field(default_factory=deque[float])


class Health:
    """The targets' health. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._left: SimpleQueue[str] = SimpleQueue()  # names of targets whose request was abandoned
        self._lock = threading.Lock()

    def hindrance(self, target: Target, now: float) -> Hindrance | None:
        """Return why a target is not to be asked now; None if it may be."""
        with self._lock:
            self._drain()
            place = self._place(target)
            if place.benched_until > now:
                return "benched"
            if not place.breaker.admits(now):
                return "open"
            most = target.max_concurrency
            return "busy" if most is not None and place.open_requests >= most else None

    def rest_s(self, target: Target, now: float) -> float:
        """Return for how long a rate limit asks for a target to be left alone; 0 for none."""
        with self._lock:
            place = self._place(target)
            return max(0.0, place.benched_until - now) if place.reason == "limited" else 0.0

    def bench_s(self, target: Target, now: float) -> float:
        """Return for how long a target stays on the bench, whatever put it there; 0 if it is not there."""
        with self._lock:
            return max(0.0, self._place(target).benched_until - now)

    def reason(self, target: Target) -> Outcome | None:
        """Return what put a target on the bench last."""
        return self._places[target.name].reason if target.name in self._places else None

    def soonest(self, targets: Sequence[Target]) -> Target:
        """Return the one of several closed targets that opens first."""
        with self._lock:

            def opens_at(target: Target) -> float:
                place = self._place(target)
                return max(place.benched_until, place.breaker.opens_at)

            return min(targets, key=opens_at)

    def begin(self, target: Target, now: float, *, retry: bool) -> None:
        """Note that a request goes out."""
        with self._lock:
            place = self._place(target)
            place.open_requests += 1
            place.breaker.begin()
            times = place.retries if retry else place.firsts
            times.append(now)
            _drop_old(times, now)

    def end(self, target: Target, error: OpenAIError | None, now: float, chance: float) -> None:
        """Note what came of a request; `None` for a good answer."""
        with self._lock:
            place = self._place(target)
            place.open_requests = max(0, place.open_requests - 1)
            if error is None:
                place.breaker.succeed(now)
                # Whatever was wrong is over; but of a limit that came after the request was sent it says nothing.
                if place.reason != "limited" or place.benched_until <= now:
                    place.benched_until, place.reason = 0.0, None
                return
            if error.outcome in ("ambiguous", "unsent", "cut"):
                place.breaker.fail(now, chance, error.retry_after_s)
                return
            place.breaker.succeed(now)  # it answered, whatever it said
            rest = _rest_s(error)
            if rest > 0:
                place.benched_until, place.reason = max(place.benched_until, now + rest), error.outcome

    def fail(self, target: Target, error: OpenAIError, now: float, chance: float) -> None:
        """Note a failure before any request could go out: that of a token service."""
        with self._lock:
            self._place(target).breaker.fail(now, chance, error.retry_after_s)

    def leave(self, target_name: str) -> None:
        """Note that a request was abandoned by its caller; from anywhere, also a finalizer."""
        self._left.put(target_name)

    def may_retry(self, target: Target, now: float) -> bool:
        """Say whether one more retry is within the target's budget: a tenth of the first tries, three at least."""
        with self._lock:
            place = self._place(target)
            for times in (place.firsts, place.retries):
                _drop_old(times, now)
            return len(place.retries) < max(_RETRY_FLOOR, _RETRY_SHARE * len(place.firsts))

    def _place(self, target: Target) -> _Place:
        place = self._places.get(target.name)
        if place is None:
            place = self._places[target.name] = _Place()
        return place

    def _drain(self) -> None:
        while not self._left.empty():
            place = self._places.get(self._left.get())
            if place is not None:
                place.open_requests = max(0, place.open_requests - 1)
                place.breaker.leave()


def _drop_old(times: deque[float], now: float) -> None:
    while times and times[0] < now - _RETRY_WINDOW_S:
        times.popleft()


def _rest_s(error: OpenAIError) -> float:
    """Return for how long a target is left alone after an error, in seconds."""
    if error.outcome == "limited":
        return error.retry_after_s if error.retry_after_s is not None else _COOL_DOWN_S
    usual = _BENCH_S.get(error.outcome, 0.0)
    return error.retry_after_s if error.retry_after_s is not None and usual else usual
