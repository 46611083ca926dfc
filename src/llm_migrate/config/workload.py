"""A workload: what a program would send on each of some days, and where it could go. For simulations only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from llm_migrate.catalog.load import find_provider
from llm_migrate.catalog.schema import Price, Provider
from llm_migrate.catalog.strict import Strict, load_toml
from llm_migrate.config.budgets import Budget, read_budgets
from llm_migrate.config.file import BudgetTable
from llm_migrate.config.target import nearest
from llm_migrate.errors import ConfigError, MigrateError, UsageError

Currency: TypeAlias = Literal["CNY", "USD"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, int) else value


Curve: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10**12)], ...], BeforeValidator(_listed), Field(min_length=1)
]


class PriceTable(Strict):
    """A price in place of the catalog's, such as the one of that time."""

    currency: Currency
    input_per_mtok: Annotated[Decimal, Field(ge=0)]
    output_per_mtok: Annotated[Decimal, Field(ge=0)]
    source: str = ""


class RouteTable(Strict):
    """A target, the model that is asked there, and the days on which it answers; `until` is the last one."""

    provider: str
    model: str
    endpoint: str | None = None
    from_: dt.date | None = Field(default=None, alias="from")
    until: dt.date | None = None
    price: PriceTable | None = None


class WorkloadFile(Strict):
    """The whole file. A curve is repeated as often as needed: seven numbers are a week."""

    start: dt.date
    days: int = Field(ge=1, le=731)
    zone: str = "UTC"
    calls_per_day: int = Field(default=100, ge=1, le=10_000)
    input_tokens_per_day: Curve
    output_tokens_per_day: Curve = (0,)
    currency: Currency | None = None  # of the sum
    targets: dict[str, RouteTable] = Field(min_length=1)
    budgets: dict[str, BudgetTable] = Field(default_factory=dict)
    activations: dict[str, dt.datetime] = Field(default_factory=dict)
    rates: dict[Currency, Decimal] = Field(default_factory=dict[Currency, Decimal])


@dataclass(frozen=True, slots=True)
class Route:
    """A target of a simulation.

    Attributes:
        name: as the file calls it.
        provider: its facts.
        endpoint: id of the catalog's.
        model: the vendor's id.
        from_: first day on which it answers.
        until: last day.
        price: in place of the catalog's.
    """

    name: str
    provider: Provider
    endpoint: str
    model: str
    from_: dt.date | None = None
    until: dt.date | None = None
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """What a program would send.

    Attributes:
        start: first day.
        days: how many.
        zone: whose days.
        calls_per_day: alike, and evenly over the day.
        input_tokens: of a day; repeated.
        output_tokens: of a day; repeated.
        routes: targets, as listed.
        budgets: of them.
        activations: budget -> Unix milliseconds.
        rates: currency -> how much one unit is worth in the one that amounts are compared in.
        currency: of the sum; None for no sum.
    """

    start: dt.date
    days: int
    zone: str
    calls_per_day: int
    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    routes: tuple[Route, ...]
    budgets: tuple[Budget, ...]
    activations: Mapping[str, int]
    rates: Mapping[str, Decimal]
    currency: str | None


def load_workload(path: Path) -> Workload:
    """Return a workload.

    Raises:
        ConfigError: the file cannot be read, or says something that cannot be.
    """
    label = str(path)
    file = load_toml(path, WorkloadFile, ConfigError, label=label)
    try:
        return _build(file)
    except MigrateError as e:
        raise ConfigError(f"{label}: {e}") from None


def _build(file: WorkloadFile) -> Workload:
    routes = {name: _route(name, table, file.start) for name, table in file.targets.items()}
    budgets = read_budgets(file.budgets, routes)
    for name, at in file.activations.items():
        if name not in budgets:
            raise ConfigError(f"activations.{name}: no such budget{nearest(name, budgets)}")
        if at.tzinfo is None:
            raise ConfigError(f"activations.{name}: an instant needs its offset: 2024-07-01T12:00:00+08:00")
    rates: dict[str, Decimal] = {str(currency): rate for currency, rate in file.rates.items()}
    if file.currency is not None and file.currency not in rates:
        raise ConfigError(f"currency: add  [rates]  {file.currency} = 1  and what the other one is worth in it")
    return Workload(
        file.start,
        file.days,
        file.zone,
        file.calls_per_day,
        file.input_tokens_per_day,
        file.output_tokens_per_day,
        tuple(routes.values()),
        tuple(budgets.values()),
        {name: int(at.timestamp() * 1000) for name, at in file.activations.items()},
        rates,
        file.currency or next(iter(rates), None),
    )


def _route(name: str, table: RouteTable, start: dt.date) -> Route:
    try:
        provider = find_provider(table.provider)
    except UsageError as e:
        raise ConfigError(f"targets.{name}: provider: {e}") from None
    known = {endpoint.id: endpoint for endpoint in provider.endpoints}
    if table.endpoint is not None and table.endpoint not in known:
        listed = ", ".join(known)
        raise ConfigError(
            f"targets.{name}: endpoint: no such endpoint{nearest(table.endpoint, known)}; known: {listed}"
        )
    price = None
    if table.price is not None:
        given = table.price
        price = Price(
            currency=given.currency,
            input_per_mtok=given.input_per_mtok,
            output_per_mtok=given.output_per_mtok,
            source=given.source or "given in the workload",
            checked=start,
        )
    endpoint = table.endpoint or provider.default_endpoint.id
    return Route(name, provider, endpoint, table.model, table.from_, table.until, price)
