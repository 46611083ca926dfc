"""`llm-migrate providers`: show what is known of each provider."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

if TYPE_CHECKING:
    from llm_migrate.catalog.schema import Provider

Format: TypeAlias = Literal["text", "json"]

_SCHEMA = "llm-migrate/providers/1"
_WIDEST = 140  # longer lines are hard to read


@click.command()
@click.argument("name", required=False)
@click.option("--models", is_flag=True, help="Show only models, retired ones too.")
@click.option("--offers", is_flag=True, help="Show only free quotas and other offers.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(name: str | None, *, models: bool, offers: bool, form: Format) -> None:
    """Show what is known of each provider, or of NAME (an id or an alias).

    \b
    Examples:
      llm-migrate providers
      llm-migrate providers zhipu
      llm-migrate providers kimi --models
      llm-migrate providers --offers --format json
    """  # noqa: D301 - click wants the character
    from llm_migrate.catalog.load import all_providers, find_provider

    chosen = all_providers() if name is None else (find_provider(name),)
    if form == "json":
        body = _json_body(chosen, whole=name is not None, models=models, offers=offers)
        click.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        _print_text(chosen, whole=name is not None, models=models, offers=offers)


def _print_text(chosen: Sequence[Provider], *, whole: bool, models: bool, offers: bool) -> None:
    from llm_migrate.report.providers import detail_sections, list_section, model_sections, offer_sections
    from llm_migrate.report.sections import Section, print_sections

    today = dt.datetime.now().astimezone().date()
    sections: list[Section] = []
    if models:
        sections += model_sections(chosen, today, everything=True)
    if offers:
        sections += offer_sections(chosen, today)
    if not (models or offers):
        sections = detail_sections(chosen[0], today) if whole else [list_section(chosen, today)]
    if not sections:
        sections = [Section("", lines=("Nothing of the kind is known.",))]
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    print_sections(sections, sys.stdout, width=width, colour=colour)


def _json_body(chosen: Sequence[Provider], *, whole: bool, models: bool, offers: bool) -> dict[str, object]:
    """Return the JSON document: of each provider all facts, a summary, or only what was asked for."""
    wanted: set[str] | None = None
    if models or offers:
        wanted = {"id", "name", *(["models"] if models else []), *(["offers"] if offers else [])}
    elif not whole:
        wanted = {"id", "name", "aliases", "dialect", "home", "zone", "endpoints", "auth"}
    rows = [p.model_dump(mode="json", by_alias=True, exclude_none=True, include=wanted) for p in chosen]
    return {"schema": _SCHEMA, "providers": rows}
