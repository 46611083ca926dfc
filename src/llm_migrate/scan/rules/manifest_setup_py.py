"""Finds a provider's packages in the `setup()` call of a setup.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.manifest_names import is_legacy_requirement, manifest_hit, provider_of, requirement_name

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "manifest_setup_py"

_KEYWORDS: Final = frozenset({"install_requires", "extras_require", "setup_requires", "tests_require"})


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each requirement string of the call's lists."""
    name = node.field("name")
    if name is None or name.text() not in _KEYWORDS:
        return
    for text in node.find_all(kind="string_content"):
        package = requirement_name(text.text())
        owner = provider_of(context.vocabulary, "pypi", package) if package else None
        if owner is not None:
            yield manifest_hit(NAME, owner, *context.span(text), legacy=is_legacy_requirement(text.text()))


RULE: Final = AstRule(NAME, frozenset({"python"}), frozenset({"keyword_argument"}), find)
