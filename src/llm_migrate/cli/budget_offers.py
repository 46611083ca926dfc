"""`llm-migrate budget offers`: what vendors give, and the lines that make a budget of it."""

from __future__ import annotations

import datetime as dt
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from llm_migrate.cli.budget_books import config_option

if TYPE_CHECKING:
    from llm_migrate.report.budget_offers import Named

Format: TypeAlias = Literal["text", "json"]


@click.command("offers")
@click.argument("provider", required=False)
@config_option
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def offers(provider: str | None, path: str | None, *, form: Format) -> None:
    """List the offers of all providers, or of PROVIDER (an id or an alias), with the lines to paste for each.

    Says which are configured already, and which are over. An offer is a fact of its day: look at its source.

    \b
    Examples:
      llm-migrate budget offers
      llm-migrate budget offers zhipu
      llm-migrate budget offers --format json
    """  # noqa: D301 - click wants the character
    from llm_migrate.catalog.load import all_providers, find_provider
    from llm_migrate.report.budget_offers import listed_offers, offers_to_json, offers_to_text
    from llm_migrate.report.ink import wants_colour, width_of

    providers = all_providers() if provider is None else (find_provider(provider),)
    now = dt.datetime.now(dt.UTC)
    listed = listed_offers(providers, _configured(path), now)
    if form == "json":
        click.echo(offers_to_json(listed), nl=False)
        return
    text = offers_to_text(listed, now, width=width_of(sys.stdout), colour=wants_colour(sys.stdout))
    click.echo(text, nl=False)


def _configured(path: str | None) -> Named:
    """Return what the configuration has of each offer; nothing if there is no configuration, which is no fault here."""
    from llm_migrate.catalog.strict import load_toml
    from llm_migrate.config import load_config
    from llm_migrate.config.file import ConfigFile
    from llm_migrate.config.load import find_config
    from llm_migrate.errors import ConfigError

    place = find_config(path)
    if place is None:
        return {}
    config = load_config(place)
    found: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for target in config.targets.values():
        found[target.provider.id, None].append(target.name)
    # A budget does not say which offer it was made of, the file does.
    for name, table in load_toml(place, ConfigFile, ConfigError).budgets.items():
        if table.offer is not None:
            found[config.targets[table.target].provider.id, table.offer].append(name)
    return found
