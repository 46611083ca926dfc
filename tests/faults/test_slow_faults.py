"""Every fault that takes time: the caller has an answer by its limit and a second more (R3). And the page of all."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate

import pytest

from tests.faults import page
from tests.faults.case import Case, Outcome, check
from tests.faults.fault import FIRST, REST, Fault, answering, error, whole
from tests.faults.rows import ANSWER, SLOW
from tests.faults.server import Peer
from tests.faults.ways import WAYS

pytestmark = pytest.mark.realtime
# A sync transport of the program's own gives nothing back before the headers are whole, and takes no limit for them.
HOLDS = {"headers byte by byte", "100 again and again"}


def cases_of(fault: Fault) -> list[Case]:
    ways = [way for way in WAYS if way.name != "own transport" or fault.name not in HOLDS]
    cases = [Case(fault, *case) for case in itertools.product(ways, (False, True), (False, True))]
    return [case for case in cases if case.want is not None]


def check_all(cases: list[Case]) -> list[Outcome]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(check, cases))


@pytest.mark.parametrize("fault", SLOW, ids=lambda fault: fault.name)
def test_a_fault_ends_in_time(fault: Fault) -> None:
    """R1 to R4 hold for a vendor that is silent, or slow, or talks without saying anything."""
    cases = cases_of(fault)

    assert len(check_all(cases)) == len(cases)


class Busy:
    """A vendor that is busy once, and says for how long."""

    def __init__(self, *fields: tuple[str, str]) -> None:
        self.came: list[float] = []
        self._fields = fields

    def __call__(self, peer: Peer) -> None:
        self.came.append(time.monotonic())
        if len(self.came) > 1:
            answering(FIRST, REST)(peer)
        else:
            peer.send(whole(error(), 429, *self._fields))


@pytest.mark.parametrize(
    ("fields", "wait_s"),
    [
        ((("retry-after-ms", "300"),), 0.3),
        ((("retry-after", "1"),), 1.0),
        ((("date", formatdate(0, usegmt=True)), ("retry-after", formatdate(1, usegmt=True))), 1.0),
    ],
    ids=["milliseconds", "seconds", "date"],
)
def test_a_retry_after_is_kept(fields: tuple[tuple[str, str], ...], wait_s: float) -> None:
    """R2: the same target is asked again when it says so, a little later but never sooner."""
    vendors = [Busy(*fields) for _ in range(2 * len(WAYS))]
    want = replace(ANSWER, alone=2)
    check_all(
        [
            Case(Fault("busy once", want, want, vendor), way, streamed, second=False)
            for vendor, (way, streamed) in zip(vendors, itertools.product(WAYS, (False, True)), strict=True)
        ]
    )

    waits = [later - first for first, later in (vendor.came for vendor in vendors)]
    assert wait_s <= min(waits) and max(waits) < 1.1 * wait_s + 1.0


def test_the_page_is_true() -> None:
    """docs/faults.md is what a run gives: run scripts/fault_docs.py."""
    assert page.PAGE.read_text(encoding="utf-8") == page.page(page.results())
