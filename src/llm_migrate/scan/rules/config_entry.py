"""Finds settings of a provider in configuration files: keys, addresses, models, selectors and what lies around them.

An entry counts by its name (`OPENAI_API_KEY`), by the section it is in (`openai: {api_key: ...}`), by its value (a
provider's host, a model id, a literal key, the name of a variable), by a comment beside it that names the vendor, or
because its neighbours under the same section are a provider's. A generic word alone (`api_key: x`) is no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from llm_migrate.scan.finding import Document, Entry, Hit
from llm_migrate.scan.rule import EntryRule, FileContext
from llm_migrate.scan.rules.config_names import from_names, is_setting, key_parts
from llm_migrate.scan.rules.config_values import KIND_OF, Evidence, from_value, looks_secret, serves_model, words_of
from llm_migrate.scan.vocabulary import Vocabulary, role_of

NAME: Final = "config_entry"
LANGUAGES: Final = frozenset({"bicep", "dockerfile", "env", "hcl", "ini", "json", "properties", "toml", "yaml"})

_COMMENT: Final = re.compile(rb"[^\r\n#]{0,40}?(?:#|//)[ \t]*([^\r\n]{1,200})")
_GENERIC: Final = frozenset(
    {"api", "key", "apikey", "token", "secret", "access", "auth", "url", "uri", "base", "baseurl", "endpoint", "host"}
    | {"llm", "ai", "model", "chat", "completion", "embedding", "embeddings", "server", "default"}
)
_WORDS: Final = re.compile(r"[A-Za-z][\w-]{3,30}")


def find(document: Document, entries: Sequence[Entry], context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each entry with evidence."""
    vocabulary = context.vocabulary
    parts = [key_parts(entry.path) for entry in entries]
    found = [
        _evidence(document, entry, keys, vocabulary) if keys and is_setting(keys) else None
        for entry, keys in zip(entries, parts, strict=True)
    ]
    near = _groups(parts, found)
    for entry, keys, evidence in zip(entries, parts, found, strict=True):
        if evidence is None and near and keys and is_setting(keys):
            evidence = _from_neighbours(keys, near)
        if evidence is not None:
            yield _hit(entry, evidence)


RULE: Final = EntryRule(NAME, LANGUAGES, find)


def _evidence(document: Document, entry: Entry, keys: list[str], vocabulary: Vocabulary) -> Evidence | None:
    by_name = from_names(keys, entry.value, vocabulary)
    by_value = from_value(entry.value, words_of(keys[-3:]), vocabulary)
    if by_name is None or by_value is None:
        return by_name or by_value or _from_comment(document, entry, keys, vocabulary)
    if by_value.secret:
        return replace(by_value, provider=by_name.provider, confidence="certain")
    if by_value.model is not None:
        # Two vendors may serve one model: the name decides between them, but not against the id. A provider whose id
        # has another's in it ("azure-openai") is a second channel to the same models.
        channel = by_value.provider in by_name.provider.split("-")
        serves = channel or serves_model(vocabulary, by_name.provider, by_value.model)
        return replace(by_value, provider=by_name.provider) if serves else by_value
    if by_value.kind == "base-url" or by_name.kind == "config":
        return by_value
    if by_value.confidence == "certain" != by_name.confidence:
        return replace(by_name, provider=by_value.provider)
    return by_name


def _from_comment(document: Document, entry: Entry, keys: list[str], vocabulary: Vocabulary) -> Evidence | None:
    """Return what a comment behind a value adds to a name that says what it holds, but not whose it is."""
    role = role_of(words_of(keys[-1:]))
    if role == "other":
        return None
    comment = _COMMENT.match(document.data, entry.end)
    if comment is None:
        return None
    for word in _WORDS.findall(comment.group(1).decode("utf-8", "replace")):
        owner = vocabulary.vendor_word(word)
        if owner is not None:
            return Evidence(KIND_OF[role], owner, "likely")
    return None


def _groups(parts: list[list[str]], found: list[Evidence | None]) -> dict[tuple[str, ...], str]:
    """Return the provider of each group of entries in which a name that says nothing has a value that does."""
    groups: dict[tuple[str, ...], str] = {}
    for keys, evidence in zip(parts, found, strict=True):
        if keys and evidence is not None and evidence.by_value and evidence.kind != "credential":
            groups.setdefault(_group(keys), evidence.provider)
    return groups


def _from_neighbours(keys: list[str], near: dict[tuple[str, ...], str]) -> Evidence | None:
    owner = near.get(_group(keys))
    words = words_of(keys[-1:])
    role = role_of(words)
    if owner is None or role not in ("key", "url") or not _GENERIC.issuperset(words):
        return None
    return Evidence(KIND_OF[role], owner, "likely")


def _group(keys: list[str]) -> tuple[str, ...]:
    """Return the section of an entry; at the top of a file, the first word of its name stands for one."""
    if len(keys) > 1:
        return tuple(keys[:-1])
    name = keys[0]
    return ("", name.partition("_")[0]) if "_" in name else ("", "", name)


def _hit(entry: Entry, evidence: Evidence) -> Hit:
    return Hit(
        rule=NAME,
        kind=evidence.kind,
        start=entry.start,
        end=entry.end,
        provider=evidence.provider,
        model=evidence.model,
        value_start=entry.value_start,
        value_end=entry.value_end,
        confidence=evidence.confidence,
        secret=evidence.secret or (evidence.kind == "credential" and looks_secret(entry.value)),
    )
