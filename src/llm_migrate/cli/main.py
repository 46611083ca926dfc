"""The `llm-migrate` command: a group whose verbs are imported only when they run."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from llm_migrate._version import __version__
from llm_migrate.errors import MigrateError

# verb -> (module, one line for the group's help, so that --help imports no verb)
VERBS: dict[str, tuple[str, str]] = {
    "scan": ("llm_migrate.cli.scan", "Find every dependency on a provider and say what breaks elsewhere."),
    "rewrite": ("llm_migrate.cli.rewrite", "Change code and configuration to another provider, reversibly."),
    "undo": ("llm_migrate.cli.undo", "Bring back every byte that a rewrite changed."),
    "history": ("llm_migrate.cli.history", "List the rewrites of a tree that can be undone."),
    "check": ("llm_migrate.cli.check", "Look whether calls would succeed, and what would happen if not."),
    "budget": ("llm_migrate.cli.budget", "Budgets: what is left of them, what will expire, and every unit explained."),
    "providers": ("llm_migrate.cli.providers", "Show what is known of each provider, with sources."),
}


class _Verbs(click.Group):
    """Loads a verb's module when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llm-migrate")
def cli() -> None:
    """Carry a code base from one LLM provider to the next.

    \b
    Example:
      llm-migrate scan . --to zhipu
      llm-migrate rewrite . --to zhipu            (prints a diff)
      llm-migrate rewrite . --to zhipu --write
      llm-migrate undo .
    """  # noqa: D301 - click wants the character


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; errors of ours and of the system become one message and exit code 2."""
    if sys.stdout is None:  # the descriptor is closed
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
    try:
        return cli.main(args=argv, prog_name="llm-migrate")
    except MigrateError as e:
        click.echo(f"llm-migrate: {e}", err=True)
        sys.exit(2)
    except OSError as e:  # a full disk behind a redirected report; click itself ends quietly when a reader is gone
        place = f"{e.filename}: " if e.filename else ""
        click.echo(f"llm-migrate: {place}{e.strerror or e}", err=True)
        _abandon_output()
        sys.exit(2)


def _abandon_output() -> None:
    """Point standard output at nothing, so that what could not be written is not tried again at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
