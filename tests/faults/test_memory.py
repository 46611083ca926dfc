"""What a vendor sends never fills the memory of the program (R7)."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.fault import FIRST, REST, answering
from tests.faults.rows import ROWS
from tests.faults.server import serving
from tests.faults.ways import WAYS

ROOT = Path(__file__).resolve().parents[2]
LARGE = [fault for fault in ROWS if any(word in fault.name for word in ("bomb", "MiB", "KiB", "4,000"))]
MOST_MIB = 100  # a body of 32 MiB in pieces, joined, and as the text that is looked at


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read as Linux gives it"
)
@pytest.mark.parametrize("way", [0, 1], ids=lambda at: WAYS[at].name)
def test_memory_is_bounded(way: int) -> None:
    """A body, a line, headers and what comes out of gzip are given up at their limits, not at the end of memory."""
    with ExitStack() as stack:
        small, *large = (
            stack.enter_context(serving(does)) for does in (answering(FIRST, REST), *(f.does for f in LARGE))
        )
        asked: list[tuple[str, str, str]] = []
        for fault, server in zip(LARGE, large, strict=True):
            server.content_seen.set()  # the caller is another process: nothing is waited for
            modes = {"plain": fault.plain, "streamed": fault.streamed}
            asked += [(fault.name, server.base_url, mode) for mode, want in modes.items() if want is not None]
        command = [sys.executable, "-m", "tests.faults.memory_program", str(way), small.base_url]
        command += [word for _, *words in asked for word in words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr

    grown = {f"{name}, {mode}": mib for (name, _, mode), mib in zip(asked, json.loads(done.stdout), strict=True)}
    assert {name: mib for name, mib in grown.items() if mib > MOST_MIB} == {}
