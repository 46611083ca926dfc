"""Says whose SDK a package is, and of which generation, for the rules that read manifests."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from llm_migrate.scan.finding import Confidence, Hit
from llm_migrate.scan.rules.openai_sdk import FIRST_CURRENT
from llm_migrate.scan.vocabulary import Ecosystem, Vocabulary, normal_pypi

# name, extras, version or URL: https://peps.python.org/pep-0508/
_REQUIREMENT: Final = re.compile(r"[ \t]*([A-Za-z0-9][A-Za-z0-9._-]{0,80})[ \t]*(\[[^\]\r\n]{0,200}\])?")
_EGG: Final = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]{0,80})")
_CLAUSE: Final = re.compile(r"([=<>~^!]*)[ \t]*v?(\d{1,9})((?:\.[\w*]+)*)")
_EXACT: Final = frozenset({"", "=", "==", "===", "~=", "~", "^"})


def provider_of(vocabulary: Vocabulary, ecosystem: Ecosystem, package: str) -> tuple[str, Confidence] | None:
    """Return the provider of a package; "mention" for a framework that merely can hide the provider's SDK."""
    owner = vocabulary.package(ecosystem, package)
    if owner is not None:
        return owner, "certain"
    if ecosystem == "pypi" and (owner := _frameworks(vocabulary).get(normal_pypi(package))) is not None:
        return owner, "mention"
    return None


def requirement_name(text: str) -> str | None:
    """Return the package of a Python requirement (`openai[datalib]>=1 ; python_version > "3"`)."""
    egg = _EGG.search(text)
    found = egg or _REQUIREMENT.match(text)
    return found.group(1) if found else None


def manifest_hit(rule: str, owner: tuple[str, Confidence], start: int, end: int, *, legacy: bool = False) -> Hit:
    """Return the hit for a dependency between two bytes."""
    return Hit(rule=rule, kind="manifest", start=start, end=end, provider=owner[0], confidence=owner[1], legacy=legacy)


def is_legacy_requirement(text: str) -> bool:
    """Say whether a Python requirement admits only a generation of an SDK that its successor does not run."""
    found = _REQUIREMENT.match(text)
    return found is not None and is_legacy("pypi", found.group(1), text[found.end() :])


def is_legacy(ecosystem: Ecosystem, package: str, versions: str) -> bool:
    """Say whether versions (`==0.28.1`, `>=0.27,<1`, `^3.2`, `3.x || 2.x`) are all of such a generation."""
    first = FIRST_CURRENT.get((ecosystem, normal_pypi(package) if ecosystem == "pypi" else package))
    if first is None:
        return False
    choices = versions.partition(";")[0].split("||")
    return all(any(_is_below(clause, first) for clause in _CLAUSE.finditer(choice)) for choice in choices)


def _is_below(clause: re.Match[str], first: int) -> bool:
    sign, major, rest = clause[1], int(clause[2]), clause[3]
    if sign == "<":
        return major < first or (major == first and not rest.strip(".0"))
    return major < first and (sign in _EXACT or sign == "<=")


@cache
def _frameworks(vocabulary: Vocabulary) -> dict[str, str]:
    """Packages whose top module itself offers a vendor's classes."""
    return {normal_pypi(module): owner for (module, _), owner in vocabulary.wrappers.items() if module.isidentifier()}
