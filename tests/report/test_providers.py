"""What a provider's page says about models, endpoints and offers on a given day."""

from __future__ import annotations

import datetime as dt

import pytest

from llm_migrate.catalog.schema import Endpoint, Model, Offer, OfferWindow, Price, Provider, Replacement
from llm_migrate.report.providers import detail_sections, list_section, model_sections, offer_sections

TODAY = dt.date(2026, 11, 22)
SEEN = {"source": "https://acme.test", "checked": TODAY}


def provider(**facts: object) -> Provider:
    endpoint = {"id": "main", "base_url": "https://api.acme.test", "region": "global", "default": True, **SEEN}
    body = {"id": "acme", "name": "Acme", "dialect": "openai-chat", "endpoints": [endpoint], "auth": [], "apis": {}}
    return Provider.model_validate({**body, **facts})


def model(**facts: object) -> Model:
    return Model.model_validate({"id": "m", **SEEN, **facts})


def price(**facts: object) -> Price:
    return Price.model_validate({"currency": "USD", "input_per_mtok": "1.50", **SEEN, **facts})


def row_of(*models: Model, everything: bool = True) -> tuple[str, ...]:
    (section,) = model_sections([provider(models=models)], TODAY, everything=everything)
    return section.rows[0]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "?"),
        ({"free": True}, "free"),
        ({"prices": [price()]}, "1.5"),
        ({"prices": [price(output_per_mtok="10.00", cached_input_per_mtok="0.075")]}, "1.5/10/0.075"),
        ({"prices": [price(up_to_input_tokens=1000), price(input_per_mtok="3")]}, "1.5+"),
        ({"prices": [price(until=dt.date(2026, 11, 21)), price(input_per_mtok="3")]}, "3"),
        ({"prices": [price(**{"from": dt.date(2026, 11, 23)})]}, "?"),
        ({"prices": [price(), price(currency="CNY", input_per_mtok="8")]}, "USD 1.5\nCNY 8"),
    ],
)
def test_a_price_is_what_holds_today(facts: dict[str, object], said: str):
    """Unknown is not free, past and coming prices are not shown, two currencies are told apart."""
    assert row_of(model(**facts))[3] == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"retires_on": TODAY}, "retired 2026-11-22"),
        ({"retires_on": TODAY + dt.timedelta(1)}, "until 2026-11-23"),
        ({"retired": True, "replacement": Replacement(model="n", captured=TODAY)}, "retired\nthen n"),
        ({"era": "former"}, "legacy"),
    ],
)
def test_a_life_ends_on_the_first_day_without_service(facts: dict[str, object], said: str):
    """On the day of retirement a model is gone; what the vendor named instead stands below."""
    assert row_of(model(**facts))[4] == said


@pytest.mark.parametrize(("tokens", "said"), [(512, "512"), (8192, "8.19K"), (128_000, "128K"), (999_999, "1M")])
def test_sizes_are_short(tokens: int, said: str):
    """Three figures are enough to compare models."""
    assert row_of(model(context_tokens=tokens))[1] == said


def test_retired_models_are_counted_when_they_are_left_out():
    """The page shows what answers, and says how much it hides."""
    models = (model(id="a", retired=True), model(id="b"))

    (section,) = model_sections([provider(models=models)], TODAY, everything=False)

    assert [row[0] for row in section.rows] == ["b"]
    assert section.lines[-1] == "1 retired model is left out; --models shows all."


def test_a_closed_endpoint_is_not_counted_as_open():
    """An endpoint that is former, or past its last day, is no way to reach the vendor."""
    closed = Endpoint.model_validate(
        {"id": "old", "base_url": "https://old.acme.test", "region": "mainland", "closes_on": TODAY, **SEEN}
    )
    acme = provider(endpoints=[provider().default_endpoint, closed])

    assert list_section([acme], TODAY).rows[0][2] == "global\n1 former"
    assert "closed on 2026-11-22" in str(detail_sections(acme, TODAY))


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"kind": "standing"}, "standing"),
        ({"kind": "fixed", "from": dt.date(2024, 6, 25)}, "from 2024-06-25, end not known"),
        ({"kind": "fixed", "until": dt.date(2024, 7, 31)}, "start not known, ended 2024-07-31"),
        ({"kind": "fixed", "from": TODAY, "until": TODAY}, "from 2026-11-22, until 2026-11-22"),
        ({"kind": "after-activation"}, "after activation, how long is not known"),
        ({"kind": "after-activation", "days": 30}, "30 days after activation"),
        ({"kind": "rolling", "hours": 5}, "each 5 hours"),
        ({"kind": "daily"}, "each day"),
    ],
)
def test_an_offer_says_when_it_can_be_used(window: dict[str, object], said: str):
    """What is not known about a window is said, never guessed; the last day counts."""
    offer = Offer(
        id="gift", name="Gift", confidence="high", window=OfferWindow.model_validate(window), source="x", checked=TODAY
    )

    (section,) = offer_sections([provider(offers=[offer])], TODAY)

    assert section.rows[0][0] == f"Gift\n{said}"


def test_an_api_that_nobody_looked_up_is_not_known():
    """Silence in a file is neither yes nor no."""
    sections = detail_sections(provider(), TODAY)

    (apis,) = [section for section in sections if section.title == "OpenAI's APIs here"]
    assert {row[1] for row in apis.rows} == {"not known"}
