"""The server that the benchmarks call: canned answers from a process of its own, which costs little enough.

    python bench/upstream.py          what it can serve at most: answers and stream events a second

It is `upstream.c`, compiled with `cc` into .cache/bench; without a C compiler, or where there is no epoll, the same
answers come from asyncio, at a fraction of the speed. A word in square brackets in the prompt asks for a fault or a
pause: see `answers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SOURCE = Path(__file__).with_suffix(".c")
CACHE = SOURCE.parents[1] / ".cache" / "bench"
WORDS = 60  # of a whole answer
KEEP, CLOSE, RESET = range(3)


@dataclass(frozen=True)
class Answer:
    """What is sent for a request whose body holds a marker ("-" for any) and asks for a stream or not."""

    stream: bool
    marker: str
    pieces: tuple[bytes, ...]
    pause_ms: int = 0
    ending: int = KEEP


@dataclass(frozen=True)
class Upstream:
    """A running server."""

    port: int
    pid: int
    kind: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/") as answer:
            return dict(json.load(answer))

    def cpu_s(self) -> float:
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def limit(self, events: int) -> str:
        """Say what it can serve at most, measured over plain sockets that ask for many answers at a time."""
        whole, stream = (_most(self, body, size) for body, size in ((b"{}", 500), (b'{"stream":true}', 50)))
        return f"upstream: {self.kind}, at most {whole:,.0f} answers/s, {stream * events:,.0f} stream events/s"


@contextlib.contextmanager
def running(events: int) -> Iterator[Upstream]:
    """Run the server; its streams have so many events."""
    program = compiled()
    command = [str(program)] if program else [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None
        for answer in answers(events):
            server.stdin.write(encoded(answer))
        server.stdin.write(b".")
        server.stdin.flush()
        try:
            port = int(server.stdout.readline())
            yield Upstream(port, server.pid, "compiled C" if program else "asyncio (no C compiler found)")
        finally:
            server.stdin.close()  # at which it ends


def compiled() -> Path | None:
    """Return the server as a program; None where it cannot be compiled."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = CACHE / f"upstream-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = program.with_name(f"{program.name}.{os.getpid()}")
        if subprocess.run([compiler, "-O2", "-o", fresh, SOURCE], capture_output=True, check=False).returncode:
            return None
        fresh.rename(program)
    return program


# -- answers


def answers(events: int) -> list[Answer]:
    """Return all that can be asked for; the first that fits is given."""
    whole, chunks = framed(200, chat()), [head(200, "text/event-stream"), *stream(events)]
    half = len(chunks) // 2
    begun, rest = b"".join(chunks[:half]), b"".join(chunks[half:])
    said = {"message": "the model is overloaded", "type": "server_error", "code": None}
    fault = b"data: " + json.dumps({"error": said}).encode() + b"\n\n"
    table = [
        Answer(False, "[slow]", (b"", whole), pause_ms=100),
        Answer(False, "[cut]", (whole[: len(whole) // 2],), ending=CLOSE),
        Answer(False, "[garbage]", (framed(200, b'{"choices": [{"mess'),)),
        Answer(True, "[slow]", (begun, rest), pause_ms=100),
        Answer(True, "[paced]", tuple(chunks), pause_ms=1),
        Answer(True, "[cut]", (begun,), ending=CLOSE),
        Answer(True, "[garbage]", (begun, chunked(b"data: {nothing\n\n"), rest)),
        Answer(True, "[fault]", (begun, chunked(fault), b"0\r\n\r\n")),
    ]
    for streamed in (False, True):
        table += [
            Answer(streamed, "[400]", (framed(400, json.dumps({"error": {**said, "param": None}}).encode()),)),
            Answer(streamed, "[500]", (framed(500, json.dumps({"error": said}).encode()),)),
            Answer(streamed, "[reset]", (b"",), ending=RESET),
        ]
    return [*table, Answer(False, "-", (whole,)), Answer(True, "-", (b"".join(chunks),))]


def chat() -> bytes:
    message = {"role": "assistant", "content": "word " * WORDS, "refusal": None}
    usage = {"prompt_tokens": 20, "completion_tokens": WORDS, "total_tokens": 20 + WORDS}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json.dumps({**NAMES, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def stream(events: int) -> list[bytes]:
    """Return the chunks of a stream: so many events, the mark of the end, and the end of the body."""
    words = [{"content": f"word{number} "} for number in range(events - 2)]  # litellm stops at one that is repeated
    deltas = [{"role": "assistant", "content": ""}, *words, {}]
    finishes = [*[None] * (events - 1), "stop"]
    chunks = [event(delta, finish) for delta, finish in zip(deltas, finishes, strict=True)]
    return [*chunks, chunked(b"data: [DONE]\n\n"), b"0\r\n\r\n"]


NAMES = {"id": "chatcmpl-1", "created": 1700000000, "model": "gpt-4o-2024-05-13", "system_fingerprint": "fp_1"}


def event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    line = json.dumps({**NAMES, "object": "chat.completion.chunk", "choices": [choice]}).encode()
    return chunked(b"data: " + line + b"\n\n")


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(status: int, kind: str) -> bytes:
    return f"HTTP/1.1 {status} OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()


def framed(status: int, body: bytes) -> bytes:
    length = f"content-type: application/json\r\ncontent-length: {len(body)}"
    return f"HTTP/1.1 {status} OK\r\n{length}\r\n\r\n".encode() + body


def encoded(answer: Answer) -> bytes:
    """Return an answer as `upstream.c` reads it."""
    pieces = b"".join(b"%d\n%b" % (len(piece), piece) for piece in answer.pieces)
    numbers = f"{answer.stream:d} {len(answer.pieces)} {answer.pause_ms} {answer.ending} {answer.marker}\n"
    return numbers.encode() + pieces


# -- its limit


def _most(server: Upstream, body: bytes, rounds: int) -> float:
    """Return how many answers a second of its processor time gives, over 16 connections."""
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    lines[0].sendall(request)
    while not _is_whole(got := lines[0].recv(1 << 20, socket.MSG_PEEK)):
        time.sleep(0.001)
    lines[0].recv(len(got))
    before = server.cpu_s()
    for _ in range(rounds):
        for line in lines:
            line.sendall(request)
        for line in lines:
            left = len(got)
            while left:
                left -= len(line.recv(left))
    for line in lines:
        line.close()
    return rounds * len(lines) / (server.cpu_s() - before)


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        return body.endswith(b"\r\n0\r\n\r\n")
    return len(body) == int(head.partition(b"content-length: ")[2].split()[0])


# -- the same from asyncio


async def serve(known: list[Answer]) -> None:
    counted = {"requests": 0, "connections": 0, "open": 0, "left_early": 0}

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted["connections"] += 1
        counted["open"] += 1
        try:
            while await one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            counted["open"] -= 1
            writer.close()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in first.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
        if first.startswith(b"GET"):
            writer.write(framed(200, json.dumps(counted).encode()))
            return True
        counted["requests"] += 1
        streamed = b'"stream":true' in body.replace(b" ", b"")
        answer = next(a for a in known if a.stream == streamed and (a.marker == "-" or a.marker.encode() in body))
        for number, piece in enumerate(answer.pieces):
            if number and answer.pause_ms:
                await asyncio.sleep(answer.pause_ms / 1000)
            if reader.at_eof() or writer.is_closing():
                counted["left_early"] += 1
                return False
            writer.write(piece)
            await writer.drain()
        if answer.ending == RESET:
            writer.transport.abort()
        return answer.ending == KEEP

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    os._exit(0)


def decoded(source: IO[bytes]) -> Iterator[Answer]:
    """Yield the answers that were `encoded`."""
    while (mark := source.read(1)) != b".":
        stream, count, pause_ms, ending, marker = (mark + source.readline()).split()
        pieces = tuple(source.read(int(source.readline())) for _ in range(int(count)))
        yield Answer(stream == b"1", marker.decode(), pieces, int(pause_ms), int(ending))


def main() -> None:
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(serve(list(decoded(sys.stdin.buffer))))
        return
    with running(500) as server:
        print(server.limit(500))


if __name__ == "__main__":
    main()
