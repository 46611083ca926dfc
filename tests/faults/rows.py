"""All faults, in the order of the page."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace
from functools import cache, partial
from typing import Final

from tests.engine.script import END, ROLE, STOP, event
from tests.faults.fault import (
    JSON,
    ONE,
    READ_S,
    STREAM,
    TWO,
    Does,
    Fault,
    Want,
    after_content,
    chunk,
    ended,
    error,
    head,
    opened,
    says,
    whole,
)
from tests.faults.server import Peer

_MIB: Final = 1 << 20
_PAGE: Final = b"<html><body><h1>Bad gateway</h1></body></html>"
_GZIP: Final = (("content-encoding", "gzip"),)
_LONG: Final = (("x-long", "x" * 30_000),)
_LONGER: Final = (("x-long", "x" * 262_144),)
_MANY: Final = (("x-many", "x" * 60),) * 4000
_BR: Final = (("content-encoding", "br"),)
_LAST: Final = ("connection", "close")
_SSE: Final = "text/event-stream"
_HINTS: Final = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
_FLOOD: Final = chunk(b"data: " + b"x" * 5 * _MIB)
_DEEP: Final = b"[" * 100_000 + b"]" * 100_000
_EMPTY: Final = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}).encode()
_CALL: Final = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "pay", "arguments": '{"sum": 1'}}
_TOOL: Final = event({"tool_calls": [_CALL]})
_NAMELESS: Final = {**_CALL, "function": {"arguments": "{}"}}
_REGION: Final = "unsupported_country_region_territory"
_SHORT: Final = head(200, ("content-length", str(len(ROLE + ONE))), kind=_SSE) + ROLE + ONE
_COMMENT: Final = chunk(b": keep-alive\n\n")

ANSWER: Final = Want("answer")
CUT: Final = Want("cut", code="stream_interrupted")
UNSENT: Final = Want("error", 502, "upstream_unreachable", alone=3, beside=2, moves=True)
BROKEN: Final = Want("error", 502, "upstream_unreachable", alone=2, beside=2, moves=True)
INVALID: Final = replace(BROKEN, code="upstream_invalid")
NO_ANSWER: Final = replace(BROKEN, code="bad_upstream_answer")
EITHER: Final = replace(BROKEN, or_code="bad_upstream_answer")
UNFINISHED: Final = replace(BROKEN, code="stream_interrupted")
OOPS: Final = replace(BROKEN, code="oops")
REDIRECTED: Final = NO_ANSWER
UNMADE: Final = replace(UNSENT, status=504, code="upstream_timeout")
LIMITED: Final = Want("error", 429, "rate_limit_exceeded", alone=3, beside=1, moves=True)
# The deadline of a call without a stream is the caller's: a target that is silent leaves no time for another.
LATE: Final = Want("error", 504, "upstream_timeout")
LATE_STREAM: Final = replace(LATE, moves=True)


def _pouring(plain: bytes, streamed: bytes, mib: int) -> Does:
    """Return a server that repeats a part of a body."""

    def does(peer: Peer) -> None:
        part = streamed if peer.streamed else plain
        part = part * (_MIB // len(part) + 1)
        peer.send(opened() if peer.streamed else head(200, ("content-length", str(len(part) * mib))))
        for _ in range(mib):
            peer.send(chunk(part) if peer.streamed else part)

    return does


@cache
def _bomb(part: bytes, mib: int = 64, before: bytes = b"") -> tuple[bytes, bytes]:
    """Return the gzip of some bytes and of a part so often that it is so long: up to the part, and the rest."""
    pack = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    begun = pack.compress(before) + pack.flush(zlib.Z_SYNC_FLUSH)
    block = part * (_MIB // len(part))
    return begun, b"".join([*(pack.compress(block) for _ in range(mib)), pack.flush()])


def _bombing(part: bytes, mib: int = 64) -> Does:
    """Return a server whose answer is small only as long as it is packed."""

    def does(peer: Peer) -> None:
        packed = b"".join(_bomb(part, mib))
        peer.send(ended(packed, fields=_GZIP) if peer.streamed else whole(packed, 200, *_GZIP))

    return does


def _bombing_after_content(peer: Peer) -> None:
    begun, rest = _bomb(b"x", before=ROLE + ONE)
    after_content(chunk(rest), begun=opened(begun, fields=_GZIP))(peer)


def _drip(drop: bytes) -> Does:
    """Go on a little at a time, faster than any limit between two bytes."""
    return partial(Peer.drip, data=drop, every_s=READ_S / 5)


def _drip_by_mode(peer: Peer) -> None:
    peer.drip(_COMMENT if peer.streamed else b"\n", READ_S / 5)


def _length(size: int) -> tuple[str, str]:
    return "content-length", str(size)


def _message(message: dict[str, object], finish: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    ).encode()


def _reset_at_the_end(peer: Peer) -> None:
    peer.await_finish()
    peer.reset()


def _only(status: int, code: str | None = None) -> Want:
    """A failure that no other target is asked to mend."""
    return Want("error", status, code)


def _moves(status: int, code: str | None = None, alone: int = 1, beside: int = 1) -> Want:
    return Want("error", status, code, alone=alone, beside=beside, moves=True)


def _status(status: int, want: Want, code: str | None = None) -> Fault:
    return Fault(f"{status} `{code}`" if code else f"{status}", want, want, _both(whole(error(code), status)))


def _both(said: bytes, then: Does = Peer.keep) -> Does:
    return says(said, said, then)


def _event(payload: bytes, kind: str = "message") -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), payload)


CONNECTION: Final = (
    Fault("connection refused", UNSENT, UNSENT, at="nobody"),
    Fault("reset after the request", BROKEN, BROKEN, Peer.reset),
    Fault("closed without a word", BROKEN, BROKEN, Peer.close),
    Fault("reset in the headers", BROKEN, BROKEN, _both(head()[:30], Peer.reset)),
    Fault("closed in the headers", BROKEN, BROKEN, _both(head()[:30], Peer.close)),
    Fault("something that is no HTTP", BROKEN, BROKEN, _both(b"SSH-2.0-OpenSSH_9.6\r\n", Peer.close)),
    Fault("a header of 30 KiB", ANSWER, ANSWER, says(whole(JSON, 200, *_LONG), ended(fields=_LONG))),
    Fault("a header of 256 KiB", BROKEN, BROKEN, says(whole(JSON, 200, *_LONGER), ended(fields=_LONGER))),
    Fault("4,000 headers", BROKEN, BROKEN, says(whole(JSON, 200, *_MANY), ended(fields=_MANY))),
    Fault("100 and 103 before the answer", ANSWER, ANSWER, says(_HINTS + whole(), _HINTS + ended())),
    Fault("101 in place of an answer", EITHER, EITHER, _both(head(101, ("upgrade", "x")))),
)

# Before the first content: the caller has nothing yet.
BEFORE: Final = (
    Fault("reset in the body", BROKEN, BROKEN, says(whole()[:-40], opened(ROLE), Peer.reset)),
    Fault("closed in the body", BROKEN, BROKEN, says(whole()[:-40], opened(ROLE), Peer.close)),
    Fault(
        "a length that is too large",
        BROKEN,
        ANSWER,  # `[DONE]` was there
        says(
            head(200, _length(len(JSON) + 9)) + JSON,
            head(200, _length(99999), kind=_SSE) + b"".join(STREAM),
            Peer.close,
        ),
    ),
    Fault(
        "a length that is too small",
        EITHER,
        replace(UNFINISHED, or_code="upstream_unreachable"),
        says(
            head(200, _length(len(JSON) - 9), _LAST) + JSON,
            head(200, _length(len(ROLE)), _LAST, kind=_SSE) + b"".join(STREAM),
        ),
    ),
    Fault(
        "garbage between chunks",
        BROKEN,
        BROKEN,
        says(head(200, ("transfer-encoding", "chunked")) + chunk(JSON[:40]) + b"zz\r\n", opened(ROLE) + b"zz\r\n"),
    ),
    Fault("JSON that is cut off", NO_ANSWER, NO_ANSWER, says(whole(JSON[:-9]), ended(ROLE, ONE[:-9] + b"\n\n"))),
    Fault(
        "bytes that are no UTF-8",
        NO_ANSWER,
        NO_ANSWER,
        says(whole(JSON.replace(b"half", b"\xff\xfe")), ended(ROLE, ONE.replace(b"half", b"\xff\xfe"), STOP, END)),
    ),
    Fault("brackets nested 100,000 deep", NO_ANSWER, NO_ANSWER, says(whole(_DEEP), ended(b"data: " + _DEEP + b"\n\n"))),
    Fault("JSON that is no object", NO_ANSWER, NO_ANSWER, says(whole(b"[]"), ended(b"data: []\n\n", END))),
    Fault("an empty body with 200", NO_ANSWER, NO_ANSWER, says(whole(b""), whole(b"", kind=_SSE))),
    Fault("204 without a body", NO_ANSWER, NO_ANSWER, _both(head(204))),
    Fault("an HTML page with 200", NO_ANSWER, NO_ANSWER, _both(whole(_PAGE, kind="text/html"))),
    Fault("an error body with 200", OOPS, OOPS, _both(whole(error("oops")))),
    Fault("a rate limit in a body with 200", LIMITED, LIMITED, _both(whole(error("rate_limit_exceeded")))),
    Fault("empty `choices`", NO_ANSWER, UNFINISHED, says(whole(_EMPTY), ended(b"data: " + _EMPTY + b"\n\n", END))),
    Fault(
        "the wrong content type",
        ANSWER,
        ANSWER,
        says(whole(kind="text/plain"), whole(b"".join(STREAM))),
    ),
    Fault("a stream for an answer, an answer for a stream", NO_ANSWER, ANSWER, says(ended(), whole())),
    Fault(
        "gzip that was not asked for",
        ANSWER,
        ANSWER,
        says(whole(gzip.compress(JSON), 200, *_GZIP), ended(gzip.compress(b"".join(STREAM)), fields=_GZIP)),
    ),
    Fault("gzip that is none", INVALID, INVALID, says(whole(JSON, 200, *_GZIP), ended(fields=_GZIP))),
    Fault("a coding that nobody knows", INVALID, INVALID, says(whole(JSON, 200, *_BR), ended(fields=_BR))),
    Fault("a gzip bomb", INVALID, INVALID, _bombing(b"x")),
    Fault("a gzip bomb of 30 MiB of empty lines", NO_ANSWER, INVALID, _bombing(b"\n", 30)),
    Fault("a body of 40 MiB", INVALID, INVALID, _pouring(b" ", event({"role": "assistant", "x_more": "x" * 9000}), 40)),
    Fault(
        "a line of 5 MiB",
        ANSWER,
        NO_ANSWER,
        says(whole(JSON + b" " * 5 * _MIB), ended(ROLE, b"data: " + b"x" * 5 * _MIB)),
    ),
    Fault("a redirect", REDIRECTED, REDIRECTED, _both(head(307, ("location", "/elsewhere"), _length(0)))),
    Fault("a stream that ends before content", None, UNFINISHED, says(b"", ended(ROLE))),
    Fault("`[DONE]` before content", None, UNFINISHED, says(b"", ended(ROLE, END))),
    Fault("nothing but comments", None, NO_ANSWER, says(b"", ended(*[b": keep-alive\n\n"] * 9))),
    Fault("an error event before content", None, OOPS, says(b"", ended(ROLE, _event(error("oops"))))),
    Fault(
        "a rate limit in an event", None, LIMITED, says(b"", ended(ROLE, _event(error("rate_limit_exceeded"), "error")))
    ),
    Fault(
        "a tool call without a name",
        NO_ANSWER,
        NO_ANSWER,
        says(
            whole(_message({"tool_calls": [_NAMELESS]}, "tool_calls")),
            ended(ROLE, event({"tool_calls": [_NAMELESS]}), END),
        ),
    ),
    Fault(
        "an end that the vendor calls an error",
        NO_ANSWER,
        NO_ANSWER,
        says(whole(_message({"content": "half"}, "error")), ended(ROLE, event(finish="error"), END)),
    ),
    Fault("content and garbage in one packet", None, NO_ANSWER, says(b"", opened(ROLE + ONE + b"data: oops\n\n"))),
)

# After it: nothing is switched, nothing is repeated, and nothing looks whole.
AFTER: Final = (
    Fault("reset in the stream", None, CUT, after_content(then=Peer.reset)),
    Fault("closed in the stream", None, CUT, after_content(then=Peer.close)),
    Fault("a clean end without a finish", None, CUT, after_content(b"0\r\n\r\n")),
    Fault("`[DONE]` without a finish", None, CUT, after_content(chunk(END) + b"0\r\n\r\n")),
    Fault("garbage between chunks of the stream", None, CUT, after_content(b"zz\r\n")),
    Fault("an event that is cut off", None, CUT, after_content(chunk(ONE[:-9] + b"\n\n"))),
    Fault("an event that is no JSON", None, CUT, after_content(chunk(b"data: oops\n\n"))),
    Fault("an HTML page in the stream", None, CUT, after_content(chunk(_PAGE + b"\n\n") + b"0\r\n\r\n")),
    Fault("an error event", None, CUT, after_content(chunk(_event(error("oops"))))),
    Fault("an `event: error` without words", None, CUT, after_content(chunk(_event(b"{}", "error")))),
    Fault("a finish that the vendor calls an error", None, CUT, after_content(chunk(event(finish="error") + END))),
    Fault("a line of 5 MiB in the stream", None, CUT, after_content(_FLOOD)),
    Fault(
        "gzip that breaks",
        None,
        CUT,
        after_content(chunk(b"oops"), begun=opened(_bomb(b"x", before=ROLE + ONE)[0], fields=_GZIP)),
    ),
    Fault("a gzip bomb in the stream", None, CUT, _bombing_after_content),
    Fault("a length that ends the stream early", None, CUT, after_content(TWO + STOP + END, begun=_SHORT)),
    Fault("a reset inside a tool call", None, CUT, after_content(then=Peer.reset, begun=opened(ROLE, _TOOL))),
    Fault("a clean end inside a tool call", None, CUT, after_content(b"0\r\n\r\n", begun=opened(ROLE, _TOOL))),
    Fault("`[DONE]` inside a tool call", None, CUT, after_content(chunk(END), begun=opened(ROLE, _TOOL))),
    Fault("a reset after the finish", None, ANSWER, after_content(chunk(TWO + STOP), _reset_at_the_end)),
    Fault("no `[DONE]` after the finish", None, ANSWER, after_content(chunk(TWO + STOP) + b"0\r\n\r\n")),
    Fault("silence after `[DONE]`", None, ANSWER, after_content(chunk(TWO + STOP + END), Peer.hang)),
    Fault("garbage after the finish", None, ANSWER, after_content(chunk(TWO + STOP + b"data: oops\n\n"))),
    Fault(
        "an error event after the finish",
        None,
        ANSWER,
        after_content(chunk(TWO + STOP + _event(error("oops"), "error"))),
    ),
    Fault("a line of 5 MiB after the finish", None, ANSWER, after_content(chunk(TWO + STOP) + _FLOOD)),
)

SLOW: Final = (
    Fault("a connection that is never made", UNMADE, UNMADE, at="deaf", slow=True),
    Fault("silence", LATE, LATE_STREAM, Peer.hang, slow=True),
    Fault("silence in the headers", LATE, LATE_STREAM, _both(head()[:30], Peer.hang), slow=True),
    Fault("headers byte by byte", LATE, LATE_STREAM, _both(head()[:30], _drip(b"x")), slow=True),
    Fault("100 again and again", LATE, LATE_STREAM, _drip(b"HTTP/1.1 100 Continue\r\n\r\n"), slow=True),
    Fault("silence in the body", LATE, LATE_STREAM, says(whole()[:-40], opened(ROLE), Peer.hang), slow=True),
    Fault("silence in the body of a 503", _only(503), _moves(503), _both(head(503), Peer.hang), slow=True),
    Fault("a body byte by byte", LATE, LATE_STREAM, says(whole()[:-40], opened(ROLE), _drip(b"1\r\nx\r\n")), slow=True),
    Fault(
        "keep-alive without end",
        LATE,
        LATE_STREAM,
        says(head(200, _length(99999)), opened(), _drip_by_mode),
        slow=True,
    ),
    Fault("silence after the first content", None, CUT, after_content(then=Peer.hang), slow=True),
    Fault("silence after the finish", None, ANSWER, after_content(chunk(TWO + STOP), Peer.hang), slow=True),
    Fault(
        "keep-alive without end after the finish",
        None,
        ANSWER,
        after_content(chunk(TWO + STOP), _drip(_COMMENT)),
        slow=True,
    ),
)

# Statuses with an error of OpenAI's shape: alone, the class is the status's own.
STATUSES: Final = (
    *(_status(status, _only(status)) for status in (400, 404, 405, 413, 415, 422)),
    _status(400, _only(400, "context_length_exceeded"), "context_length_exceeded"),
    _status(400, _only(400, "content_filter"), "content_filter"),
    _status(404, _moves(404, "model_not_found"), "model_not_found"),
    _status(410, _only(404)),
    _status(401, _moves(401, "invalid_api_key")),
    _status(403, _moves(403)),
    _status(403, _moves(403, _REGION), _REGION),
    _status(451, _moves(403)),
    _status(402, _moves(429, "insufficient_quota")),
    _status(429, _moves(429, "insufficient_quota"), "insufficient_quota"),
    *(_status(status, _moves(status, alone=3)) for status in (429, 503, 529)),
    Fault("429, back in 61 s", _moves(429), _moves(429), _both(whole(error(), 429, ("retry-after", "61")))),
    *(_status(status, _moves(status, alone=2, beside=2)) for status in (408, 409, 425, 500, 502, 504, 520)),
)

GROUPS: Final = {
    "The connection and the head of the answer": CONNECTION,
    "Before the first content": BEFORE,
    "After the first content": AFTER,
    "Errors by status": STATUSES,
    "Time": SLOW,
}
ROWS: Final = tuple(fault for faults in GROUPS.values() for fault in faults)
