"""Whether the budgets can be kept: the books can be read, and each budget counts something just now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from llm_migrate.config import Chain, Config
from llm_migrate.config.budgets import Budget
from llm_migrate.engine.check.finding import Finding, Severity
from llm_migrate.errors import ConfigError, LedgerError, MissingExtraError
from llm_migrate.ledger.offers import in_units, offers_of
from llm_migrate.ledger.status import Status, now_of, statuses_of
from llm_migrate.ledger.stores import file_of, open_store


def budgets(config: Config, chains: Sequence[Chain]) -> list[Finding]:
    """Return what is to be said of the budgets of some chains' targets; books that are not there yet are not made."""
    targets = {target.name for chain in chains for target in chain.targets}
    wanted = [budget for budget in config.budgets.values() if budget.target in targets]
    if not wanted or config.ledger is None:
        return []
    try:
        file = file_of(config.ledger.url)
        if file is not None and not file.exists():
            books = Finding(
                "note", "budget", "ledger.url", f"the books {file} will be made by the first program that calls"
            )
            return [books, *_judged(statuses_of(offers_of(wanted, {}).values(), [], [], int(time.time() * 1000)))]
        store = open_store(config.ledger.url, durable=config.ledger.durable)
        try:
            offers = offers_of(wanted, store.activations())
            statuses = statuses_of(offers.values(), store.balances(), [], now_of(store, int(time.time() * 1000)))
        finally:
            store.close()
    except (ConfigError, LedgerError, MissingExtraError) as e:
        severity: Severity = "wrong" if config.ledger.on_error == "refuse" else "warning"
        advice = "calls under a hard limit are refused" if severity == "wrong" else "calls pass without a budget"
        return [Finding(severity, "budget", "ledger.url", str(e), advice)]
    return [Finding("good", "budget", "ledger.url", "the books can be read"), *_judged(statuses)]


def _judged(statuses: Sequence[Status]) -> Iterator[Finding]:
    for status in statuses:
        budget = status.offer.budget
        where = f"budgets.{budget.name}"
        match status.state:
            case "never activated":
                advice = f"llm-migrate budget activate {budget.name} --at WHEN"
                yield Finding(
                    "warning", "budget", where, "nobody has said when it was activated", advice, budget.target
                )
            case "over" | "used up":
                yield Finding("warning", "budget", where, f"it is {status.state}", _consequence(budget), budget.target)
            case "not begun":
                yield Finding("note", "budget", where, "it has not begun", _consequence(budget), budget.target)
            case "open":
                left = "no stated limit" if status.free is None else f"{in_units(status.free, budget)} left"
                yield Finding("good", "budget", where, left, target=budget.target)


def _consequence(budget: Budget) -> str:
    if budget.hard:
        return "without another budget for the model, calls go to the next target"
    return "calls go on, since it is not hard"
