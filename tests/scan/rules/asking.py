"""Asks one rule about one text, as the scanner would, with the names of the shipped catalog."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from llm_migrate.scan.entries import read_entries
from llm_migrate.scan.finding import Document, Hit
from llm_migrate.scan.project import Project
from llm_migrate.scan.rule import AnyRule, AstRule, EntryRule, FileContext
from llm_migrate.scan.syntax import collect, parse
from llm_migrate.scan.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Seen:
    """A hit as text."""

    kind: str
    provider: str
    text: str
    value: str | None
    hit: Hit


def ask(rule_name: str, text: str, language: str, path: str = "x") -> list[Seen]:
    """Return the hits of a rule, in the order of the file."""
    module = importlib.import_module(f"llm_migrate.scan.rules.{rule_name}")
    rules: tuple[AnyRule, ...] = getattr(module, "RULES", None) or (module.RULE,)
    (rule,) = (rule for rule in rules if language in rule.languages)
    data = text.encode()
    document = Document(path, data, text, "utf-8", 0, language)
    context = FileContext(document, load_vocabulary(), Project())
    if isinstance(rule, AstRule):
        root = parse(text, language)
        context.set_tree(root, collect(root, language, rule.kinds | rule.needs))
        hits = [hit for node in context.nodes(*sorted(rule.kinds)) for hit in rule.find(node, context)]
    elif isinstance(rule, EntryRule):
        hits = list(rule.find(document, read_entries(document), context))
    else:
        hits = list(rule.find(document, context))
    return [_seen(hit, data) for hit in sorted(hits, key=lambda hit: (hit.start, hit.kind))]


def kinds(rule_name: str, text: str, language: str) -> list[tuple[str, str, str]]:
    """Return kind, provider and text of each hit."""
    return [(seen.kind, seen.provider, seen.text) for seen in ask(rule_name, text, language)]


def _seen(hit: Hit, data: bytes) -> Seen:
    value = data[hit.value_start : hit.value_end].decode() if hit.value_start >= 0 else None
    return Seen(hit.kind, hit.provider, data[hit.start : hit.end].decode(), value, hit)
