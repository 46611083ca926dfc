"""Finds commands that install a provider's packages: in scripts, Dockerfiles, workflows, makefiles and notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.finding import Document, Hit
from llm_migrate.scan.rule import FileContext, TextRule
from llm_migrate.scan.rules.manifest_names import (
    is_legacy,
    is_legacy_requirement,
    manifest_hit,
    provider_of,
    requirement_name,
)
from llm_migrate.scan.vocabulary import Ecosystem

NAME: Final = "manifest_install"

_COMMAND: Final = re.compile(
    r"(?<![\w./-])(?:(?P<pypi>(?:uv[ \t]+)?pip[0-9.]*[ \t]+install|uv[ \t]+add|poetry[ \t]+add|pdm[ \t]+add|"
    r"pipenv[ \t]+install|(?:conda|mamba)[ \t]+install|pipx[ \t]+install)|"
    r"(?P<npm>npm[ \t]+(?:i|install|add)|(?:yarn|pnpm|bun)[ \t]+add)|(?P<go>go[ \t]+(?:get|install)))"
    r"(?=[ \t])((?:[^\r\n;&|#`)\\]|\\\r?\n|\\[^\r\n]|(?<!\s)\#)*+)"
)
_ARGUMENT: Final = re.compile(r"[^\s\\,\[\]]+(?:\[[^\]\s]*\][^\s\\,\[\]]*)?")
_COMMENT: Final = re.compile(r"[ \t]*(?:#|//|REM\b)")


def find(document: Document, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each installed package of a provider."""
    text = document.text
    for match in _COMMAND.finditer(text):
        if _is_comment(document, context, match.start()):
            continue
        ecosystem: Ecosystem = "pypi" if match["pypi"] else "npm" if match["npm"] else "go"
        for argument in _ARGUMENT.finditer(text, match.start(4), match.end(4)):
            owner = provider_of(context.vocabulary, ecosystem, _package(argument.group(), ecosystem))
            if owner is not None and owner[1] == "certain":
                place = context.byte(argument.start()), context.byte(argument.end())
                yield manifest_hit(NAME, owner, *place, legacy=_is_legacy(argument.group(), ecosystem))


RULE: Final = TextRule(NAME, frozenset({"bash", "dockerfile", "makefile", "notebook", "yaml"}), find)


def _is_comment(document: Document, context: FileContext, position: int) -> bool:
    start = document.text.rfind("\n", 0, position) + 1
    found = _COMMENT.match(document.text, start)
    # In a notebook a command of IPython ("!pip ...") was turned into a comment: the file itself still has its sign.
    return found is not None and document.data[context.byte(found.end() - 1)] not in b"!%"


def _package(argument: str, ecosystem: Ecosystem) -> str:
    bare = argument.strip("\"'")
    if ecosystem == "pypi":
        return "" if bare.startswith(("-", ".", "/")) else requirement_name(bare) or ""
    head, _, _ = bare[1:].partition("@")  # the first sign may be a scope's "@"
    return bare[:1] + head


def _is_legacy(argument: str, ecosystem: Ecosystem) -> bool:
    bare = argument.strip("\"'")
    if ecosystem == "pypi":
        return is_legacy_requirement(bare)
    name = _package(argument, ecosystem)
    return is_legacy(ecosystem, name, bare[len(name) :].removeprefix("@"))
