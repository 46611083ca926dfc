from __future__ import annotations

import pytest

from llm_migrate.engine.outcome import Fail, Next, Retry, Situation, decide
from llm_migrate.engine.steps import Attempt, Limits
from llm_migrate.wire.exchange import OpenAIError


def at(tries=1, *, more=False, larger=False, left_s=100.0, total=1, may_retry=True):
    return Situation(
        tries, total, more_targets=more, larger_targets=larger, may_retry=may_retry, left_s=left_s, chance=0.5
    )


def error(outcome, code=None, retry_after_s=None):
    return OpenAIError(500, "no", "t", None, code, outcome, retry_after_s)


@pytest.mark.parametrize(
    ("kind", "tries", "more", "then"),
    [
        ("unsent", 1, False, Retry(0.0)),
        ("unsent", 2, False, Retry(0.5)),
        ("unsent", 3, False, Fail()),
        ("unsent", 2, True, Next()),
        ("limited", 1, False, Retry(0.25)),
        ("limited", 3, False, Fail()),
        ("limited", 1, True, Next()),
        ("ambiguous", 1, True, Retry(0.25)),
        ("ambiguous", 2, True, Next()),
        ("ambiguous", 2, False, Fail()),
        ("quota", 1, True, Next()),
        ("region", 1, True, Next()),
        ("credential", 1, True, Next()),
        ("credential", 1, False, Fail()),
        ("policy", 1, True, Fail()),
        ("cut", 1, True, Fail()),
        ("request", 1, True, Fail()),
    ],
)
def test_each_class_has_its_next_step(kind, tries, more, then):
    """The outcome class alone says whether the same target, the next one or nobody is asked (R2)."""
    assert decide(error(kind), at(tries, more=more), Limits()) == then


@pytest.mark.parametrize(
    ("code", "more", "larger", "then"),
    [
        ("model_not_found", True, False, Next()),
        ("unsupported_parameter", True, False, Next()),
        ("context_length_exceeded", True, False, Fail()),
        ("context_length_exceeded", True, True, Next()),
        ("something_else", True, True, Fail()),
    ],
)
def test_a_refused_request_goes_on_only_where_it_may_be_taken(code, more, larger, then):
    """A wrong request stays, a lacking model or ability goes on, an overflow only to a larger context."""
    assert decide(error("request", code), at(more=more, larger=larger), Limits()) == then


def test_a_wait_beyond_the_deadline_goes_on_instead():
    """A wait that does not fit leads to the next target, or to failure."""
    slow = error("ambiguous", retry_after_s=30)

    assert decide(slow, at(more=True, left_s=10), Limits()) == Next()
    assert decide(slow, at(left_s=10), Limits()) == Fail()


def test_a_call_ends_after_five_attempts():
    """However many targets there are."""
    assert decide(error("ambiguous"), at(total=5, more=True), Limits()) == Fail()


@pytest.mark.parametrize(
    ("state", "cost"),
    [("prepared", "unsent"), ("sent", "ambiguous"), ("answered", "ambiguous"), ("committed", "cut"), ("done", "ok")],
)
def test_an_abandoned_attempt_is_judged_by_how_far_it_came(state, cost):
    """The driver's record alone says what an abandoned attempt was."""
    assert Attempt("a", "m", state).outcome == cost


@pytest.mark.parametrize(("more", "then"), [(True, Next()), (False, Fail())])
def test_a_retry_beyond_the_target_s_budget_is_not_made(more, then):
    """When many calls fail at once, retries would only add to the load."""
    assert decide(error("ambiguous"), at(may_retry=False, more=more), Limits()) == then
