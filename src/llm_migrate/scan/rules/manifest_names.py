"""Says whose SDK a package is, for the rules that read manifests."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from llm_migrate.scan.finding import Confidence, Hit
from llm_migrate.scan.vocabulary import Ecosystem, Vocabulary, normal_pypi

# name, extras, version or URL: https://peps.python.org/pep-0508/
_REQUIREMENT: Final = re.compile(r"[ \t]*([A-Za-z0-9][A-Za-z0-9._-]{0,80})[ \t]*(\[[^\]\r\n]{0,200}\])?")
_EGG: Final = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]{0,80})")


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


def manifest_hit(rule: str, owner: tuple[str, Confidence], start: int, end: int) -> Hit:
    """Return the hit for a dependency between two bytes."""
    return Hit(rule=rule, kind="manifest", start=start, end=end, provider=owner[0], confidence=owner[1])


@cache
def _frameworks(vocabulary: Vocabulary) -> dict[str, str]:
    """Packages whose top module itself offers a vendor's classes."""
    return {normal_pypi(module): owner for (module, _), owner in vocabulary.wrappers.items() if module.isidentifier()}
