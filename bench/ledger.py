"""What the ledger's stores do: cycles of reserve and settle a second, the longest wait, and processor time.

    python bench/ledger.py [--seconds 5] [--processes 1,8,32] [--store NAME] [--offers 1]

A cycle is a reserve and a settle, each in a batch of its own, as for a process with one call at a time: two commits.
All processes use the same store and the same offer, or one of `--offers`, without a pause. A wait is the time of one
batch; the median, the 99th percentile and the longest are over all processes. Processor time is that of one process,
without the server's. "durable" is a SQLite file that waits for the disk at every commit; "postgres" is a server on this
machine that does so, as servers do, and "relaxed" the same one told not to (`synchronous_commit = off`). It exits with
1 where SQLite under 8 processes does fewer than 2,000 cycles a second, or somebody waits for longer than 250 ms; on a
machine with other work to do, figures are worse.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from llm_migrate.ledger.books import NEVER, Done, Grant, Reserve, Settle, Want
from llm_migrate.ledger.stores import open_store
from tests.ledger import postgres_server

KINDS = ("sqlite", "durable", "postgres", "relaxed")
BAR_CYCLES, BAR_WAIT_MS = 2000, 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--processes", default="1,8,32")
    parser.add_argument("--store", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--offers", type=int, default=1)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(**json.loads(args.worker))
        return
    failed = False
    print(
        f"{'store':<12} {'processes':>9} {'cycles/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'longest ms':>10} {'CPU us':>8}"
    )
    for kind in KINDS if args.store == "all" else [args.store]:
        for processes in map(int, args.processes.split(",")):
            with books(kind) as (url, durable):
                figures = measure(url, durable, processes, args)
            print(
                f"{kind:<12} {processes:>9} {figures['cycles']:>9.0f} {figures['p50']:>8.2f} {figures['p99']:>8.2f}"
                f" {figures['longest']:>10.1f} {figures['cpu']:>8.0f}",
                flush=True,
            )
            bars = figures["cycles"] >= BAR_CYCLES and figures["longest"] <= BAR_WAIT_MS
            failed |= kind == "sqlite" and processes == 8 and not bars
    sys.exit(failed)


@contextlib.contextmanager
def books(kind: str) -> Iterator[tuple[str, bool]]:
    """Make empty books; give their address, and whether each commit waits for the disk."""
    if kind in ("postgres", "relaxed"):
        with postgres_server.running(durable=True) as server:
            yield server.url() + ("&options=-csynchronous_commit%3Doff" if kind == "relaxed" else ""), False
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/ledger.db", kind == "durable"


def measure(url: str, durable: bool, processes: int, args: argparse.Namespace) -> dict[str, float]:
    open_store(url, durable=durable).close()
    start = time.time() + 1.0 + processes * 0.1
    workers = []
    for number in range(processes):
        plan = {"url": url, "durable": durable, "offer": f"offer-{number % args.offers}", "start": start}
        plan["seconds"] = args.seconds
        command = [sys.executable, __file__, "--worker", json.dumps(plan)]
        workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    said = [json.loads(worker.communicate()[0]) for worker in workers]
    waits = sorted(wait for one in said for wait in one["waits"])
    cycles = sum(one["cycles"] for one in said)
    check(url, cycles)
    return {
        "cycles": cycles / max(one["seconds"] for one in said),
        "p50": statistics.median(waits),
        "p99": waits[int(len(waits) * 0.99)],
        "longest": waits[-1],
        "cpu": statistics.median(one["cpu_us"] / one["cycles"] for one in said if one["cycles"]),
    }


def check(url: str, cycles: int) -> None:
    """See that all is in the books."""
    store = open_store(url)
    balances = store.balances()
    assert sum(held.spent for held in balances) == cycles * 900, "the books do not have it all"
    assert not any(held.reserved for held in balances)
    store.close()


def work(url: str, durable: bool, offer: str, start: float, seconds: float) -> None:
    """Do cycles for a while, and print what they took."""
    store = open_store(url, durable=durable)
    want = Want(offer, 0, NEVER, (0, 0, 0), 2**60, True, 1000, 1000, 900)
    me, cycles, waits = str(os.getpid()), 0, []
    time.sleep(max(0.0, start - time.time()))
    began, cpu, last = time.monotonic(), time.process_time(), time.monotonic()
    while last < began + seconds:
        now = int(time.time() * 1000)
        request = f"{me}-{cycles}"
        (granted,) = store.apply([Reserve(request, 1, (want,), me, now, now + 90_000, "m")])
        between = time.monotonic()
        (settled,) = store.apply([Settle(request, 1, 900, now)])
        assert isinstance(granted, Grant) and isinstance(settled, Done)
        waits += [(between - last) * 1000, (time.monotonic() - between) * 1000]
        last = time.monotonic()
        cycles += 1
    cpu_us = (time.process_time() - cpu) * 1e6
    print(json.dumps({"cycles": cycles, "seconds": last - began, "cpu_us": cpu_us, "waits": waits}))
    store.close()


if __name__ == "__main__":
    main()
