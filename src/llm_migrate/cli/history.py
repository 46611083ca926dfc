"""`llm-migrate history`: list the rewrites of a tree that can be undone."""

from __future__ import annotations

import click


@click.command("history", epilog="\b\nExample:\n  llm-migrate history .")
@click.argument("path", default=".")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(path: str, form: str) -> None:
    """List the rewrites of a tree that can be undone, newest first.

    Their old files are kept in PATH/.llm-migrate, which git does not see; the copies may contain secrets.
    """
    from llm_migrate.cli.undo import tree_of
    from llm_migrate.report.rewrite_json import history_json
    from llm_migrate.report.rewrite_text import history_text
    from llm_migrate.rewrite.journal import load_journals

    root = tree_of(path)
    journals = load_journals(root)
    click.echo(history_json(root, journals) if form == "json" else history_text(journals), nl=False)
