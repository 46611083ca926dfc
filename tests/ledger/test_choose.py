"""The choice of an offer, against all other ways to spend on the same arrivals."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from llm_migrate.ledger.books import NEVER, Want, choose


@dataclass(frozen=True)
class Offer:
    """So many requests' worth, from an instant until another."""

    name: str
    rank: int
    room: int
    from_: int
    until: int


_OFFERS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1, 2]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 0, 2, 4]),
        st.sampled_from([2, 4, 6, NEVER]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=300)
@given(
    offers=_OFFERS,
    arrivals=st.lists(st.integers(0, 6), min_size=2, max_size=5).map(sorted),
    size=st.integers(1, 7),
)
def test_no_order_of_offers_spends_less_money(offers, arrivals: list[int], size: int):
    """With equal prices, no assignment of the same requests to offers leaves fewer of them to be paid for.

    The requests are equally large, so that each fits wherever one does: with sizes of all kinds, what is left of an
    offer may be too small for the next one, and the best packing is known only afterwards.
    """
    all_offers = [
        Offer(f"{chr(122 - i)}", rank, room * size + i, from_, until)
        for i, (rank, room, from_, until) in enumerate(offers)
    ]
    all_offers.append(Offer("paid", 2, 1000, 0, NEVER))

    chosen = _by_choice(all_offers, arrivals, size)

    ranks = {offer.name: offer.rank for offer in all_offers}
    least = min(sum(ranks[name] > 0 for name in way) for way in _all_ways(all_offers, arrivals, size))
    assert sum(ranks[name] > 0 for name in chosen) == least


def _by_choice(offers: Sequence[Offer], arrivals: Sequence[int], size: int) -> list[str]:
    taken: dict[str, int] = {}
    names = []
    for now in arrivals:
        wants = [
            Want(offer.name, offer.rank, offer.until, (0, 0, 0), offer.room, True, size, size, size)
            for offer in offers
            if offer.from_ <= now < offer.until
        ]
        found = choose(wants, taken)
        assert found is not None and found[1] == size
        names.append(found[0].offer)
        taken[found[0].offer] = taken.get(found[0].offer, 0) + size
    return names


def _all_ways(offers: Sequence[Offer], arrivals: Sequence[int], size: int):
    """Yield every assignment of arrivals to offers that are open and have room."""
    for way in itertools.product(offers, repeat=len(arrivals)):
        fits = all(way.count(offer) * size <= offer.room for offer in set(way))
        if fits and all(offer.from_ <= now < offer.until for offer, now in zip(way, arrivals, strict=True)):
            yield [offer.name for offer in way]


@given(
    rooms=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.sampled_from([5, NEVER])), max_size=4),
    amount=st.integers(0, 9),
    least=st.integers(0, 9),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_asking_plays_no_part(rooms, amount: int, least: int, order):
    """The same offers in another order are chosen from in the same way."""
    wants = [
        Want(str(i), rank, ends_at, (0, 0, 0), room, True, amount, min(least, amount), amount)
        for i, (rank, room, ends_at) in enumerate(rooms)
    ]
    shuffled = list(wants)
    order.shuffle(shuffled)

    assert choose(wants, {}) == choose(shuffled, {})
