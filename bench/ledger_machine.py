"""The machine that tests the ledger's stores against a model, for longer than the suite has time for.

    python bench/ledger_machine.py [--examples 2000] [--steps 50] [--store sqlite|postgres|both] [--random]

Prints examples, steps and seconds for each store; ends with the failing history if there is one. `--random` takes other
examples each time.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.ledger import postgres_server
from tests.ledger.test_machine import Books, postgres_books, run_machine, sqlite_books


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--store", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--random", action="store_true")
    args = parser.parse_args()
    settings.register_profile(
        "bench", derandomize=not args.random, database=None, suppress_health_check=list(HealthCheck)
    )
    settings.load_profile("bench")
    with contextlib.ExitStack() as stack:
        if args.store != "postgres":
            run("SQLite", sqlite_books, args)
        if args.store != "sqlite":
            run("PostgreSQL", postgres_books(stack.enter_context(postgres_server.running())), args)


def run(name: str, books: Callable[[], AbstractContextManager[Books]], args: argparse.Namespace) -> None:
    began, counts = time.monotonic(), Counter[str]()
    run_machine(books, examples=args.examples, steps=args.steps, counts=counts)
    said = ", ".join(f"{count} {kind}" for kind, count in counts.most_common() if kind != "examples")
    print(f"{name}: {counts['examples']} examples x {args.steps} steps: 0 failures, {time.monotonic() - began:.0f} s")
    print(f"  operations: {said}", flush=True)


if __name__ == "__main__":
    main()
