"""`llm-migrate rewrite`: change code and configuration to another provider, reversibly."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from llm_migrate.errors import RewriteError, UsageError

if TYPE_CHECKING:
    from llm_migrate.rewrite.apply import Applied
    from llm_migrate.rewrite.plan import Plan
    from llm_migrate.rewrite.target import Move
    from llm_migrate.scan.finding import Kind

_KINDS: Final = ("client", "api-call", "model", "base-url", "credential", "config", "raw-http")


@click.command(
    "rewrite",
    epilog="\b\nExample:\n"
    "  llm-migrate rewrite . --to zhipu > zhipu.patch\n"
    "  git apply zhipu.patch\n"
    "  llm-migrate rewrite . --to zhipu --map text-embedding-3-small=embedding-3 --write",
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--to", "to", required=True, metavar="PROVIDER[:MODEL]", help="The new provider, and one model for all chats."
)
@click.option("--from", "source", default=None, metavar="PROVIDER", help="The provider to leave; openai by default.")
@click.option(
    "--strategy", type=click.Choice(["endpoint"]), default="endpoint", help="Keep the SDK, change what it talks to."
)
@click.option("--replace", is_flag=True, help="Change in place, instead of a second provider behind LLM_PROVIDER.")
@click.option("--write", is_flag=True, help="Write the files; without it the diff is printed.")
@click.option("--unsafe", is_flag=True, help="Also edit what needs a look afterwards (tests, refused parameters).")
@click.option("--force", is_flag=True, help="Write even to files with uncommitted changes.")
@click.option("--only", type=click.Choice(_KINDS), multiple=True, help="Edit only findings of this kind; repeatable.")
@click.option("--map", "pairs", multiple=True, metavar="OLD=NEW", help="What serves a model at the target; repeatable.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(
    paths: tuple[str, ...],
    to: str,
    source: str | None,
    strategy: str,  # noqa: ARG001
    replace: bool,
    write: bool,
    unsafe: bool,
    force: bool,
    only: tuple[str, ...],
    pairs: tuple[str, ...],
    form: str,
) -> None:
    """Change code and configuration to another provider.

    By default the old provider stays behind a switch, the environment variable LLM_PROVIDER, which leads to the new
    one unless it says otherwise. Prints a diff that `git apply` takes, and on standard error what it means; --write
    writes the files, and `llm-migrate undo` brings every byte back.
    """
    from llm_migrate.rewrite.target import SDK_PROVIDER, parse_move

    move = parse_move(to, source=source or SDK_PROVIDER, replace=replace, pairs=pairs)
    plans = [_plan(path, move, unsafe, cast("tuple[Kind, ...]", only)) for path in _trees(paths)]
    written: list[Applied | None] = [None] * len(plans)
    if write:
        if not force:
            _refuse_dirty(plans)
        written = [_write(plan) for plan in plans]
    else:
        _mention_open(plans)
    _print(plans, written, paths or (".",), form, write)


def _trees(paths: tuple[str, ...]) -> list[Path]:
    """Return the paths that are not below another one."""
    for path in paths:
        if not Path(path).exists():
            raise UsageError(f"{path}: no such file or folder")
    resolved = list(dict.fromkeys(Path(path).resolve() for path in paths or (".",)))
    return [path for path in resolved if not any(path != other and path.is_relative_to(other) for other in resolved)]


def _plan(path: Path, move: Move, unsafe: bool, only: Sequence[Kind]) -> Plan:
    from llm_migrate.rewrite.plan import make_plan
    from llm_migrate.scan.scan import scan

    return make_plan(scan([path]), move, unsafe=unsafe, only=only)


def _refuse_dirty(plans: Sequence[Plan]) -> None:
    from llm_migrate.rewrite.worktree import dirty_files

    dirty = [name for plan in plans for name in dirty_files(plan.root, [change.path for change in plan.changes])]
    if dirty:
        shown = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")
        raise RewriteError(f"uncommitted changes in {shown}: commit them first, or use --force")


def _mention_open(plans: Sequence[Plan]) -> None:
    """Say that an earlier rewrite was cut short: what is planned here starts from its half-changed files."""
    from llm_migrate.rewrite.apply import refuse_open

    for plan in plans:
        try:
            refuse_open(plan.root)
        except RewriteError as e:
            click.echo(f"llm-migrate: {e}", err=True)


def _write(plan: Plan) -> Applied:
    from llm_migrate.rewrite.apply import Applied, apply

    if not plan.changes:
        return Applied(None, (), ())
    asked = f"rewrite --to {plan.move.target.id}" + (" --replace" if plan.move.replace else "")
    return apply(plan.root, [c.to_change() for c in plan.changes], command=asked, now=dt.datetime.now(dt.UTC))


def _print(
    plans: Sequence[Plan], written: Sequence[Applied | None], shown: Sequence[str], form: str, write: bool
) -> None:
    from llm_migrate.report.rewrite_text import plan_diff, plan_summary

    if form == "json":
        from llm_migrate.report.rewrite_json import rewrite_json

        click.echo(rewrite_json(list(zip(plans, written, strict=True)), Path.cwd()), nl=False)
        return
    for index, (plan, applied) in enumerate(zip(plans, written, strict=True)):
        if not write:
            sys.stdout.buffer.write(plan_diff(plan, Path.cwd()))
            sys.stdout.flush()
        path = shown[index] if len(shown) == len(plans) else str(plan.root)
        click.echo(plan_summary(plan, applied=applied, shown=path), nl=False, err=not write)
