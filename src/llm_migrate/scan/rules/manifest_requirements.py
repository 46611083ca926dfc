"""Finds a provider's packages in pip's requirements files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.entries.source import lines
from llm_migrate.scan.finding import Document, Hit
from llm_migrate.scan.rule import FileContext, TextRule
from llm_migrate.scan.rules.manifest_names import is_legacy_requirement, manifest_hit, provider_of, requirement_name

NAME: Final = "manifest_requirements"

_OPTION: Final = re.compile(r"[ \t]*(?:-e|--editable)[ =]?")
_END: Final = re.compile(r"[ \t]+(?:#|--hash)|[ \t]*\\[ \t]*$|[ \t]+$")


def find(document: Document, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each requirement of a provider; options (`-r`, `--index-url`) and hashes are passed over."""
    for start, end in lines(document.text):
        line = document.text[start:end]
        option = _OPTION.match(line)
        requirement = line[option.end() :] if option else line
        name = requirement_name(requirement)
        owner = provider_of(context.vocabulary, "pypi", name) if name else None
        if owner is not None:
            stop = _END.search(line)
            first = start + len(line) - len(line.lstrip())
            last = start + stop.start() if stop else end
            legacy = is_legacy_requirement(line[: stop.start()] if stop else line)
            yield manifest_hit(NAME, owner, context.byte(first), context.byte(last), legacy=legacy)


RULE: Final = TextRule(NAME, frozenset({"requirements"}), find)
