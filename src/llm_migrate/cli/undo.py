"""`llm-migrate undo`: bring back every byte that a rewrite changed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from llm_migrate.errors import UsageError


@click.command("undo", epilog="\b\nExample:\n  llm-migrate undo .")
@click.argument("path", default=".")
@click.option(
    "--id", "wanted", default=None, metavar="ID", help="Which rewrite, as `history` lists them; the latest by default."
)
@click.option("--force", is_flag=True, help="Bring old bytes back even over files that were changed since.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(path: str, wanted: str | None, force: bool, form: str) -> None:
    """Bring back every byte that a rewrite changed, also one that was interrupted.

    A file that was changed after the rewrite is left as it is, unless --force is given; exit code 1 says so.
    """
    from llm_migrate.rewrite.undo import undo

    root = tree_of(path)
    undone = undo(root, wanted=wanted, force=force)
    if form == "json":
        from llm_migrate.report.rewrite_json import undo_json

        click.echo(undo_json(root, undone), nl=False)
    elif undone is None:
        click.echo(f"{path}: no rewrite to undo")
    else:
        count = len(undone.restored)
        was = " (it had been interrupted)" if undone.interrupted else ""
        click.echo(f"{undone.id}{was}: {count} file{'s'[: count != 1]} as before")
        for file, reason in undone.refused:
            click.echo(f"  {file.encode('utf-8', 'backslashreplace').decode()}: {reason}")
    if undone is not None and undone.refused:
        sys.exit(1)


def tree_of(path: str) -> Path:
    """Return the tree that a path names; for a file, its folder.

    Raises:
        UsageError: nothing is there.
    """
    if not Path(path).exists():
        raise UsageError(f"{path}: no such file or folder")
    resolved = Path(path).resolve()
    return resolved if resolved.is_dir() else resolved.parent
