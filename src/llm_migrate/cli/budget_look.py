"""`llm-migrate budget status | forecast | explain | export`: look at the books, change nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from llm_migrate.cli.budget_books import (
    BOOKS_FAILED,
    at_option,
    budgets_called,
    config_option,
    day_or_instant_ms,
    no_budget,
    now_ms,
    opened,
    write,
)

if TYPE_CHECKING:
    from llm_migrate.config import Chain, Config
    from llm_migrate.ledger.books import Entry, Store
    from llm_migrate.ledger.forecast import Forecast
    from llm_migrate.ledger.status import Account, Status

Format: TypeAlias = Literal["text", "json", "html"]

_UNBALANCED = 1  # exit code


@click.command("status")
@config_option
@at_option
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True, help="How."
)
@click.option("-o", "--output", "place", metavar="FILE", help="Write there; standard output by default.")
def status(path: str | None, when: str | None, *, form: Format, place: str | None) -> None:
    """Show of each offer what is spent, reserved, unresolved and free, how long it lasts, and the pace.

    The page of --format html is one file with charts; it loads nothing.

    \b
    Examples:
      llm-migrate budget status
      llm-migrate budget status --format json
      llm-migrate budget status --format html -o budgets.html
    """  # noqa: D301 - click wants the character
    from llm_migrate.config import load_config
    from llm_migrate.report.budget_json import status_to_json
    from llm_migrate.report.budget_text import status_to_text
    from llm_migrate.report.ink import wants_colour, width_of

    config = load_config(path)
    if config.ledger is None:
        now, statuses, page = _now_without_books(when), [], ""
    else:
        with opened(config) as store:
            now = now_ms(store, when)
            statuses = _statuses(config, store, now)
            page = _page(config, store, statuses, now) if form == "html" else ""
    if form == "html":
        text = page or _page(config, None, [], now)
    elif form == "json":
        text = status_to_json(statuses, now)
    else:
        colour = place is None and wants_colour(sys.stdout)
        text = status_to_text(statuses, now, width=width_of(sys.stdout), colour=colour)
    write([text], place)


@click.command("forecast")
@config_option
@at_option
@click.option("--chain", "chain_name", metavar="NAME", help='The chain whose order is reckoned with; "default" else.')
@click.option(
    "--tokens-per-day",
    type=click.IntRange(0, 10**15),
    metavar="N",
    help="Reckon with so many; by default with what the last 24 hours took.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def forecast(
    path: str | None, when: str | None, *, chain_name: str | None, tokens_per_day: int | None, form: Format
) -> None:
    """Say when each offer runs out, what will expire unused, and which order of spending wastes least.

    \b
    Examples:
      llm-migrate budget forecast
      llm-migrate budget forecast --tokens-per-day 2000000
      llm-migrate budget forecast --chain cheap --format json
    """  # noqa: D301 - click wants the character
    from llm_migrate.config import load_config
    from llm_migrate.report.budget_json import forecast_to_json
    from llm_migrate.report.budget_text import forecast_to_text
    from llm_migrate.report.ink import wants_colour, width_of

    config = load_config(path)
    chain = _chain(config, chain_name)
    with opened(config) as store:
        now = now_ms(store, when)
        statuses = _statuses(config, store, now)
    forecasts = _forecasts(chain, statuses, now, tokens_per_day)
    if form == "json":
        click.echo(forecast_to_json(forecasts, now, chain=chain.name, order=chain.order), nl=False)
        return
    colour, width = wants_colour(sys.stdout), width_of(sys.stdout)
    text = forecast_to_text(forecasts, now, chain=chain.name, order=chain.order, width=width, colour=colour)
    click.echo(text, nl=False)


@click.command("explain")
@click.argument("offer")
@config_option
@click.option("--all", "every", is_flag=True, help="Show each entry, too.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def explain(offer: str, path: str | None, *, every: bool, form: Format) -> None:
    """Say where each unit of the balances of OFFER comes from, and check that they add up.

    OFFER is the name of a budget. Exit code 1 if the books do not balance, which must never be.

    \b
    Examples:
      llm-migrate budget explain gift
      llm-migrate budget explain gift --all --format json
    """  # noqa: D301 - click wants the character
    from llm_migrate.config import load_config
    from llm_migrate.report.budget_json import accounts_to_json
    from llm_migrate.report.budget_text import account_to_text
    from llm_migrate.report.ink import wants_colour, width_of

    config = load_config(path)
    with opened(config) as store:
        accounts = _accounts(config, store, offer)
    if form == "json":
        click.echo(accounts_to_json(accounts, config.budgets, every=every), nl=False)
    else:
        width, colour = width_of(sys.stdout), wants_colour(sys.stdout)
        pages = [
            account_to_text(account, config.budgets.get(account.offer), every=every, width=width, colour=colour)
            for account in accounts
        ]
        click.echo("\n".join(pages), nl=False)
    if any(account.faults for account in accounts):
        sys.exit(_UNBALANCED if any(a.faults and a.settled for a in accounts) else BOOKS_FAILED)


@click.command("export")
@config_option
@click.option("--offer", metavar="NAME", help="Only what was charged to this budget.")
@click.option("--since", metavar="DAY", help="Only from this day of the budget's zone on, or instant with its offset.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True, help="How to write."
)
@click.option("-o", "--output", "place", metavar="FILE", help="Write there; standard output by default.")
def export(
    path: str | None, *, offer: str | None, since: str | None, form: Literal["csv", "jsonl"], place: str | None
) -> None:
    """Write the entries of the books, in the order of booking.

    Amounts are integers as in the books (money and points in billionths); `quantity` is the same in whole units.

    \b
    Examples:
      llm-migrate budget export -o entries.csv
      llm-migrate budget export --offer gift --since 2024-07-01 --format jsonl
    """  # noqa: D301 - click wants the character
    from llm_migrate.config import load_config
    from llm_migrate.report.budget_json import entries_to_csv, entries_to_jsonl

    config = load_config(path)
    with opened(config) as store:
        entries = _entries(config, store, offer, since)
    write((entries_to_csv if form == "csv" else entries_to_jsonl)(entries, config.budgets), place)


def _now_without_books(when: str | None) -> int:
    """Return the instant to look from where there are no books that know of a later one."""
    from llm_migrate.cli.budget_books import instant_ms

    return instant_ms(when or "now", "--at")


def _statuses(config: Config, store: Store, now: int) -> list[Status]:
    from llm_migrate.ledger.offers import offers_of
    from llm_migrate.ledger.status import WEEK_MS, statuses_of

    offers = offers_of(config.budgets.values(), store.activations())
    return statuses_of(offers.values(), store.balances(), store.entries(since=now - WEEK_MS), now)


def _page(config: Config, store: Store | None, statuses: Sequence[Status], now: int) -> str:
    from llm_migrate.report.budget_html import status_to_html

    chain = _chain(config, None)
    entries: Mapping[str, Sequence[Entry]] = {
        status.offer.id: store.entries(status.offer.id) for status in statuses if store is not None
    }
    forecasts = _forecasts(chain, statuses, now, None)
    return status_to_html(statuses, forecasts, entries, now, chain=chain.name, order=chain.order)


def _chain(config: Config, name: str | None) -> Chain:
    return config.chain(name or ("default" if "default" in config.chains else next(iter(config.chains))))


def _forecasts(chain: Chain, statuses: Sequence[Status], now: int, tokens_per_day: int | None) -> list[Forecast]:
    from llm_migrate.ledger.forecast import forecast as look_ahead

    in_order = chain.order != "free-first"
    places = {target.name: place if in_order else 0 for place, target in enumerate(chain.targets)}
    return look_ahead(statuses, places, now, tokens_per_day=tokens_per_day)


def _accounts(config: Config, store: Store, name: str) -> list[Account]:
    from llm_migrate.ledger.status import account_of

    names = [budget.name for budget in budgets_called(config, name)]
    if not names and any(balance.offer == name for balance in store.balances()):
        names = [name]  # the configuration does not have it any more, the books keep it
    if not names:
        raise no_budget(config, name)
    return [account_of(store, found) for found in names]


def _entries(config: Config, store: Store, name: str | None, since: str | None) -> list[Entry]:
    names = {budget.name for budget in budgets_called(config, name)} if name is not None else None
    if name is not None and not names:
        if not any(balance.offer == name for balance in store.balances()):
            raise no_budget(config, name)
        names = {name}
    zones = {budget.name: budget.zone for budget in config.budgets.values()}
    entries = [entry for entry in store.entries() if names is None or entry.offer in names]
    if since is None:
        return entries
    starts = {
        offer: day_or_instant_ms(since, zones.get(offer, "UTC"), "--since") for offer in {e.offer for e in entries}
    }
    return [entry for entry in entries if entry.at >= starts[entry.offer]]
