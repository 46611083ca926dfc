"""Keys written into Python and JavaScript wherever they stand: in a constant, in a header (`Bearer sk-...`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.config_values import from_value
from llm_migrate.scan.rules.literal_source import LANGUAGES, NEEDS, STRINGS, literal_of

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "key_literal"
_SCHEME: Final = "Bearer "
# Services outside the catalog took over the prefix and put their initials behind it (`sk-ant-`, `sk-or-`, `sk-lf-`).
_ELSEWHERE: Final = re.compile(r"sk-(?!sp-|tp-)[a-z]{2,3}-")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the key that a string is, or holds behind the word Bearer."""
    literal = literal_of(node, context, wanted="-")
    if literal is None:
        return
    text = literal.text.removeprefix(_SCHEME)
    found = from_value(text, (), context.vocabulary)
    if found is None or not found.secret or _ELSEWHERE.match(text):
        return
    start, end = context.span(node)
    first, last = value_span(node, context)
    if context.document.data.startswith(_SCHEME.encode(), first):
        first += len(_SCHEME)
    yield Hit(
        NAME,
        "credential",
        start,
        end,
        found.provider,
        value_start=first,
        value_end=last,
        confidence=found.confidence,
        secret=True,
    )


RULE: Final = AstRule(NAME, LANGUAGES, STRINGS, find, needs=NEEDS)
