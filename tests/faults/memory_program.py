"""Asks servers that say too much, and prints by how many MiB this process grew at most during each call.

Usage: python -m tests.faults.memory_program WAY SMALL (URL plain|streamed)...
SMALL is the URL of a server whose answer is small, so that all is loaded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx2

from llm_migrate.config import load_config
from llm_migrate.taps.tap import Tap
from tests.faults.case import WORLD
from tests.faults.ways import WAYS


def main() -> None:
    way, small, *large = sys.argv[1:]
    for streamed in (False, True):
        assert ask(way, small, streamed=streamed) == "answer"
    grown: list[float] = []
    for url, mode in zip(large[::2], large[1::2], strict=True):
        before = rss_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
        ask(way, url, streamed=mode == "streamed")
        grown.append(rss_mib("VmHWM") - before)
    print(json.dumps(grown))


def ask(way: str, url: str, *, streamed: bool) -> str:
    tap = Tap(load_config(base_url=url, api_key="k"), world=WORLD)
    return WAYS[int(way)].ask(tap, httpx2.Timeout(30.0), streamed=streamed).end


def rss_mib(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
