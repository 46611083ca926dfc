"""The circuit breaker, with a driven clock and against a model that is written another way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.engine.breaker import Breaker


def failed(times: int, *, at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.fail(at, 0.5)
    return breaker


def test_five_faults_in_a_row_open_it_and_four_do_not():
    """A target that fails five times running is left alone."""
    assert failed(4).admits(0.0)
    assert not failed(5).admits(0.0)


def test_an_answer_in_between_starts_the_row_anew():
    """Faults with answers between them are not a row."""
    breaker = failed(4)
    breaker.succeed(0.0)
    for _ in range(4):
        breaker.fail(0.0, 0.5)

    assert breaker.admits(0.0)


def test_half_of_twenty_within_half_a_minute_open_it():
    """A target that fails every other time is sick, too, once there are enough calls to say so."""
    breaker = Breaker()
    for i in range(18):
        breaker.fail(float(i), 0.5) if i % 2 else breaker.succeed(float(i))
    assert breaker.admits(18.0)

    breaker.succeed(18.0)
    breaker.fail(19.0, 0.5)

    assert not breaker.admits(19.0)


def test_old_faults_are_forgotten():
    """What happened more than thirty seconds ago does not count for the share."""
    breaker = Breaker()
    for i in range(18):
        breaker.fail(0.0, 0.5) if i % 2 else breaker.succeed(0.0)
    breaker.succeed(40.0)
    breaker.fail(40.0, 0.5)

    assert breaker.admits(40.0)


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, 4.0), (0.5, 5.0), (0.999999, 6.0)])
def test_it_stays_open_for_five_seconds_more_or_less(chance, wait_s):
    """The wait varies by a fifth, so that callers do not come back at once."""
    breaker = failed(4)
    breaker.fail(100.0, chance)

    assert not breaker.admits(100.0 + wait_s - 0.01)
    assert breaker.admits(100.0 + wait_s + 0.01)


def test_the_vendor_s_own_wait_is_kept():
    """A Retry-After beats a shorter wait."""
    breaker = failed(4)
    breaker.fail(0.0, 0.5, retry_after_s=30.0)

    assert not breaker.admits(29.9)
    assert breaker.admits(30.0)


def test_one_probe_at_a_time_and_two_good_ones_close_it():
    """While it is tried out, others go elsewhere."""
    breaker = failed(5)
    assert breaker.admits(5.1)
    breaker.begin()
    assert not breaker.admits(5.2)

    breaker.succeed(5.3)
    assert breaker.state == "half-open"
    breaker.begin()
    breaker.succeed(5.4)

    assert breaker.state == "closed"


def test_a_probe_whose_caller_left_says_nothing():
    """The next request is the probe then."""
    breaker = failed(5)
    breaker.admits(5.1)
    breaker.begin()

    breaker.leave()

    assert breaker.admits(5.2)
    assert breaker.state == "half-open"


def test_each_failed_probe_doubles_the_wait_up_to_two_minutes():
    """A target that stays sick is asked less and less."""
    breaker, now, waits = failed(5), 0.0, []
    for _ in range(7):
        waits.append(breaker.opens_at - now)
        now = breaker.opens_at
        assert breaker.admits(now)
        breaker.begin()
        breaker.fail(now, 0.5)

    assert waits == [5, 10, 20, 40, 80, 120, 120]


class Model:
    """The same rules, from the whole history each time."""

    def __init__(self) -> None:
        self.history: list[tuple[float, bool]] = []
        self.state, self.until, self.k, self.good = "closed", 0.0, 0, 0

    def admits(self, now: float) -> bool:
        if self.state == "open" and now >= self.until:
            self.state, self.good = "half-open", 0
        return self.state != "open"

    def note(self, now: float, fault: bool) -> None:
        self.history.append((now, fault))
        recent = [f for t, f in self.history if t >= now - 30]
        row = 0
        for _, was_fault in reversed(self.history):
            if not was_fault:
                break
            row += 1
        if self.state == "half-open" and not fault:
            self.good += 1
            if self.good == 2:
                self.state, self.k, self.history = "closed", 0, []
        elif self.state == "half-open" or (
            self.state == "closed" and fault and (row >= 5 or (len(recent) >= 20 and 2 * sum(recent) >= len(recent)))
        ):
            self.state, self.until = "open", now + min(120, 5 * 2**self.k)
            self.k += 1


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1.0, 4.0, 7.0, 31.0, 130.0]), st.booleans()), max_size=120))
def test_it_does_what_the_model_does(steps):
    """Any history of answers and faults leads to the same admissions."""
    breaker, model, now = Breaker(), Model(), 0.0
    for wait, fault in steps:
        now += wait
        admitted = breaker.admits(now)
        assert admitted == model.admits(now)
        assert breaker.state == model.state
        if not admitted:
            continue
        breaker.begin()
        model.note(now, fault)
        breaker.fail(now, 0.5) if fault else breaker.succeed(now)
