"""Twenty thousand calls, half of them streams, a tenth failing, a tenth abandoned: what stays behind of them.

    python bench/soak.py [--requests 20000] [--only WORDS]

Four programs, each in a process of its own, against the server of upstream.py: the drop-in and the openai SDK over our
transport, sync from 16 threads and async with 64 tasks at a time. A chain has two targets. Failing means every way in
which an upstream fails at once (400, 500, reset, half an answer, garbage, an error in a stream). Abandoned means, for
streams: left after the first event, closed, dropped, or dropped within a cycle of references; for whole answers: a
time limit that passes, or a cancelled task. After each tenth, with no call under way, anonymous memory (as the kernel
counts it) and open descriptors are noted. It exits with 1 if memory grew by 10 MiB or more after the first tenth, if
there are more descriptors than before the first call and one for each call at a time, or if any sound call failed or a
failing one did not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
from upstream import running

import llm_migrate

THREADS, TASKS = 16, 64
EVENTS = 40
MOST_GROWTH_MB = 10.0
WAYS = ("drop-in", "transport", "async drop-in", "async transport")
FAULTS = {
    False: ("[400]", "[500]", "[reset]", "[cut]", "[garbage]"),
    True: ("[400]", "[500]", "[cut]", "[fault]", "[reset]"),
}
PROMPT = "Say something short about the weather in Hangzhou."
TIMES = Counter[str]()  # what became of the calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--only", default="", help="the ways whose name begins with these words")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        sys.exit(soak(args.way, args.requests))
    failed = 0
    for way in WAYS:
        if way.startswith(args.only):
            failed += subprocess.run(
                [sys.executable, __file__, "--way", way, "--requests", str(args.requests)]
            ).returncode
    sys.exit(1 if failed else 0)


def soak(way: str, requests: int) -> int:
    """Run one way; return 1 if it leaves something behind."""
    with running(EVENTS) as upstream, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "llm-migrate.toml"
        target = f'provider = "openai"\nbase_url = "{upstream.base_url}"\napi_key = "plain:sk-bench"\n'
        config.write_text(f'[targets.a]\n{target}[targets.b]\n{target}[chains.default]\ntargets = ["a", "b"]\n')
        began = time.monotonic()
        noted = list(
            asyncio_batches(way, config, requests) if way.startswith("async") else batches(way, config, requests)
        )
        took_s = time.monotonic() - began
        counts = upstream.counts()
    return report(way, requests, took_s, noted, counts)


def report(way: str, requests: int, took_s: float, noted: list[tuple[float, int]], counts: dict[str, int]) -> int:
    (_, base), *noted = noted  # the first before any call
    memory, files = [mb for mb, _ in noted], [count for _, count in noted]
    growth, most_files = memory[-1] - memory[0], base + (TASKS if way.startswith("async") else THREADS)
    bad = {what: count for what, count in TIMES.items() if what.startswith("BAD")}
    lasting = growth >= MOST_GROWTH_MB or max(files) > most_files
    print(f"{way}: {requests:,} requests in {took_s:.0f} s{', NOT AS IT SHALL BE' if bad or lasting else ''}")
    print(f"  anonymous memory, MiB: {' '.join(f'{mb:.1f}' for mb in memory)}: {growth:+.1f} after the first tenth")
    print(
        f"  open descriptors: {base} before, then {' '.join(map(str, files))} (at most {most_files}, a connection each)"
    )
    print(f"  calls: {', '.join(f'{count:,} {what}' for what, count in sorted(TIMES.items()))}")
    print(f"  upstream: {counts['requests']:,} requests, {counts['connections']:,} connections, ", end="")
    print(f"{counts['left_early']:,} left in the middle of an answer", flush=True)
    return 1 if bad or lasting else 0


def note() -> tuple[float, int]:
    """Return anonymous memory in MiB, and how many descriptors are open."""
    gc.collect()
    found = re.search(r"^Anonymous:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024, len(os.listdir("/proc/self/fd"))


def fate(number: int) -> tuple[bool, str]:
    """Return whether a call is a stream, and what is to become of it: the order is always the same."""
    turn = number // 2 % 10
    return number % 2 == 1, {3: "failing", 7: "abandoned"}.get(turn, "sound")


# -- sync


def batches(way: str, config: Path, requests: int) -> Iterator[tuple[float, int]]:
    if way == "drop-in":
        client = llm_migrate.OpenAI(config=config, max_retries=0)
    else:
        client = openai.OpenAI(api_key="x", http_client=llm_migrate.http_client(config=config))
    with client, ThreadPoolExecutor(THREADS) as threads:
        yield note()
        for begin in range(0, requests, requests // 10):
            list(threads.map(lambda number: one(client, number), range(begin, begin + requests // 10)))
            yield note()


def one(client: openai.OpenAI, number: int) -> None:
    streamed, what = fate(number)
    try:
        if what == "abandoned":
            leave_stream(client, number) if streamed else run_out_of_time(client)
        else:
            ask(client, FAULTS[streamed][number // 20 % 5] if what == "failing" else "", streamed)
            if what == "failing":
                what = "BAD: failing, but answered"
    except openai.APIError as e:
        if what == "sound":
            what = f"BAD: sound, but {type(e).__name__}"
    TIMES[f"{what} {'streams' if streamed else 'answers'}"] += 1


def ask(client: openai.OpenAI, marker: str, streamed: bool) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=said(marker), stream=streamed)
    if not streamed:
        assert answer.choices[0].finish_reason == "stop"
        return
    got = sum(1 for _ in answer)
    assert got == EVENTS, got


def leave_stream(client: openai.OpenAI, number: int) -> None:
    stream = client.chat.completions.create(model="gpt-4o", messages=said("[slow]"), stream=True)
    next(iter(stream))
    if number // 20 % 3 == 0:
        stream.close()
    elif number // 20 % 3 == 1:
        cycle: list[object] = [stream]
        cycle.append(cycle)


def run_out_of_time(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="gpt-4o", messages=said("[slow]"), timeout=0.02)


def said(marker: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"{PROMPT} {marker}"}]


# -- async


def asyncio_batches(way: str, config: Path, requests: int) -> Iterator[tuple[float, int]]:
    async def run() -> list[tuple[float, int]]:
        return [noted async for noted in async_batches(way, config, requests)]

    yield from asyncio.run(run())


async def async_batches(way: str, config: Path, requests: int) -> AsyncIterator[tuple[float, int]]:
    if way == "async drop-in":
        client = llm_migrate.AsyncOpenAI(config=config, max_retries=0)
    else:
        client = openai.AsyncOpenAI(api_key="x", http_client=llm_migrate.async_http_client(config=config))
    room = asyncio.Semaphore(TASKS)

    async def in_turn(number: int) -> None:
        async with room:
            await async_one(client, number)

    async with client:
        yield note()
        for begin in range(0, requests, requests // 10):
            await asyncio.gather(*(in_turn(number) for number in range(begin, begin + requests // 10)))
            gc.collect()
            await asyncio.sleep(0.3)  # what was cancelled is closed by the loop, and the server ends its pauses
            yield note()


async def async_one(client: openai.AsyncOpenAI, number: int) -> None:
    streamed, what = fate(number)
    try:
        if what == "abandoned":
            await (async_leave_stream(client, number) if streamed else cancel(client))
        else:
            await async_ask(client, FAULTS[streamed][number // 20 % 5] if what == "failing" else "", streamed)
            if what == "failing":
                what = "BAD: failing, but answered"
    except openai.APIError as e:
        if what == "sound":
            what = f"BAD: sound, but {type(e).__name__}"
    TIMES[f"{what} {'streams' if streamed else 'answers'}"] += 1


async def async_ask(client: openai.AsyncOpenAI, marker: str, streamed: bool) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=said(marker), stream=streamed)
    if not streamed:
        assert answer.choices[0].finish_reason == "stop"
        return
    got = 0
    async for _ in answer:
        got += 1
    assert got == EVENTS, got


async def async_leave_stream(client: openai.AsyncOpenAI, number: int) -> None:
    stream = await client.chat.completions.create(model="gpt-4o", messages=said("[slow]"), stream=True)
    async for _ in stream:
        break
    if number // 20 % 3 == 0:
        await stream.close()
    elif number // 20 % 3 == 1:
        cycle: list[object] = [stream]
        cycle.append(cycle)


async def cancel(client: openai.AsyncOpenAI) -> None:
    call = client.chat.completions.create(model="gpt-4o", messages=said("[slow]"))
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    main()
