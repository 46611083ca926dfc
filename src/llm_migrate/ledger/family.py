"""Families of tokenizers: what each class of text weighs in tokens, and how far an estimate may be off.

The numbers stand in weights.toml, which bench/fit_tokens.py writes. Which model belongs to which family is a fact of
the provider files.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypedDict, cast

from llm_migrate.errors import CatalogError
from llm_migrate.ledger.classes import NAMES, Counts, classify

WEIGHTS: Final = Path(__file__).with_name("weights.toml")
MILLION: Final = 1_000_000
DEFAULT: Final = "default"  # for models whose tokenizer nobody outside knows


@dataclass(frozen=True, slots=True)
class Template:
    """Tokens that a chat template adds to the texts.

    Attributes:
        message: for each message, its role among them.
        name: for the name of one who speaks, beside its own text.
        request: once, for the turn that is to come and what stands before the first.
        tools: once, where there are tools.
        known: the vendor says so, and counts texts just so.
    """

    message: int
    name: int
    request: int
    tools: int
    known: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One family of tokenizers.

    Attributes:
        name: such as "o200k".
        weights: millionths of a token for each class, in the order of `classes.NAMES`.
        factor_ppm: what an estimate is multiplied by to be safe, in millionths: the 99th percentile of what was
            measured.
        template: what chat adds.
        encoding: its name for the exact counter; None where that does not hold it.
    """

    name: str
    weights: Counts
    factor_ppm: int
    template: Template
    encoding: str | None = None

    def weigh(self, raw: bytes) -> int:
        """Return about how many millionths of a token a text in UTF-8 is."""
        a, b, c, d, e, f, g, h, i, j = classify(raw)
        w = self.weights
        # Written out: a sum over a zip takes longer than the classification of a short text.
        return (
            a * w[0] + b * w[1] + c * w[2] + d * w[3] + e * w[4] + f * w[5] + g * w[6] + h * w[7] + i * w[8] + j * w[9]
        )


class _Row(TypedDict):
    weights: dict[str, int]
    factor_ppm: int
    template: dict[str, int]
    template_known: bool
    encoding: str


def find_family(name: str | None) -> Family:
    """Return a family by its name, the default one for None.

    Raises:
        CatalogError: no such family.
    """
    families = _families()
    try:
        return families[name or DEFAULT]
    except KeyError:
        raise CatalogError(f"{name}: no such family of tokenizers; known are: {', '.join(families)}") from None


def family_names() -> tuple[str, ...]:
    """Return the names of all families."""
    return tuple(_families())


@cache
def _families() -> dict[str, Family]:
    rows = cast("dict[str, _Row]", tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))["families"])
    return {name: _family(name, row) for name, row in rows.items()}


def _family(name: str, row: _Row) -> Family:
    weights = cast("Counts", tuple(row["weights"].get(word, 0) for word in NAMES))
    template = Template(**row["template"], known=row["template_known"])
    return Family(name, weights, row["factor_ppm"], template, row["encoding"] or None)
