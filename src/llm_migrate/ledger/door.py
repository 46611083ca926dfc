"""A door before a file: of all processes that want to write to it, one at a time tries for its lock.

Without it, whoever has just written finds the file free again before those who sleep between two tries, and these wait
for seconds, all the while burning time by trying. The door is a courtesy: where there is none, or somebody stands in it
for too long, one goes on without. The system opens the door of a process that ends.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

# Windows has none.
_fcntl: Final = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None

_SUFFIX: Final = "-door"
_LONGEST_POLL_S: Final = 0.002
_PATIENCE_S: Final = 5.0


class Door:
    """The door before a file, itself an empty file beside it.

    Args:
        path: of the file, which is there; None for no door.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock: int | None = None
        if path is not None and _fcntl is not None:
            with contextlib.suppress(OSError):
                mode = path.stat().st_mode & 0o666
                self._lock = os.open(f"{path}{_SUFFIX}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, mode)

    @contextlib.contextmanager
    def held(self, *, wait: bool) -> Generator[bool]:
        """Stand in the door; False for not standing there, be it that somebody else does.

        Args:
            wait: until the door is free, but not for ever.
        """
        entered = self._enter(time.monotonic() + (_PATIENCE_S if wait else 0.0))
        try:
            yield entered
        finally:
            if entered and self._lock is not None and _fcntl is not None:
                _fcntl.flock(self._lock, _fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the door."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _enter(self, give_up: float) -> bool:
        """Return whether nobody else stands in the door now; always so where there is none."""
        if self._lock is None or _fcntl is None:
            return True
        poll_s = _LONGEST_POLL_S / 8
        while True:
            try:
                _fcntl.flock(self._lock, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    return False
            except OSError:
                self.close()  # no such locks on this file system: as if there were no door
                return True
            time.sleep(random.uniform(poll_s / 2, poll_s))  # noqa: S311 - to be out of step with others
            poll_s = min(poll_s * 2, _LONGEST_POLL_S)
