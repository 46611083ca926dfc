"""What llm-migrate adds to a start and to a call: processor time, side by side in one run, as ratios.

    python bench/overhead.py [--rounds 7] [--calls 100] [--events 300]

Start: `import llm_migrate` over bare Python, and `llm-migrate --version` over a bare click program, both with compiled
modules (PYTHONDONTWRITEBYTECODE is unset for them). Calls: the installed openai SDK straight to a small upstream in a
process of its own, the same SDK over `http_client()`, and the drop-in; whole answers one at a time, whole answers 256
at once (async), and one event of a stream. Each figure is the least over rounds in which all ways take turns (others
on the machine only add); only the processor time of this process counts. The share of objects that validation could
not build is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

MESSAGES = [{"role": "user", "content": "Say something short about the weather in Hangzhou."}]
WORDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args.events))
        return
    starts(args.rounds)
    command = [sys.executable, __file__, "--serve", "--events", str(args.events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as upstream:
        try:
            assert upstream.stdout is not None
            calls(int(upstream.stdout.readline()), args)
        finally:
            upstream.kill()


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
    print("start: CPU ms, peak MB")
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


def calls(port: int, args: argparse.Namespace) -> None:
    import openai

    import llm_migrate
    from llm_migrate.taps import quick

    base_url = f"http://127.0.0.1:{port}/v1"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "llm-migrate.toml"
        table = f'[targets.a]\nprovider = "openai"\nbase_url = "{base_url}"\napi_key = "plain:sk-bench"\n'
        config.write_text(table)
        sync = {
            "SDK straight": openai.OpenAI(api_key="sk-bench", base_url=base_url),
            "SDK over http_client()": openai.OpenAI(api_key="x", http_client=llm_migrate.http_client(config=config)),
            "llm_migrate.OpenAI": llm_migrate.OpenAI(config=config),
        }
        print(f"\nopenai {openai.__version__}, CPU us (ratio to the SDK straight)")
        table_of("a whole answer, one at a time", {name: one_by_one(c, args.calls) for name, c in sync.items()}, args)
        table_of("one event of a stream", {name: streaming(c, args.events) for name, c in sync.items()}, args)
        for client in sync.values():
            client.close()
        asyncio.run(at_once(base_url, config, args))
        share = quick.share
        print(f"\nbuilt by validation: {share.validated}, by the SDK's way instead: {share.fallen_back}")


def one_by_one(client: object, count: int) -> Callable[[], float]:
    def run() -> float:
        before = time.process_time()
        for _ in range(count):
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        return (time.process_time() - before) / count

    return run


def streaming(client: object, events: int) -> Callable[[], float]:
    def run() -> float:
        before = time.process_time()
        for _ in range(3):
            got = sum(1 for _ in client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
            assert got == events, got
        return (time.process_time() - before) / (3 * events)

    return run


async def at_once(base_url: str, config: Path, args: argparse.Namespace) -> None:
    import openai

    import llm_migrate

    clients = {
        "SDK straight": openai.AsyncOpenAI(api_key="sk-bench", base_url=base_url),
        "SDK over async_http_client()": openai.AsyncOpenAI(
            api_key="x", http_client=llm_migrate.async_http_client(config=config)
        ),
        "llm_migrate.AsyncOpenAI": llm_migrate.AsyncOpenAI(config=config),
    }

    def crowd(client: object) -> Callable[[], Awaitable[float]]:
        async def run() -> float:
            before = time.process_time()
            ask = client.chat.completions.create
            await asyncio.gather(*(ask(model="gpt-4o", messages=MESSAGES) for _ in range(256)))
            return (time.process_time() - before) / 256

        return run

    runs = {name: crowd(client) for name, client in clients.items()}
    took: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(args.rounds + 1):
        for name, run in runs.items():
            gc.collect()
            seconds = await run()
            if number:
                took[name].append(seconds)
    show("a whole answer, 256 at once", took)
    for client in clients.values():
        await client.close()


def table_of(title: str, runs: dict[str, Callable[[], float]], args: argparse.Namespace) -> None:
    took: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(args.rounds + 1):
        for name, run in runs.items():
            gc.collect()
            seconds = run()
            if number:  # the first round builds schemas and connections
                took[name].append(seconds)
    show(title, took)


def show(title: str, took: dict[str, list[float]]) -> None:
    first = next(iter(took))
    straight = min(took[first])
    print(f"  {title}")
    for name, seconds in took.items():
        print(f"    {name:32}{min(seconds) * 1e6:9.0f}  {min(seconds) / straight:5.2f}")


# -- the upstream


async def serve(events: int) -> None:
    """Answer every request with the same bytes, as fast as a Python server can."""
    whole, stream = canned(events)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length.split(b":")[1]))
            writer.write(stream if b'"stream":true' in body.replace(b" ", b"") else whole)
            await writer.drain()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def canned(events: int) -> tuple[bytes, bytes]:
    head = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-05-13", "system_fingerprint": "fp_1"}
    message = {"role": "assistant", "content": "word " * WORDS, "refusal": None}
    usage = {"prompt_tokens": 20, "completion_tokens": WORDS, "total_tokens": 20 + WORDS}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        line = json.dumps({**head, "object": "chat.completion.chunk", "choices": [choice]}).encode()
        return framed(b"data: " + line + b"\n\n")

    pieces = [chunk({"role": "assistant", "content": ""}), *[chunk({"content": "word "})] * (events - 2)]
    pieces += [chunk({}, "stop"), framed(b"data: [DONE]\n\n"), b"0\r\n\r\n"]
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return whole, start + b"".join(pieces)


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


if __name__ == "__main__":
    main()
