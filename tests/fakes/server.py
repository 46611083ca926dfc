"""The HTTP core that all fake vendors share: threads, keep-alive, odd chunk borders, scripted faults.

Knows no vendor: a vendor module gives a `Vendor`, whose `answer` turns a `Request` into a `Reply` or raises
`RefusalError`.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

VENDORS = ("openai", "azure", "zhipu", "kimi")  # of OpenAI's shape
NATIVE = ("ernie_v1", "hunyuan_tc3", "sensenova_v1")  # of a shape of their own
# Chunk sizes of a streamed body: small primes, so that lines, JSON and UTF-8 sequences are all cut somewhere.
PIECES = (61, 7, 113, 2, 211)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. Header names are lower-case; `body` is None when it is not a JSON object."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        try:
            found = json.loads(self.raw)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a vendor answers: a JSON value, or the events of a stream.

    Attributes:
        space: whether one stands behind "data:".
        done: whether the stream ends with `[DONE]`.
    """

    payload: Any = None
    events: tuple[Any, ...] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    space: bool = True
    done: bool = True


class RefusalError(Exception):
    """A vendor's error answer; `payload` is its whole body."""

    def __init__(self, status: int, payload: Any, **headers: str) -> None:
        super().__init__(status, payload)
        self.reply = Reply(payload, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with one request instead of, or with, the right answer.

    Attributes:
        status: answer with it at once, and with `body` (JSON value or bytes).
        cut_after: send the right answer, but close the connection after so many bytes of its body.
        hang: read the request, then say nothing until the server is closed or the client leaves.
    """

    status: int | None = None
    body: Any = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """An error as the vendor documents it, and what the openai SDK shall make of it.

    Attributes:
        fault: the vendor's answer.
        raises: name of the SDK's exception class.
        code: the `code` of the exception; None where it does not matter.
    """

    fault: Fault
    raises: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """A fake vendor: where its API begins, what its clients read from the environment, and how it answers."""

    name: str
    root: str
    answer: Callable[[Request], Reply]
    env: Callable[[str], dict[str, str]]  # address without path -> variables for a client


class Server:
    """A running fake. `requests` lists what came, oldest first."""

    def __init__(self, vendor: Vendor, port: int = 0) -> None:
        self.vendor = vendor
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._faults: deque[Fault | None] = deque()
        self._open: set[socket.socket] = set()
        self._http = _Http(("127.0.0.1", port), _handler(self))
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.base_url = self.address + vendor.root
        self.env = vendor.env(self.address)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def script(self, *faults: Fault | None) -> None:
        """Say what happens to the next requests, one item each; None is the right answer."""
        self._faults.extend(faults)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()  # joins the threads of the connections
        self._thread.join()

    def take_fault(self) -> Fault | None:
        return self._faults.popleft() if self._faults else None

    def opened(self, connection: socket.socket) -> None:
        self._open.add(connection)
        if self.closing.is_set():  # accepted while the server was closing
            connection.shutdown(socket.SHUT_RDWR)

    def closed(self, connection: socket.socket) -> None:
        self._open.discard(connection)

    def bodies(self) -> list[dict[str, Any]]:
        """The JSON bodies that came, oldest first."""
        return [r.body for r in self.requests]


@contextlib.contextmanager
def fake(name: str, *, port: int = 0) -> Iterator[Server]:
    """Run the fake of one vendor (any of `VENDORS` and `NATIVE`) for the time of the block."""
    server = Server(load_vendor(name), port)
    server.start()
    try:
        yield server
    finally:
        server.close()


def load_vendor(name: str) -> Vendor:
    vendor: Vendor = importlib.import_module(f"tests.fakes.{name}_like").VENDOR
    return vendor


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is an ordinary event here."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        fake = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: Server

    def setup(self) -> None:
        super().setup()
        self.fake.opened(self.connection)

    def finish(self) -> None:
        self.fake.closed(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *args: Any) -> None:
        """Stay silent: what came is in `requests`."""

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        request = self._read()
        self.fake.requests.append(request)
        fault = self.fake.take_fault()
        if fault and fault.hang:
            self.close_connection = True
            self.fake.closing.wait()
            return
        if fault and fault.status is not None:
            self._send(Reply(fault.body, status=fault.status, headers=dict(fault.headers)), None)
            return
        try:
            reply = self.fake.vendor.answer(request)
        except RefusalError as refusal:
            reply = refusal.reply
        self._send(reply, fault.cut_after if fault else None)

    def _read(self) -> Request:
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        query = {k: v[-1] for k, v in parse_qs(url.query).items()}
        return Request(self.command, url.path, query, {k.lower(): v for k, v in self.headers.items()}, raw)

    def _send(self, reply: Reply, cut_after: int | None) -> None:
        streamed = reply.events is not None
        body = _events(reply) if reply.events is not None else _encode(reply.payload)
        self.send_response(reply.status)
        kind = "text/event-stream" if streamed else "application/json; charset=utf-8"
        for name, value in {"content-type": kind, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header(*(("transfer-encoding", "chunked") if streamed else ("content-length", str(len(body)))))
        self.end_headers()
        whole = cut_after is None
        for piece in _pieces(body[:cut_after]) if streamed else [body[:cut_after]]:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if streamed else piece)
        if streamed and whole:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = self.close_connection or not whole


def _encode(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()


def _events(reply: Reply) -> bytes:
    begin = b"data: " if reply.space else b"data:"
    lines = [_encode(event) for event in reply.events or ()] + [b"[DONE]"] * reply.done
    return b"".join(begin + line + b"\n\n" for line in lines)


def _pieces(body: bytes) -> Iterator[bytes]:
    at = 0
    for size in itertools.cycle(PIECES):
        if at >= len(body):
            return
        yield body[at : at + size]
        at += size
