from __future__ import annotations

import pytest

from llm_migrate.engine.waits import backoff_s, stretched_s


@pytest.mark.parametrize(("tries", "most"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (50, 8.0)])
def test_backoff_has_full_jitter(tries, most):
    """A wait lies anywhere between nothing and half a second doubled each time, at most 8 s."""
    assert backoff_s(tries, 0.0) == 0.0
    assert backoff_s(tries, 1.0) == most


def test_a_wait_that_was_asked_for_is_never_shortened():
    """`Retry-After` is stretched by up to a tenth."""
    assert stretched_s(10, 0.0) == 10
    assert stretched_s(10, 1.0) == 11
