"""Operations as tests write them: what is not said is plain."""

from __future__ import annotations

from typing import Literal

from llm_migrate.ledger.books import (
    NEVER,
    Balance,
    Grant,
    Mark,
    Operation,
    Outcome,
    Reserve,
    Settle,
    Store,
    Want,
)

NOW = 1_720_000_000_000
LEASE_MS = 90_000


def want(
    offer: str = "free",
    amount: int = 100,
    *,
    limit: int | None = 1000,
    hard: bool = True,
    least: int | None = None,
    estimate: int | None = None,
    rank: int = 0,
    ends_at: int = NEVER,
    buckets: tuple[int, int, int] = (0, 0, 0),
) -> Want:
    return Want(
        offer,
        rank,
        ends_at,
        buckets,
        limit,
        hard,
        amount,
        amount if least is None else least,
        amount if estimate is None else estimate,
    )


def reserve(
    request: str = "r",
    *wants: Want,
    attempt: int = 1,
    owner: str = "me",
    now: int = NOW,
    state: Literal["held", "sent"] = "sent",
    model: str = "m",
) -> Reserve:
    return Reserve(request, attempt, wants or (want(),), owner, now, now + LEASE_MS, model, state)


def said(store: Store, operation: Operation) -> Outcome:
    """Do one operation."""
    (outcome,) = store.apply([operation])
    return outcome


def granted(store: Store, operation: Reserve) -> Grant:
    outcome = said(store, operation)
    assert isinstance(outcome, Grant), outcome
    return outcome


def settle(request: str = "r", amount: int = 70, *, attempt: int = 1, now: int = NOW, mark: Mark = "") -> Settle:
    return Settle(request, attempt, amount, now, mark=mark)


def balance(store: Store, offer: str = "free", bucket: int = 0) -> Balance:
    """Return a balance; an empty one if it is not in the books."""
    found = [held for held in store.balances() if (held.offer, held.bucket) == (offer, bucket)]
    return found[0] if found else Balance(offer, bucket)
