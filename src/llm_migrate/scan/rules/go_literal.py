"""Finds string constants that name a provider: variables, addresses, models, selectors, keys.

For Go, and for the other compiled and server languages that have no rules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.config_values import KIND_OF, Evidence, from_value, name_role, provider_of_url
from llm_migrate.scan.vocabulary import Vocabulary, hosts_in

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "go_literal"

_CONTENTS: Final = frozenset(
    {"interpreted_string_literal_content", "raw_string_literal_content", "string_fragment", "string_literal_content"}
    | {"string_content"}
)
_LANGUAGES: Final = frozenset({"csharp", "go", "java", "kotlin", "php", "ruby", "rust"})
# An id such as "gpt-4o" is one wherever it stands; a plain word such as "davinci" needs a context that says so.
_TELLING: Final = re.compile(r"[a-z]+(?:[-.:][a-z]+)*[-.]?[a-z]*\d[\w.:-]*", re.I)
_IMPORTS: Final = frozenset({"import_spec", "using_directive"})


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for the content of a string literal."""
    text = node.text()
    if not 2 < len(text) < 300 or any(sign.isspace() for sign in text) or _is_import(node):
        return
    evidence = _evidence(text, context.vocabulary)
    if evidence is None:
        return
    start, end = context.span(node)
    yield Hit(
        NAME,
        evidence.kind,
        start,
        end,
        evidence.provider,
        model=evidence.model,
        value_start=start,
        value_end=end,
        confidence=evidence.confidence,
        secret=evidence.secret,
    )


RULE: Final = AstRule(NAME, _LANGUAGES, _CONTENTS, find)


def _evidence(text: str, vocabulary: Vocabulary) -> Evidence | None:
    if text.isupper() and "_" in text:
        role = name_role(vocabulary, text)
        if role is not None and (role.exact or role.role != "other"):
            return Evidence(KIND_OF[role.role], role.provider, "certain" if role.exact else "likely")
    if (owner := vocabulary.vendor_word(text)) is not None:
        return Evidence("config", owner, "likely")
    if (owner := provider_of_url(text, vocabulary)) is not None and "." in text:
        return Evidence("base-url", owner, "certain")
    if (owner := _site(text, vocabulary)) is not None:
        return Evidence("base-url", owner, "mention")
    if _TELLING.fullmatch(text) and (owner := vocabulary.model(text)) is not None:
        return Evidence("model", owner, "certain", model=text)
    found = from_value(text, (), vocabulary)
    return found if found is not None and found.secret else None


def _site(text: str, vocabulary: Vocabulary) -> str | None:
    """A link to the vendor's own pages (its console, its list of keys) moves with the vendor too."""
    if not text.startswith("http"):
        return None
    return next((owner for host in hosts_in(text) if (owner := vocabulary.site(host)) is not None), None)


def _is_import(node: Node) -> bool:
    parent = node.parent()
    above = parent.parent() if parent is not None else None
    return above is not None and above.kind() in _IMPORTS
