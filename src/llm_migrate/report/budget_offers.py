"""The offers of the catalog, with the lines of `llm-migrate.toml` that make a budget of each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from llm_migrate.catalog.schema import Offer, Provider
from llm_migrate.config.toml_text import Value, table_lines
from llm_migrate.ledger.zone import load_zone
from llm_migrate.report.cells import printable, wrapped
from llm_migrate.report.ink import paint
from llm_migrate.report.providers import offer_words

# (id of a provider, id of its offer or None) -> names of targets at it, or of budgets of it
Named: TypeAlias = Mapping[tuple[str, str | None], Sequence[str]]

_SCHEMA: Final = "llm-migrate/budget-offers/1"


@dataclass(frozen=True, slots=True)
class Listed:
    """An offer and what the configuration makes of it.

    Attributes:
        provider: that gives it.
        offer: the facts.
        over: its last day has passed.
        budgets: names of the budgets that are of it.
        lines: what to paste.
        gaps: what must be said besides, because no source says it.
    """

    provider: Provider
    offer: Offer
    over: bool
    budgets: tuple[str, ...]
    lines: tuple[str, ...]
    gaps: tuple[str, ...]


def listed_offers(providers: Sequence[Provider], configured: Named, now: dt.datetime) -> list[Listed]:
    """Return all offers of providers.

    Args:
        providers: in the order wanted.
        configured: names of budgets by offer, and of targets by provider.
        now: the instant, with its zone.
    """
    return [_listed(provider, offer, configured, now) for provider in providers for offer in provider.offers]


def offers_to_text(listed: Sequence[Listed], now: dt.datetime, *, width: int, colour: bool) -> str:
    """Return offers for people."""
    lines: list[str] = []
    for one in listed:
        offer, provider = one.offer, one.provider
        state = "over" if one.over else f"in use as {', '.join(one.budgets)}" if one.budgets else ""
        lines.append(paint(f"{provider.id} / {offer.id}", "1", colour) + (f"  ({state})" if state else ""))
        lines += wrapped(printable(offer.name), width, first="  ", then="  ")
        name_and_window, what, conditions = offer_words(offer, _today(offer, now))
        for text in (name_and_window.partition("\n")[2], what.replace("\n", "; "), conditions):
            lines += wrapped(printable(text), width, first="  ", then="    ")
        lines += wrapped(printable(f"source ({offer.checked}): {offer.source}"), width, first="  ", then="    ")
        if not one.over and not one.budgets:
            lines += [f"      {line}" for line in (*one.lines, *(f"# {gap}" for gap in one.gaps))]
        lines.append("")
    if not listed:
        lines = ["No offers are known.", ""]
    return "\n".join(line.rstrip() for line in lines[:-1]) + "\n"


def offers_to_json(listed: Sequence[Listed]) -> str:
    """Return offers as one JSON document."""
    rows = [
        {
            "provider": one.provider.id,
            **one.offer.model_dump(mode="json", by_alias=True, exclude_none=True),
            "over": one.over,
            "budgets": list(one.budgets),
            "lines": "\n".join(one.lines) + "\n",
            "gaps": list(one.gaps),
        }
        for one in listed
    ]
    return json.dumps({"schema": _SCHEMA, "offers": rows}, ensure_ascii=False, indent=2) + "\n"


def _today(offer: Offer, now: dt.datetime) -> dt.date:
    """Return the day where the vendor is."""
    return now.astimezone(load_zone(offer.window.zone)).date()


def _listed(provider: Provider, offer: Offer, configured: Named, now: dt.datetime) -> Listed:
    until = offer.window.until
    targets = configured.get((provider.id, None), ())
    values: dict[str, Value] = {"target": targets[0] if targets else provider.id, "offer": offer.id}
    return Listed(
        provider,
        offer,
        until is not None and until < _today(offer, now),
        tuple(configured.get((provider.id, offer.id), ())),
        tuple(table_lines(("budgets", offer.id), values)),
        tuple(_gaps(offer, bool(targets))),
    )


def _gaps(offer: Offer, has_target: bool) -> Iterator[str]:
    """Yield what a person must still say."""
    if not has_target:
        yield "target: the name of your target at this vendor"
    window = offer.window
    if window.kind == "after-activation":
        if window.days is None:
            yield "days = ...  how many days after activation; no source says it"
        yield "then run  llm-migrate budget activate"
    if window.kind == "fixed" and window.until is None:
        yield "until = ...  its last day, if you know it; no source says it"
    if offer.unit == "points":
        yield "points_per_call = ...  or  points_per_mtok = { input = ..., output = ... }: no rate is published"
    if offer.amount is None:
        yield "tokens = ...  if you want a limit; none is stated"
