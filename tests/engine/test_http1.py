from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.engine.http1 import MAX_HEAD_BYTES, AnswerReader, HttpProtocolError, origin_of, request_head
from llm_migrate.wire.exchange import Outgoing

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SOUND = {
    "with a length": OK + b"content-length: 11\r\nX-Two: a\r\nx-two:  b \r\n\r\nhello world",
    "without a body": OK + b"content-length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304 with a length": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 11\r\n\r\n",
    "without a reason": b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",
    "in chunks": CHUNKED + b"5\r\nhello\r\n006;name=value\r\n world\r\n0\r\n\r\n",
    "with a trailer": CHUNKED + b"B\r\nhello world\r\n0\r\nx-checksum: 1\r\nx-more: 2\r\n\r\n",
    "a chunk of line ends": CHUNKED + b"8\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n",
    "after 100 and 103": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    + CHUNKED
    + b"0\r\n\r\n",
    "until the end": b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nhello world",
}
WHOLE = pytest.mark.parametrize("sent", SOUND.values(), ids=SOUND)


def read(*pieces, closed=False):
    """Read an answer that comes in pieces; return its reader and its body."""
    reader, body = AnswerReader(), b""
    for piece in pieces:
        if not reader.over and piece:
            body += reader.feed(piece)
    if closed or not reader.over:
        reader.end()
    return reader, body


def read_by_h11(sent):
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(sent)
    connection.receive_data(b"")
    body, head = b"", None
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    return head.status_code, [name for name, _ in head.headers], body


@WHOLE
def test_an_answer_is_read_as_by_another_reader(sent):
    """Status, names of headers and body are those that h11 finds."""
    reader, body = read(sent)

    status, names, same_body = read_by_h11(sent)
    assert (reader.head.status, set(reader.head.headers), body) == (status, {n.decode() for n in names}, same_body)


@given(st.sampled_from(sorted(SOUND)), st.data())
def test_an_answer_may_be_split_anywhere(name, data):
    """However the bytes come, the answer is the same."""
    sent = SOUND[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))

    reader, body = read(*(sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)))

    whole, whole_body = read(sent)
    assert (reader.head, body, reader.over, reader.reusable) == (whole.head, whole_body, True, whole.reusable)


@WHOLE
def test_an_answer_may_come_byte_by_byte(sent):
    """No byte needs the next one to be there."""
    assert read(*(sent[i : i + 1] for i in range(len(sent))))[1] == read(sent)[1]


def test_headers_of_one_name_are_joined():
    """Two headers of a name are one with both values; names are lower case, values without blanks around."""
    reader, _ = read(SOUND["with a length"])

    assert reader.head.headers == {"content-length": "11", "x-two": "a, b"}


@pytest.mark.parametrize(("name", "sent"), [(n, s) for n, s in SOUND.items() if n != "until the end"])
def test_what_is_cut_off_is_no_answer(name, sent):
    """However early the connection is closed, half an answer is an error (R1)."""
    for end in range(len(sent)):
        with pytest.raises(HttpProtocolError, match="closed before the end"):
            read(sent[:end], closed=True)


@pytest.mark.parametrize(
    "sent",
    [
        b"HELLO",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"bad name: 1\r\n\r\n",
        OK + b": 1\r\n\r\n",
        OK + b"x: a\0b\r\n\r\n",
        OK + b"x: a\rb\r\n\r\n",
        OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: +1\r\n\r\n",
        OK + b"content-length: 1_0\r\n\r\n",
        OK + "content-length: ²\r\n\r\n".encode("latin-1"),
        OK + b"content-length: 99999999999999999999\r\n\r\n",
        OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        OK + b"x-long: one\r\n  two\r\ncontent-length: 2\r\n\r\nok",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
        CHUNKED + b"x\r\n",
        CHUNKED + b"0x5\r\nhello\r\n",
        CHUNKED + b" 5\r\nhello\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"5\r\nhello world\r\n",
    ],
)
def test_what_could_mean_two_things_is_refused(sent):
    """What is no HTTP, or is understood by each reader in another way, is an error at once, not when it ends."""
    with pytest.raises(HttpProtocolError) as raised:
        AnswerReader().feed(sent)

    assert "closed" not in str(raised.value)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (OK, b"x: " + b"y" * 1000 + b"\r\n"),
        (OK + b"x: ", b"y" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
        (CHUNKED + b"5;", b"x" * 1000),
        (CHUNKED + b"0\r\n", b"x: y\r\n" * 100),
    ],
)
def test_what_is_not_body_is_bounded(start, piece):
    """Headers, interim answers, lines between chunks and trailers end in an error at 64 KiB at most (R7)."""
    reader = AnswerReader()
    reader.feed(start or piece)
    taken = 0

    with pytest.raises(HttpProtocolError, match=r"large|long"):
        while taken <= 2 * MAX_HEAD_BYTES:
            reader.feed(piece)
            taken += len(piece)

    assert taken <= MAX_HEAD_BYTES


@pytest.mark.parametrize(
    ("sent", "reusable"),
    [
        (SOUND["with a length"], True),
        (SOUND["in chunks"], True),
        (SOUND["204"], True),
        (SOUND["until the end"], False),
        (SOUND["with a length"] + b"HTTP/1.1 200 OK\r\n", False),
        (SOUND["in chunks"] + b"x", False),
        (OK + b"connection: keep-alive, Close\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", False),
    ],
)
def test_a_connection_is_used_again_only_if_both_sides_agree(sent, reusable):
    """A connection that will be closed, or on which something is left over, carries no other request."""
    reader, _ = read(sent)

    assert reader.reusable is reusable


@pytest.mark.parametrize(
    ("url", "first"),
    [
        (
            "https://api.example.com/v1/chat/completions",
            "POST /v1/chat/completions HTTP/1.1\r\nhost: api.example.com\r\n",
        ),
        ("https://api.example.com:443/v1?a=b%20c", "POST /v1?a=b%20c HTTP/1.1\r\nhost: api.example.com\r\n"),
        ("http://API.example.com:8080", "POST / HTTP/1.1\r\nhost: api.example.com:8080\r\n"),
        ("http://[::1]:80/v1", "POST /v1 HTTP/1.1\r\nhost: [::1]\r\n"),
    ],
)
def test_a_request_begins_with_path_and_host(url, first):
    """The port is in the host only where it is not the usual one; an empty path is a slash."""
    head = request_head(Outgoing("POST", url, (("x-key", "k"),), b"{}", stream=False, model="m")).decode()

    assert head == first + "x-key: k\r\ncontent-length: 2\r\n\r\n"


def test_an_origin_has_a_port():
    """An address without a port has the usual one of its scheme."""
    assert origin_of("https://api.example.com/v1") == ("https", "api.example.com", 443)


@pytest.mark.parametrize(
    ("url", "value"),
    [("https://x/v1", "a\r\nb: c"), ("https://x/v1", "a\nb"), ("https://x/a b", "k"), ("https://x/\r\nb: c", "k")],
)
def test_nothing_can_be_smuggled_into_a_request(url, value):
    """A line break in a key or an address is an error, and the message does not repeat it (S1, S3)."""
    with pytest.raises(HttpProtocolError) as raised:
        request_head(Outgoing("POST", url, (("authorization", value),), b"", stream=False, model="m"))

    assert "b" not in str(raised.value).split()
