"""`llm-migrate budget simulate`: what a workload would have cost under each order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

if TYPE_CHECKING:
    from llm_migrate.ledger.simulate import Order

Format: TypeAlias = Literal["text", "json"]


@click.command("simulate")
@click.argument("file", metavar="WORKLOAD.toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--order",
    "orders",
    type=click.Choice(["ordered", "free-first", "cheapest"]),
    multiple=True,
    help="Only this order; may be given several times. All by default.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(file: Path, *, orders: tuple[Order, ...], form: Format) -> None:
    """Say what the calls of WORKLOAD.toml would have cost under each order of its targets.

    The file says how many tokens a day go in and out, for how many days from which one on, and which targets with
    which offers could answer. Nothing is sent, and no books are opened. A price that nobody knows stays unknown.

    \b
    Examples:
      llm-migrate budget simulate examples/july_2024/workload.toml
      llm-migrate budget simulate workload.toml --order free-first --format json
    """  # noqa: D301 - click wants the character
    from llm_migrate.config.workload import load_workload
    from llm_migrate.ledger.simulate import ORDERS, notes, simulate
    from llm_migrate.report.ink import wants_colour, width_of
    from llm_migrate.report.simulate import simulate_to_json, simulate_to_text

    workload = load_workload(file)
    outcomes = [simulate(workload, order) for order in dict.fromkeys(orders or ORDERS)]
    remarks = list(notes(workload))
    if form == "json":
        click.echo(simulate_to_json(workload, outcomes, remarks), nl=False)
        return
    text = simulate_to_text(workload, outcomes, remarks, width=width_of(sys.stdout), colour=wants_colour(sys.stdout))
    click.echo(text, nl=False, color=True)
