"""`llm-migrate budget add | activate`: change the configuration, byte for byte, or note an activation in the books."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from llm_migrate.cli.budget_books import budgets_called, config_option, day_or_instant_ms, no_budget, opened

if TYPE_CHECKING:
    from llm_migrate.config.toml_text import Value


def _number(text: str) -> Decimal:
    """Return a number of at least zero, every digit kept."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        raise click.BadParameter(f"{text!r} is not a number of at least 0")
    return number


def _when(text: str) -> dt.date:
    """Return an ISO day, or an instant with its offset, as the configuration takes them."""
    try:
        return dt.date.fromisoformat(text) if "T" not in text else dt.datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a day such as 2024-07-31 nor an instant such as 2024-07-31T12:00:00+08:00"
        ) from None


_COUNT = click.IntRange(1, 2**62)


@click.command("add")
@click.argument("name")
@config_option
@click.option("--target", required=True, metavar="T", help="Name of the target that it is for.")
@click.option("--offer", metavar="ID", help="An offer of the catalog: llm-migrate budget offers lists them.")
@click.option("--tokens", type=_COUNT, metavar="N", help="How many, in and out together.")
@click.option("--input-tokens", type=_COUNT, metavar="N")
@click.option("--output-tokens", type=_COUNT, metavar="N")
@click.option("--calls", type=_COUNT, metavar="N")
@click.option("--points", type=_COUNT, metavar="N")
@click.option("--money", metavar="AMOUNT", help='With its currency: "100.00 CNY".')
@click.option("--model", "models", multiple=True, metavar="GLOB", help="Only for these ids of the vendor; repeatable.")
@click.option("--kind", type=click.Choice(["free", "prepaid", "postpaid"]))
@click.option("--soft", is_flag=True, help="Warn when it is used up, and go on.")
@click.option("--from", "from_", type=_when, metavar="DAY", help="First day, where the vendor is, or instant.")
@click.option("--until", type=_when, metavar="DAY", help="Last day that counts, or first instant that does not.")
@click.option("--days", type=_COUNT, metavar="N", help="It lasts so long from its activation on.")
@click.option("--every", type=click.Choice(["day", "month"]), help="It begins anew with each.")
@click.option("--rolling-hours", type=_COUNT, metavar="N", help="Only what was used in the last N hours counts.")
@click.option("--zone", metavar="ZONE", help="Whose days: Asia/Shanghai, UTC; the vendor's by default.")
@click.option("--points-per-call", type=_number, metavar="X")
@click.option("--points-per-mtok", type=_number, nargs=2, metavar="IN OUT", help="For a million tokens.")
@click.option("--title", metavar="TEXT", help="For people.")
@click.option("--dry-run", is_flag=True, help="Show what would be added, and change nothing.")
def add(name: str, path: str | None, *, dry_run: bool, **said: object) -> None:
    """Add a budget called NAME at the end of the configuration; not a byte of what is there changes.

    Says how much by an offer of the catalog or by one amount, or changes an offer by the other options.
    The new text is loaded first, and takes the place of the old one only if it is sound.

    \b
    Examples:
      llm-migrate budget add gift --target zhipu --offer move-from-openai-2024 --until 2024-07-31
      llm-migrate budget add limit --target kimi --money "100.00 CNY" --kind postpaid --every month
      llm-migrate budget add trial --target qwen --tokens 1000000 --days 90 --dry-run
    """  # noqa: D301 - click wants the character
    from llm_migrate.config.append import append_table
    from llm_migrate.config.load import find_config, load_config
    from llm_migrate.errors import ConfigError, UsageError

    if not name or "/" in name:
        raise UsageError('NAME: at least one character, and no "/", which stands in the names of shares')
    place = find_config(path)
    if place is None:
        load_config(None)  # says where it was looked for
        raise ConfigError("no configuration found")
    if name in {budget.partition("/")[0] for budget in load_config(place).budgets}:
        raise UsageError(f"{name}: there is a budget of that name: take another one, or edit the file")
    diff = append_table(place, ("budgets", name), _values(said), dry_run=dry_run)
    click.echo(diff, nl=False)
    click.echo(f"{place}: {'would get' if dry_run else 'has'} the budget {name}", err=True)


def _values(said: Mapping[str, object]) -> dict[str, Value]:
    """Return the keys and values of the table, in the order in which the documentation has them."""
    from llm_migrate.config.file import BudgetTable

    values: dict[str, Value] = {}
    for field in BudgetTable.model_fields:
        value = not said["soft"] if field == "hard" else said.get(field)
        key = field.rstrip("_")
        match value:
            case None | () | True:
                continue
            case (Decimal() as given, Decimal() as written):
                values[key] = {"input": given, "output": written}
            case tuple():
                values[key] = tuple(str(part) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            case str() | int() | Decimal() | dt.date():
                values[key] = value
            case _:
                raise TypeError(field)
    return values


@click.command("activate")
@click.argument("offer")
@config_option
@click.option(
    "--at",
    "when",
    required=True,
    metavar="WHEN",
    help='A day where the vendor is (2024-07-01), an instant with its offset, or "now".',
)
def activate(offer: str, path: str | None, *, when: str) -> None:
    """Say when OFFER was activated, a budget with  days = N:  it lasts N times 24 hours from then on.

    \b
    Examples:
      llm-migrate budget activate trial --at 2024-07-01
      llm-migrate budget activate trial --at 2024-07-01T09:30:00+08:00
      llm-migrate budget activate trial --at now
    """  # noqa: D301 - click wants the character
    from llm_migrate.config import load_config
    from llm_migrate.errors import UsageError
    from llm_migrate.ledger.books import Activate
    from llm_migrate.ledger.offers import offers_of
    from llm_migrate.report.budget_words import instant

    config = load_config(path)
    budgets = budgets_called(config, offer)
    if not budgets:
        raise no_budget(config, offer)
    if any(budget.days is None for budget in budgets):
        raise UsageError(f"{offer}: does not count from an activation: its configuration has no  days = ...")
    with opened(config) as store:
        before = store.activations()
        store.apply([Activate(b.name, day_or_instant_ms(when, b.zone, "--at")) for b in budgets])
        after = offers_of(budgets, store.activations())
    for found in after.values():
        window = found.window
        if window is None or window.from_s is None or window.until_s is None:
            continue
        zone = found.budget.zone
        lasts = f"{instant(window.from_s * 1000, zone)} to {instant(window.until_s * 1000, zone)}"
        old = before.get(found.id)
        was = f" (was {instant(old, zone)})" if old is not None and old // 1000 != window.from_s else ""
        click.echo(f"{found.id}: {lasts}{was}")
    sys.stdout.flush()
