"""What llm-migrate adds to a start and to a call: processor and wall time, side by side in one run, as ratios.

    python bench/overhead.py [--rounds 15] [--calls 50] [--events 500] [--only WORDS]

Start: `import llm_migrate` over bare Python, and `llm-migrate --version` over a bare click program, both with compiled
modules (PYTHONDONTWRITEBYTECODE is unset for them). Calls: the installed openai SDK straight to the server of
upstream.py, the same SDK over our transport, the drop-in and the light client: whole answers one at a time, 64 and 256
at once, and one event of a stream whose events come together, or each in a packet of its own. All ways take turns. A
time is the least over the rounds (others on the machine only add), a ratio the median of the rounds' own; processor
time is that of this process alone. The bars are this project's own. The share of objects that validation could not
build is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from upstream import running

PROMPT = "Say something short about the weather in Hangzhou."
STRAIGHT = "SDK straight"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--only", default="", help="the tables whose title holds these words")
    args = parser.parse_args()
    if args.only in "start":
        starts(min(args.rounds, 7))
    with running(args.events) as upstream:
        print(f"\n{upstream.limit(args.events)}")
        calls(upstream.base_url, args)


# -- starting


def starts(rounds: int) -> None:
    bare_click = "import click\n@click.group()\n@click.version_option('1')\ndef cli(): pass\ncli(['--version'])"
    ours = "from llm_migrate.cli.main import main; main(['--version'])"
    programs = {
        "bare Python": "pass",
        "import llm_migrate": "import llm_migrate",
        "bare click --version": bare_click,
        "llm-migrate --version": ours,
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(rounds + 1):  # the first one compiles
        for name, code in programs.items():
            took[name].append(cost_of(code))
    cpu = {name: min(ms for ms, _ in runs[1:]) for name, runs in took.items()}
    rss = {name: min(mb for _, mb in runs[1:]) for name, runs in took.items()}
    print("start: CPU ms, peak MB (bars: import adds 15 ms and 5 MB, --version 1.5)")
    for name in programs:
        print(f"  {name:24}{cpu[name]:8.1f}{rss[name]:8.1f}")
    print(f"  import llm_migrate adds   {cpu['import llm_migrate'] - cpu['bare Python']:6.1f} ms", end="")
    print(f", {rss['import llm_migrate'] - rss['bare Python']:.1f} MB")
    print(f"  --version / bare click    {cpu['llm-migrate --version'] / cpu['bare click --version']:6.2f}")


def cost_of(code: str) -> tuple[float, float]:
    """Return CPU milliseconds and peak megabytes of a Python program."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # It says its own peak: what the parent is told counts the parent's pages too, from before exec.
    say = "import atexit, sys; atexit.register(lambda: sys.stderr.write(open('/proc/self/status').read()))\n"
    child = subprocess.Popen(
        [sys.executable, "-c", say + code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env
    )
    assert child.stderr is not None
    peak = next(line.split()[1] for line in child.stderr if line.startswith("VmHWM"))
    child.stderr.close()
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    return (usage.ru_utime + usage.ru_stime) * 1000, int(peak) / 1024


# -- calls


@dataclass(frozen=True)
class Way:
    """One way to ask, from a program that waits."""

    ask: Callable[[], object]
    events: Callable[[str], Iterable[object]]  # of a stream, for a prompt
    close: Callable[[], object]


@dataclass(frozen=True)
class AsyncWay:
    """One way to ask, from a program that does not wait."""

    ask: Callable[[], Awaitable[object]]
    events: Callable[[str], AsyncIterator[object]]
    close: Callable[[], Awaitable[object]]


# Title -> way -> the most that it may cost of what the SDK alone costs.
BARS: Mapping[str, Mapping[str, float]] = {
    "a whole answer, one at a time": {"SDK over http_client()": 1.05, "llm_migrate.OpenAI": 0.9},
    "one event of a stream": {"SDK over http_client()": 1.05, "llm_migrate.OpenAI": 0.2},
    "a whole answer, one at a time, async": {"llm_migrate.AsyncClient": 0.15},
    "a whole answer, 256 at once, async": {"SDK over async_http_client()": 0.6, "llm_migrate.AsyncClient": 0.15},
    "one event of a stream, async": {"llm_migrate.AsyncClient": 0.1},
}


def calls(base_url: str, args: argparse.Namespace) -> None:
    import openai

    from llm_migrate.taps import quick

    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "llm-migrate.toml"
        table = f'[targets.a]\nprovider = "openai"\nbase_url = "{base_url}"\napi_key = "plain:sk-bench"\n'
        config.write_text(table)
        print(f"\nopenai {openai.__version__}: us of CPU and of wall time (each beside: ratio to the SDK straight)")
        waiting(base_url, config, args)
        asyncio.run(not_waiting(base_url, config, args))
        share = quick.share
        print(f"\nbuilt by validation: {share.validated}, by the SDK's way instead: {share.fallen_back}")


def waiting(base_url: str, config: Path, args: argparse.Namespace) -> None:
    ways = sync_ways(base_url, config)

    def together(way: Way, prompt: str) -> None:
        got = sum(1 for _ in way.events(prompt))
        assert got == args.events, got

    tables: dict[str, tuple[int, Callable[[Way], object]]] = {
        "a whole answer, one at a time": (args.calls, lambda way: [way.ask() for _ in range(args.calls)]),
        "one event of a stream": (args.events, lambda way: together(way, PROMPT)),
        "one event of a stream, each in its own packet": (args.events, lambda way: together(way, PROMPT + " [paced]")),
    }
    for title, (units, job) in tables.items():
        if args.only in title:
            took = Took(units)
            for _ in range(args.rounds + 1):
                for name, way in ways.items():
                    with took.by(name):
                        job(way)
            took.show(title)
    for way in ways.values():
        way.close()


async def not_waiting(base_url: str, config: Path, args: argparse.Namespace) -> None:
    ways = async_ways(base_url, config)
    for title, (units, job) in async_jobs(args).items():
        if args.only in title:
            took = Took(units)
            for _ in range(max(3, args.rounds // 5) + 1 if units > 1000 else args.rounds + 1):
                for name, way in ways.items():
                    with took.by(name):
                        await job(way)
            took.show(title)
    for way in ways.values():
        await way.close()


def async_jobs(args: argparse.Namespace) -> dict[str, tuple[int, Callable[[AsyncWay], Awaitable[object]]]]:
    """Return title -> how many units a job makes, and the job."""

    async def in_turn(way: AsyncWay) -> None:
        for _ in range(args.calls):
            await way.ask()

    def at_once(count: int) -> Callable[[AsyncWay], Awaitable[object]]:
        return lambda way: asyncio.gather(*(way.ask() for _ in range(count)))

    async def stream(way: AsyncWay) -> None:
        got = len([None async for _ in way.events(PROMPT)])
        assert got == args.events, got

    def streams(way: AsyncWay) -> Awaitable[object]:
        return asyncio.gather(*(stream(way) for _ in range(64)))

    return {
        "a whole answer, one at a time, async": (args.calls, in_turn),
        "a whole answer, 64 at once, async": (64, at_once(64)),
        "a whole answer, 256 at once, async": (256, at_once(256)),
        "one event of a stream, async": (args.events, stream),
        "one event of 64 streams at once, async": (64 * args.events, streams),
    }


def sync_ways(base_url: str, config: Path) -> dict[str, Way]:
    import openai

    import llm_migrate

    clients = {
        STRAIGHT: openai.OpenAI(api_key="sk-bench", base_url=base_url),
        "SDK over http_client()": openai.OpenAI(api_key="x", http_client=llm_migrate.http_client(config=config)),
        "llm_migrate.OpenAI": llm_migrate.OpenAI(config=config),
    }

    def way(client: openai.OpenAI) -> Way:
        create = client.chat.completions.create
        return Way(
            lambda: create(model="gpt-4o", messages=said(PROMPT)),
            lambda prompt: create(model="gpt-4o", messages=said(prompt), stream=True),
            client.close,
        )

    light = llm_migrate.Client(config=config)
    lightly = Way(
        lambda: light.chat(model="gpt-4o", messages=said(PROMPT)),
        lambda prompt: light.stream(model="gpt-4o", messages=said(prompt)),
        light.close,
    )
    return {**{name: way(client) for name, client in clients.items()}, "llm_migrate.Client": lightly}


def async_ways(base_url: str, config: Path) -> dict[str, AsyncWay]:
    import openai

    import llm_migrate

    clients = {
        STRAIGHT: openai.AsyncOpenAI(api_key="sk-bench", base_url=base_url),
        "SDK over async_http_client()": openai.AsyncOpenAI(
            api_key="x", http_client=llm_migrate.async_http_client(config=config)
        ),
        "llm_migrate.AsyncOpenAI": llm_migrate.AsyncOpenAI(config=config),
    }

    def way(client: openai.AsyncOpenAI) -> AsyncWay:
        create = client.chat.completions.create

        async def events(prompt: str) -> AsyncIterator[object]:
            async for event in await create(model="gpt-4o", messages=said(prompt), stream=True):
                yield event

        return AsyncWay(lambda: create(model="gpt-4o", messages=said(PROMPT)), events, client.close)

    light = llm_migrate.AsyncClient(config=config)
    lightly = AsyncWay(
        lambda: light.chat(model="gpt-4o", messages=said(PROMPT)),
        lambda prompt: light.stream(model="gpt-4o", messages=said(prompt)),
        light.close,
    )
    return {**{name: way(client) for name, client in clients.items()}, "llm_migrate.AsyncClient": lightly}


def said(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


class Took:
    """What each way took for so many units; the first round, which builds schemas and connections, does not count."""

    def __init__(self, units: int) -> None:
        self._units = units
        self._rounds: dict[str, list[tuple[float, float]]] = {}

    @contextlib.contextmanager
    def by(self, name: str) -> Iterator[None]:
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self._rounds.setdefault(name, []).append((time.process_time() - cpu, time.perf_counter() - wall))

    def show(self, title: str) -> None:
        bars = BARS.get(title, {})
        print(f"  {title}")
        for name in self._rounds:
            costs = "".join(f"{self._least(name, i):9.1f}  {self._ratio(name, i):5.2f}  " for i in (0, 1))
            print(f"    {name:32}{costs}" + (f" bar {bars[name]}" if name in bars else ""))

    def _least(self, name: str, i: int) -> float:
        return min(took[i] for took in self._rounds[name][1:]) / self._units * 1e6

    def _ratio(self, name: str, i: int) -> float:
        # Round by round, because what else the machine does changes more slowly than that.
        pairs = zip(self._rounds[name][1:], self._rounds[STRAIGHT][1:], strict=True)
        return statistics.median(took[i] / straight[i] for took, straight in pairs)


if __name__ == "__main__":
    main()
