"""`llm-migrate budget reconcile`: hold the books against a vendor's usage or bill."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from llm_migrate.cli.budget_books import budgets_called, config_option, no_budget, now_ms, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_migrate.catalog.bill import BillShape
    from llm_migrate.config import Config
    from llm_migrate.ledger.books import Outcome, Store
    from llm_migrate.ledger.offers import Offer
    from llm_migrate.ledger.reconcile import Books, Reconciliation

Format: TypeAlias = Literal["text", "json"]


@click.command("reconcile")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@click.option(
    "--mapping",
    metavar="MAP.toml",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Says what the columns of FILE are.",
)
@click.option("--vendor", metavar="ID", help="Whose file it is; known ones need no mapping.")
@click.option("--offer", "names", metavar="NAME", multiple=True, help="Only this budget; may be given several times.")
@click.option("--write-off", is_flag=True, help="End at nothing what is unresolved on the days of FILE.")
@click.option("--dry-run", is_flag=True, help="Only tell; book nothing.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(
    file: Path,
    path: str | None,
    *,
    mapping: Path | None,
    vendor: str | None,
    names: tuple[str, ...],
    write_off: bool,
    dry_run: bool,
    form: Format,
) -> None:
    """Hold the books against FILE, a vendor's usage or bill, and book the differences.

    FILE is a table with a head (CSV), or a ZIP file of such. Calls are matched by their id where the file has one that
    we know, the others by day and model. Nothing that is booked is changed: a difference is an entry of its own, and
    a file that comes again changes nothing. One line that cannot be read, and nothing is booked.

    Exit code: 0 the books agree within 2 percent, 1 they did not, 2 wrong use or a file that cannot be read,
    3 the books cannot be opened, read or written.

    \b
    Examples:
      llm-migrate budget reconcile usage_data_2026_11.zip --vendor deepseek --dry-run
      llm-migrate budget reconcile bill.csv --mapping bill.toml --offer july
    """  # noqa: D301 - click wants the character
    from llm_migrate.config import load_config
    from llm_migrate.report.ink import wants_colour, width_of
    from llm_migrate.report.reconcile import Reconciled, reconcile_to_json, reconcile_to_text

    if mapping is not None and vendor is not None:
        raise click.UsageError("--mapping says itself whose file it is (provider = ...): leave --vendor away")
    config = load_config(path)
    provider, shapes = _shapes(config, mapping, vendor)
    offers = _offers(config, provider, names)
    found, outcomes = _reconcile(
        file, shapes, _usual_zone(provider), config, offers, write_off=write_off, dry_run=dry_run
    )
    said = Reconciled(file.name, found, tuple(outcomes), {offer.id: offer.budget for offer in offers}, dry_run)
    if form == "json":
        click.echo(reconcile_to_json(said), nl=False)
    else:
        click.echo(reconcile_to_text(said, width_of(sys.stdout), wants_colour(sys.stdout)), nl=False, color=True)
    sys.exit(1 if found.alarm else 0)


def _shapes(config: Config, mapping: Path | None, vendor: str | None) -> tuple[str | None, Sequence[BillShape]]:
    """Return whose file it is, if that is said or there is only one, and how it may be written."""
    from llm_migrate.catalog.bill import MappingFile
    from llm_migrate.catalog.load import find_provider
    from llm_migrate.catalog.strict import load_toml
    from llm_migrate.errors import ConfigError, UsageError

    if not config.budgets:
        raise ConfigError("the configuration has no budgets: add one with  llm-migrate budget add")
    if mapping is not None:
        said = load_toml(mapping, MappingFile, UsageError, label=str(mapping))
        return (find_provider(said.provider).id if said.provider else None), [said]
    providers = {budget.provider for budget in config.budgets.values()}
    if vendor is None and len(providers) != 1:
        raise UsageError(f"whose file is it? add  --vendor ID  (one of: {', '.join(sorted(providers))})")
    provider = find_provider(vendor or providers.pop())
    if not provider.bills:
        raise UsageError(
            f"{provider.id}: how its files are written is not documented:"
            " say what the columns are in a file, and give that with  --mapping"
        )
    return provider.id, provider.bills


def _offers(config: Config, provider: str | None, names: tuple[str, ...]) -> list[Offer]:
    """Return the budgets that a file can be about: those of one account."""
    from llm_migrate.errors import UsageError
    from llm_migrate.ledger.offers import offers_of

    for name in names:
        if not budgets_called(config, name):
            raise no_budget(config, name)
    named = [budget for name in names for budget in budgets_called(config, name)] or config.budgets.values()
    budgets = [budget for budget in named if provider in (None, budget.provider)]
    if not budgets:
        raise UsageError(f"no budget is for {provider}" + (f" among {', '.join(names)}" if names else ""))
    targets = sorted({budget.target for budget in budgets})
    if len(targets) > 1 and not names:
        raise UsageError(
            f"budgets of several targets could be meant ({', '.join(targets)}): name those of the account that the"
            f" file is of with  --offer  ({', '.join(budget.name for budget in budgets)})"
        )
    return list(offers_of(budgets, {}).values())


def _usual_zone(provider: str | None) -> str:
    from llm_migrate.catalog.load import find_provider

    return (find_provider(provider).zone if provider else None) or "UTC"


def _reconcile(
    file: Path,
    shapes: Sequence[BillShape],
    zone: str,
    config: Config,
    offers: Sequence[Offer],
    *,
    write_off: bool,
    dry_run: bool,
) -> tuple[Reconciliation, list[Outcome]]:
    from llm_migrate.errors import UsageError
    from llm_migrate.ledger.bill import read_bill
    from llm_migrate.ledger.reconcile import first_instant, reconcile

    bill = read_bill(file.name, file.read_bytes(), shapes, zone)
    if not bill.lines:
        raise UsageError(f"{file.name}: no line of it counts anything")
    with opened(config) as store:
        books = _books(store, offers, first_instant(bill.lines, bill.zone))
        now = now_ms(store, None)
        found = reconcile(bill.lines, books, zone=bill.zone, now_ms=now, write_off=write_off)
        return found, [] if dry_run else store.apply(found.operations)


def _books(store: Store, offers: Sequence[Offer], since: int) -> Books:
    from llm_migrate.ledger.offers import offers_of
    from llm_migrate.ledger.reconcile import Books

    usable = offers_of([offer.budget for offer in offers], store.activations())
    return Books(
        usable,
        [entry for entry in store.entries(since=since) if entry.offer in usable],
        [held for held in store.open_reservations() if held.offer in usable],
    )
