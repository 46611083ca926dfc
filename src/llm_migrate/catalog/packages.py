"""Packages that do harm or break each other: facts from `packages.toml`, and which of them hold somewhere.

Looks at no environment: what is installed is given.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Set
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from llm_migrate.catalog.schema import Slug
from llm_migrate.catalog.strict import Strict, load_toml
from llm_migrate.errors import CatalogError

_Release: TypeAlias = tuple[int, ...]


class Condition(Strict):
    """What must be so: a package at a version, one that is absent, or a file beside the packages."""

    package: str | None = None
    versions: tuple[str, ...] = ()
    from_: str | None = Field(default=None, alias="from")
    before: str | None = None
    absent: bool = False
    file: str | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Condition:
        if (self.package is None) == (self.file is None):
            raise ValueError("a condition names a package or a file")
        return self


class Trouble(Strict):
    """A package, or several together, that do harm; all conditions must hold."""

    id: Slug
    severity: Literal["wrong", "warning", "note"]
    when: tuple[Condition, ...] = Field(min_length=1)
    problem: str
    advice: str
    source: str
    checked: dt.date


class _Table(Strict):
    trouble: tuple[Trouble, ...]


@cache
def load_troubles() -> tuple[Trouble, ...]:
    """Read the table.

    Raises:
        CatalogError: the file breaks the schema.
    """
    return load_toml(Path(__file__).with_suffix(".toml"), _Table, CatalogError).trouble


def packages_of(troubles: tuple[Trouble, ...]) -> tuple[str, ...]:
    """Return the packages that a table speaks of, each once, in its order."""
    named = (condition.package for trouble in troubles for condition in trouble.when)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def files_of(troubles: tuple[Trouble, ...]) -> tuple[str, ...]:
    """Return the files that a table speaks of."""
    named = (condition.file for trouble in troubles for condition in trouble.when)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def find_troubles(
    troubles: tuple[Trouble, ...], installed: Mapping[str, str], files: Set[str] = frozenset()
) -> list[Trouble]:
    """Return the rows that hold.

    Args:
        troubles: the table.
        installed: package -> version.
        files: names of files that lie beside the packages.
    """
    return [row for row in troubles if all(_holds(condition, installed, files) for condition in row.when)]


def _holds(condition: Condition, installed: Mapping[str, str], files: Set[str]) -> bool:
    if condition.package is None:
        return condition.file in files
    version = installed.get(condition.package)
    if version is None or condition.absent:
        return condition.absent and version is None
    if condition.versions:
        return version in condition.versions
    release = _release(version)
    if condition.from_ is not None and release < _release(condition.from_):
        return False
    return condition.before is None or release < _release(condition.before)


def _release(version: str) -> _Release:
    """Return the numbers of a version without zeros at the end; a pre-release counts as its release."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in found.group().split(".")] if found else [0]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
