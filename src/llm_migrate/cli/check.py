"""`llm-migrate check`: would calls succeed, and what would happen if not."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from llm_migrate.cli.progress import Progress

if TYPE_CHECKING:
    from llm_migrate.config import Chain, Config
    from llm_migrate.engine.check.ask import Seen
    from llm_migrate.engine.check.finding import Finding
    from llm_migrate.report.check import Checked

Format: TypeAlias = Literal["text", "json"]


@click.command("check")
@click.option("--config", "path", metavar="PATH", help="The configuration; found by the usual rules by default.")
@click.option("--chain", "chain_name", metavar="NAME", help="Only this chain; all by default.")
@click.option("--live", is_flag=True, help="Also send each target one tiny request, which costs a few tokens.")
@click.option("--explain", "error", metavar="ERROR", help="Send nothing; show what the chain does about an error.")
@click.option("--model", metavar="M", help="What --live or --explain asks for; by default the first that is mapped.")
@click.option(
    "--retry-after", type=click.FloatRange(0), metavar="SECONDS", help="What the error of --explain asks to wait."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For each connection and each answer.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def command(
    path: str | None,
    chain_name: str | None,
    *,
    live: bool,
    error: str | None,
    model: str | None,
    retry_after: float | None,
    timeout: float,
    form: Format,
) -> None:
    """Look whether calls would succeed: configuration, keys, models, packages, and whether each target answers.

    \b
    ERROR is a status, such as 429 or 503, or a word:
      refused  dns  tls  connect-timeout  reset  timeout  cut  stall  empty
      html  rate-limit  overloaded  quota  region  region-page  key
      content-filter  context  unknown-model  bad-request

    Exit code: 0 all is well, 1 something here would fail calls, 2 wrong use, 3 a target or the network failed.

    \b
    Examples:
      llm-migrate check
      llm-migrate check --live --format json
      llm-migrate check --explain 429 --model gpt-4o
      llm-migrate check --chain cheap --explain timeout
    """  # noqa: D301 - click wants the character
    _refuse_odd_mixtures(live=live, error=error, model=model, retry_after=retry_after)
    if error is not None:
        _explain(path, chain_name, error=error, model=model, retry_after=retry_after, form=form)
        return
    from llm_migrate.engine.check.finding import exit_code
    from llm_migrate.report.check import check_to_json, check_to_text
    from llm_migrate.report.ink import wants_colour, width_of

    checked = _check(path, chain_name, live=live, model=model, timeout_s=timeout)
    if form == "json":
        click.echo(check_to_json(checked), nl=False)
    else:
        text = check_to_text(checked, width=width_of(sys.stdout), colour=wants_colour(sys.stdout))
        click.echo(text, nl=False, color=True)
    sys.exit(exit_code(checked.findings))


def _refuse_odd_mixtures(*, live: bool, error: str | None, model: str | None, retry_after: float | None) -> None:
    if live and error is not None:
        raise click.UsageError("--live sends, --explain sends nothing: take one of them")
    if model is not None and not live and error is None:
        raise click.UsageError("--model goes with --live or --explain")
    if retry_after is not None and error is None:
        raise click.UsageError("--retry-after goes with --explain")


def _explain(
    path: str | None, chain_name: str | None, *, error: str, model: str | None, retry_after: float | None, form: Format
) -> None:
    from llm_migrate.config import load_config
    from llm_migrate.engine.explain import explain
    from llm_migrate.engine.mishaps import find_mishap
    from llm_migrate.report.explain import explain_to_json, explain_to_text
    from llm_migrate.report.ink import wants_colour, width_of

    mishap = find_mishap(error)
    config = load_config(path)
    usual = "default" if "default" in config.chains else next(iter(config.chains))
    chain = config.chain(chain_name or usual)
    explanation = explain(config, chain, mishap, today=_today(), asked=model, retry_after_s=retry_after)
    if form == "json":
        click.echo(explain_to_json(explanation), nl=False)
        return
    text = explain_to_text(explanation, width=width_of(sys.stdout), colour=wants_colour(sys.stdout))
    click.echo(text, nl=False, color=True)


def _check(path: str | None, chain_name: str | None, *, live: bool, model: str | None, timeout_s: float) -> Checked:
    from llm_migrate.config import load_config
    from llm_migrate.config.load import find_config
    from llm_migrate.engine.check.budgets import budgets
    from llm_migrate.engine.check.finding import Finding
    from llm_migrate.engine.check.review import review, targets_of
    from llm_migrate.engine.check.surroundings import surroundings
    from llm_migrate.errors import ConfigError
    from llm_migrate.report.check import Checked

    place = find_config(path)
    try:
        config = load_config(place)
    except ConfigError as e:
        if place is None:
            raise  # there is nothing to check
        unsound = [Finding("wrong", "configuration", place.name, line) for line in _problems(e, place)]
        return Checked(str(place), None, (), (), [*unsound, *surroundings(())])
    chains = [config.chain(chain_name)] if chain_name else list(config.chains.values())
    findings = [*review(config, chains, today=_today()), *budgets(config, chains), *surroundings(targets_of(chains))]
    seen, more = _ask(config, chains, findings, live=live, model=model, timeout_s=timeout_s)
    return Checked(str(config.path or "configuration"), config, chains, seen, [*findings, *more])


def _problems(error: Exception, place: Path) -> list[str]:
    return [line.removeprefix(f"{place}: ") for line in str(error).splitlines()]


def _ask(
    config: Config, chains: list[Chain], findings: list[Finding], *, live: bool, model: str | None, timeout_s: float
) -> tuple[list[Seen], list[Finding]]:
    from llm_migrate.engine.check.ask import ask_all
    from llm_migrate.engine.check.finding import Finding
    from llm_migrate.engine.check.live import choose_model
    from llm_migrate.engine.check.review import place_of, targets_of

    targets = targets_of(chains)
    keyless = {finding.target for finding in findings if (finding.severity, finding.topic) == ("wrong", "key")}
    models: dict[str, str] = {}
    unasked: list[Finding] = []
    for target in targets if live else ():
        asked = model or choose_model(config, target, today=_today())
        if target.name in keyless:
            continue
        if asked is None:
            what = "not asked: nothing says what a model is called here"
            unasked.append(Finding("warning", "live", place_of(target), what, "give one with --model", target.name))
        else:
            models[target.name] = asked
    progress = Progress("{done} of {total} targets answered")
    seen = ask_all(config, targets, models=models, timeout_s=timeout_s, progress=progress.show)
    progress.clear()
    return seen, [*unasked, *(finding for one in seen for finding in one.findings())]


def _today() -> dt.date:
    return dt.datetime.now().astimezone().date()
