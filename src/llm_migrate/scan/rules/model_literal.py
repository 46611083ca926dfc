"""Model ids in source code: arguments, constants, defaults, comparisons, lists, and tests by prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Confidence, Hit
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.literal_source import LANGUAGES, NEEDS, STRINGS, Literal, literal_of
from llm_migrate.scan.rules.openai_sdk import MODEL_ARGUMENTS
from llm_migrate.scan.slots import slot_of
from llm_migrate.scan.symbols import HOLE
from llm_migrate.scan.vocabulary import split_words

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "model_literal"
MODEL_WORDS: Final = frozenset({"model", "models", "engine", "deployment", "llm", "gpt", "embedding", "embeddings"})
_PREFIX_TEST: Final = re.compile(r"(?:^|\.)(?:startswith|startsWith|includes|indexOf|match|search|fullmatch|test)$")
_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9.]*-[a-z0-9.]*[0-9]", re.I)


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a string that is a model's id, or a pattern on such ids."""
    if node.kind() == "regex":
        yield from _find_pattern(node, context)
        return
    literal = literal_of(node, context)
    if literal is None or HOLE in literal.text or len(literal.text) > 100:
        return
    found = _model(literal, context)
    if found is None:
        return
    owner, confidence = found
    start, end = context.span(node)
    inner = value_span(node, context)
    yield Hit(
        NAME,
        "model",
        start,
        end,
        owner,
        model=literal.text,
        value_start=inner[0],
        value_end=inner[1],
        confidence=confidence,
    )


def _model(literal: Literal, context: FileContext) -> tuple[str, Confidence] | None:
    slot, text = literal.slot, literal.text
    if slot.role == "passed" and _PREFIX_TEST.search(slot.name):
        owner = context.vocabulary.model_pattern(text)
        return (owner, "likely") if owner else None
    owner = context.vocabulary.model(text)
    if owner is None:
        return None
    if names_model(slot.name) or names_model(slot.outer):
        return owner, "certain"
    telling = len(text) >= 5 and "-" in text and any(sign.isdigit() for sign in text)
    return (owner, "likely") if telling else None


def names_model(name: str) -> bool:
    """Say whether a variable, argument or function is about models."""
    return name.rpartition(".")[2] in MODEL_ARGUMENTS or not MODEL_WORDS.isdisjoint(split_words(name))


def _find_pattern(node: Node, context: FileContext) -> Iterator[Hit]:
    owners = [context.vocabulary.model(word) for word in _PATTERN.findall(node.text()[:400])]
    owner = next((owner for owner in owners if owner is not None), None)
    if owner is not None and slot_of(node).role != "type":
        start, end = context.span(node)
        yield Hit(NAME, "model", start, end, owner, confidence="likely")


RULE: Final = AstRule(NAME, LANGUAGES, STRINGS | {"regex"}, find, needs=NEEDS)
