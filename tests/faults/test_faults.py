"""Every fault that takes no time, through every way in: a right answer, an error, or a break that nobody overlooks."""

from __future__ import annotations

import itertools

import openai
import pytest

from llm_migrate.config import load_config
from llm_migrate.taps.tap import Tap
from llm_migrate.taps.transport import tapped_client
from tests.faults.case import WORLD, Case, check, check_body, run
from tests.faults.fault import Fault, says, whole
from tests.faults.rows import AFTER, ROWS, STATUSES
from tests.faults.server import serving
from tests.faults.ways import ASKED, WAYS, Way

CASES = [
    Case(fault, *case)
    for fault in ROWS
    for case in itertools.product(WAYS, (False, True), (False, True))
    if not fault.slow
]
BODIES = {
    "nothing": b"",
    "a page": b"<!doctype html><html><head><title>Oops</title></head><body>Oops</body></html>",
    "a text": b"upstream connect error or disconnect/reset before headers",
    "a detail": b'{"detail": [{"loc": ["body"], "msg": "no"}]}',
    "a flat object": b'{"code": 40001, "message": "no", "request_id": "r"}',
    "a string": b'{"error": "no"}',
    "a list": b'[{"error": {"code": 1, "message": "no"}}]',
    "half of it": b'{"error": {"mess',
}


@pytest.mark.parametrize("case", [case for case in CASES if case.want is not None], ids=str)
def test_a_fault_ends_well(case: Case) -> None:
    """R1 to R4: the end, the text, the requests to each target and the time are what they shall be."""
    check(case)


@pytest.mark.parametrize("way", [WAYS[0], WAYS[3]], ids=lambda way: way.name)
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    "status", [fault for fault in STATUSES if fault.name.isdecimal()], ids=lambda fault: fault.name
)
def test_the_body_of_an_error_may_be_anything(status: Fault, streamed: bool, way: Way) -> None:
    """R1, R2: where a body says nothing that is known, the status alone decides."""
    for name, body in BODIES.items():
        said = whole(body, int(status.name), kind="text/html" if body[:1] == b"<" else "application/json")
        case = Case(Fault(name, status.plain, status.streamed, says(said, said)), way, streamed, second=False)

        outcome = run(case)

        error, want = outcome.seen.error, case.want
        assert isinstance(error, openai.APIStatusError) and want is not None
        assert (error.status_code, outcome.sent["a"]) == (want.status, want.alone), case
        check_body(case, error)


@pytest.mark.parametrize("fault", AFTER, ids=lambda fault: fault.name)
def test_the_bytes_of_a_stream_say_it_too(fault: Fault) -> None:
    """R1: below the SDK, a broken stream ends with an error event and no `[DONE]`; a whole one has one, at its end."""
    raw, asked = b"", {**ASKED, "stream": True}
    with serving(fault.does) as server:
        tap = Tap(load_config(base_url=server.base_url, api_key="k"), world=WORLD)
        with tapped_client(tap) as client, client.stream("POST", "http://x/v1/chat/completions", json=asked) as answer:
            for data in answer.iter_raw():
                raw += data
                server.content_seen.set()
                if b"stop" in raw:
                    server.finish_seen.set()

    assert fault.streamed is not None
    *_, last = raw.strip().split(b"\n\n")
    if fault.streamed.end == "cut":
        assert b'"stream_interrupted"' in last and b"[DONE]" not in raw and b'"finish_reason":"' not in raw
    else:
        assert last == b"data: [DONE]" and raw.count(b"[DONE]") == 1 and b"stream_interrupted" not in raw
