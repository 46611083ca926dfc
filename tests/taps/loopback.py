"""An OpenAI-shaped server on a loopback port that does, request by request, what a test says, down to single bytes."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.engine.script import END, ROLE, STOP, WORD, completion

Answer = Callable[["Handler"], None]


@dataclass(frozen=True, slots=True)
class Got:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        loopback = self.server.loopback
        loopback.requests.append(Got(self.path, headers, json.loads(raw), id(self.connection)))
        try:
            loopback.next_answer()(self)
        except OSError:
            loopback.gone.put("caller gone")
            self.close_connection = True

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def piece(self, data: bytes) -> None:
        """Send one HTTP chunk, at once."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def reset(self) -> None:
        """Break the connection off with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def wait_until_gone(self) -> None:
        """Say nothing more; notes when the caller leaves."""
        while not self.server.loopback.closing.is_set():
            self.connection.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    self.server.loopback.gone.put("caller gone")
                    break
        self.close_connection = True


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    loopback: Loopback

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Loopback:
    """The running server. `requests` lists what came; `gone` gets an item when a caller leaves early."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Got] = []
        self.gone: queue.Queue[str] = queue.Queue()
        self.closing = threading.Event()
        self._answers = deque(answers)
        self._http = _Http(("127.0.0.1", 0), Handler)
        self._http.loopback = self
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def next_answer(self) -> Answer:
        """The last answer is given for ever."""
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    def __enter__(self) -> Loopback:
        get_request = self._http.get_request

        def noted() -> tuple[socket.socket, Any]:
            connection, address = get_request()
            self._open.append(connection)
            return connection, address

        self._http.get_request = noted  # type: ignore[method-assign]
        self._thread.start()
        return self

    def drop_connections(self) -> None:
        """Close what is open, as a server does with idle connections."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self.drop_connections()
        self._thread.join()
        self._http.server_close()


def whole(body: bytes | None = None, status: int = 200, **headers: str) -> Answer:
    """Answer in one piece."""
    payload = completion() if body is None else body

    def answer(to: Handler) -> None:
        to.head(status, content_length=str(len(payload)), **{"content_type": "application/json", **headers})
        to.wfile.write(payload)

    return answer


def refusal(status: int, code: str | None = None, **headers: str) -> Answer:
    """Answer with a vendor's error."""
    error = {"message": "no", "type": "t", "param": None, "code": code}
    return whole(json.dumps({"error": error}).encode(), status, **headers)


def events(*pieces: bytes, then: Callable[[Handler], None] | None = None) -> Answer:
    """Answer with a stream of these pieces; by default a whole one. `then` does what comes instead of its end."""

    def answer(to: Handler) -> None:
        to.head(200, content_type="text/event-stream", transfer_encoding="chunked")
        for piece in pieces or (ROLE, WORD, WORD, STOP, END):
            to.piece(piece)
        if then is None:
            to.wfile.write(b"0\r\n\r\n")
        else:
            then(to)

    return answer


def reset(to: Handler) -> None:
    """Break off without an answer."""
    to.reset()


def hang(to: Handler) -> None:
    """Never answer."""
    to.wait_until_gone()


def dripping(start: bytes) -> Answer:
    """Begin with these bytes, then go on one by one without end."""

    def answer(to: Handler) -> None:
        to.wfile.write(start)
        while not to.server.loopback.closing.wait(0.02):
            to.wfile.write(b"H")
            to.wfile.flush()

    return answer


@contextlib.contextmanager
def loopback(*answers: Answer) -> Iterator[Loopback]:
    """Run a server for the time of the block."""
    with Loopback(*(answers or (whole(),))) as server:
        yield server
