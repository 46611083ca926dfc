"""What vendors' failures mean."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.config import Secret
from llm_migrate.wire.exchange import OpenAIError, prepare, read_answer
from llm_migrate.wire.failure import read_retry_after
from tests.wire.vendors import HOST, KEY, make_call, make_target, send

ROWS = [
    {
        "code": ["1113"],
        "outcome": "quota",
        "to_status": 429,
        "to_type": "insufficient_quota",
        "to_code": "insufficient_quota",
    },
    {
        "code": ["13*"],
        "outcome": "limited",
        "to_status": 429,
        "to_type": "rate_limit_error",
        "to_code": "rate_limit_exceeded",
    },
    {
        "type": ["content_filter"],
        "outcome": "policy",
        "to_status": 400,
        "to_type": "invalid_request_error",
        "to_code": "content_filter",
    },
    {
        "status": [400],
        "text": ["Token Limit"],
        "outcome": "request",
        "to_status": 400,
        "to_type": "invalid_request_error",
        "to_code": "context_length_exceeded",
    },
    {"status": [500], "outcome": "ambiguous", "to_status": 500, "to_type": "server_error"},
]
TARGET = make_target(errors=ROWS)


def failed(status: int, body: object, headers: dict[str, str] | None = None) -> OpenAIError:
    call = make_call()
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    error = read_answer(TARGET, call, send(TARGET, call), status, headers or {}, raw)
    assert isinstance(error, OpenAIError)
    return error


@pytest.mark.parametrize(
    ("status", "body", "outcome", "says"),
    [
        (429, {"error": {"code": "1113", "message": "no balance"}}, "quota", (429, "insufficient_quota")),
        (429, {"error": {"code": 1302, "message": "rate"}}, "limited", (429, "rate_limit_exceeded")),
        (400, {"error": {"type": "content_filter", "message": "risk"}}, "policy", (400, "content_filter")),
        (400, {"error": {"message": "exceeded model token limit: 9"}}, "request", (400, "context_length_exceeded")),
        (200, {"error": {"code": "1302", "message": "rate"}}, "limited", (429, "rate_limit_exceeded")),
        (200, {"code": "1302", "msg": "rate"}, "limited", (429, "rate_limit_exceeded")),
        (200, {"base_resp": {"status_code": 1302, "status_msg": "x"}}, "limited", (429, "rate_limit_exceeded")),
        (200, {"error_code": 1302, "error_msg": "x"}, "limited", (429, "rate_limit_exceeded")),
        (200, {"Response": {"Error": {"Code": "1302", "Message": "x"}}}, "limited", (429, "rate_limit_exceeded")),
        (500, b"", "ambiguous", (500, None)),
    ],
)
def test_the_vendors_table_decides(status, body, outcome, says):
    """A row that fits by code, type, text or status decides, in whatever shape the vendor says its code."""
    error = failed(status, body)

    assert (error.outcome, (error.status, error.code)) == (outcome, says)


@pytest.mark.parametrize(
    ("status", "code", "outcome", "to_status"),
    [
        (400, None, "request", 400),
        (401, None, "credential", 401),
        (402, None, "quota", 429),
        (403, None, "credential", 403),
        (403, "unsupported_country_region_territory", "region", 403),
        (404, None, "request", 404),
        (408, None, "ambiguous", 408),
        (410, None, "request", 404),
        (413, None, "request", 413),
        (422, None, "request", 422),
        (429, "insufficient_quota", "quota", 429),
        (429, None, "limited", 429),
        (451, None, "region", 403),
        (502, None, "ambiguous", 502),
        (503, None, "limited", 503),
        (504, None, "ambiguous", 504),
        (529, None, "limited", 529),
        (302, None, "ambiguous", 502),
        (200, "nobody-knows", "ambiguous", 502),
    ],
)
def test_an_unknown_code_goes_by_openais_codes_and_then_by_its_status(status, code, outcome, to_status):
    """Where no row fits, OpenAI's own codes and then the HTTP status decide."""
    error = failed(status, {"error": {"message": "m", "code": code}})

    assert (error.outcome, error.status) == (outcome, to_status)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Country, region, or territory not supported (request id: 7)", "param": ""}},
        {"error": "Unsupported country"},
        b"<html><head><style>a</style></head><body><h1>Sorry</h1> Your region is not supported.</body></html>",
    ],
)
def test_a_blocked_region_is_known_by_its_text_too(body):
    """A 403 without the code is a region block when its text, even on an HTML page, says so."""
    assert failed(403, body).outcome == "region"


def test_an_html_page_is_a_credential_failure_at_403_and_not_repeated():
    """A page of an edge server does not crash the reader, and its markup goes nowhere."""
    error = failed(403, b"<!DOCTYPE html><html><body>Attention Required! canary</body></html>")

    assert error.outcome == "credential"
    assert b"canary" not in error.body()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>ok</html>",
        b"",
        b'{"id": "x", "choi',
        b"[]",
        b"null",
        {"choices": []},
        {"id": "x"},
        {"choices": [7]},
        b"\xff\xfe",
    ],
)
def test_a_good_status_with_no_answer_is_ambiguous(body):
    """R1: a 200 with HTML, broken JSON or nothing in it is an error, and whether it was paid for is unknown."""
    error = failed(200, body)

    assert (error.status, error.outcome) == (502, "ambiguous")


def test_the_vendors_code_and_text_are_kept():
    """Who greps for the vendor's own code or words still finds them, with the target's name."""
    error = failed(429, {"error": {"code": "1302", "message": "too fast"}})

    assert error.message == "too fast [main: 1302]"


def test_further_fields_of_the_vendors_error_are_kept():
    """Azure's innererror and Zhipu's contentFilter reach the program as `e.body`."""
    error = failed(
        400, {"error": {"code": "content_filter", "message": "m", "innererror": {"a": 1}}, "contentFilter": [2]}
    )

    body = orjson.loads(error.body())["error"]
    assert (body["innererror"], body["contentFilter"]) == ({"a": 1}, [2])


def test_an_error_always_has_its_four_fields():
    """R11: message and type are strings, param and code strings or null."""
    body = orjson.loads(failed(418, b"teapot").body())["error"]

    assert body == {"message": "teapot [main]", "type": "invalid_request_error", "param": None, "code": None}


def test_key_and_address_never_come_back():
    """S3: a vendor that repeats the key or the address it was asked at is not repeated."""
    error = failed(401, {"error": {"message": f"bad key {KEY} at https://{HOST}/v1", "extra": KEY}})

    assert KEY.encode() not in error.body()
    assert HOST.encode() not in error.body()


def test_a_short_stand_in_for_a_key_spoils_no_text():
    """A local server's key of one letter is not cut out of every word."""
    call, target = make_call(), make_target()
    out = prepare(target, call, model="m", secret=Secret("x"), now_s=0.0)

    error = read_answer(target, call, out, 400, {}, b'{"error":{"message":"max exceeded","code":"x1"}}')

    assert isinstance(error, OpenAIError)
    assert (error.message, error.code) == ("max exceeded [main]", "x1")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Tue, 19 Nov 2024 07:07:00 GMT", "date": "Tue, 19 Nov 2024 07:06:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 19 Nov 2024 07:06:50 GMT"}, 9.5),
        ({"retry-after": "Mon, 18 Nov 2024 07:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_the_wish_to_wait_is_read_in_all_its_forms(headers, wait):
    """R2: seconds, milliseconds and HTTP dates are understood, and nonsense is not."""
    assert failed(429, {"error": {"message": "m"}}, headers).retry_after_s == wait


def test_a_date_is_counted_from_the_servers_own_clock():
    """A wrong local clock does not lengthen the wait where the server says its time."""
    headers = {"retry-after": "Tue, 19 Nov 2024 07:07:00 GMT", "date": "Tue, 19 Nov 2024 07:06:58 GMT"}

    assert read_retry_after(headers, now_s=0.0) == 2.0
