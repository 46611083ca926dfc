"""What the value of a configuration entry tells: a host, a literal key, a model id, a variable, a selector."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from llm_migrate.scan.finding import Confidence, Kind
from llm_migrate.scan.vocabulary import NameRole, Role, Vocabulary, role_of, split_words

KIND_OF: Final[dict[Role, Kind]] = {"key": "credential", "url": "base-url", "model": "model", "other": "config"}

_LONGEST: Final = 400  # of a value that is looked at: longer ones are prose or data
_PLACEHOLDER: Final = re.compile(r"<[^<>\r\n]{1,80}>|\$?\{{1,2}[^{}\r\n]{1,80}\}{1,2}|\[[^\[\]\r\n]{1,80}\]")
_HOST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+){1,6}", re.I)
_VARIABLE: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{3,60}(?![A-Za-z0-9_])")
_KEY_LIKE: Final = re.compile(r"[A-Za-z0-9_/+=.-]{16,300}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_/+=.,:~-]{16,2000}")
_PREFIXED: Final = re.compile(r"([A-Za-z][\w-]{1,30})[/:](.{2,100})", re.S)
_MODEL_KEYS: Final = frozenset(
    {"model", "models", "deployment", "deployments", "engine", "llm", "chat", "completion", "completions"}
    | {"embedding", "embeddings", "embedder", "gpt", "fallbacks", "fallback"}
)
_SELECTORS: Final = frozenset(
    {"backend", "backends", "provider", "providers", "vendor", "engine", "llm", "llms", "ai", "model", "models"}
    | {"embedding", "embeddings", "embedder", "platform", "service", "client", "adapter", "driver", "kind", "flavor"}
)
# Whatever else a setting is called, a vendor's name alone as its value chooses that vendor; these only describe.
_LABELS: Final = frozenset(
    {"word", "words", "name", "names", "title", "label", "labels", "author", "authors", "owner", "org", "organization"}
    | {"tag", "tags", "keyword", "keywords", "category", "categories", "topic", "topics", "company", "maintainer"}
    | {"group", "artifact", "repository", "repo", "image", "icon", "logo", "header", "description", "dictionary"}
    | {"id", "path", "file", "folder", "dir", "directory", "package", "packages", "module", "modules", "branch", "user"}
    | {"include", "includes", "exclude", "excludes", "files", "members", "workspaces", "references", "ignore"}
)
_LLM_WORDS: Final = frozenset({"llm", "llms", "ai", "openai", "chat", "gpt", "model", "models", "embedding", "genai"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an entry is a place to touch.

    Attributes:
        kind: of the finding.
        provider: whose it is.
        confidence: how sure this is.
        model: the model id, if the value is one.
        secret: the value is a literal key.
        by_value: the value alone proves it, whatever its name is.
    """

    kind: Kind
    provider: str
    confidence: Confidence
    model: str | None = None
    secret: bool = False
    by_value: bool = False


def from_value(value: str, words: Iterable[str], vocabulary: Vocabulary) -> Evidence | None:
    """Return what a value proves, given the words of its key and of the sections around it."""
    value = value.strip(" \t")  # some line their values up inside the quotes
    if not value or len(value) > _LONGEST or "\n" in value:
        return None
    held = frozenset(words)
    return (
        _secret(value, held, vocabulary)
        or _address(value, vocabulary)
        or _model(value, held, vocabulary)
        or _selector(value, held, vocabulary)
        or _variable(value, vocabulary)
    )


def provider_of_url(value: str, vocabulary: Vocabulary) -> str | None:
    """Return the provider that an address leads to; `<resource>`, `{resource}` and the like may stand in it."""
    filled = _PLACEHOLDER.sub("x", value) if any(sign in value for sign in "<{[") else value
    if any(sign.isspace() for sign in filled):
        return None
    owner = vocabulary.url(filled)
    if owner is None and _HOST.fullmatch(head := filled.partition("/")[0].partition(":")[0]):
        owner = vocabulary.host(head)
    return owner


def model_of(value: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """Return the provider and the id of a model, which a router's prefix may precede (`azure/gpt-4o`)."""
    if not value or len(value) > 100 or any(sign.isspace() for sign in value):
        return None
    owner = vocabulary.model(value)
    if owner is not None:
        return owner, value
    found = _PREFIXED.fullmatch(value)
    if found is None or (vendor := vocabulary.vendor(found.group(1))) is None:
        return None
    return vendor, found.group(2)


def serves_model(vocabulary: Vocabulary, provider: str, model: str) -> bool:
    """Say whether the catalog lists a model id at a provider."""
    return any(model == listed.id for known in vocabulary.providers if known.id == provider for listed in known.models)


@lru_cache(maxsize=8192)
def name_role(vocabulary: Vocabulary, name: str) -> NameRole | None:
    """Return what the vocabulary says of a name; the same names come again and again in one scan."""
    return vocabulary.name_role(name)


def _secret(value: str, held: frozenset[str], vocabulary: Vocabulary) -> Evidence | None:
    owner = vocabulary.secret(value)
    if owner is None or not _KEY_LIKE.fullmatch(value):
        return None
    # A style name may begin like a key; a key has digits or capitals, or stands where keys stand.
    if not any(sign.isdigit() or sign.isupper() for sign in value) and role_of(held) != "key":
        return None
    return Evidence("credential", owner, "likely", secret=True, by_value=True)


def _address(value: str, vocabulary: Vocabulary) -> Evidence | None:
    owner = provider_of_url(value, vocabulary)
    return Evidence("base-url", owner, "certain", by_value=True) if owner else None


def _model(value: str, held: frozenset[str], vocabulary: Vocabulary) -> Evidence | None:
    if not held & _MODEL_KEYS:
        return None
    found = model_of(value, vocabulary)
    return Evidence("model", found[0], "certain", model=found[1], by_value=True) if found else None


def _selector(value: str, held: frozenset[str], vocabulary: Vocabulary) -> Evidence | None:
    typed = "type" in held and bool(held & {"api", *_LLM_WORDS})
    if len(value) > 30 or (not (typed or held & _SELECTORS) and held & _LABELS):
        return None
    owner = vocabulary.vendor_word(value)
    if owner is None and held & {"api", *_LLM_WORDS}:  # a company's bare name needs the subject beside it
        owner = vocabulary.vendor(value)
    return Evidence("config", owner, "likely", by_value=True) if owner else None


def _variable(value: str, vocabulary: Vocabulary) -> Evidence | None:
    """A value may name a variable: `${NAME}`, `secrets.NAME`, `env:NAME` or the bare name."""
    if " " in _PLACEHOLDER.sub("", value).strip():
        return None
    for found in _VARIABLE.finditer(value):
        role = name_role(vocabulary, found.group())
        if role is not None and (role.exact or role.role == "key"):
            return Evidence(KIND_OF[role.role], role.provider, "certain" if role.exact else "likely", by_value=True)
    return None


def looks_secret(value: str) -> bool:
    """Say whether a value that stands where a key belongs is one: long, of one piece, no address, no variable's name.

    Keys of Azure and of proxies have no prefix to know them by, so a placeholder may look like one: masked, it does
    no harm.
    """
    plain = value.strip()
    if _SECRET.fullmatch(plain) is None or _VARIABLE.fullmatch(plain) or "://" in plain:
        return False
    return any(sign.isdigit() for sign in plain) and any(sign.isalpha() for sign in plain)


def words_of(texts: Iterable[str]) -> list[str]:
    """Return the lower-case words of some keys."""
    return [word for text in texts for word in split_words(text)]
