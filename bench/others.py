"""Other libraries that call many vendors, beside the openai SDK that most of them stand on: start, call, stream event.

    python bench/others.py [--rounds 9] [--calls 50] [--events 500]

litellm's SDK and any-llm in an environment of their own (.cache/bench, made by uv at the first run; needs PyPI), with
the same openai SDK there and this checkout beside them. Every library is a program of its own; they take turns at the
same server, upstream.py. A figure is processor time of the program alone, the least over the rounds; a ratio is the
median of the rounds' own. Importing counts over bare Python, with compiled modules. Where the environment cannot be
made, it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from overhead import cost_of
from upstream import CACHE, running

ROOT = Path(__file__).resolve().parents[1]
PINS = ("openai==3.54.0", "litellm==1.110.2", "any-llm-sdk[openai]==1.40.2")
IMPORTS = {
    "openai": "import openai; openai.OpenAI",
    "litellm": "import litellm; litellm.completion",
    "any-llm": "import any_llm; any_llm.AnyLLM",
    "llm_migrate.OpenAI": "import llm_migrate; llm_migrate.OpenAI",
    "llm_migrate.Client": "import llm_migrate; llm_migrate.Client",
}
JOBS = ("a whole answer", "one event of a stream", "a whole answer, 64 at once, async", "one event of a stream, async")
# Nothing is asked for on the network, and nothing is logged.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_TELEMETRY": "False",
    "PYTHONPATH": f"{ROOT / 'src'}",
}
AT_ONCE = 64
SAID = [{"role": "user", "content": "Say something short about the weather in Hangzhou."}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--way", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--imports", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.imports:
        imports(min(args.rounds, 5))
    elif args.way:
        answer_turns(*args.way, args)
    else:
        python = environment()
        if python is None:
            print("skipped: the environment with litellm and any-llm cannot be made here (no uv, or no PyPI)")
            return
        compare(python, args)


def environment() -> Path | None:
    """Return the interpreter of the environment, made if need be; None where it cannot be made."""
    ours: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    digest = hashlib.sha256("\n".join([sys.version, *PINS, *ours]).encode()).hexdigest()
    home = CACHE / f"others-{digest[:12]}"
    python = home / "bin" / "python"
    if (home / "ready").exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [*uv, "pip", "install", "--quiet", "--python", str(python), *PINS, *ours],
    ):
        if subprocess.run(command, check=False).returncode:
            return None
    (home / "ready").touch()
    return python


def compare(python: Path, args: argparse.Namespace) -> None:
    env = {**os.environ, **QUIET}
    sizes = ["--rounds", str(args.rounds), "--calls", str(args.calls), "--events", str(args.events)]
    subprocess.run([python, __file__, "--imports", *sizes], env=env, check=True)
    with running(args.events) as upstream, tempfile.TemporaryDirectory() as folder:
        print(f"\n{upstream.limit(args.events)}")
        config = Path(folder) / "llm-migrate.toml"
        config.write_text(
            f'[targets.a]\nprovider = "openai"\nbase_url = "{upstream.base_url}"\napi_key = "plain:sk-bench"\n'
        )
        env["LLM_MIGRATE_CONFIG"] = str(config)
        programs = {
            way: subprocess.Popen(
                [python, __file__, "--way", way, upstream.base_url, *sizes],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for way in IMPORTS
        }
        for job in JOBS:
            took = take_turns(programs, job, args.rounds)
            print(f"\n{job}: CPU us, ratio to the openai SDK")
            for way, (us, ratio) in took.items():
                print(f"  {way:20}{us:10.1f}{ratio:8.2f}", flush=True)
        for program in programs.values():
            program.communicate()


def take_turns(programs: Mapping[str, subprocess.Popen[str]], job: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the least microseconds of each program for one unit of a job, and the median ratio to the openai SDK's."""
    took: dict[str, list[float]] = {way: [] for way in programs}
    for number in range(rounds + 1):
        for way, program in programs.items():
            assert program.stdin is not None and program.stdout is not None
            program.stdin.write(f"{job}\n")
            program.stdin.flush()
            us = json.loads(program.stdout.readline())
            if number:  # the first round opens connections and builds schemas
                took[way].append(us)
    ratios = {way: [us / bare for us, bare in zip(took[way], took["openai"], strict=True)] for way in took}
    return {way: (min(took[way]), statistics.median(ratios[way])) for way in took}


def imports(rounds: int) -> None:
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ("", *IMPORTS)}
    for _ in range(rounds + 1):  # the first one compiles
        for name in took:
            took[name].append(cost_of(IMPORTS.get(name, "pass")))
    bare_ms, bare_mb = (min(run[i] for run in took[""][1:]) for i in (0, 1))
    print("import: CPU ms and peak MB over bare Python, ratios to the openai SDK")
    costs = {
        name: (min(ms for ms, _ in took[name][1:]) - bare_ms, min(mb for _, mb in took[name][1:]) - bare_mb)
        for name in IMPORTS
    }
    first_ms, first_mb = costs["openai"]
    for name, (ms, mb) in costs.items():
        print(f"  {name:20}{ms:10.0f}{ms / first_ms:8.2f}{mb:10.1f}{mb / first_mb:8.2f}", flush=True)


# -- the programs


@dataclass(frozen=True)
class Way:
    """How a library is asked, and how it is asked from a program that does not wait."""

    ask: Callable[[], object]
    events: Callable[[], Iterable[object]]
    ask_async: Callable[[], Awaitable[object]]
    events_async: Callable[[], Awaitable[AsyncIterator[object]]]


def answer_turns(name: str, base_url: str, args: argparse.Namespace) -> None:
    """Do a job for each line that comes; answer with the microseconds of one unit."""
    way, runner = WAYS[name](base_url), asyncio.Runner()

    def stream() -> None:
        got = sum(1 for _ in way.events())
        assert got >= args.events - 2, got  # some leave out events without content

    async def crowd() -> None:
        await asyncio.gather(*(way.ask_async() for _ in range(AT_ONCE)))

    async def stream_async() -> None:
        got = len([None async for _ in await way.events_async()])
        assert got >= args.events - 2, got

    jobs: dict[str, tuple[int, Callable[[], object]]] = {
        JOBS[0]: (args.calls, lambda: [way.ask() for _ in range(args.calls)]),
        JOBS[1]: (args.events, stream),
        JOBS[2]: (AT_ONCE, lambda: runner.run(crowd())),
        JOBS[3]: (args.events, lambda: runner.run(stream_async())),
    }
    for line in sys.stdin:
        units, job = jobs[line.strip()]
        gc.collect()
        before = time.process_time()
        job()
        print(json.dumps((time.process_time() - before) / units * 1e6), flush=True)


def bare(base_url: str) -> Way:
    import openai

    given = {"api_key": "sk-bench", "base_url": base_url}
    return of_clients(openai.OpenAI(**given), openai.AsyncOpenAI(**given))


def drop_in(_base_url: str) -> Way:
    import llm_migrate

    return of_clients(llm_migrate.OpenAI(), llm_migrate.AsyncOpenAI())


def of_clients(client: object, async_client: object) -> Way:
    one, other = client.chat.completions.create, async_client.chat.completions.create
    asked = {"model": "gpt-4o", "messages": SAID}
    return Way(
        lambda: one(**asked),
        lambda: one(**asked, stream=True),
        lambda: other(**asked),
        lambda: other(**asked, stream=True),
    )


def light(_base_url: str) -> Way:
    import llm_migrate

    client, async_client = llm_migrate.Client(), llm_migrate.AsyncClient()
    asked = {"model": "gpt-4o", "messages": SAID}

    async def events_async() -> AsyncIterator[object]:
        return async_client.stream(**asked)

    return Way(
        lambda: client.chat(**asked), lambda: client.stream(**asked), lambda: async_client.chat(**asked), events_async
    )


def litellm(base_url: str) -> Way:
    import litellm

    asked = {"model": "openai/gpt-4o", "messages": SAID, "api_base": base_url, "api_key": "sk-bench"}
    return Way(
        lambda: litellm.completion(**asked),
        lambda: litellm.completion(**asked, stream=True),
        lambda: litellm.acompletion(**asked),
        lambda: litellm.acompletion(**asked, stream=True),
    )


def any_llm(base_url: str) -> Way:
    from any_llm import AnyLLM

    # Two, because its sync methods run the async ones on a loop of their own, to which its connections then belong.
    client, async_client = (AnyLLM.create("openai", api_key="sk-bench", api_base=base_url) for _ in range(2))
    asked = {"model": "gpt-4o", "messages": SAID}
    return Way(
        lambda: client.completion(**asked),
        lambda: client.completion(**asked, stream=True),
        lambda: async_client.acompletion(**asked),
        lambda: async_client.acompletion(**asked, stream=True),
    )


WAYS: Mapping[str, Callable[[str], Way]] = {
    "openai": bare,
    "litellm": litellm,
    "any-llm": any_llm,
    "llm_migrate.OpenAI": drop_in,
    "llm_migrate.Client": light,
}

if __name__ == "__main__":
    main()
