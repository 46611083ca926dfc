"""Budgets: what `[budgets]` says, completed by the offer of the catalog that it names."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, Protocol, TypeAlias

from llm_migrate.catalog.schema import Offer, Provider
from llm_migrate.config.file import BudgetTable
from llm_migrate.config.target import nearest
from llm_migrate.errors import ConfigError

Unit: TypeAlias = Literal["tokens", "input-tokens", "output-tokens", "calls", "points", "money"]
Kind: TypeAlias = Literal["free", "prepaid", "postpaid"]
Day: TypeAlias = dt.date | dt.datetime

NANO: Final = 10**9  # of a unit of money, and of a point
_UTC: Final = "UTC"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used of a target, by the configuration.

    Attributes:
        name: as the configuration calls it; with "/" and a model for a share of an offer.
        target: name of the target that it is for.
        provider: id of its provider.
        models: globs of the vendor's ids; empty for all.
        unit: what is counted.
        amount: how much, in units; billionths of money and points; None where nobody states a limit.
        currency: of money.
        kind: what it costs.
        hard: the amount is never passed.
        from_: first day or instant.
        until: last day, or first instant after.
        days: it lasts from its activation on.
        every: it begins anew each day or month.
        rolling_hours: the hours that count, up to now.
        zone: whose days and months.
        points_per_call: billionths of a point.
        points_per_mtok: (input, output) billionths of a point for a million tokens.
        at_zero: what the vendor does when it is used up, as far as known.
        title: for people.
        exclusions: what it may not be used for.
    """

    name: str
    target: str
    provider: str
    models: tuple[str, ...]
    unit: Unit
    amount: int | None
    currency: str | None = None
    kind: Kind = "free"
    hard: bool = True
    from_: Day | None = None
    until: Day | None = None
    days: int | None = None
    every: Literal["day", "month"] | None = None
    rolling_hours: int | None = None
    zone: str = _UTC
    points_per_call: int = 0
    points_per_mtok: tuple[int, int] = (0, 0)
    at_zero: Literal["block", "bill"] | None = None
    title: str = ""
    exclusions: tuple[str, ...] = ()


class Holder(Protocol):
    """What a budget is for: a target of the configuration, or of a simulation."""

    @property
    def name(self) -> str:
        """As the file calls it."""
        ...

    @property
    def provider(self) -> Provider:
        """Whose offers it can have."""
        ...


def read_budgets(tables: Mapping[str, BudgetTable], targets: Mapping[str, Holder]) -> dict[str, Budget]:
    """Return budgets by name.

    Raises:
        ConfigError: one that cannot be kept; says which, and what to write.
    """
    budgets: dict[str, Budget] = {}
    for name, table in tables.items():
        try:
            for budget in _read(name, table, targets):
                budgets[budget.name] = budget
        except ConfigError as e:
            raise ConfigError(f"budgets.{name}: {e}") from None
    return budgets


def _read(name: str, table: BudgetTable, targets: Mapping[str, Holder]) -> list[Budget]:
    target = targets.get(table.target)
    if target is None:
        raise ConfigError(f"target: no such target{nearest(table.target, targets)}")
    offer = _offer(target.provider, table.offer) if table.offer is not None else None
    usual = _of_offer(name, target, offer) if offer is not None else None
    unit, amount, currency = _amount(table, usual)
    zone = table.zone or (usual.zone if usual else target.provider.zone or _UTC)
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ConfigError('zone: no such time zone; write it as "Asia/Shanghai" or "UTC"') from None
    budget = replace(
        usual or Budget(name, target.name, target.provider.id, (), unit, amount),
        unit=unit,
        amount=amount,
        currency=currency,
        zone=zone,
        points_per_call=_nano(table.points_per_call),
        points_per_mtok=(_nano(table.points_per_mtok.input), _nano(table.points_per_mtok.output)),
        **_said(table),
    )
    if budget.days is None and offer is not None and offer.window.kind == "after-activation":
        raise ConfigError("days: the offer lasts from its activation on, and no source says how long: add  days = ...")
    _check(budget, table)
    if offer is None or not offer.split or table.models:
        return [budget]
    return [
        replace(budget, name=f"{name}/{'+'.join(share.models)}", models=share.models, amount=share.amount)
        for share in offer.split
    ]


def _said(table: BudgetTable) -> dict[str, Any]:
    """Return what the file says over anything that the offer says."""
    return {field: getattr(table, field) for field in _FIELDS if field in table.model_fields_set}


_FIELDS: Final = ("models", "kind", "hard", "from_", "until", "days", "every", "rolling_hours", "title")


def _offer(provider: Provider, wanted: str) -> Offer:
    for offer in provider.offers:
        if offer.id == wanted:
            return offer
    known = {offer.id: offer for offer in provider.offers}
    listed = ", ".join(known) or "none"
    raise ConfigError(f"offer: {provider.id} has no offer of that name{nearest(wanted, known)}; there are: {listed}")


def _of_offer(name: str, target: Holder, offer: Offer) -> Budget:
    window = offer.window
    return Budget(
        name,
        target.name,
        target.provider.id,
        offer.models,
        offer.unit,
        offer.amount if offer.amount is None or offer.unit not in ("money", "points") else offer.amount * NANO,
        offer.currency,
        offer.kind,
        from_=window.from_,
        until=window.until,
        days=window.days,
        every="day" if window.kind == "daily" else None,
        rolling_hours=window.hours if window.kind == "rolling" else None,
        zone=window.zone,
        at_zero=offer.at_zero,
        title=offer.name,
        exclusions=offer.exclusions,
    )


def _amount(table: BudgetTable, usual: Budget | None) -> tuple[Unit, int | None, str | None]:
    counted: dict[Unit, int | None] = {
        "tokens": table.tokens,
        "input-tokens": table.input_tokens,
        "output-tokens": table.output_tokens,
        "calls": table.calls,
        "points": table.points * NANO if table.points is not None else None,
    }
    said: list[tuple[Unit, int]] = [(unit, amount) for unit, amount in counted.items() if amount is not None]
    if len(said) + (table.money is not None) > 1:
        raise ConfigError("one budget counts in one unit: write a second one for the other")
    if table.money is not None:
        nano, currency = _money(table.money)
        return "money", nano, currency
    if said:
        return (*said[0], None)
    if usual is None:
        raise ConfigError(
            'how much? add  tokens = ...  (or input_tokens, output_tokens, calls, points, money = "100 CNY")'
        )
    return usual.unit, usual.amount, usual.currency


def _money(text: str) -> tuple[int, str]:
    number, _, currency = text.strip().partition(" ")
    try:
        amount = Decimal(number) * NANO
    except InvalidOperation:
        amount = Decimal(0)
    if amount <= 0 or amount != amount.to_integral_value() or currency not in ("CNY", "USD"):
        raise ConfigError('money: an amount and its currency, CNY or USD, such as  money = "100.00 CNY"')
    return int(amount), currency


def _nano(points: Decimal) -> int:
    return int((points * NANO).to_integral_value())


def _check(budget: Budget, table: BudgetTable) -> None:
    windows = [name for name in ("days", "every", "rolling_hours") if getattr(budget, name) is not None]
    if len(windows) > 1:
        raise ConfigError(f"{' and '.join(windows)}: only one of them")
    if budget.from_ is not None and budget.until is not None and _day(budget.until) < _day(budget.from_):
        raise ConfigError("until: before its beginning")
    for field in ("from_", "until"):
        instant = getattr(budget, field)
        if isinstance(instant, dt.datetime) and instant.tzinfo is None:
            raise ConfigError(f"{field.rstrip('_')}: an instant needs its offset: 2024-07-31T12:00:00+08:00")
    if budget.unit == "points" and not budget.points_per_call and budget.points_per_mtok == (0, 0):
        raise ConfigError(
            "no rate of points is published, so say what a call takes:"
            " points_per_call = ...  or  points_per_mtok = { input = ..., output = ... }"
        )
    if budget.unit != "points" and {"points_per_call", "points_per_mtok"} & table.model_fields_set:
        raise ConfigError("points_per_call and points_per_mtok go with  points = ...")
    if budget.amount is None and budget.hard and "hard" in table.model_fields_set:
        raise ConfigError("hard: the offer has no stated limit: add one, such as  tokens = ...")


def _day(when: Day) -> dt.date:
    return when.date() if isinstance(when, dt.datetime) else when
