"""`llm-migrate scan`: find every dependency on a provider and say what breaks elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from llm_migrate.cli.progress import Progress
from llm_migrate.scan.finding import ScanResult
from llm_migrate.scan.scan import scan

_RANK = {"as-is": 0, "adapted": 1, "lossy": 2, "blocked": 3}


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--from", "origins", multiple=True, metavar="PROVIDER", help="Only this provider's places. Repeatable.")
@click.option("--to", "targets", multiple=True, metavar="PROVIDER[:MODEL]", help="Judge against it. Repeatable.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the report there instead of to the terminal.")
@click.option(
    "--fail-on",
    type=click.Choice(["never", "any", "lossy", "blocked"]),
    default="never",
    show_default=True,
    help="Exit with 1 when there is any finding, or one with such a verdict or a worse one.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out, as a line of .gitignore would. Repeatable.")
@click.option("--no-ignore", is_flag=True, help="Look into ignored files and folders, too.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes for large trees.")
def command(
    paths: tuple[str, ...],
    origins: tuple[str, ...],
    targets: tuple[str, ...],
    style: Literal["text", "json"],
    output: str | None,
    fail_on: Literal["never", "any", "lossy", "blocked"],
    exclude: tuple[str, ...],
    no_ignore: bool,
    jobs: int,
) -> None:
    """Find every dependency on an LLM provider below PATH (default: here).

    With --to, each call, model and parameter is judged against what is known of that provider.

    \b
    Example:
      llm-migrate scan . --from openai --to zhipu --to kimi:kimi-k2.5
      llm-migrate scan . --to zhipu --format json -o findings.json
      llm-migrate scan . --to zhipu --fail-on blocked      (in CI)
    """  # noqa: D301 - click wants the character
    if fail_on in ("lossy", "blocked") and not targets:
        raise click.UsageError(f"--fail-on {fail_on} needs a verdict: name a target with --to")
    progress = Progress("scanned {done} of {total} files")
    result = scan(
        paths or (".",),
        from_providers=origins,
        targets=targets,
        exclude=exclude,
        use_ignore=not no_ignore,
        jobs=jobs,
        progress=progress.show,
    )
    progress.clear()
    _write(_report(result, style, to_file=output is not None), output)
    if _fails(result, fail_on):
        sys.exit(1)


def _report(result: ScanResult, style: str, *, to_file: bool) -> str:
    if style == "json":
        from llm_migrate.report.scan_json import scan_to_json

        return scan_to_json(result)
    from llm_migrate.report.scan_text import scan_to_text

    return scan_to_text(result, terminal=not to_file and sys.stdout.isatty())


def _write(text: str, output: str | None) -> None:
    # Names that are no Unicode carry their bytes as lone surrogates; JSON reads the escapes that this writes.
    raw = text.encode("utf-8", "backslashreplace")
    if output is None or output == "-":
        sys.stdout.buffer.write(raw)
        sys.stdout.flush()
        return
    try:
        Path(output).write_bytes(raw)
    except OSError as e:
        raise click.UsageError(f"cannot write {output}: {e.strerror}") from e


def _fails(result: ScanResult, fail_on: str) -> bool:
    if fail_on == "never":
        return False
    if fail_on == "any":
        return bool(result.findings)
    worst = max((_RANK[row.verdict] for finding in result.findings for row in finding.compat), default=-1)
    return worst >= _RANK[fail_on]
