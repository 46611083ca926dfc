"""`llm-migrate budget`: a group whose commands are imported only when they run."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Final

import click

# command -> (module, its name there, one line for the group's help)
_COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "status": ("llm_migrate.cli.budget_look", "status", "Show what is spent and left of each offer."),
    "forecast": ("llm_migrate.cli.budget_look", "forecast", "Say when offers run out and what expires unused."),
    "explain": ("llm_migrate.cli.budget_look", "explain", "Say where each unit of a balance comes from."),
    "export": ("llm_migrate.cli.budget_look", "export", "Write the entries of the books as CSV or JSON lines."),
    "offers": ("llm_migrate.cli.budget_offers", "offers", "List what vendors give, with the lines to paste."),
    "add": ("llm_migrate.cli.budget_change", "add", "Add a budget to the configuration."),
    "activate": ("llm_migrate.cli.budget_change", "activate", "Say when an offer was activated."),
    "reconcile": ("llm_migrate.cli.budget_reconcile", "command", "Compare the books with a vendor's own figures."),
    "simulate": ("llm_migrate.cli.budget_simulate", "command", "Say what a workload would cost under each order."),
}


class _Commands(click.Group):
    """Loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return _present()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _present():
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items() if name in _present()])


def _present() -> list[str]:
    return [name for name, (module, _, _) in _COMMANDS.items() if importlib.util.find_spec(module) is not None]


@click.group("budget", cls=_Commands)
def command() -> None:
    """Budgets: what free quotas and limits of one's own hold, and what becomes of them.

    \b
    Exit code: 0 all is well, 1 the books do not balance or agree with a bill,
    2 wrong use, 3 the books cannot be opened, read or written.

    \b
    Examples:
      llm-migrate budget offers
      llm-migrate budget add gift --target zhipu --tokens 5000000 --until 2024-07-31
      llm-migrate budget status
      llm-migrate budget forecast --tokens-per-day 2000000
    """  # noqa: D301 - click wants the character
