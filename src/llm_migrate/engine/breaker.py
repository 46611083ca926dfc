"""A circuit breaker for one target: a pure state machine, to which time and chance are given.

It opens on faults of the far side only: a vendor that refuses a request is alive.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["closed", "open", "half-open"]

_IN_A_ROW: Final = 5
_WINDOW_S: Final = 30.0
_WINDOW_LEAST: Final = 20  # calls in the window before its share of faults counts
_SHARE: Final = 0.5
_FIRST_OPEN_S: Final = 5.0
_LONGEST_OPEN_S: Final = 120.0
_JITTER: Final = 0.2
_TO_CLOSE: Final = 2  # good probes


@dataclass(slots=True)
class Breaker:
    """Whether a target may be asked. Instants are monotonic seconds.

    Attributes:
        state: as of the last call of a method.
        opens_at: from when on an open one lets a probe through.
    """

    state: State = "closed"
    opens_at: float = 0.0
    _row: int = 0
    _good: int = 0
    _times_open: int = 0
    _probing: bool = False
    _window: deque[tuple[float, bool]] = field(default_factory=deque[tuple[float, bool]])

    def admits(self, now: float) -> bool:
        """Say whether a request may go out; while half open, only one at a time, as the probe."""
        if self.state == "open" and now >= self.opens_at:
            self.state, self._good, self._probing = "half-open", 0, False
        if self.state == "closed":
            return True
        return self.state == "half-open" and not self._probing

    def begin(self) -> None:
        """Note that a request goes out."""
        if self.state == "half-open":
            self._probing = True

    def leave(self) -> None:
        """Note that a request ended without a word on the target: its caller left."""
        self._probing = False

    def succeed(self, now: float) -> None:
        """Note that the target answered."""
        self._row, self._probing = 0, False
        self._note(now, fault=False)
        if self.state == "half-open":
            self._good += 1
            if self._good >= _TO_CLOSE:
                self.state, self._times_open = "closed", 0
                self._window.clear()

    def fail(self, now: float, chance: float, retry_after_s: float | None = None) -> None:
        """Note a fault of the target.

        Args:
            now: when.
            chance: uniform in [0, 1).
            retry_after_s: how long the vendor asked to be left alone; the breaker stays open at least so long.
        """
        self._row += 1
        self._probing = False
        self._note(now, fault=True)
        if self.state == "half-open" or (self.state == "closed" and self._is_sick()):
            self._open(now, chance, retry_after_s or 0.0)

    def _is_sick(self) -> bool:
        faults = sum(fault for _, fault in self._window)
        return self._row >= _IN_A_ROW or (len(self._window) >= _WINDOW_LEAST and faults >= _SHARE * len(self._window))

    def _open(self, now: float, chance: float, least_s: float) -> None:
        wait = min(_LONGEST_OPEN_S, _FIRST_OPEN_S * 2**self._times_open)
        self.state = "open"
        self.opens_at = now + max(least_s, wait * (1 + _JITTER * (2 * chance - 1)))
        self._times_open = min(self._times_open + 1, 8)  # 2^5 is past the longest already

    def _note(self, now: float, *, fault: bool) -> None:
        self._window.append((now, fault))
        while self._window and self._window[0][0] < now - _WINDOW_S:
            self._window.popleft()
