"""What budgets add to a call: the same clients with and without `[budgets]`, in turns, in one run.

    python bench/budgets.py [--rounds 15] [--calls 100] [--events 500]

The drop-in and the light client against the server of upstream.py: whole answers one at a time and 64 at once, and one
event of a stream. Books are a SQLite file in a temporary folder. Processor time is that of the whole process, the
thread that writes among it, all entries written; the least over the rounds, and the median of the rounds' differences.
The bar is 250 us of processor time a call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from upstream import running

import llm_migrate
from llm_migrate.ledger.ledger import scribe_of

BAR_US = 250.0
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say something short about the weather."}]}
Job = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--events", type=int, default=500)
    args = parser.parse_args()
    with running(args.events) as upstream, tempfile.TemporaryDirectory() as folder:
        without, budgeted = Path(folder) / "without.toml", Path(folder) / "with.toml"
        target = f'[targets.a]\nprovider = "openai"\nbase_url = "{upstream.base_url}"\napi_key = "plain:sk-bench"\n'
        url = f"sqlite:///{folder}/ledger.db"
        without.write_text(target)
        budgeted.write_text(
            f'{target}[budgets.all]\ntarget = "a"\ntokens = 1_000_000_000_000\n[ledger]\nurl = "{url}"\n'
        )
        print(f"us a call or event: CPU, wall{'':30}without{'':12}with{'':15}added")
        for title, units, jobs in waiting(without, budgeted, args):
            show(title, units, args.rounds, jobs, url)
        asyncio.run(not_waiting(without, budgeted, args, url))


def waiting(without: Path, budgeted: Path, args: argparse.Namespace) -> Iterator[tuple[str, int, tuple[Job, Job]]]:
    def whole(client: llm_migrate.OpenAI) -> Job:
        return lambda: [client.chat.completions.create(**ASK) for _ in range(args.calls)]

    def events(client: llm_migrate.OpenAI) -> Job:
        return lambda: sum(1 for _ in client.chat.completions.create(**ASK, stream=True))

    def light(client: llm_migrate.Client) -> Job:
        return lambda: [client.chat(**ASK) for _ in range(args.calls)]

    drop_ins = [llm_migrate.OpenAI(config=file) for file in (without, budgeted)]
    clients = [llm_migrate.Client(config=file) for file in (without, budgeted)]
    yield "llm_migrate.OpenAI, a whole answer", args.calls, (whole(drop_ins[0]), whole(drop_ins[1]))
    yield "llm_migrate.OpenAI, an event", args.events, (events(drop_ins[0]), events(drop_ins[1]))
    yield "llm_migrate.Client, a whole answer", args.calls, (light(clients[0]), light(clients[1]))


async def not_waiting(without: Path, budgeted: Path, args: argparse.Namespace, url: str) -> None:
    def together(client: llm_migrate.AsyncOpenAI) -> Callable[[], Awaitable[object]]:
        return lambda: asyncio.gather(*(client.chat.completions.create(**ASK) for _ in range(64)))

    jobs = [together(llm_migrate.AsyncOpenAI(config=file)) for file in (without, budgeted)]
    took: list[list[tuple[float, float]]] = [[], []]
    for _ in range(args.rounds + 1):
        for i, job in enumerate(jobs):
            with timed(took[i], url):
                await job()
    tell("llm_migrate.AsyncOpenAI, 64 at once", 64, took)


def show(title: str, units: int, rounds: int, jobs: tuple[Job, Job], url: str) -> None:
    took: list[list[tuple[float, float]]] = [[], []]
    for _ in range(rounds + 1):
        for i, job in enumerate(jobs):
            with timed(took[i], url):
                job()
    tell(title, units, took)


@contextlib.contextmanager
def timed(into: list[tuple[float, float]], url: str) -> Iterator[None]:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall_s = time.perf_counter() - wall
    scribe_of(url, durable=False).flush()
    into.append((time.process_time() - cpu, wall_s))


def tell(title: str, units: int, took: list[list[tuple[float, float]]]) -> None:
    rounds = [took[0][1:], took[1][1:]]  # the first one warms up
    cells: list[str] = []
    for rows in rounds:
        cpu, wall = (min(row[i] for row in rows) / units * 1e6 for i in (0, 1))
        cells.append(f"{cpu:8.1f} {wall:8.1f}")
    added = statistics.median(b[0] - a[0] for a, b in zip(*rounds, strict=True)) / units * 1e6
    bar = f"bar {BAR_US:.0f}" if units != 500 else ""
    print(f"  {title:40}{cells[0]:>22}{cells[1]:>22}{added:>12.1f}  {bar}", flush=True)


if __name__ == "__main__":
    main()
