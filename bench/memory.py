"""The most memory that one call takes, whatever an upstream sends: giant bodies, lines, events and headers, bombs.

    python bench/memory.py [--mib 256] [--only WORDS]

Each call is made by a program of its own, after a small one that builds what is built once: the openai SDK straight,
the drop-in, the async drop-in and the light client. The figure is the peak of its resident memory (VmHWM) over what it
had before the call, in MiB; a call that is not over after a minute is given up. Our limits: a body of 32 MiB
decompressed, a line or event of a stream of 4 MiB, headers of 64 KiB, 4 MiB of a stream before its first content. A
body within the limit is there in several forms at a time (bytes as they came, text, objects); what is over a limit is
dropped when it is reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

MIB = 1 << 20
WAYS = ("SDK straight", "drop-in", "async drop-in", "light client")
START = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNK = '{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [%s]}'
ROLE = CHUNK % '{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}'
WORD = CHUNK % '{"index": 0, "delta": {"content": "word"}, "finish_reason": null}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=256, help="how much the server sends")
    parser.add_argument("--only", default="", help="the cases whose name holds these words")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--call", nargs=3, metavar=("WAY", "CASE", "PORT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args.mib))
    elif args.call:
        call(*args.call)
    else:
        compare(args.mib, args.only)


def compare(mib: int, only: str) -> None:
    command = [sys.executable, __file__, "--serve", "--mib", str(mib)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stdin is not None
        try:
            port = server.stdout.readline().strip()
            print(
                f"what comes ({mib} MiB, plain), and peak MiB of a call{'':14}" + "".join(f"{way:>16}" for way in WAYS)
            )
            for case in (*cases(mib), LARGE_REQUEST):
                if only in case and case not in ("small", "small stream"):
                    rows = [measured(way, case, port) for way in WAYS]
                    print(f"  {case:54}" + "".join(f"{peak:>16}" for peak, _ in rows), f"  {rows[1][1]}", flush=True)
        finally:
            server.stdin.close()


def measured(way: str, case: str, port: str) -> tuple[str, str]:
    """Return the peak of one call, and what its caller saw."""
    command = [sys.executable, __file__, "--call", way, case, port]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "over a minute", ""
    if done.returncode:
        return "failed", done.stderr.strip().rpartition("\n")[2]
    peak, _, seen = done.stdout.strip().partition(" ")
    return peak, seen


# -- the caller


def call(way: str, case: str, port: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "llm-migrate.toml"
        base_url = f"http://127.0.0.1:{port}/v1"
        config.write_text(f'[targets.a]\nprovider = "openai"\nbase_url = "{base_url}"\napi_key = "plain:sk-bench"\n')
        ask = asker(way, config, base_url)
        ask("small", streamed=False, size=0)
        ask("small stream", streamed=True, size=0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = status_kb("VmRSS")
        seen = ask(case, streamed="stream" in case, size=40 * MIB if case == LARGE_REQUEST else 0)
        print(f"{(status_kb('VmHWM') - before) / 1024:.1f} {seen}")


def asker(way: str, config: Path, base_url: str) -> Callable[..., str]:
    """Return a function that makes one call and says what came of it."""
    if way == "light client":
        return light(config)
    import openai

    import llm_migrate

    if way == "async drop-in":
        return waiting_for(config)
    if way == "drop-in":
        client = llm_migrate.OpenAI(config=config, max_retries=0, timeout=30)
    else:
        client = openai.OpenAI(api_key="x", base_url=base_url, max_retries=0, timeout=30)

    def ask(case: str, *, streamed: bool, size: int) -> str:
        try:
            answer = client.chat.completions.create(model="gpt-4o", messages=said(case, size), stream=streamed)
            return f"{sum(1 for _ in answer)} events" if streamed else "an answer"
        except openai.APIError as e:
            return f"{type(e).__name__}: {e}"[:150]
        except ValueError as e:  # the SDK alone, of what is no JSON
            return type(e).__name__

    return ask


def waiting_for(config: Path) -> Callable[..., str]:
    import openai

    import llm_migrate

    runner = asyncio.Runner()
    client = llm_migrate.AsyncOpenAI(config=config, max_retries=0, timeout=30)

    async def one(case: str, streamed: bool, size: int) -> str:
        try:
            answer = await client.chat.completions.create(model="gpt-4o", messages=said(case, size), stream=streamed)
            if not streamed:
                return "an answer"
            count = 0
            async for _ in answer:
                count += 1
            return f"{count} events"
        except openai.APIError as e:
            return f"{type(e).__name__}: {e}"[:150]

    return lambda case, *, streamed, size: runner.run(one(case, streamed, size))


def light(config: Path) -> Callable[..., str]:
    import llm_migrate

    client = llm_migrate.Client(config=config)

    def ask(case: str, *, streamed: bool, size: int) -> str:
        try:
            if streamed:
                return f"{sum(1 for _ in client.stream(model='gpt-4o', messages=said(case, size)))} events"
            client.chat(model="gpt-4o", messages=said(case, size))
        except llm_migrate.errors.MigrateError as e:
            return f"{type(e).__name__}: {e}"[:150]
        return "an answer"

    return ask


def said(case: str, size: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"[{case}]" + "x" * size}]


def status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


# -- the server


LARGE_REQUEST = "small answer to a request of 40 MiB"
Pieces = Iterator[bytes]


def cases(mib: int) -> dict[str, Callable[[], Pieces]]:
    """Return name -> the pieces that are sent; they are made when they are asked for."""
    filler, event = b"x" * MIB, f"data: {ROLE}\n\n".encode()
    word = f"data: {WORD}\n\n".encode()

    def body(size: int, *, status: bytes = START) -> Pieces:
        yield status + b"content-length: %d\r\n\r\n" % size
        yield from [filler] * (size // MIB)

    def sound(size: int) -> Pieces:
        message = {"role": "assistant", "content": "x" * size}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        raw = json.dumps({**answer, "choices": [choice]}).encode()
        yield START + b"content-length: %d\r\n\r\n" % len(raw) + raw

    def stream(*begun: bytes, then: bytes, coding: bytes = b"") -> Pieces:
        yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + coding + b"transfer-encoding: chunked\r\n\r\n"
        for piece in (*begun, *[then] * (mib * MIB // len(then))):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    def endless(coding: bytes, pieces: Iterable[bytes]) -> Pieces:
        yield START + coding + b"transfer-encoding: chunked\r\n\r\n"
        for piece in pieces:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    gzip = b"content-encoding: gzip\r\n"
    lines = b"data: " + b"x" * 4088 + b"\n"
    whole = b"".join([event, word, f"data: {WORD}\n\n".replace("null", '"stop"').encode(), b"data: [DONE]\n\n"])
    return {
        "a sound answer of 31 MiB": lambda: sound(31 * MIB),
        "a body": lambda: body(mib * MIB),
        "a body without a length": lambda: endless(b"", [filler] * mib),
        "the body of an error": lambda: body(mib * MIB, status=START.replace(b"200 OK", b"500 Broken")),
        "a body that was compressed a thousand times": lambda: endless(gzip, bomb(mib)),
        "a header": lambda: iter([START, b"x-long: ", *[filler] * mib, b"\r\n\r\n"]),
        "a line of a stream": lambda: stream(event, then=filler),
        "a line of a stream after its first content": lambda: stream(event, word, then=filler),
        "an event of a stream, of many lines": lambda: stream(event, then=lines * 64),
        "a stream without content": lambda: stream(then=event * 400),
        "a stream of comments": lambda: stream(event, then=b": waiting\n\n" * 6000),
        "a compressed line of a stream": lambda: stream(*bomb(mib), then=b"x" * MIB, coding=gzip),
        "a stream of words without an end": lambda: stream(event, then=word * 400),
        "small": lambda: sound(10),
        "small stream": lambda: iter(
            [
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%b"
                % (len(whole), whole)
            ]
        ),
    }


@cache
def bomb(mib: int) -> tuple[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = [packer.compress(b" " * MIB) for _ in range(mib)]
    return (b"".join([*packed, packer.flush()]),)


async def serve(mib: int) -> None:
    table = cases(mib)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                body = await reader.readexactly(int(length.split(b":")[1]))
                name = body.partition(b'"[')[2].partition(b"]")[0].decode()
                for piece in table.get(name, table["small"])():
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, limit=64 * MIB)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    os._exit(0)


if __name__ == "__main__":
    main()
