"""The contract of a store of the books, which holds for every kind of store."""

from __future__ import annotations

import operator

import pytest

from llm_migrate.errors import LedgerError
from llm_migrate.ledger.books import (
    CLOCK_BACK_MS,
    UNRESOLVED_MS,
    Activate,
    Adjust,
    Balance,
    Conflict,
    Correct,
    Done,
    Doubt,
    Ending,
    Entry,
    Extend,
    Grant,
    NoRoom,
    Reserve,
    Send,
    Settle,
    State,
    Store,
    Sweep,
    Swept,
    Void,
    Want,
    Warn,
    WriteOff,
)
from tests.ledger.conftest import Opener
from tests.ledger.saying import LEASE_MS, NOW, balance, granted, reserve, said, settle, want

# -- reserve


def test_a_reservation_is_taken_from_what_is_free(store: Store):
    """A reservation names its offer and amount, and the balance holds it until it ends."""
    outcome = said(store, reserve("r", want("free", 100, estimate=60), now=NOW))

    assert outcome == Grant("free", 0, 100)
    assert store.balances() == [Balance("free", 0, reserved=100)]
    (held,) = store.open_reservations()
    assert (held.request, held.attempt, held.offer, held.amount, held.estimate) == ("r", 1, "free", 100, 60)
    assert (held.state, held.owner, held.lease_until, held.since) == ("sent", "me", NOW + LEASE_MS, NOW)
    assert (held.mark, held.model) == ("", "m")


def test_the_same_reservation_is_made_once(store: Store):
    """Repeating a reservation answers the same, whatever it asks for the second time, and takes nothing more."""
    first = said(store, reserve("r", want("free", 100)))

    assert said(store, reserve("r", want("free", 500))) == first
    assert said(store, reserve("r", want("other", 100))) == first
    assert balance(store) == Balance("free", 0, reserved=100)


def test_attempts_of_a_request_are_reservations_of_their_own(store: Store):
    """Each attempt of a request takes its own part."""
    granted(store, reserve("r", attempt=1))
    granted(store, reserve("r", attempt=2))

    assert balance(store).reserved == 200


def test_a_hard_limit_is_reached_but_never_passed(store: Store):
    """What fits to the last unit is given, and not one unit more, whatever state the rest is in."""
    granted(store, reserve("spent", want(amount=300)))
    granted(store, reserve("unsure", want(amount=300)))
    granted(store, reserve("held", want(amount=300)))
    store.apply([settle("spent", 300), Doubt("unsure", 1, NOW)])

    assert said(store, reserve("over", want(amount=101))) == NoRoom()
    assert said(store, reserve("fits", want(amount=100))) == Grant("free", 0, 100)
    assert said(store, reserve("one", want(amount=1))) == NoRoom()


def test_what_was_refused_may_be_asked_again(store: Store):
    """No trace is left of a refusal: the same attempt succeeds when there is room."""
    granted(store, reserve("first", want(amount=950)))
    assert said(store, reserve("r", want(amount=100))) == NoRoom()
    said(store, Void("first", 1, NOW))

    assert said(store, reserve("r", want(amount=100))) == Grant("free", 0, 100)


def test_a_soft_limit_serves(store: Store):
    """A soft limit is passed: others tell about it."""
    granted(store, reserve("first", want(amount=1000, hard=False)))

    assert said(store, reserve("more", want(amount=5000, hard=False))) == Grant("free", 0, 5000)
    assert balance(store).reserved == 6000


def test_no_limit_holds_anything(store: Store):
    """An offer without a limit always has room."""
    assert said(store, reserve("r", want(amount=10**15, limit=None))) == Grant("free", 0, 10**15)


def test_a_hard_limit_grants_the_rest_when_that_would_do(store: Store):
    """Where less would do, what is left is granted whole; below the least nothing is."""
    granted(store, reserve("first", want(amount=700)))

    assert said(store, reserve("none", want(amount=400, least=301))) == NoRoom()
    assert said(store, reserve("part", want(amount=400, least=300, estimate=400))) == Grant("free", 0, 300)
    assert [held.estimate for held in store.open_reservations() if held.request == "part"] == [300]


@pytest.mark.parametrize(
    ("wants", "chosen"),
    [
        pytest.param([want("paid", rank=1), want("z-free", rank=0)], "z-free", id="free before prepaid"),
        pytest.param([want("post", rank=2), want("z-paid", rank=1)], "z-paid", id="prepaid before postpaid"),
        pytest.param([want("a", ends_at=NOW + 9), want("b", ends_at=NOW + 8)], "b", id="first the one lost first"),
        pytest.param([want("a"), want("b", ends_at=NOW + 8)], "b", id="one that ends before one that never does"),
        pytest.param(
            [want("a", limit=900, ends_at=NOW + 8), want("b", limit=400)], "a", id="that before the least left"
        ),
        pytest.param([want("a", limit=500), want("b", limit=400)], "b", id="of equals the one with the least left"),
        pytest.param([want("a", limit=None), want("b", limit=900)], "b", id="a limit before none"),
        pytest.param([want("b"), want("a")], "a", id="else by id"),
        pytest.param([want("é"), want("z"), want("Z")], "Z", id="by code point in any locale"),
        pytest.param([want("a", limit=99), want("b", rank=2)], "b", id="the first that has room"),
        pytest.param([want("a", limit=99, least=1), want("b", rank=2)], "b", id="all of it before a part"),
        pytest.param(
            [want("b", limit=99, least=1), want("a", limit=99, least=1, rank=1)], "b", id="a part of the best"
        ),
        pytest.param([want("a", ends_at=NOW), want("b", rank=2)], "b", id="none that has ended at this instant"),
    ],
)
def test_offers_are_taken_in_order(store: Store, wants: list[Want], chosen: str):
    """Free offers first, then the one lost first, the one with the least left, and the id."""
    assert granted(store, reserve("r", *wants)).offer == chosen


def test_an_offer_with_a_limit_of_nothing_has_no_room(store: Store):
    """No offers and offers of nothing are no room."""
    assert said(store, Reserve("r", 1, (), "me", NOW, NOW + LEASE_MS)) == NoRoom()
    assert said(store, reserve("r", want(limit=0))) == NoRoom()


def test_the_least_left_is_seen_after_what_is_taken(store: Store):
    """What is left of an offer decides, not how large it once was."""
    granted(store, reserve("r1", want("large", 900, limit=1000)))

    assert granted(store, reserve("r2", want("large", 10), want("small", 10, limit=500))).offer == "large"


def test_a_rolling_window_counts_its_balances_and_charges_the_last(store: Store):
    """Balances within the window count against its limit; older ones no more."""
    for bucket in range(1, 5):
        granted(store, reserve(f"r{bucket}", want(amount=300, limit=10_000, buckets=(0, bucket, bucket))))

    assert said(store, reserve("r5", want(amount=200, buckets=(2, 5, 5)))) == NoRoom()
    assert said(store, reserve("r5", want(amount=200, buckets=(3, 5, 5)))) == Grant("free", 5, 200)
    assert said(store, reserve("r6", want(amount=201, buckets=(4, 6, 5)))) == Grant("free", 5, 201)
    assert balance(store, bucket=5).reserved == 401


def test_what_a_batch_has_taken_counts_in_the_batch(store: Store):
    """Operations of one batch see each other in order, and what they leave is one step."""
    outcomes = store.apply(
        [
            reserve("r1", want(amount=600)),
            reserve("r2", want(amount=600)),
            settle("r1", 300),
            reserve("r2", want(amount=600)),
            reserve("r1", want(amount=600)),
        ]
    )

    assert outcomes == [
        Grant("free", 0, 600),
        NoRoom(),
        Done(True, "free", 0, 300, 0),
        Grant("free", 0, 600),
        Grant("free", 0, 600),
    ]
    assert store.balances() == [Balance("free", 0, spent=300, reserved=600)]
    assert store.apply([]) == []


# -- the ends of a reservation

_SAYING: dict[str, Send | Ending] = {
    "send": Send("r", 1, NOW),
    "settle": settle("r", 70),
    "void": Void("r", 1, NOW),
    "doubt": Doubt("r", 1, NOW),
    "write_off": WriteOff("r", 1, NOW),
}
# (from, said) -> the next state; all others are conflicts or repetitions.
_NEXT: dict[tuple[State, str], State] = {
    ("held", "send"): "sent",
    ("held", "settle"): "settled",
    ("held", "void"): "void",
    ("sent", "settle"): "settled",
    ("sent", "void"): "void",
    ("sent", "doubt"): "unresolved",
    ("unresolved", "settle"): "settled",
    ("unresolved", "write_off"): "written_off",
    ("lapsed", "settle"): "settled",
}
_REPEATED: set[tuple[State, str]] = {
    ("sent", "send"),
    ("unresolved", "doubt"),
    ("settled", "settle"),
    ("void", "void"),
    ("lapsed", "void"),
    ("written_off", "write_off"),
}
_STATES: tuple[State, ...] = ("held", "sent", "unresolved", "settled", "void", "lapsed", "written_off")


def brought_to(store: Store, state: State) -> None:
    """Bring the reservation "r", of 100, into a state."""
    store.apply([reserve("r", state="held" if state in ("held", "lapsed") else "sent")])
    match state:
        case "unresolved":
            said(store, Doubt("r", 1, NOW))
        case "written_off":
            store.apply([Doubt("r", 1, NOW), WriteOff("r", 1, NOW)])
        case "settled":
            said(store, settle("r", 70))
        case "void":
            said(store, Void("r", 1, NOW))
        case "lapsed":
            said(store, Sweep(NOW, ("me",)))
        case "held" | "sent":
            pass


def parts(store: Store) -> tuple[int, int, int]:
    """Return what is spent, reserved and unresolved."""
    held = balance(store)
    return held.spent, held.reserved, held.unresolved


_PARTS: dict[State, tuple[int, int, int]] = {
    "held": (0, 100, 0),
    "sent": (0, 100, 0),
    "unresolved": (0, 0, 100),
    "settled": (70, 0, 0),
    "void": (0, 0, 0),
    "lapsed": (0, 0, 0),
    "written_off": (0, 0, 0),
}


@pytest.mark.parametrize("saying", _SAYING)
@pytest.mark.parametrize("state", _STATES)
def test_every_state_goes_on_as_is_written_and_no_other_way(store: Store, state: State, saying: str):
    """A word moves a reservation from where it may be; else it is repeated, or a conflict that changes nothing."""
    brought_to(store, state)
    assert parts(store) == _PARTS[state]
    entries = store.entries()

    outcome = said(store, _SAYING[saying])

    following = _NEXT.get((state, saying))
    if following is not None:
        assert isinstance(outcome, Done) and outcome.changed and (outcome.offer, outcome.bucket) == ("free", 0)
        assert parts(store) == _PARTS[following]
        assert [held.state for held in store.open_reservations()] == ([following] if sum(_PARTS[following][1:]) else [])
        assert said(store, _SAYING[saying]) == Done(False, "free", 0)
    elif (state, saying) in _REPEATED:
        assert outcome == Done(False, "free", 0)
    else:
        assert isinstance(outcome, Conflict) and outcome.problem
    if following is None:
        assert parts(store) == _PARTS[state]
        assert store.entries() == entries


@pytest.mark.parametrize("saying", _SAYING)
def test_nothing_is_said_of_what_was_never_reserved(store: Store, saying: str):
    """A word about an attempt that the books do not know is a conflict."""
    said(store, reserve("r", attempt=2))

    assert said(store, _SAYING[saying]) == Conflict("no such reservation")
    assert store.entries() == []


def test_what_is_settled_is_an_entry(store: Store):
    """A settled amount is a line of the books with all that is known of it, and what is left of it is free again."""
    said(store, reserve("r", want("free", 100), model="large-1"))

    outcome = said(store, Settle("r", 1, 70, NOW + 5, "estimate", "cut"))

    assert outcome == Done(True, "free", 0, 70, 0)
    (entry,) = store.entries()
    assert entry == Entry(entry.number, "settle", "r", 1, "free", 0, 70, 0, "estimate", "cut", "large-1", NOW + 5)
    assert balance(store) == Balance("free", 0, spent=70)


def test_more_than_was_reserved_is_booked_whole(store: Store):
    """An overrun is booked in full and shown, even over a hard limit."""
    said(store, reserve("r", want(amount=1000)))

    said(store, settle("r", 1300))

    assert balance(store) == Balance("free", 0, spent=1300, overrun=300)
    assert [(entry.amount, entry.overrun) for entry in store.entries()] == [(1300, 300)]
    assert said(store, reserve("more", want(amount=1))) == NoRoom()


def test_another_amount_for_the_same_attempt_is_a_conflict(store: Store):
    """The first settled amount stays; another one is refused, naming what the books hold."""
    said(store, reserve("r"))
    said(store, settle("r", 70))

    assert said(store, settle("r", 71)) == Conflict("settled already, at 70")
    assert balance(store).spent == 70
    assert len(store.entries()) == 1


def test_nothing_is_an_amount_too(store: Store):
    """An attempt may be settled at nothing, once."""
    said(store, reserve("r"))

    assert said(store, settle("r", 0)) == Done(True, "free", 0, 0, 0)
    assert said(store, settle("r", 0)) == Done(False, "free", 0)
    assert said(store, settle("r", 1)) == Conflict("settled already, at 0")
    assert balance(store) == Balance("free", 0)


def test_a_late_settle_counts_after_a_lapse(store: Store):
    """What lapsed and was used after all is booked, though its room was given away meanwhile."""
    said(store, reserve("r", want(amount=100), state="held"))
    said(store, Sweep(NOW + LEASE_MS))
    said(store, reserve("other", want(amount=1000)))

    assert said(store, settle("r", 120)) == Done(True, "free", 0, 120, 0)
    assert balance(store) == Balance("free", 0, spent=120, reserved=1000, overrun=20)


@pytest.mark.parametrize(
    ("operations", "spent", "before"),
    [
        ([settle("r", 70)], 570, 500),
        ([Doubt("r", 1, NOW)], 600, 500),
        ([Doubt("r", 1, NOW), settle("r", 70)], 570, 600),
        ([Doubt("r", 1, NOW), WriteOff("r", 1, NOW)], 500, 600),
        ([Void("r", 1, NOW)], 500, 500),
        ([Adjust("free", 0, -20, "bill", NOW)], 480, 500),
    ],
)
def test_an_answer_tells_what_counts_now_and_counted_before(
    store: Store, operations: list[Ending | Adjust], spent: int, before: int
):
    """From both figures one sees which part of a limit was crossed; what is only reserved is not in them."""
    store.apply([reserve("first", want(amount=500)), settle("first", 500), reserve("r"), reserve("open")])

    assert store.apply(operations)[-1] == Done(True, "free", 0, spent, before)


def test_a_mark_of_doubt_is_kept_until_the_entry(store: Store):
    """How an attempt came into doubt stands in its entry, unless a later word says otherwise."""
    for request in ("r1", "r2"):
        store.apply([reserve(request), Doubt(request, 1, NOW, "cancelled")])
    assert [held.mark for held in store.open_reservations()] == ["cancelled", "cancelled"]

    store.apply([settle("r1"), settle("r2", mark="cut")])

    assert [entry.mark for entry in store.entries()] == ["cancelled", "cut"]


# -- sweep and leases


def test_a_sweep_ends_what_nobody_holds_any_more(store: Store):
    """When a lease has run out, what was held lapses and what was sent is in doubt; before that, nothing happens."""
    store.apply([reserve("held", state="held"), reserve("sent")])

    assert said(store, Sweep(NOW + LEASE_MS - 1)) == Swept(0, 0, 0)
    assert said(store, Sweep(NOW + LEASE_MS)) == Swept(lapsed=1, doubted=1, assumed=0)
    assert balance(store) == Balance("free", 0, unresolved=100)
    assert said(store, Sweep(NOW + LEASE_MS)) == Swept(0, 0, 0)


def test_owners_who_are_gone_hold_nothing(store: Store):
    """A sweep ends at once what those hold who are known to be gone, and leaves the others alone."""
    store.apply(
        [
            reserve("h1", state="held", owner="dead"),
            reserve("s1", owner="dead"),
            reserve("h2", state="held", owner="alive"),
            reserve("s2", owner="alive"),
        ]
    )

    assert said(store, Sweep(NOW, ("dead", "unknown"))) == Swept(lapsed=1, doubted=1, assumed=0)
    assert {held.request: held.state for held in store.open_reservations()} == {
        "s1": "unresolved",
        "h2": "held",
        "s2": "sent",
    }


def test_a_heartbeat_prolongs_what_an_owner_holds(store: Store):
    """Leases are prolonged for one owner, never shortened, and nothing that has ended comes back."""
    store.apply([reserve("mine", owner="me"), reserve("theirs", owner="them"), reserve("done"), Void("done", 1, NOW)])
    later = NOW + 2 * LEASE_MS

    assert said(store, Extend("me", later)) == Done(True)
    assert said(store, Extend("me", later)) == Done(False)
    assert said(store, Extend("me", NOW)) == Done(False)
    assert said(store, Extend("nobody", later)) == Done(False)
    store.apply([reserve("unsure", owner="unsure"), Doubt("unsure", 1, NOW)])
    assert said(store, Extend("unsure", later)) == Done(False)

    # What was lost by a fault is not held for ever.
    assert said(store, Extend("me", later + 1, since=NOW + 1)) == Done(False)

    assert said(store, Sweep(NOW + LEASE_MS)) == Swept(0, 1, 0)
    assert [(held.request, held.state) for held in store.open_reservations()] == [
        ("mine", "sent"),
        ("unsure", "unresolved"),
        ("theirs", "unresolved"),
    ]


def test_a_doubt_is_assumed_after_a_quarter_of_an_hour(store: Store):
    """What stays in doubt is settled at its estimate, and marked as assumed."""
    store.apply([reserve("r", want(amount=100, estimate=60)), Doubt("r", 1, NOW, "cut")])

    assert said(store, Sweep(NOW + UNRESOLVED_MS - 1, ("me",))) == Swept(0, 0, 0)
    assert said(store, Sweep(NOW + UNRESOLVED_MS)) == Swept(0, 0, assumed=1)
    assert balance(store) == Balance("free", 0, spent=60)
    assert [(e.amount, e.basis, e.mark, e.at) for e in store.entries()] == [(60, "assumed", "cut", NOW + UNRESOLVED_MS)]
    assert said(store, settle("r", 61)) == Conflict("settled already, at 60")


def test_a_sweep_books_many_ends_of_many_balances(store: Store):
    """One sweep keeps every balance right, however many reservations it ends."""
    for i in range(6):
        wanted = want("even" if i % 2 == 0 else "odd", 10 + i, buckets=(0, i // 2, i // 2), limit=None)
        store.apply([reserve(f"r{i}", wanted, state="held" if i < 4 else "sent")])
    store.apply(
        [reserve("d1", want("odd", 5)), Doubt("d1", 1, NOW), reserve("d2", want("odd", 7)), Doubt("d2", 1, NOW)]
    )

    assert said(store, Sweep(NOW + UNRESOLVED_MS)) == Swept(lapsed=4, doubted=2, assumed=2)

    assert store.balances() == [
        Balance("even", 0),
        Balance("even", 1),
        Balance("even", 2, unresolved=14),
        Balance("odd", 0, spent=12),
        Balance("odd", 1),
        Balance("odd", 2, unresolved=15),
    ]
    assert [(entry.request, entry.amount) for entry in store.entries()] == [("d1", 5), ("d2", 7)]


@pytest.mark.parametrize("late", [False, True])
def test_a_sweep_before_or_after_a_settle_leaves_the_same_books(store: Store, late: bool):
    """Whether a settle comes before or after the sweep that gave its reservation up, the books are the same."""
    steps = [settle("held", 30), settle("sent", 130)]
    sweep = Sweep(NOW + LEASE_MS)
    store.apply([reserve("held", state="held"), reserve("sent")])

    store.apply([sweep, *steps] if late else [*steps, sweep])

    assert balance(store) == Balance("free", 0, spent=160, overrun=30)
    assert [(entry.request, entry.amount, entry.overrun) for entry in store.entries()] == [
        ("held", 30, 0),
        ("sent", 130, 30),
    ]


# -- the clock


def test_the_books_keep_the_latest_instant(store: Store):
    """The latest instant that anybody named is kept; earlier ones do not set it back."""
    assert store.seen() == 0
    store.apply([reserve("r", now=NOW), Sweep(NOW + 10_000)])
    store.apply([Void("r", 1, NOW)])

    assert store.seen() == NOW + 10_000


def test_a_clock_that_goes_back_is_not_followed(store: Store):
    """An instant more than two seconds before the latest one counts as two seconds before it."""
    said(store, Sweep(NOW))

    store.apply([reserve("r1", now=NOW - 1000), reserve("r2", now=NOW - 3_600_000)])
    store.apply([settle("r1", now=NOW - 500), settle("r2", now=NOW - 5000), Adjust("free", 0, 1, "a", 0)])

    assert [entry.at for entry in store.entries()] == [NOW - 500, NOW - CLOCK_BACK_MS, NOW - CLOCK_BACK_MS]


def test_an_ended_offer_stays_ended_when_the_clock_goes_back(store: Store):
    """What has ended by the books' own clock takes nothing from one whose clock is behind."""
    said(store, Sweep(NOW + 10_000))

    assert said(store, reserve("r", want(ends_at=NOW + 5000), now=NOW)) == NoRoom()
    assert said(store, reserve("r", want(ends_at=NOW + 8001), now=NOW)) == Grant("free", 0, 100)


def test_leases_run_by_the_latest_clock(store: Store):
    """A sweep whose clock is behind sees a lease as run out that is so by the books' clock."""
    store.apply([reserve("r")])
    store.apply([Adjust("other", 0, 1, "much later", NOW + LEASE_MS + CLOCK_BACK_MS)])

    assert said(store, Sweep(NOW)) == Swept(0, doubted=1, assumed=0)


# -- adjust, warn, activate, correct


def test_an_adjustment_is_booked_once_for_each_reference(store: Store):
    """A difference to a bill is an entry of either sign; the same reference changes nothing any more."""
    assert said(store, Adjust("free", 3, 40, "bill-1", NOW)) == Done(True, "free", 3, 40, 0)
    assert said(store, Adjust("free", 3, -50, "bill-2", NOW)) == Done(True, "free", 3, -10, 40)
    assert said(store, Adjust("free", 3, 40, "bill-1", NOW)) == Done(False, "free", 3)
    assert said(store, Adjust("other", 0, 1, "bill-1", NOW)) == Done(False, "other", 0)

    assert store.balances() == [Balance("free", 3, spent=-10)]
    assert [(e.kind, e.request, e.attempt, e.amount, e.overrun, e.basis) for e in store.entries()] == [
        ("adjust", "bill-1", 0, 40, 0, "bill"),
        ("adjust", "bill-2", 0, -50, 0, "bill"),
    ]


def test_a_warning_is_given_to_one_alone(store: Store):
    """The first who asks is to tell; nobody else for the same offer, balance and share."""
    assert said(store, Warn("free", 0, 80, NOW)) == Done(True)
    assert said(store, Warn("free", 0, 80, NOW)) == Done(False)
    assert said(store, Warn("free", 0, 95, NOW)) == Done(True)
    assert said(store, Warn("free", 1, 80, NOW)) == Done(True)
    assert said(store, Warn("other", 0, 80, NOW)) == Done(True)


def test_the_last_word_on_an_activation_counts(store: Store):
    """An activation is kept, and may be said anew."""
    assert store.activations() == {}
    assert store.apply([Activate("free", NOW), Activate("free", NOW), Activate("other", 5)]) == [
        Done(True),
        Done(False),
        Done(True),
    ]
    assert said(store, Activate("free", NOW - 1)) == Done(True)

    assert store.activations() == {"free": NOW - 1, "other": 5}


def test_what_was_learned_of_a_model_is_kept(store: Store):
    """The last correction of each model is kept with its count."""
    assert store.corrections() == {}
    assert store.apply([Correct("m1", 1050, 3), Correct("m1", 1050, 3), Correct("m2", -2, 1)]) == [
        Done(True),
        Done(False),
        Done(True),
    ]
    assert store.apply([Correct("m1", 1060, 3), Correct("m2", -2, 2)]) == [Done(True), Done(True)]

    assert store.corrections() == {"m1": (1060, 3), "m2": (-2, 2)}


# -- reading


def test_entries_are_read_by_offer_number_and_instant(store: Store):
    """Entries come in the order of booking, of one offer, after a number or since an instant."""
    for i in range(4):
        offer = "a" if i % 2 else "b"
        store.apply([reserve(f"r{i}", want(offer), now=NOW + 1000 * i), settle(f"r{i}", i, now=NOW + 1000 * i)])

    entries = store.entries()
    assert [entry.request for entry in entries] == ["r0", "r1", "r2", "r3"]
    assert [entry.request for entry in store.entries("a")] == ["r1", "r3"]
    assert [entry.request for entry in store.entries(after=entries[1].number)] == ["r2", "r3"]
    assert [entry.request for entry in store.entries("a", since=NOW + 1001)] == ["r3"]
    assert store.entries("none") == []


def test_open_reservations_are_read_by_offer(store: Store):
    """What is open is read for one offer or all, the oldest first."""
    store.apply([reserve("r1", want("b"), now=NOW + 10), reserve("r2", want("a"), now=NOW), reserve("r3", want("a"))])
    said(store, Void("r3", 1, NOW))

    assert [held.request for held in store.open_reservations()] == ["r2", "r1"]
    assert [held.request for held in store.open_reservations("b")] == ["r1"]
    assert store.open_reservations("none") == []


def test_any_text_and_any_number_of_64_bits_is_kept(store: Store):
    """Names in any script and the largest amounts come back as they were."""
    name = "智谱'\"; DROP TABLE entries;-- %s ${1} 🎁"
    said(store, reserve(name, want(name, 2**62, limit=None), owner=name, model=name))
    said(store, settle(name, 2**62))

    (entry,) = store.entries(name)
    assert (entry.request, entry.offer, entry.model, entry.amount) == (name, name, name, 2**62)


# -- what fails


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(settle("r", -1), id="an amount below zero"),
        pytest.param(settle("r", 2**63), id="a number of more than 64 bits"),
        pytest.param(settle("r2", 2**63 - 1), id="a balance of more than 64 bits"),
    ],
)
def test_a_batch_is_done_wholly_or_not_at_all(store: Store, wrong: Settle):
    """One impossible operation undoes its batch and is an error; the store goes on working."""
    store.apply([reserve("r"), reserve("r1"), settle("r1", 1), reserve("r2")])

    with pytest.raises(LedgerError):
        store.apply([reserve("before"), wrong, reserve("after")])

    assert [held.request for held in store.open_reservations()] == ["r", "r2"]
    assert said(store, settle("r", 70)) == Done(True, "free", 0, 71, 1)


def test_a_closed_store_says_so(store: Store):
    """After closing, reading and writing are errors of the ledger; closing twice is none."""
    store.close()
    store.close()

    with pytest.raises(LedgerError):
        store.balances()
    with pytest.raises(LedgerError):
        store.apply([Sweep(NOW)])


# -- several who use the same books


def test_books_are_the_same_after_closing_and_opening(opener: Opener):
    """All that was written is there for the next one who opens the books."""
    first = opener()
    first.apply(
        [
            reserve("open", want("a", 7)),
            reserve("done", want("b", 9)),
            settle("done", 10),
            Activate("a", 5),
            Correct("m", 2, 1),
            Warn("a", 0, 50, NOW),
        ]
    )
    seen = [read(first) for read in _READINGS]
    first.close()

    again = opener()

    assert [read(again) for read in _READINGS] == seen
    assert said(again, Warn("a", 0, 50, NOW)) == Done(False)
    assert said(again, settle("open", 7)) == Done(True, "a", 0, 7, 0)


_READINGS = [
    operator.methodcaller(name)
    for name in ("balances", "entries", "open_reservations", "activations", "corrections", "seen")
]


def test_two_who_share_the_books_see_each_other(opener: Opener):
    """What one has written is there for the other at once, and what one reserves the other may settle."""
    one, other = opener(), opener()
    granted(one, reserve("r", want(amount=900)))

    assert said(other, reserve("s", want(amount=200))) == NoRoom()
    assert said(other, settle("r", 100)) == Done(True, "free", 0, 100, 0)
    assert said(one, reserve("s", want(amount=900))) == Grant("free", 0, 900)
    assert one.balances() == other.balances()
    assert said(one, Warn("free", 0, 50, NOW)) == Done(True)
    assert said(other, Warn("free", 0, 50, NOW)) == Done(False)
