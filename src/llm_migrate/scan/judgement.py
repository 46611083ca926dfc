"""Judge findings against targets with the catalog's one judge. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_migrate.catalog.load import find_provider
from llm_migrate.catalog.schema import Provider
from llm_migrate.scan.finding import Finding


@dataclass(frozen=True, slots=True)
class Target:
    """Where a migration goes: a provider, and the model there if the user named one."""

    text: str
    provider: Provider
    model: str | None


def parse_target(text: str) -> Target:
    """Read `PROVIDER[:MODEL]`.

    Raises:
        UsageError: no such provider.
    """
    name, _, model = text.partition(":")
    provider = find_provider(name)
    return Target(f"{provider.id}:{model}" if model else provider.id, provider, model or None)


def judge_findings(findings: Sequence[Finding], targets: Sequence[Target]) -> list[Finding]:
    """Return the findings with what each target makes of them."""
    return list(findings)
