"""What reported usage teaches about estimates."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.ledger.correction import HIGHEST_PPM, LOWEST_PPM, MEMORY_TOKENS, NONE, Correction, updated
from llm_migrate.ledger.counting import count_text
from llm_migrate.ledger.exact import exact_counter
from llm_migrate.ledger.family import find_family
from tests.ledger.texts import token_samples

REQUESTS = st.lists(st.tuples(st.integers(0, 200_000), st.integers(-10, 10**9)), max_size=50)


def learn(requests: list[tuple[int, int]]) -> Correction:
    correction = NONE
    for estimated, actual in requests:
        correction = updated(correction, estimated, actual)
    return correction


def requests_to(tokenizer: str, *, kind: str = "", times: int = 3) -> list[tuple[int, int]]:
    """Estimates of a model whose tokenizer is not public, with what a vendor with some tokenizer would report."""
    family, exact = find_family(None), exact_counter(find_family(tokenizer))
    assert exact is not None, "the tests need the `tokens` extra"
    texts = [s.text for s in token_samples.samples(1, times=times) if kind in ("", s.kind)]
    random.Random(5).shuffle(texts)
    return [(count_text(text, family), exact(text)) for text in texts]


def off_by(correction: Correction, requests: list[tuple[int, int]]) -> float:
    return sum(correction.correct(estimated) for estimated, _ in requests) / sum(actual for _, actual in requests) - 1


@pytest.mark.parametrize("tokenizer", ["llama3", "qwen3", "o200k"])
def test_it_converges_on_a_tokenizer_that_nobody_fitted(tokenizer: str):
    """After 200 requests of all kinds the sum of the next ones is within 3 %."""
    requests = requests_to(tokenizer)

    assert abs(off_by(learn(requests[:200]), requests[200:])) < 0.03


@pytest.mark.parametrize("kind", ["zh", "en", "mixed", "code"])
def test_it_converges_where_the_estimate_was_far_off(kind: str):
    """A program that speaks one language to an old tokenizer, which takes up to twice the tokens, comes within 3 %."""
    requests = requests_to("cl100k", kind=kind, times=7)

    assert len(requests) > 250
    assert abs(off_by(learn(requests[:200]), requests[200:])) < 0.03
    assert kind != "zh" or off_by(NONE, requests) < -0.3  # what it was before


def test_it_follows_a_model_that_changes():
    """What was learned long ago gives way to what is reported now."""
    before = learn([(1000, 800)] * 500)

    after = before
    for _ in range(500):
        after = updated(after, 1000, 1300)

    assert abs(before.ratio_ppm - 800_000) < 1000
    assert abs(after.ratio_ppm - 1_300_000) < 15_000


@given(REQUESTS)
def test_nonsense_stays_within_bounds(requests: list[tuple[int, int]]):
    """Whatever is reported, an estimate is never corrected below a half or beyond twice."""
    correction = learn(requests)

    assert LOWEST_PPM <= correction.ratio_ppm <= HIGHEST_PPM
    assert 500 <= correction.correct(1000) <= 2000
    assert 0 <= correction.seen_tokens <= MEMORY_TOKENS


def test_one_wild_report_among_good_ones_moves_little():
    """A vendor that once reports a thousand times too much moves the ratio by no more than one request's share."""
    good = learn([(500, 550)] * 100)

    assert abs(updated(good, 500, 500_000).ratio_ppm - good.ratio_ppm) < 10_000


def test_one_huge_request_counts_as_one_of_4096_tokens():
    """A prompt of a million tokens does not outweigh all that was learned from usual ones."""
    good = learn([(1000, 1000)] * 36)

    assert updated(good, 1_000_000, 1_500_000).ratio_ppm == 1_000_000 + 500_000 * 4_096 // 40_096


@pytest.mark.parametrize(("actual", "ratio"), [(102, 1_006_667), (98, 993_333)])
def test_steps_are_rounded_alike_in_both_directions(actual: int, ratio: int):
    """Thousands of small steps do not drift."""
    assert updated(Correction(1_000_000, 200), 100, actual).ratio_ppm == ratio


@pytest.mark.parametrize(("estimated", "actual"), [(49, 90), (0, 10), (1000, 0), (1000, -3)])
def test_tiny_requests_and_missing_usage_teach_nothing(estimated: int, actual: int):
    """A request of few tokens is mostly template, and zero tokens were not counted."""
    assert updated(NONE, estimated, actual) is NONE


@given(st.permutations([(400, 500), (900, 950), (60, 90), (3000, 3900), (700, 600), (1500, 1650)]))
def test_the_order_hardly_matters(requests: list[tuple[int, int]]):
    """Two processes that report the same requests in another order learn the same, but for rounding."""
    assert abs(learn(requests).ratio_ppm - 7690 * 1_000_000 // 6560) <= 6


def test_two_integers_hold_it():
    """A store keeps the ratio and the tokens it was learned from, and nothing else."""
    correction = learn([(500, 600)] * 3)

    assert Correction(correction.ratio_ppm, correction.seen_tokens) == correction
    with pytest.raises(ValueError, match="no correction"):
        Correction(2_000_001, 5)


def test_corrected_estimates_round_up():
    """A fraction of a token is a token."""
    assert Correction(1_100_001, 100).correct(10) == 12
    assert NONE.correct(10) == 10
