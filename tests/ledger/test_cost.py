"""What calls cost by list prices."""

from __future__ import annotations

import datetime as dt
import decimal
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.catalog.binding import matches
from llm_migrate.catalog.load import all_providers, load_provider, provider_ids
from llm_migrate.catalog.policy import find_model
from llm_migrate.catalog.schema import Price, Provider
from llm_migrate.config import load_config
from llm_migrate.errors import ConfigError
from llm_migrate.ledger.cost import Money, cost_of, in_currency, most_of, price_at
from tests.catalog import tiny

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
WORK = {"spans": [["09:00:00", "12:00:00"], ["14:00:00", "18:00:00"]], "weekdays": [1, 2, 3, 4, 5]}


def priced(*prices, provider=None, **facts) -> Provider:
    rows = [{"currency": "CNY", **tiny.FACTS, **price} for price in prices]
    return tiny.provider(models=[tiny.model("m", prices=rows, **facts)], **(provider or {}))


def found(made: Provider, endpoint="main", model="m", **rest) -> Price | None:
    entry = find_model(made, model, endpoint=endpoint)
    assert entry is not None
    asked = {"input_tokens": 1000, "at": NOON, "thinking": False, **rest}
    return price_at((made, endpoint), entry, **asked)


def inputs(made: Provider, **rest) -> str | None:
    price = found(made, **rest)
    return None if price is None else str(price.input_per_mtok)


def price(**facts) -> Price:
    return Price.model_validate({"currency": "CNY", "input_per_mtok": "1", **tiny.FACTS, **facts})


def usage(prompt, completion, cached=None, reasoning=None):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


@pytest.mark.parametrize(("tokens", "wanted"), [(0, "1"), (100, "1"), (101, "2"), (200, "2"), (201, None)])
def test_a_tier_holds_up_to_its_size(tokens, wanted):
    """A request of exactly the tier's size is in it; beyond the last tier nobody knows the price."""
    tiers = [{"input_per_mtok": "1", "up_to_input_tokens": 100}, {"input_per_mtok": "2", "up_to_input_tokens": 200}]

    assert inputs(priced(*tiers), input_tokens=tokens) == wanted
    assert inputs(priced(*reversed(tiers)), input_tokens=tokens) == wanted


@pytest.mark.parametrize(
    ("clock", "wanted"),
    [
        ("2026-11-23T08:59:59.999999", "1"),
        ("2026-11-23T09:00", "2"),
        ("2026-11-23T11:59:59.999999", "2"),
        ("2026-11-23T12:00", "1"),
        ("2026-11-23T14:00", "2"),
        ("2026-11-27T17:59:59", "2"),
        ("2026-11-27T18:00", "1"),
        ("2026-11-28T10:00", "1"),
    ],
)
@pytest.mark.parametrize("machine", ["UTC", "America/New_York", "Asia/Shanghai"])
def test_hours_are_those_of_the_vendors_clock(clock, wanted, machine, monkeypatch):
    """A span holds from its first minute to before its last, on its weekdays, whatever zone the machine is in."""
    made = priced({"input_per_mtok": "1"}, {"input_per_mtok": "2", "hours": WORK})
    monkeypatch.setenv("TZ", machine)
    time.tzset()

    try:
        at = dt.datetime.fromisoformat(clock + "+08:00")
        assert [inputs(made, at=at), inputs(made, at=at.astimezone(dt.UTC)), inputs(made, at=at.astimezone())] == [
            wanted
        ] * 3
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_price_of_hours_stands_for_the_one_of_its_tier(reverse):
    """The tier comes first, then the hour, in whatever order the rows stand."""
    rows = [
        {"input_per_mtok": "1", "up_to_input_tokens": 100},
        {"input_per_mtok": "2", "up_to_input_tokens": 100, "hours": WORK},
        {"input_per_mtok": "3"},
        {"input_per_mtok": "4", "hours": WORK},
    ]
    made = priced(*(reversed(rows) if reverse else rows))
    work, rest = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC), dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)

    got = [inputs(made, input_tokens=tokens, at=at) for tokens in (100, 101) for at in (rest, work)]

    assert got == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("zone", "at", "wanted"),
    [
        ("Asia/Shanghai", "2024-07-31T23:59:59.999999+08:00", "1"),
        ("Asia/Shanghai", "2024-07-31T16:00:00+00:00", "2"),
        ("Asia/Shanghai", "2024-08-31T15:59:59+00:00", "2"),
        ("Asia/Shanghai", "2024-09-01T00:00:00+08:00", None),
        (None, "2024-07-31T23:59:59+00:00", "1"),
        (None, "2024-08-01T00:00:00+00:00", "2"),
    ],
)
def test_days_of_prices_are_the_vendors(zone, at, wanted):
    """A price changes at midnight in the vendor's zone, or in UTC where it has none; after its last day none holds."""
    made = priced(
        {"input_per_mtok": "1", "until": "2024-07-31"},
        {"input_per_mtok": "2", "from": "2024-08-01", "until": "2024-08-31"},
        provider={"zone": zone},
    )

    assert inputs(made, at=dt.datetime.fromisoformat(at)) == wanted


def test_an_endpoint_has_its_own_price():
    """A price that names another endpoint does not hold; one that names this one beats one for all."""
    made = priced({"input_per_mtok": "1"}, {"input_per_mtok": "2", "endpoint": "side"})

    assert (inputs(made), inputs(made, endpoint="side")) == ("1", "2")
    assert inputs(priced({"input_per_mtok": "1"}, endpoints=["side"])) is None


def test_a_plan_is_not_billed_by_the_list():
    """What is paid by the month has no list price for tokens, unless the price names the endpoint."""
    plan = tiny.provider().model_dump()["endpoints"]
    plan[0]["plan"] = "coding"

    assert inputs(priced({"input_per_mtok": "1"}, provider={"endpoints": plan})) is None
    assert inputs(priced({"input_per_mtok": "1", "endpoint": "main"}, provider={"endpoints": plan})) == "1"


def test_a_currency_can_be_asked_for():
    """Where a vendor bills in several, the first listed one holds, or the one that the account has."""
    made = priced({"input_per_mtok": "7"}, {"input_per_mtok": "1", "currency": "USD", "up_to_input_tokens": 9999})

    assert [inputs(made), inputs(made, currencies={"USD"}), inputs(made, currencies=["CNY", "USD"])] == ["7", "1", "7"]
    assert inputs(priced({"input_per_mtok": "7"}), currencies={"USD"}) is None


def test_a_target_is_a_place(tmp_path):
    """The price of a configured target is that of its provider at its endpoint."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text('[targets.a]\nprovider = "kimi"\nendpoint = "international"\n')
    target = load_config(path).targets["a"]
    entry = find_model(target.provider, "kimi-k2.6", endpoint=target.endpoint.id)
    assert entry is not None

    held = price_at(target, entry, input_tokens=1, at=NOON, thinking=False)

    assert held is not None
    assert (held.currency, held.input_per_mtok) == ("USD", Decimal("0.95"))


def test_a_zone_that_nobody_knows_is_said():
    """A wrong zone is an error that names it, not a price."""
    with pytest.raises(ConfigError, match=r"'Asia/Peking': no such time zone"):
        found(priced({"input_per_mtok": "1"}, provider={"zone": "Asia/Peking"}))


@pytest.mark.parametrize(
    ("endpoint", "currencies", "billed"), [("main", (), "CNY"), ("side", (), "USD"), ("main", {"USD"}, "USD")]
)
def test_a_free_model_costs_nothing(endpoint, currencies, billed):
    """Free is a price of zero, in a currency that other models are billed in there, and not an unknown one."""
    rows = [
        {"currency": "CNY", "input_per_mtok": "1", "endpoint": "main", **tiny.FACTS},
        {"currency": "USD", "input_per_mtok": "1", **tiny.FACTS},
    ]
    made = tiny.provider(models=[tiny.model("m", free=True), tiny.model("other", prices=rows)])

    held = found(made, endpoint, currencies=currencies)

    assert held is not None
    assert cost_of(usage(1000, 1000), held) == most_of(1000, 1000, held) == Money(0, billed)
    assert found(tiny.provider(models=[tiny.model("m", free=True)])) is not None


def test_an_unlisted_price_is_unknown():
    """A model without prices that is not marked as free has none: never zero."""
    assert found(priced()) is None


def test_cached_input_has_its_price():
    """Cached tokens are part of the input and cost less, or the same where no price says so; never more than all."""
    dear = price(input_per_mtok="10", output_per_mtok="20", cached_input_per_mtok="1")

    assert cost_of(usage(100, 10, cached=40), dear) == Money((60 * 10 + 40 * 1 + 10 * 20) * 1000, "CNY")
    assert cost_of(usage(100, 10, cached=400), dear) == Money((100 * 1 + 10 * 20) * 1000, "CNY")
    assert cost_of(usage(100, 10, cached=40), price(output_per_mtok="2")) == Money(120_000, "CNY")


@pytest.mark.parametrize(("asked", "reasoned", "each"), [(False, 0, 2), (False, 1, 8), (True, 0, 8), (True, None, 8)])
def test_a_call_that_thinks_has_dearer_output(asked, reasoned, each):
    """All output costs more when the call asks for reasoning, or when the vendor counted some."""
    made = priced({"input_per_mtok": "1", "output_per_mtok": "2", "thinking_output_per_mtok": "8"})
    held = found(made, thinking=asked)
    assert held is not None

    assert cost_of(usage(0, 100, reasoning=reasoned), held) == Money(100 * each * 1000, "CNY")
    assert most_of(0, 100, held) == Money(800_000, "CNY")


def test_a_model_that_always_thinks_has_the_price_of_that():
    """Nobody has to ask for reasoning where there is no other way."""
    made = priced(
        {"input_per_mtok": "1", "output_per_mtok": "2", "thinking_output_per_mtok": "8"}, always_thinking=True
    )

    held = found(made)

    assert held is not None
    assert held.output_per_mtok == 8


@pytest.mark.parametrize(
    ("counted", "nano"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, 20_000),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 25}, 40_000),  # reasoning left out
        ({"total_tokens": 25}, 50_000),
        ({"prompt_tokens": 10}, 10_000),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 0, "prompt_tokens_details": None}, 20_000),
        ({"prompt_tokens": 10, "completion_tokens": -5}, 10_000),
        ({"prompt_tokens": 10, "completion_tokens": True, "completion_tokens_details": 7}, 10_000),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "x_missing": True}, None),
        ({"prompt_tokens": None}, None),
        ({}, None),
    ],
)
def test_odd_counts_are_read_against_the_caller(counted, nano):
    """A total beyond the parts is output; no count at all is an unknown cost and not zero."""
    cost = cost_of(counted, price(output_per_mtok="2"))

    assert cost == (None if nano is None else Money(nano, "CNY"))


def test_output_without_a_price_is_unknown():
    """Embeddings have a price of input alone; output that comes nevertheless is not free."""
    embedding = price(input_per_mtok="0.5")

    assert cost_of({"prompt_tokens": 3, "total_tokens": 3}, embedding) == most_of(3, 0, embedding) == Money(1500, "CNY")
    assert cost_of(usage(3, 1), embedding) is None
    assert most_of(3, 1, embedding) is None


@pytest.mark.parametrize(
    ("per_mtok", "settled", "reserved"),
    [("0.0005", 0, 1), ("0.0015", 2, 2), ("0.0025", 2, 3), ("0.00050001", 1, 1), ("0.001", 1, 1)],
)
def test_halves_go_to_the_even_billionth(per_mtok, settled, reserved):
    """What is settled is rounded once, half to even; what is reserved is rounded up."""
    held = price(input_per_mtok=per_mtok, output_per_mtok="1")

    assert cost_of(usage(1, 0), held) == Money(settled, "CNY")
    assert most_of(1, 0, held) == Money(reserved, "CNY")


amounts = st.decimals(min_value=0, max_value=10_000, places=8)
counts = st.integers(0, 10**9)


@given(amounts, amounts, st.none() | amounts, st.none() | amounts, counts, counts, counts, st.booleans())
def test_costs_are_those_of_exact_decimals(into, out, thought, cheap, prompt, completion, cached, reasons):
    """The sum is exact before it is rounded, whatever the program's decimal context; the most is at least as much."""
    held = price(
        input_per_mtok=into, output_per_mtok=out, thinking_output_per_mtok=thought, cached_input_per_mtok=cheap
    )
    hit = min(cached, prompt)
    with decimal.localcontext(prec=100):
        each = thought if reasons and thought is not None else out
        exact = 1000 * ((prompt - hit) * into + hit * (into if cheap is None else cheap) + completion * each)
        most = 1000 * (prompt * into + completion * max(out, thought or Decimal(0)))
        settled = int(exact.to_integral_value(decimal.ROUND_HALF_EVEN))
        reserved = int(most.to_integral_value(decimal.ROUND_CEILING))

    with decimal.localcontext(prec=2, rounding=decimal.ROUND_UP):
        found = cost_of(usage(prompt, completion, cached, int(reasons)), held)
        assert most_of(prompt, completion, held) == Money(reserved, "CNY")

    assert found == (Money(settled, "CNY") if prompt or completion else None)
    assert settled <= reserved or (cheap is not None and cheap > into)


def test_money_is_converted_by_the_users_rates():
    """Two rates make a conversion; one that lacks, or is none, makes none; nothing is nothing in any currency."""
    rates = {"CNY": Decimal(1), "USD": Decimal("7.1")}

    assert in_currency(Money(10**9, "USD"), "CNY", rates) == Money(7_100_000_000, "CNY")
    assert in_currency(Money(10**9, "CNY"), "USD", rates) == Money(140_845_070, "USD")
    assert in_currency(Money(5, "CNY"), "USD", {"CNY": Decimal(1), "USD": Decimal(2)}) == Money(2, "USD")
    assert in_currency(Money(5, "CNY"), "CNY", {}) == Money(5, "CNY")
    assert in_currency(Money(0, "CNY"), "USD", {}) == Money(0, "USD")
    for lacking in ({"CNY": Decimal(1)}, {"USD": Decimal(7)}, {"CNY": Decimal(1), "USD": Decimal(0)}):
        assert in_currency(Money(5, "CNY"), "USD", lacking) is None


# (provider, endpoint, model, currency, Beijing clock, usage, billionths, source)
DOCUMENTED = [
    pytest.param(
        ("minimax", "international", "MiniMax-M3", "USD"), "2026-11-26T12:00", usage(500_000, 1000), 151_200_000,
        id="MiniMax-M3, 500K in: USD 0.1512 (genai-prices 0.2.3)",
    ),
    pytest.param(
        ("minimax", "international", "MiniMax-M3", "USD"), "2026-11-26T12:00", usage(600_000, 1000), 362_400_000,
        id="MiniMax-M3, 600K in: USD 0.3624, all tokens at the higher tier (genai-prices 0.2.3)",
    ),
    pytest.param(
        ("deepseek", "main", "deepseek-v4-pro", "USD"), "2026-11-21T10:00", usage(10**6, 0), 660_000_000,
        id="deepseek-v4-pro, 1M in on a Saturday: USD 0.66 (api-docs.deepseek.com/quick_start/pricing)",
    ),
    pytest.param(
        ("deepseek", "main", "deepseek-v4-pro", "USD"), "2026-11-23T10:00", usage(10**6, 0), 1_320_000_000,
        id="deepseek-v4-pro, 1M in at work: USD 1.32 (api-docs.deepseek.com/quick_start/pricing)",
    ),
    pytest.param(
        ("deepseek", "main", "deepseek-flash", "CNY"), "2026-11-23T13:00", usage(10**6, 10**6, cached=10**6),
        4_020_000_000,
        id="deepseek-flash, 1M cached and 1M out at noon: CNY 0.02 + 4 (api-docs.deepseek.com/quick_start/pricing)",
    ),
    pytest.param(
        ("qwen", "mainland", "qwen-plus", "CNY"), "2026-11-26T12:00", usage(100_000, 10**6, reasoning=9), 8_080_000_000,
        id="qwen-plus, 100K in and 1M out with thinking: CNY 0.08 + 8 (npm model-bank 1.0.20260927202305)",
    ),
    pytest.param(
        ("qwen", "mainland", "text-embedding-v4", "CNY"), "2026-11-26T12:00", {"prompt_tokens": 2000}, 1_000_000,
        id="text-embedding-v4, 2K: CNY 0.5 a million (help.aliyun.com embedding-interfaces-compatible-with-openai)",
    ),
    pytest.param(
        ("longcat", "main", "LongCat-2.0", "CNY"), "2026-10-09T23:59:59", usage(10**6, 10**6), 25_000_000_000,
        id="LongCat-2.0 on the last day of its list price: CNY 5 + 20 (longcat.chat/platform)",
    ),
    pytest.param(
        ("longcat", "main", "LongCat-2.0", "CNY"), "2026-10-10T00:00", usage(10**6, 10**6), 10_000_000_000,
        id="LongCat-2.0 a second later: CNY 2 + 8 (longcat.chat/platform)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("place", "clock", "counted", "nano"), DOCUMENTED)
def test_sums_that_others_state(place, clock, counted, nano):
    """The catalog's prices give the sums of the vendors' price pages, or of tools that were measured."""
    name, endpoint, model, currency = place
    at = dt.datetime.fromisoformat(clock + "+08:00")

    held = found(
        load_provider(name), endpoint, model, at=at, input_tokens=counted["prompt_tokens"], currencies={currency}
    )

    assert held is not None
    assert cost_of(counted, held) == Money(nano, currency)


@pytest.mark.parametrize("name", provider_ids())
def test_every_price_of_the_catalog_can_be_used(name):
    """At every hour of a week and every day that a price begins or ends, one and only one row holds for a call."""
    made = load_provider(name)
    week = [dt.datetime(2026, 11, 23, tzinfo=dt.UTC) + dt.timedelta(hours=hour) for hour in range(168)]

    for model in made.models:
        days = {day for row in model.prices for day in (row.from_, row.until) if day}
        hourly = any(row.hours for row in model.prices)
        edges = [dt.datetime.combine(day, dt.time(hour), dt.UTC) for day in days for hour in (0, 15, 16, 23)]
        sizes = {
            1,
            *(row.up_to_input_tokens + more for row in model.prices if row.up_to_input_tokens for more in (0, 1)),
        }
        for endpoint in (e.id for e in made.endpoints if matches(e.id, model.endpoints)):
            for at in [*(week if hourly else week[:1]), *edges]:
                for size in sizes:
                    for currency in ("CNY", "USD"):
                        asked = {"input_tokens": size, "at": at, "thinking": True, "currencies": {currency}}
                        held = price_at((made, endpoint), model, **asked)
                        turned = model.model_copy(update={"prices": model.prices[::-1]})
                        assert price_at((made, endpoint), turned, **asked) == held, (model.id, endpoint, at, size)
                        if held is not None and not model.free:
                            assert held.currency == currency
                            most = most_of(size, 1 if model.kind != "embedding" else 0, held)
                            assert most is not None, model.id
                            assert most.nano > 0 or not held.input_per_mtok, model.id


def test_most_of_the_catalog_has_a_price_today():
    """The prices that the catalog lists are found: of each price without days, that of its own endpoint."""
    for provider in all_providers():
        for model in provider.models:
            for row in model.prices:
                if row.from_ or row.until or row.hours:
                    continue
                endpoints = [e.id for e in provider.endpoints if matches(e.id, model.endpoints) and not e.plan]
                places = [row.endpoint] if row.endpoint else endpoints
                got = [
                    price_at(
                        (provider, place), model, input_tokens=row.up_to_input_tokens or 10**9,
                        at=dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC), thinking=False, currencies={row.currency},
                    )
                    for place in places
                ]  # fmt: skip
                assert row in got, (provider.id, model.id)
