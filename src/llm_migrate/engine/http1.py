"""HTTP/1.1 as bytes: the head of a request, and an answer read piece by piece by llhttp, Node's parser. No socket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from llm_migrate.engine.steps import Head
from llm_migrate.wire.exchange import Outgoing

MAX_HEAD_BYTES: Final = 64 * 1024
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}

_BREAK: Final = re.compile(r"[\0\r\n]")


class HttpProtocolError(Exception):
    """What came is no HTTP, or less than was announced. Never leaves the engine; repeats nothing of it."""


class Origin(NamedTuple):
    """Who is at the other end of a connection."""

    scheme: str
    host: str
    port: int


@lru_cache(maxsize=256)
def origin_of(url: str) -> Origin:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme])


def request_head(outgoing: Outgoing) -> bytes:
    """Return all that goes out before the body.

    Raises:
        HttpProtocolError: a header holds a line break.
    """
    lines = [_first_lines(outgoing.method, outgoing.url)]
    for name, value in outgoing.headers:
        if _BREAK.search(value):
            raise HttpProtocolError("a header holds a line break")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, f"content-length: {len(outgoing.body)}", "", ""]).encode()


@lru_cache(maxsize=256)
def _first_lines(method: str, url: str) -> str:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise HttpProtocolError("the address has a character that no URL has")
    parts, origin = urlsplit(url), origin_of(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    port = "" if origin.port == _PORTS[origin.scheme] else f":{origin.port}"
    return f"{method} {path} HTTP/1.1\r\nhost: {host}{port}"


class AnswerReader:
    """Reads one answer.

    Attributes:
        head: None until all of it is there.
        over: the body is whole.
        reusable: the connection may carry another request; meaningful once it is over.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.over = False
        self.reusable = False
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._overhead = 0  # bytes since the last of a body: of heads, of lines between chunks, of the trailer
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Take in what came, at least one byte, and return what of the body is in it.

        Raises:
            HttpProtocolError: it is no HTTP; nothing after it can be trusted.
        """
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise HttpProtocolError("another protocol, which nobody asked for") from None
        except HttpParserError:
            if not self.over:
                raise HttpProtocolError("it is no HTTP") from None  # llhttp's words may repeat what came
            self.reusable = False
        self._overhead = 0 if self._body else self._overhead + len(data)
        if max(self._overhead, self._header_bytes) > MAX_HEAD_BYTES and not self.over:
            raise HttpProtocolError("the headers are too large, or what stands between chunks is too long")
        if self.head is not None and self.head.headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            raise HttpProtocolError("a transfer coding that nobody asked for")
        body, self._body = b"".join(self._body), []
        return body

    def end(self) -> None:
        """Take in that the connection was closed.

        Raises:
            HttpProtocolError: something is missing.
        """
        framed = self.head is None or not self.head.headers.keys().isdisjoint(("content-length", "transfer-encoding"))
        if framed and not self.over:
            raise HttpProtocolError("the connection was closed before the end of the answer")
        self.over = True

    # What the parser calls; after the end of the answer it speaks of bytes that nobody asked for.

    def on_message_begin(self) -> None:
        """Note that an answer begins, or an interim one before it."""
        if self.over:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; several of one name are joined, as they mean the same. Those of a trailer are dropped."""
        self._header_bytes += len(name) + len(value)
        if self.head is None:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """Take in that a head is there; those below 200 only say that it will come."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers = {}
        elif self.head is None:
            self.head = Head(status, self._headers)
            self.reusable = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        """Take in a piece of the body."""
        if not self.over:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        """Take in that all of an answer is there."""
        self.over = self.head is not None
