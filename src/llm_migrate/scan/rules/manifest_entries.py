"""Finds a provider's packages in manifests that are structured files, whatever tool they are for.

pyproject.toml (PEP 621, dependency groups, build requirements, Poetry, uv, Hatch, PDM), Pipfile, setup.cfg,
package.json, conda's environment.yml. What the keys say decides, not the file's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from llm_migrate.scan.finding import Document, Entry, Hit
from llm_migrate.scan.rule import EntryRule, FileContext
from llm_migrate.scan.rules.manifest_names import (
    is_legacy,
    is_legacy_requirement,
    manifest_hit,
    provider_of,
    requirement_name,
)
from llm_migrate.scan.vocabulary import Ecosystem

NAME: Final = "manifest_entries"

_TABLES: Final = frozenset(
    {"dependencies", "dev-dependencies", "devdependencies", "peerdependencies", "optionaldependencies", "packages"}
    | {"dev-packages", "group", "resolutions", "overrides"}
)
_LISTS: Final = frozenset(
    {"dependencies", "optional-dependencies", "dependency-groups", "dev-dependencies", "requires", "pip"}
    | {"install_requires", "extras_require", "setup_requires", "tests_require", "options.extras_require"}
    | {"constraint-dependencies", "override-dependencies"}
)


def find(document: Document, entries: Sequence[Entry], context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each dependency on a provider's package."""
    for entry in entries:
        keys = [key.lower() for key in entry.path]
        ecosystem: Ecosystem = "npm" if document.language == "json" else "pypi"
        keyed = _keyed(entry, keys, ecosystem, context)
        if keyed is not None:
            yield keyed
        elif ecosystem == "pypi" and not _LISTS.isdisjoint(keys):
            yield from _requirements(entry, document, context)


RULE: Final = EntryRule(NAME, frozenset({"ini", "json", "toml", "yaml"}), find)


def _keyed(entry: Entry, keys: list[str], ecosystem: Ecosystem, context: FileContext) -> Hit | None:
    """A table of dependencies: the key is the package; its own table may follow (`openai.version`, `extras`)."""
    for index in range(len(keys) - 1):
        if keys[index] in _TABLES:
            owner = provider_of(context.vocabulary, ecosystem, entry.path[index + 1])
            if owner is not None and keys[index + 2 :] in ([], ["version"], ["git"], ["path"]):
                legacy = is_legacy(ecosystem, entry.path[index + 1], entry.value)
                return manifest_hit(NAME, owner, entry.start, entry.end, legacy=legacy)
    return None


def _requirements(entry: Entry, document: Document, context: FileContext) -> Iterator[Hit]:
    """A list of requirements, one a string or one a line of a string."""
    many = "\n" in entry.value
    if not many:
        name = requirement_name(entry.value)
        # `- openai=1.2` of a conda list was read as a name with a value.
        by_key = provider_of(context.vocabulary, "pypi", entry.path[-1]) if entry.start < entry.value_start else None
        by_value = provider_of(context.vocabulary, "pypi", name) if name else None
        owner = by_value or by_key
        if owner is not None:
            legacy = is_legacy_requirement(entry.value if by_value else f"{entry.path[-1]}={entry.value}")
            yield manifest_hit(NAME, owner, entry.start, entry.end, legacy=legacy)
        return
    position = entry.value_start
    for raw in document.data[entry.value_start : entry.value_end].splitlines(keepends=True):
        line = raw.decode(document.encoding, "replace").strip()
        name = requirement_name(line)
        owner = provider_of(context.vocabulary, "pypi", name) if name and not line.startswith("#") else None
        if owner is not None:
            start = position + len(raw) - len(raw.lstrip())
            legacy = is_legacy_requirement(line)
            yield manifest_hit(NAME, owner, start, position + len(raw.rstrip()), legacy=legacy)
        position += len(raw)
