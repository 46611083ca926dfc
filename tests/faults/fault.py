"""A fault of an upstream, what shall come of it, and the bytes that faults are made of.

The right answer is two words long, so that a fault can lie before the first, between the two, and behind both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.engine.script import END, ROLE, STOP, completion, event
from tests.faults.server import Does, Peer

FIRST: Final = "half of it, "
REST: Final = "and the rest"
READ_S: Final = 1.0  # the caller's read limit, where a fault takes time
CONNECT_S: Final = 0.25  # its limit for a connection
ONE: Final = event({"content": FIRST})
TWO: Final = event({"content": REST})
JSON: Final = completion(FIRST + REST)
STREAM: Final = (ROLE, ONE, TWO, STOP, END)

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Want:
    """What shall come of a fault.

    Attributes:
        end: the right answer, an error, or an error event after a part of the answer.
        status: of the error.
        code: of the error.
        or_code: another one that is as right, where clients of HTTP differ in what they see first.
        alone: requests to the only target.
        beside: requests to the first of two targets.
        moves: the second target serves instead.
    """

    end: Literal["answer", "error", "cut"]
    status: int | None = None
    code: str | None = None
    or_code: str | None = None
    alone: int = 1
    beside: int = 1
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One row.

    Attributes:
        name: what happens, for people.
        plain: what shall come of it for a request without a stream; None where there is no such fault.
        streamed: the same for a stream.
        does: what the server does with one request.
        at: there is a server, or none, or one that takes no connection.
        slow: it takes the caller's whole read limit.
    """

    name: str
    plain: Want | None
    streamed: Want | None
    does: Does = Peer.keep
    at: Literal["server", "nobody", "deaf"] = "server"
    slow: bool = False


def head(status: int = 200, *fields: tuple[str, str], kind: str = "application/json") -> bytes:
    """Return a status line and headers."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: bytes = JSON, status: int = 200, *fields: tuple[str, str], kind: str = "application/json") -> bytes:
    """Return an answer in one piece."""
    return head(status, ("content-length", str(len(body))), *fields, kind=kind) + body


def opened(*pieces: bytes, fields: Fields = ()) -> bytes:
    """Return the beginning of a stream."""
    begun = head(200, ("transfer-encoding", "chunked"), *fields, kind="text/event-stream")
    return begun + b"".join(map(chunk, pieces))


def ended(*pieces: bytes, fields: Fields = ()) -> bytes:
    """Return a stream that is whole to HTTP."""
    return opened(*(pieces or STREAM), fields=fields) + b"0\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    """Return one chunk of HTTP."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def error(code: str | None = None, **fields: Any) -> bytes:
    """Return an error as OpenAI writes it."""
    return json.dumps({"error": {"message": "no", "type": "t", "param": None, "code": code, **fields}}).encode()


def answering(*words: str) -> Does:
    """Return a healthy server, which says these words."""

    def does(peer: Peer) -> None:
        pieces = [event({"content": word}) for word in words]
        peer.send(ended(ROLE, *pieces, STOP, END) if peer.streamed else whole(completion("".join(words))))

    return does


def says(plain: bytes, streamed: bytes, then: Does = Peer.keep) -> Does:
    """Return a server that says these bytes, then does something with the connection."""

    def does(peer: Peer) -> None:
        peer.send(streamed if peer.streamed else plain)
        then(peer)

    return does


def after_content(raw: bytes = b"", then: Does = Peer.keep, *, begun: bytes | None = None) -> Does:
    """Return a server whose stream goes wrong when the caller has some of it."""

    def does(peer: Peer) -> None:
        peer.send(opened(ROLE, ONE) if begun is None else begun)
        peer.await_content()
        peer.send(raw)
        then(peer)

    return does
