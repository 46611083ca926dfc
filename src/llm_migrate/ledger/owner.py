"""Who holds a reservation: one process of one machine since its start, so that others can tell that it is gone."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_RANDOM_BOOT: Final = uuid.uuid4().hex  # where the system has no id of its boot: such owners' leases just run out


def this_owner() -> str:
    """Return the owner that this process is: `boot:pid:start`. To be read anew after a fork."""
    return f"{_boot()}:{os.getpid()}:{_start(os.getpid())}"


def gone(owners: Iterable[str]) -> tuple[str, ...]:
    """Return those owners of this machine and boot whose process has ended."""
    boot = _boot()
    if boot == _RANDOM_BOOT:
        return ()
    return tuple(owner for owner in owners if owner.startswith(f"{boot}:") and not _lives(owner))


def _lives(owner: str) -> bool:
    _, pid, start = owner.rsplit(":", 2)
    return not pid.isdecimal() or _start(int(pid)) == start


def _boot() -> str:
    """Return an id of this boot and of what numbers its processes: containers of one machine number their own."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return _RANDOM_BOOT


def _start(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; "" if there is none."""
    with contextlib.suppress(OSError, IndexError):
        # The second field is the program's name in brackets, which may hold blanks and brackets itself.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""
