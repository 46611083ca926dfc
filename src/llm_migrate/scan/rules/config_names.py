"""What the key of a configuration entry, and the sections around it, tell: whose setting it is and what it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from llm_migrate.scan.finding import Confidence
from llm_migrate.scan.rules.config_values import KIND_OF, Evidence, name_role, words_of
from llm_migrate.scan.vocabulary import Vocabulary, role_of

_SEPARATOR: Final = re.compile(r"[.:]|__")
_TRANSPARENT: Final = frozenset({"value", "default", "defaultvalue", "example", "valuefrom", "options", "properties"})
_TEXT_KEYS: Final = frozenset({"description", "title", "label", "help", "summary", "message", "tooltip", "placeholder"})
_PACKAGES: Final = frozenset(
    {"dependencies", "devdependencies", "peerdependencies", "optionaldependencies", "packages", "requires", "extras"}
    | {"overrides", "resolutions", "keywords", "scripts", "sources", "install_requires", "extras_require", "repos"}
)


def key_parts(path: Sequence[str]) -> list[str]:
    """Return the parts of a path, dotted keys split, words that only wrap a value dropped from its end."""
    parts = [part for key in path for part in (_SEPARATOR.split(key) if not key.isupper() else (key,)) if part]
    while len(parts) > 1 and parts[-1].lower() in _TRANSPARENT:
        parts.pop()
    return parts


def is_setting(parts: Sequence[str]) -> bool:
    """Say whether an entry can be a setting: lists of packages and texts for people are none."""
    lowered = [part.lower() for part in parts]
    return bool(lowered) and lowered[-1] not in _TEXT_KEYS and not any(
        part in _PACKAGES or part.endswith("dependencies") for part in lowered
    )  # fmt: skip


def from_names(parts: Sequence[str], value: str, vocabulary: Vocabulary) -> Evidence | None:
    """Return what the key proves by itself, or below a section named after a vendor."""
    name = parts[-1]
    role = name_role(vocabulary, name)
    if role is not None and (role.exact or vocabulary.vendor_word(name) is None):
        confidence: Confidence = "certain" if role.exact else "likely"
        return Evidence(KIND_OF[role.role], role.provider, confidence, model=_model(role.role, value))
    if role is not None:
        return None  # the vendor's bare name says nothing of what is behind it
    owner = _section(tuple(parts[:-1]), vocabulary)
    if owner is not None:
        held = role_of(words_of([name]))
        return Evidence(KIND_OF[held], owner, "likely", model=_model(held, value))
    near = name_role(vocabulary, parts[-2]) if len(parts) > 1 else None
    if near is None:
        return None
    held = role_of(words_of([name]))
    return Evidence(KIND_OF[held], near.provider, "likely", model=_model(held, value)) if held != "other" else None


@lru_cache(maxsize=2048)
def _section(parents: tuple[str, ...], vocabulary: Vocabulary) -> str | None:
    """Return the vendor that one section, or some following one another, are named after; the innermost wins."""
    for end in range(len(parents), 0, -1):
        for start in range(max(0, end - 3), end):
            owner = vocabulary.vendor_word("".join(parents[start:end]))
            if owner is not None:
                return owner
    return None


def _model(role: str, value: str) -> str | None:
    plain = value and not any(sign.isspace() or sign in "${}<>[]()'\"" for sign in value)
    return value if role == "model" and plain else None
