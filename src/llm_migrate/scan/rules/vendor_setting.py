"""A program's own settings about a vendor in source code: provider selectors, constants and fields named after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.env_name import KIND_OF_ROLE
from llm_migrate.scan.rules.literal_source import LANGUAGES, NEEDS, STRINGS, Literal, literal_of
from llm_migrate.scan.rules.openai_sdk import holds_secret
from llm_migrate.scan.slots import slot_of
from llm_migrate.scan.symbols import HOLE
from llm_migrate.scan.vocabulary import split_words

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "vendor_setting"
# Variables that choose among vendors have such a word in their name.
_SELECTOR_WORDS: Final = frozenset({"provider", "providers", "vendor", "backend", "llm", "platform", "embedding"})
_SELECTOR_NAMES: Final = frozenset({"api_type", "llm_type", "model_type", "model_source", "ai_service", "service_type"})
# Constants such as EXAMPLE_API_VERSION hold a vendor's setting; EXAMPLE_TITLE does not.
_SETTING_WORDS: Final = frozenset({"version", "organization", "org", "project", "region"})
_EMPTY: Final = ('""', "''")
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*_")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a string that selects a vendor, or is kept under a name that speaks of one."""
    literal = literal_of(node, context)
    if literal is None or HOLE in literal.text or len(literal.text) > 200:
        return
    if literal.slot.role == "keyword" and _PREFIX.fullmatch(literal.text):
        yield from _prefix(literal, context)
    elif context.vocabulary.vendor(literal.text) is not None:
        yield from _selector(literal, context)
    elif literal.slot.role in ("assigned", "default", "keyword", "field") and not literal.slot.element:
        yield from _named(literal, context)


def find_member(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield `PROVIDERS.OPENAI`: a vendor taken from the program's own list of them."""
    inner = node.field("object")
    name = node.field("property") or node.field("attribute")
    owner = context.vocabulary.vendor(name.text()) if inner is not None and name is not None else None
    if owner is None or inner is None or not _selects(inner.text()[-80:]) or not inner.text()[0].isupper():
        return
    if slot_of(node).role != "type":
        start, end = context.span(node)
        yield Hit(NAME, "config", start, end, owner, confidence="likely")


def find_key(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the entry of a vendor in a table of vendors: `MODELS = { openai: [...] }`."""
    key = node.field("key")
    if key is None or key.kind() not in ("property_identifier", "string"):
        return
    if key.kind() == "string":
        yield from _unset(node, key, context)
    owner = context.vocabulary.vendor_word(key.text().strip("'\""))
    if owner is None:
        return
    slot = slot_of(key)
    words = split_words(slot.outer)
    if _selects(slot.outer) or ("list" in words and "model" in words):
        start, end = context.span(key)
        yield Hit(NAME, "config", start, end, owner, confidence="likely")


def _unset(pair: Node, key: Node, context: FileContext) -> Iterator[Hit]:
    """Yield `"openai_api_key": ""`: a setting that a table of defaults leaves for the user to fill in."""
    value = pair.field("value")
    name = key.text().strip("'\"")
    role = context.vocabulary.name_role(name) if value is not None and value.text() in _EMPTY else None
    if role is not None and role.role != "other" and context.vocabulary.vendor_word(name) is None:
        start, end = context.span(pair)
        yield Hit(NAME, KIND_OF_ROLE[role.role], start, end, role.provider, confidence="likely")


def _selector(literal: Literal, context: FileContext) -> Iterator[Hit]:
    slot = literal.slot
    owner = context.vocabulary.vendor(literal.text)
    telling = slot.role in ("assigned", "default", "keyword", "field", "compared", "returned", "passed", "subscript")
    if owner is None or not (telling or slot.role == "case") or slot.element:
        return
    chosen = _selects(_switched(slot.holder) if slot.role == "case" else slot.name) or _selects(slot.outer)
    if not chosen and slot.role == "assigned" and slot.name == "value":
        return
    if chosen:
        yield _hit("config", owner, literal, context)


def _switched(case: Node) -> str:
    """Return what a `switch` or `match` decides on."""
    for outer in case.ancestors():
        if outer.kind() in ("switch_statement", "match_statement"):
            subject = outer.field("value") or outer.field("subject")
            return subject.text()[:160].strip("() ") if subject is not None else ""
    return ""


def _named(literal: Literal, context: FileContext) -> Iterator[Hit]:
    name = literal.slot.name.rpartition(".")[2]
    role = context.vocabulary.name_role(name)
    if role is None or not literal.text.strip() or context.vocabulary.vendor_word(name):
        return
    text = literal.text
    if role.role == "key":
        if " " in text and not text.startswith("<") and not role.exact:
            return
    elif role.role == "url":
        if "://" not in text:
            return
    elif role.role == "model":
        if (" " in text and not text.startswith("<")) or not any(sign.isalnum() for sign in text):
            return
    elif _SETTING_WORDS.isdisjoint(split_words(name)) or len(text) > 60:
        return
    yield _hit(KIND_OF_ROLE[role.role], role.provider, literal, context)


def _prefix(literal: Literal, context: FileContext) -> Iterator[Hit]:
    if "prefix" in literal.slot.name.lower():
        role = context.vocabulary.name_role(literal.text)
        if role is not None:
            yield _hit("config", role.provider, literal, context)


def _hit(kind: str, owner: str, literal: Literal, context: FileContext) -> Hit:
    holder = literal.slot.holder
    # The whole `name = value` is the place, unless the holder is a call or a comparison around it.
    whole = literal.slot.role in ("assigned", "default", "keyword", "field") and "\n" not in holder.text()
    start, end = context.span(holder if whole else literal.node)
    inner = value_span(literal.node, context)
    secret = kind == "credential" and holds_secret(literal.text, context.vocabulary)
    return Hit(
        NAME,
        kind,  # type: ignore[arg-type]
        start,
        end,
        owner,
        value_start=inner[0],
        value_end=inner[1],
        confidence="likely",
        secret=secret,
    )


def _selects(name: str) -> bool:
    words = split_words(name)
    return not _SELECTOR_WORDS.isdisjoint(words) or "_".join(words[-2:]) in _SELECTOR_NAMES


RULES: Final = (
    AstRule(NAME, LANGUAGES, STRINGS, find, needs=NEEDS),
    AstRule(NAME, LANGUAGES, frozenset({"member_expression", "attribute"}), find_member, needs=NEEDS),
    AstRule(NAME, LANGUAGES, frozenset({"pair"}), find_key, needs=NEEDS),
)
