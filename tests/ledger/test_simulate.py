"""What a workload comes to under each order: the rules of real calls, on a small scale that can be reckoned by hand."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest

from llm_migrate.config.workload import Workload, load_workload
from llm_migrate.errors import ConfigError
from llm_migrate.ledger.cost import Money
from llm_migrate.ledger.simulate import OfferUse, Order, Outcome, RouteUse, notes, simulate

NANO = 10**9
TWO = """
start = 2024-07-01
days = {days}
zone = "Asia/Shanghai"
calls_per_day = {calls}
input_tokens_per_day = {given}
output_tokens_per_day = {written}
[targets.a]
provider = "zhipu"
model = "glm-4"
price = {{ currency = "CNY", input_per_mtok = "100", output_per_mtok = "100" }}
[targets.b]
provider = "qwen"
model = "qwen-plus"
price = {{ currency = "CNY", input_per_mtok = "4", output_per_mtok = "12" }}
"""


def workload(
    folder: Path, more: str = "", *, days: int = 10, calls: int = 10, given: object = 1000, written: object = 0
) -> Workload:
    file = folder / "workload.toml"
    file.write_text(TWO.format(days=days, calls=calls, given=given, written=written) + more, encoding="utf-8")
    return load_workload(file)


def run(folder: Path, more: str = "", order: Order = "ordered", **sizes: object) -> Outcome:
    return simulate(workload(folder, more, **sizes), order)  # type: ignore[arg-type]


def offer(outcome: Outcome, name: str) -> OfferUse:
    return next(use for use in outcome.offers if use.budget.name == name)


def route(outcome: Outcome, name: str) -> RouteUse:
    return next(use for use in outcome.routes if use.name == name)


def test_a_target_without_offers_costs_its_list_price(tmp_path: Path):
    """All goes to the first target, at so much for a million tokens."""
    outcome = run(tmp_path, given=600, written=400)

    assert route(outcome, "a") == RouteUse("a", "glm-4", calls=100, tokens=10_000, money={"CNY": NANO})
    assert route(outcome, "b") == RouteUse("b", "qwen-plus")
    assert (outcome.money, outcome.unserved_calls) == ({"CNY": NANO}, 0)


def test_a_hard_offer_is_used_to_the_last_call_that_fits(tmp_path: Path):
    """What does not fit goes down the chain, and what is left is said."""
    outcome = run(tmp_path, '[budgets.gift]\ntarget = "a"\ntokens = 3_050\n')

    assert offer(outcome, "gift").used == 3_000
    assert (offer(outcome, "gift").left, offer(outcome, "gift").expired) == (50, 0)
    assert (route(outcome, "a").free, route(outcome, "a").money) == (3_000, {})
    assert route(outcome, "b").tokens == 7_000


def test_what_an_offer_has_left_at_its_end_expires(tmp_path: Path):
    """The last day counts whole, in the zone of the offer; what is not used by then is lost."""
    more = '[budgets.gift]\ntarget = "a"\ntokens = 9_000\nuntil = 2024-07-04\n'
    outcome = run(tmp_path, more)

    use = offer(outcome, "gift")
    assert (use.used, use.expired, use.left, use.state) == (4_000, 5_000, 0, "over")


def test_an_offer_that_ends_after_the_last_day_has_not_expired(tmp_path: Path):
    """One that ends with the last day has."""
    for until, expired, left in (("2024-07-10", 90_000, 0), ("2024-07-11", 0, 90_000)):
        more = f'[budgets.gift]\ntarget = "a"\ntokens = 100_000\nuntil = {until}\n'
        use = offer(run(tmp_path, more), "gift")
        assert (use.expired, use.left) == (expired, left)


def test_a_daily_offer_loses_each_day_what_it_has_left(tmp_path: Path):
    """Midnight is that of its own zone, so the first and the last day may be cut."""
    more = '[budgets.daily]\ntarget = "a"\ntokens = 1_500\nevery = "day"\n'
    here = offer(run(tmp_path, more + 'zone = "Asia/Shanghai"\n'), "daily")
    there = offer(run(tmp_path, more + 'zone = "UTC"\n'), "daily")

    assert (here.used, here.expired, here.left) == (10_000, 5_000, 0)
    assert (there.used, there.expired, there.left) == (10_000, 11 * 1_500 - 10_000 - 900, 900)


def test_free_first_takes_what_expires_first(tmp_path: Path):
    """The soonest end goes first, wherever the target stands in the list."""
    more = """
[budgets.long]
target = "a"
tokens = 10_000
[budgets.short]
target = "b"
tokens = 5_000
until = 2024-07-06
"""
    listed, first = run(tmp_path, more), run(tmp_path, more, "free-first")

    assert (offer(listed, "short").used, offer(listed, "short").expired) == (0, 5_000)
    assert (offer(first, "short").used, offer(first, "short").expired) == (5_000, 0)
    assert offer(first, "long").left == 5_000
    assert listed.money == first.money == {}


def test_cheapest_asks_the_cheapest_by_its_list(tmp_path: Path):
    """Gifts play no part, and a price that nobody knows is no low one."""
    more = """
[targets.c]
provider = "zhipu"
model = "glm-4-air"
[budgets.gift]
target = "a"
tokens = 10_000
"""
    outcome = run(tmp_path, more, "cheapest")

    assert route(outcome, "b").calls == 100
    assert outcome.money == {"CNY": 40_000_000}


def test_currencies_are_compared_only_by_a_rate_that_is_given(tmp_path: Path):
    """Without one "cheapest" is refused, and no sum is made; with one both are."""
    dollars = 'price = { currency = "USD", input_per_mtok = "1", output_per_mtok = "1" }\n'
    more = f'until = 2024-07-05\n[targets.c]\nprovider = "openai"\nmodel = "gpt-4o"\nfrom = 2024-07-06\n{dollars}'
    plain, rated = workload(tmp_path, more), workload(tmp_path, more + "[rates]\nCNY = 1\nUSD = 7\n")

    assert simulate(plain, "ordered").total is None
    assert simulate(workload(tmp_path, more + "[rates]\nUSD = 1\n"), "ordered").total is None
    with pytest.raises(ConfigError, match="two currencies"):
        simulate(plain, "cheapest")
    outcome = simulate(rated, "cheapest")
    assert outcome.money == {"CNY": 20_000_000, "USD": 5_000_000}
    assert outcome.total == Money(55_000_000, "CNY")


def test_a_price_that_nobody_knows_is_never_nothing(tmp_path: Path):
    """Its tokens are counted apart, and the notes say which price lacks."""
    more = '[targets.c]\nprovider = "zhipu"\nmodel = "glm-4-air"\n[targets.d]\nprovider = "zhipu"\nmodel = "glm-99"\n'
    more = "until = 2024-06-30\n" + more
    text = (TWO.format(days=10, calls=10, given=1000, written=0) + more).replace(
        'price = { currency = "CNY", input_per_mtok = "100", output_per_mtok = "100" }', "until = 2024-06-30"
    )
    (tmp_path / "w.toml").write_text(text, encoding="utf-8")
    found = load_workload(tmp_path / "w.toml")

    outcome = simulate(found, "ordered")

    assert (outcome.unpriced, outcome.money) == (10_000, {})
    said = list(notes(found))
    assert [note.split(":")[0] for note in said] == ["a", "c", "d"]
    assert "no price of glm-4-air" in said[1]
    assert "does not list 'glm-99'" in said[2]


def test_a_price_of_another_time_is_told(tmp_path: Path):
    """A list price that was looked up after the simulated days may not have been theirs."""
    text = TWO.format(days=10, calls=10, given=1000, written=0).replace(
        'price = { currency = "CNY", input_per_mtok = "4", output_per_mtok = "12" }', ""
    )
    (tmp_path / "w.toml").write_text(text, encoding="utf-8")

    (said,) = notes(load_workload(tmp_path / "w.toml"))

    assert said.startswith("b: the price of qwen-plus is the one of 20")

    later = text.replace("2024-07-01", "2030-07-01")
    (tmp_path / "w.toml").write_text(later, encoding="utf-8")
    assert list(notes(load_workload(tmp_path / "w.toml"))) == []


def test_calls_that_nobody_answers_are_counted(tmp_path: Path):
    """Hard offers that are used up refuse, and closed targets do not answer."""
    more = """until = 2024-07-02
[budgets.gift]
target = "a"
calls = 5
"""
    outcome = run(tmp_path, more)

    assert (route(outcome, "a").calls, route(outcome, "b").calls) == (5, 15)
    assert (outcome.unserved_calls, outcome.unserved_tokens) == (80, 8_000)


def test_a_soft_offer_goes_on_at_the_list_price(tmp_path: Path):
    """Beyond its limit calls are paid, from the first on that does not fit; outside its days all are."""
    more = '[budgets.gift]\ntarget = "a"\ntokens = 1_950\nhard = false\nuntil = 2024-07-03\n'
    outcome = run(tmp_path, more)

    assert route(outcome, "a").free == 1_900
    assert route(outcome, "a").money == {"CNY": 8_100 * 100_000}
    assert offer(outcome, "gift").expired == 0


def test_prepaid_money_is_money(tmp_path: Path):
    """A balance in money is spent at list prices; a gift of money is not."""
    for kind, money in (("prepaid", {"CNY": 300_000_000}), ("postpaid", {"CNY": 300_000_000}), ("free", {})):
        more = f'[budgets.purse]\ntarget = "a"\nmoney = "0.30 CNY"\nkind = "{kind}"\n'
        outcome = run(tmp_path, more)
        assert offer(outcome, "purse").used == 300_000_000
        assert route(outcome, "a").money == money


def test_what_is_paid_afterwards_has_its_list_price(tmp_path: Path):
    """A limit of one's own on tokens that are billed."""
    outcome = run(tmp_path, '[budgets.limit]\ntarget = "a"\ntokens = 3_000\nkind = "postpaid"\n')
    assert route(outcome, "a").money == {"CNY": 300_000_000}


def test_an_answer_is_not_cut_to_what_is_left(tmp_path: Path):
    """A call that does not fit whole goes elsewhere, as its tokens are those of the workload."""
    outcome = run(tmp_path, '[budgets.gift]\ntarget = "a"\ntokens = 300\n', days=1, given=0, written=10_000)
    assert (offer(outcome, "gift").used, route(outcome, "b").tokens) == (0, 10_000)


def test_a_target_ranks_by_what_it_has_left(tmp_path: Path):
    """A gift that is used up does not put its target before one that still has some."""
    more = """
[budgets.little]
target = "a"
tokens = 100
[budgets.purse]
target = "a"
money = "5 CNY"
kind = "prepaid"
[budgets.much]
target = "b"
tokens = 9_900
"""
    outcome = run(tmp_path, more, "free-first")

    assert (offer(outcome, "little").used, offer(outcome, "much").used, offer(outcome, "purse").used) == (100, 9_900, 0)


def test_a_package_was_paid_before(tmp_path: Path):
    """What a package of tokens costs is not known here: its tokens are neither free nor priced."""
    outcome = run(tmp_path, '[budgets.pack]\ntarget = "a"\ntokens = 3_000\nkind = "prepaid"\n')

    assert (route(outcome, "a").prepaid, route(outcome, "a").free, route(outcome, "a").money) == (3_000, 0, {})


def test_money_without_a_price_pays_for_nothing(tmp_path: Path):
    """A budget in money cannot be charged where nobody knows the price, as in real calls."""
    text = TWO.format(days=1, calls=10, given=1000, written=0).replace(
        'price = { currency = "CNY", input_per_mtok = "100", output_per_mtok = "100" }', ""
    )
    (tmp_path / "w.toml").write_text(text + '[budgets.purse]\ntarget = "a"\nmoney = "5 CNY"\n', encoding="utf-8")

    outcome = simulate(load_workload(tmp_path / "w.toml"), "ordered")

    assert (route(outcome, "a").calls, route(outcome, "b").calls) == (0, 10)


def test_an_offer_counts_from_its_activation(tmp_path: Path):
    """Without one it is of no use, and that is said."""
    more = '[budgets.trial]\ntarget = "a"\ntokens = 100_000\ndays = 3\n'
    never = offer(run(tmp_path, more), "trial")
    known = offer(run(tmp_path, more + "[activations]\ntrial = 2024-07-02T12:00:00+08:00\n"), "trial")

    assert (never.state, never.used) == ("never activated", 0)
    assert (known.used, known.expired, known.state) == (3_000, 97_000, "over")


def test_an_offer_of_other_days_is_not_open(tmp_path: Path):
    """Nothing of it is used or lost in these days."""
    use = offer(run(tmp_path, '[budgets.later]\ntarget = "a"\ntokens = 5\nfrom = 2024-08-01\n'), "later")
    assert (use.state, use.used, use.expired) == ("not open", 0, None)


def test_a_rolling_offer_fills_again(tmp_path: Path):
    """What was used longer ago counts no more; nothing of it can be said to expire."""
    use = offer(run(tmp_path, '[budgets.roll]\ntarget = "a"\ntokens = 300\nrolling_hours = 24\n'), "roll")

    assert (use.expired, use.left) == (None, None)
    assert 2_700 <= use.used <= 3_000


def test_a_curve_is_repeated(tmp_path: Path):
    """Seven numbers are a week; every token of a day is sent, however many calls it has."""
    outcome = run(tmp_path, days=15, calls=7, given=[100, 100, 100, 100, 100, 10, 3], written=[1, 2])

    assert route(outcome, "a").tokens == 2 * 513 + 100 + (8 * 1 + 7 * 2)
    assert outcome.offers == ()


def test_each_order_spends_no_less_than_free_first_at_equal_prices(tmp_path: Path):
    """Over many small cases of two offers with ends, no order of targets pays less than free-first."""
    text = TWO.format(days=4, calls=2, given=200, written=0).replace('"4"', '"100"').replace('"12"', '"100"')
    for until_a, until_b, tokens_a, tokens_b in itertools.product(
        ("01", "03", "04"), ("02", "04"), (100, 500), (300, 800)
    ):
        budgets = (
            f'[budgets.a]\ntarget = "a"\ntokens = {tokens_a}\nuntil = 2024-07-{until_a}\n'
            f'[budgets.b]\ntarget = "b"\ntokens = {tokens_b}\nuntil = 2024-07-{until_b}\n'
            '[targets.pay]\nprovider = "kimi"\nmodel = "k"\n'
            'price = { currency = "CNY", input_per_mtok = "100", output_per_mtok = "100" }\n'
        )
        costs: dict[str, int] = {}
        for name, listed in (("ab", text), ("ba", _swapped(text))):
            (tmp_path / "w.toml").write_text(listed + budgets, encoding="utf-8")
            found = load_workload(tmp_path / "w.toml")
            costs[name] = simulate(found, "ordered").money.get("CNY", 0)
            costs["free"] = simulate(found, "free-first").money.get("CNY", 0)
        assert costs["free"] <= min(costs.values()), (until_a, until_b, tokens_a, tokens_b)


def _swapped(text: str) -> str:
    head, a, b = text.partition("[targets.a]")[0], *text.partition("[targets.a]")[2].split("[targets.b]")
    return f"{head}[targets.b]{b}[targets.a]{a}"


def test_days_have_the_length_that_the_zone_gives_them(tmp_path: Path):
    """A day of 23 hours has as many calls as any other, and all of them in it."""
    text = TWO.format(days=2, calls=24, given=24, written=0).replace("Asia/Shanghai", "Europe/Berlin")
    text = text.replace("2024-07-01", "2024-03-30")
    more = '[budgets.daily]\ntarget = "a"\ncalls = 24\nevery = "day"\nzone = "Europe/Berlin"\n'
    (tmp_path / "w.toml").write_text(text + more, encoding="utf-8")

    assert offer(simulate(load_workload(tmp_path / "w.toml"), "ordered"), "daily").used == 48


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[targets.c]\nprovider = "nobody"\nmodel = "m"\n', "targets.c: provider"),
        ('[targets.c]\nprovider = "kimi"\nmodel = "m"\nendpoint = "mainlnd"\n', "did you mean 'mainland'"),
        ('[budgets.x]\ntarget = "q"\ntokens = 1\n', "budgets.x: target: no such target"),
        ("[activations]\nx = 2024-07-01T00:00:00+08:00\n", "activations.x: no such budget"),
        ('[budgets.x]\ntarget = "a"\ntokens = 1\n[activations]\nx = 2024-07-01T00:00:00\n', "needs its offset"),
        ('[budgets.x]\ntarget = "a"\noffer = "move"\n', "move-from-openai-2024"),
        ("[rats]\nCNY = 1\n", "did you mean 'rates'"),
    ],
)
def test_a_workload_that_cannot_be_is_explained(tmp_path: Path, more: str, problem: str):
    """The place is named, with what was probably meant."""
    with pytest.raises(ConfigError, match=problem):
        workload(tmp_path, more)


def test_a_sum_needs_the_rate_of_its_currency(tmp_path: Path):
    """`currency` alone says nothing of what the other one is worth."""
    file = tmp_path / "w.toml"
    file.write_text('currency = "CNY"\n' + TWO.format(days=1, calls=1, given=1, written=0), encoding="utf-8")
    with pytest.raises(ConfigError, match="currency: add"):
        load_workload(file)


def test_the_machines_zone_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Days are those of the file, wherever it is run."""
    import time

    more = '[budgets.daily]\ntarget = "a"\ntokens = 900\nevery = "day"\nzone = "Asia/Shanghai"\n'
    outcomes: list[Outcome] = []
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        outcomes.append(run(tmp_path, more))
    monkeypatch.undo()
    time.tzset()

    assert outcomes[0] == outcomes[1]
    assert outcomes[0].offers[0].used == 9_000
    assert workload(tmp_path).start == dt.date(2024, 7, 1)
