"""A server on raw TCP that says exactly the bytes it is told to, right or wrong, and counts who asked."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator


class Peer:
    """One request that came, and the connection that it is answered on.

    Attributes:
        streamed: a stream is asked for.
    """

    def __init__(self, server: FaultServer, connection: socket.socket, *, streamed: bool = False) -> None:
        self.streamed = streamed
        self.over = False  # no further request is read from this connection
        self._server = server
        self._connection = connection

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def keep(self) -> None:
        """Leave the connection open for the next request."""

    def close(self) -> None:
        """End the connection in order."""
        self.over = True

    def reset(self) -> None:
        """Break it off."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.over = True

    def await_content(self) -> None:
        """Wait until the caller has the first content, so that what follows cannot overtake it."""
        self._server.content_seen.wait(10)

    def await_finish(self) -> None:
        """Wait until the caller has the finish."""
        self._server.finish_seen.wait(10)

    def hang(self) -> None:
        """Say nothing until the caller or the server goes."""
        while self._connection.recv(4096):
            pass
        self.over = True

    def drip(self, data: bytes, every_s: float) -> None:
        """Say the same again and again, until the caller or the server goes."""
        self.over = True
        while not self._server.closing.wait(every_s):
            self.send(data)


Does = Callable[[Peer], None]  # what a server does with one request


class FaultServer:
    """A running server.

    Attributes:
        base_url: where it is.
        requests: the bytes of each request that came.
        content_seen: set by the caller when it has the first content of a stream.
        finish_seen: set by the caller when it has the finish.
        closing: the server is about to end.
    """

    def __init__(self, does: Does) -> None:
        self.requests: list[bytes] = []
        self._does = does
        self.content_seen = threading.Event()
        self.finish_seen = threading.Event()
        self.closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.closing.set()
        self.content_seen.set()
        self.finish_seen.set()
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname()):
            pass  # wakes the thread that accepts
        self._threads[0].join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while (request := _read_request(connection)) is not None:
                self.requests.append(request)
                peer = Peer(self, connection, streamed=b'"stream":true' in request.replace(b" ", b""))
                self._does(peer)
                if peer.over:
                    return


@contextlib.contextmanager
def serving(does: Does) -> Iterator[FaultServer]:
    """Run a server for the time of the block."""
    server = FaultServer(does)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """Hold a port that refuses every connection, and give its address."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


@contextlib.contextmanager
def deaf() -> Iterator[str]:
    """Hold a port where a connection is neither taken nor refused, and give its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as held, contextlib.ExitStack() as waiting:
        for _ in range(3):  # these fill its queue
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(held.getsockname())
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


def _read_request(connection: socket.socket) -> bytes | None:
    """Return a whole request; None where the caller left instead."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    length = re.search(rb"(?i)^content-length: *(\d+)", data, re.MULTILINE)
    missing = end + 4 + int(length[1] if length else 0) - len(data)
    while missing > 0:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
        missing -= len(more)
    return data
