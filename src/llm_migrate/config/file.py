"""The shape of `llm-migrate.toml`. Messages never repeat a value: it may be a key or an address."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from llm_migrate.catalog.strict import Strict
from llm_migrate.config.secret import parse_source


def _key_reference(text: str) -> str:
    parse_source(text)
    return text


KeyReference = Annotated[str, AfterValidator(_key_reference)]


class OnlyTable(Strict):
    """Which calls a target is for."""

    models: tuple[str, ...] = ()
    from_input_tokens: int | None = Field(default=None, ge=0)
    up_to_input_tokens: int | None = Field(default=None, ge=0)


class TargetTable(Strict):
    """One place to send requests to.

    `endpoint` is the catalog's id of an endpoint or the customer's own address at the vendor; `base_url` is any
    address that speaks the same format.
    """

    provider: str
    endpoint: str | None = Field(default=None, repr=False)
    base_url: str | None = Field(default=None, repr=False)
    api_key: KeyReference | None = Field(default=None, repr=False)
    auth: str | None = None  # id of one of the provider's ways to sign
    api_version: str | None = None
    token_url: str | None = Field(default=None, repr=False)  # where a token is asked for, for servers of one's own
    trust_host: bool = False
    max_concurrency: int | None = Field(default=None, ge=1)
    only: OnlyTable = OnlyTable()


class ChainTable(Strict):
    """Targets, and the order in which they are asked."""

    targets: tuple[str, ...] = Field(min_length=1)
    order: Literal["ordered", "free-first", "cheapest", "weighted"] = "ordered"
    weights: dict[str, Annotated[float, Field(ge=0, le=100)]] = Field(default_factory=dict)
    shadow: str | None = None
    shadow_file: str | None = None
    on_cut: Literal["error", "continue"] = "error"
    buffer_tool_calls: bool = False


class PointsTable(Strict):
    """What a million tokens take of an offer in points."""

    input: Decimal = Field(default=Decimal(0), ge=0)
    output: Decimal = Field(default=Decimal(0), ge=0)


class BudgetTable(Strict):
    """What may be used of a target: an offer of the catalog, a quota of one's own, or both.

    Days are the vendor's; `until` is the last one that counts.
    """

    target: str
    offer: str | None = None  # id of one of the provider's
    models: tuple[str, ...] = ()
    tokens: int | None = Field(default=None, gt=0)
    input_tokens: int | None = Field(default=None, gt=0)
    output_tokens: int | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, gt=0)
    points: int | None = Field(default=None, gt=0)
    money: str | None = None  # "100.00 CNY"
    kind: Literal["free", "prepaid", "postpaid"] = "free"
    hard: bool = True
    from_: dt.datetime | dt.date | None = Field(default=None, alias="from")
    until: dt.datetime | dt.date | None = None
    days: int | None = Field(default=None, gt=0)  # after activation
    every: Literal["day", "month"] | None = None
    rolling_hours: int | None = Field(default=None, gt=0)
    zone: str | None = None
    points_per_call: Decimal = Field(default=Decimal(0), ge=0)
    points_per_mtok: PointsTable = PointsTable()
    title: str = ""


class AdaptTable(Strict):
    """What to do with a request that cannot be kept as it is."""

    policy: Literal["strict", "warn", "silent"] = "warn"
    n: Literal["refuse", "calls"] = "refuse"  # where a vendor gives one choice a call


class LedgerTable(Strict):
    """Where budgets are kept."""

    url: str | None = Field(default=None, repr=False)
    durable: bool = False  # SQLite waits for the disk at every commit
    on_ledger_error: Literal["refuse", "pass"] = "refuse"  # calls under a hard limit while the books cannot be used


class GatewayTable(Strict):
    """The local gateway."""

    keys: tuple[KeyReference, ...] = Field(default=(), repr=False)


class ConfigFile(Strict):
    """The whole file."""

    suggest: bool = False
    targets: dict[str, TargetTable] = Field(min_length=1)
    models: dict[str, dict[str, str]] = Field(default_factory=dict)
    chains: dict[str, ChainTable] = Field(default_factory=dict)
    budgets: dict[str, BudgetTable] = Field(default_factory=dict)
    adapt: AdaptTable = AdaptTable()
    rates: dict[Literal["CNY", "USD"], Decimal] = Field(
        default_factory=dict[Literal["CNY", "USD"], Decimal]
    )  # what a unit is worth in one currency
    ledger: LedgerTable | None = None
    gateway: GatewayTable | None = None
