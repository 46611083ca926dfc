"""Finds a provider's modules in go.mod."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.finding import Document, Hit
from llm_migrate.scan.rule import FileContext, TextRule
from llm_migrate.scan.rules.manifest_names import manifest_hit, provider_of

NAME: Final = "manifest_go_mod"

_LINE: Final = re.compile(r"^[ \t]*(?:require[ \t]+)?([a-z0-9][\w.~-]*\.[\w./~-]+)[ \t]+(v\S+)", re.M)
_MAJOR: Final = re.compile(r"/v\d+$")


def find(document: Document, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each required module of a provider, whatever its major version."""
    for match in _LINE.finditer(document.text):
        owner = provider_of(context.vocabulary, "go", _MAJOR.sub("", match.group(1)))
        if owner is not None:
            yield manifest_hit(NAME, owner, context.byte(match.start(1)), context.byte(match.end(2)))


RULE: Final = TextRule(NAME, frozenset({"gomod"}), find)
