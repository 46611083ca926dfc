"""Any history of any number of owners: the stores against a model, and the ten properties of the books.

1 conservation; 2 no hard limit is passed but by an overrun; 3 every attempt ends at most once; 4 repeating any call
changes nothing; 5 settle and sweep in any order give the same books; 6 a crash before `sent` costs nothing, one after
it at most the reservation; 7 the entries give the balances; 8 the choice of an offer is a pure function of the books,
the instant and the request; 9 the machine's time zone changes nothing; 10 neither does closing and opening the books at
every step.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from llm_migrate.ledger.books import (
    NEVER,
    Adjust,
    Balance,
    Done,
    Doubt,
    Ending,
    Extend,
    Mark,
    Operation,
    Outcome,
    Reserve,
    Send,
    Settle,
    Store,
    Sweep,
    Void,
    Want,
    Warn,
    WriteOff,
)
from llm_migrate.ledger.stores import open_store
from tests.ledger.model import Key, Model
from tests.ledger.postgres_server import Server
from tests.ledger.saying import LEASE_MS, NOW

_SECOND_MS = 1000
_OWNERS = st.sampled_from(["ann", "bob", "cat"])
_AMOUNTS = st.one_of(st.integers(0, 12), st.integers(0, 120))
# Limit, hard, rank, seconds until it ends, minutes that count of one that rolls.
_TERMS = st.tuples(
    st.one_of(st.none(), st.integers(0, 150), st.integers(50, 150)),
    st.sampled_from([True, True, False]),
    st.integers(0, 2),
    st.one_of(st.none(), st.integers(1, 600), st.integers(600, 200_000)),
    st.sampled_from([0, 0, 2]),
)
_MARKS = st.sampled_from(["", "cut", "cancelled"])
# Which attempt, what is said of it, how much, and how its answer ended.
_WORDS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 3), st.integers(0, 30)),
        st.sampled_from(["send", "settle", "settle", "void", "doubt", "doubt", "write_off"]),
        _AMOUNTS,
        _MARKS,
    ),
    max_size=5,
)
Books = Callable[[], Store]
_ZONES = ["UTC", "Asia/Shanghai", "America/St_Johns", "Pacific/Kiritimati"]


@dataclass(frozen=True)
class Offer:
    """An offer of the machine; one that rolls has a balance for each minute, of which so many count."""

    name: str
    limit: int | None
    hard: bool
    rank: int
    ends_at: int
    rolls: int

    def want(self, now: int, amount: int, least: int, estimate: int) -> Want:
        bucket = now // 60_000 if self.rolls else 0
        buckets = (bucket - self.rolls, bucket, bucket)
        return Want(self.name, self.rank, self.ends_at, buckets, self.limit, self.hard, amount, least, estimate)


class Machine(RuleBasedStateMachine):
    """Says anything at any time; see the module for what must hold.

    Attributes:
        books: makes empty books, and gives what opens them.
        counts: how many operations of each kind had an effect, in all examples.
    """

    books: ClassVar[Callable[[], AbstractContextManager[Books]]]
    counts: ClassVar[Counter[str]]

    @initialize(reopens=st.sampled_from([False, False, False, True]), offers=st.lists(_TERMS, min_size=1, max_size=3))
    def begin(self, reopens: bool, offers: list[tuple[int | None, bool, int, int | None, int]]) -> None:
        self.stack = contextlib.ExitStack()
        self.opens = self.stack.enter_context(type(self).books())
        self.store = self.opens()
        self.reopens = reopens
        self.model = Model()
        self.offers: list[Offer] = []
        self.now = NOW
        self.requests = itertools.count()
        self.keys: list[Key] = []
        self.last: dict[Key, Operation] = {}
        self.zone = os.environ.get("TZ")
        self.references: list[str] = []
        self.counts["examples"] += 1
        for terms in offers:
            self.offer(terms)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.store.close()
            self.stack.close()
            _set_zone(self.zone)

    def do(self, *operations: Operation) -> list[Outcome]:
        """Do operations in one batch, and compare what comes of them with the model."""
        outcomes = self.store.apply(operations)
        assert outcomes == self.model.apply(operations)
        for operation, outcome in zip(operations, outcomes, strict=True):
            if isinstance(outcome, Done) and outcome.changed and isinstance(operation, Send | Ending):
                self.last[operation.request, operation.attempt] = operation
            self.counts[f"{type(operation).__name__} -> {type(outcome).__name__}"] += 1
        if self.reopens:  # property 10
            self.reopen()
        return outcomes

    def reopen(self) -> None:
        self.store.close()
        self.store = self.opens()

    def books_now(self) -> tuple[object, ...]:
        return self.store.balances(), self.store.entries(), self.store.open_reservations()

    # -- what is on offer

    @precondition(lambda self: len(self.offers) < 5)
    @rule(terms=_TERMS)
    def add_offer(self, terms: tuple[int | None, bool, int, int | None, int]) -> None:
        self.offer(terms)

    def offer(self, terms: tuple[int | None, bool, int, int | None, int]) -> None:
        limit, hard, rank, ends_in_s, rolls = terms
        ends_at = NEVER if ends_in_s is None else self.now + ends_in_s * _SECOND_MS
        self.offers.append(Offer(f"offer-{len(self.offers)}", limit, hard, rank, ends_at, rolls))

    # -- attempts

    @rule(
        amounts=st.lists(st.tuples(_AMOUNTS, st.sampled_from([0, 1, 1, 2])), max_size=4),
        owner=_OWNERS,
        state=st.sampled_from(["held", "sent"]),
        order=st.randoms(use_true_random=False),
        words=_WORDS,
        together=st.booleans(),
    )
    def work(self, amounts, owner, state, order, words, together):
        """Reserve, and say anything of any attempts; the order in which offers are named plays no part (property 8)."""
        made = []
        for amount, part in amounts:
            wants = [
                offer.want(self.now, amount, amount // part if part else 0, amount * 3 // 4) for offer in self.offers
            ]
            order.shuffle(wants)
            request = f"r{next(self.requests)}"
            made.append(Reserve(request, 1, tuple(wants), owner, self.now, self.now + LEASE_MS, "m", state))
        self.keys += [(operation.request, operation.attempt) for operation in made]
        if together:
            self.do(*made, *self.said(words))
        else:
            self.do(*made)
            self.do(*self.said(words))

    @rule(words=_WORDS)
    def say(self, words):
        """Say anything of any attempts, in one batch."""
        self.do(*self.said(words))

    def said(self, words: list[tuple[int, str, int, Mark]]) -> list[Send | Ending]:
        """Return words as operations; the newest attempts have the lowest numbers."""
        named = [(self.keys[-1 - number % len(self.keys)], *word) for number, *word in words if self.keys]
        return [_word(key, word, amount, mark, self.now) for key, word, amount, mark in named]

    @rule(amount=_AMOUNTS, owner=_OWNERS, which=st.sets(st.integers(0, 20), min_size=1))
    def repeat(self, amount: int, owner: str, which: set[int]) -> None:
        """What was granted may be asked, and what was said last of an attempt be said again (property 4)."""
        granted = [key for key in self.keys if key in self.model.attempts]
        keys = [granted[number % len(granted)] for number in which if granted]
        before = self.books_now()
        wants = tuple(offer.want(self.now, amount, amount, amount) for offer in self.offers)
        self.do(*(Reserve(*key, wants, owner, self.now, self.now + LEASE_MS) for key in keys))
        self.do(*(self.last[key] for key in keys if key in self.last))
        assert self.books_now() == before

    @rule(number=st.integers(0, 20), amount=_AMOUNTS, sweep_first=st.booleans())
    def settle_beside_a_sweep(self, number: int, amount: int, sweep_first: bool) -> None:
        """Whether the sweep that gives an attempt up comes first or not, the books are the same (property 5)."""
        going = [a for a in self.model.attempts.values() if a.state in ("held", "sent")]
        if not going:
            return
        a = going[number % len(going)]
        both: list[Operation] = [Settle(*a.key, amount, self.now), Sweep(self.now, (a.owner,))]
        other = copy.deepcopy(self.model)
        if sweep_first:
            both.reverse()
        self.do(*both)
        other.apply(both[::-1])
        assert Counter(self.model.lines) == Counter(other.lines)
        assert self.model.balances() == other.balances()

    # -- owners, the clock, the machine

    @rule(owner=_OWNERS)
    def crash(self, owner: str) -> None:
        """A crash before `sent` costs nothing, after it at most what was reserved (property 6)."""
        mine = {key: a.state for key, a in self.model.attempts.items() if a.owner == owner}
        self.do(Sweep(self.now, (owner,)))
        self.now = max(self.now, self.model.seen) + 15 * 60 * _SECOND_MS
        self.do(Sweep(self.now))
        costs = {(e.request, e.attempt): e for e in self.store.entries() if e.kind == "settle"}
        for key, state in mine.items():
            if state == "held":
                assert key not in costs
            elif state == "sent":
                assert costs[key].amount <= self.model.attempts[key].amount
                assert costs[key].basis == "assumed"

    @rule(owner=_OWNERS, beats=st.booleans(), ahead_s=st.sampled_from([0, 0, 89, 90, 899, 900]))
    def sweep(self, owner: str, beats: bool, ahead_s: int) -> None:
        self.now = max(self.now, self.model.seen) + ahead_s * _SECOND_MS
        beat = [Extend(owner, self.now + LEASE_MS)] if beats else []
        self.do(*beat, Sweep(self.now))

    @rule(seconds=st.one_of(st.integers(1, 90), st.sampled_from([-7200, -60, -3, -2, -1, 900, 7200, 86_400])))
    def step_or_jump_of_the_clock(self, seconds: int) -> None:
        self.now += seconds * _SECOND_MS

    @rule(zone=st.sampled_from(_ZONES))
    def travel_and_open_again(self, zone: str) -> None:
        """Neither the time zone of the machine nor closing the books changes anything (properties 9 and 10)."""
        before = self.books_now()
        _set_zone(zone)
        self.reopen()
        assert self.books_now() == before

    # -- the vendor's bill

    @rule(amount=st.integers(-20, 20), again=st.booleans(), which=st.integers(0, 4), percent=st.sampled_from([50, 80]))
    def reconcile(self, amount: int, again: bool, which: int, percent: int) -> None:
        if not (again and self.references):
            self.references.append(f"bill-{len(self.references)}")
        offer = self.offers[which % len(self.offers)]
        bucket = offer.want(self.now, 0, 0, 0).buckets[2]
        self.do(
            Adjust(offer.name, bucket, amount, self.references[-1], self.now),
            Warn(offer.name, bucket, percent, self.now),
        )

    # -- what holds after every step

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        self.balances = {(held.offer, held.bucket): held for held in self.store.balances()}
        self.entries = self.store.entries()
        self.open = self.store.open_reservations()
        assert {key: held for key, held in self.balances.items() if held != Balance(*key)} == self.model.balances()
        lines = [dataclasses.astuple(e)[1:] for e in self.entries]
        assert Counter(lines) == Counter(self.model.lines)
        assert {dataclasses.astuple(r) for r in self.open} == self.model.open()
        assert self.store.seen() == self.model.seen
        self._balances_are_sums()
        self._limits_hold()
        self._ends_are_single()

    def _balances_are_sums(self) -> None:
        """Properties 1 and 7: all that is in a balance is an entry or an open reservation."""
        for key, held in self.balances.items():
            entries = [e for e in self.entries if (e.offer, e.bucket) == key]
            reservations = [r for r in self.open if (r.offer, r.bucket) == key]
            assert held.spent == sum(e.amount for e in entries)
            assert held.overrun == sum(e.overrun for e in entries)
            assert held.reserved == sum(r.amount for r in reservations if r.state != "unresolved")
            assert held.unresolved == sum(r.amount for r in reservations if r.state == "unresolved")

    def _limits_hold(self) -> None:
        """Property 2; a bill is what it is, and what was settled after it had lapsed was not kept free for it."""
        for offer in self.offers:
            if offer.limit is None or not offer.hard or offer.rolls:
                continue
            held = self.balances.get((offer.name, 0), Balance(offer.name, 0))
            bills = sum(e.amount for e in self.entries if e.kind == "adjust" and e.offer == offer.name)
            lates = [a for a in self.model.attempts.values() if a.late and a.offer == offer.name]
            late = sum(min(a.settled or 0, a.amount) for a in lates)
            freed = sum(min(0, e.amount) for e in self.entries if e.kind == "adjust" and e.offer == offer.name)
            assert held.taken - held.overrun - bills - late + freed <= offer.limit

    def _ends_are_single(self) -> None:
        """Property 3: one end, and one entry; only what has lapsed may be settled after all."""
        assert max(Counter((e.kind, e.request, e.attempt) for e in self.entries).values(), default=1) == 1
        for a in self.model.attempts.values():
            assert len(a.ends) <= 1 or a.ends == ["lapsed", "settled"]


def _word(key: Key, word: str, amount: int, mark: Mark, now: int) -> Send | Ending:
    match word:
        case "send":
            return Send(*key, now)
        case "settle":
            return Settle(*key, amount, now, "estimate" if amount % 2 else "vendor", mark)
        case "void":
            return Void(*key, now)
        case "doubt":
            return Doubt(*key, now, mark)
        case _:
            return WriteOff(*key, now)


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()


@contextlib.contextmanager
def sqlite_books() -> Iterator[Books]:
    """Empty books in a file, until they are left."""
    with tempfile.TemporaryDirectory() as folder:
        yield lambda: open_store(f"sqlite:///{Path(folder) / 'ledger.db'}")


_NUMBER = itertools.count()


def postgres_books(server: Server) -> Callable[[], AbstractContextManager[Books]]:
    """Return what makes empty books in a server, until they are left."""

    @contextlib.contextmanager
    def books() -> Iterator[Books]:
        schema = f"machine_{next(_NUMBER)}"
        server.run(f"CREATE SCHEMA {schema}")
        yield lambda: open_store(server.url(schema))
        server.run(f"DROP SCHEMA {schema} CASCADE")

    return books


def run_machine(
    books: Callable[[], AbstractContextManager[Books]], *, examples: int, steps: int, counts: Counter[str]
) -> None:
    """Run the machine over books of a kind."""
    kind = type("Run", (Machine,), {"books": staticmethod(books), "counts": counts})
    run_state_machine_as_test(kind, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))


def test_any_history_leaves_sqlite_as_the_model():
    """Whatever happens in whatever order, books in SQLite are as the rules say, and the ten properties hold."""
    run_machine(sqlite_books, examples=30, steps=40, counts=Counter())


def test_any_history_leaves_postgresql_as_the_model(postgres: Server):
    """Whatever happens in whatever order, books in PostgreSQL are as the rules say, and the ten properties hold."""
    run_machine(postgres_books(postgres), examples=15, steps=30, counts=Counter())
