"""The exact counter of the `tokens` extra: the vendor's own tokenizer, where its wheel holds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from llm_migrate.ledger.family import Family

Counter: TypeAlias = Callable[[str], int]


class _Encoding(Protocol):
    def count(self, text: str, /) -> int: ...


class _Package(Protocol):
    def get_encoding(self, name: str, /) -> _Encoding: ...


def exact_counter(family: Family) -> Counter | None:
    """Return what counts the tokens of a text exactly; None without the extra, or where it has no such tokenizer.

    The first call for a family reads its vocabulary: up to half a second and 60 MB. Counting is thread-safe.
    """
    return None if family.encoding is None or find_spec("quicktok") is None else _load(family.encoding)


@cache
def _load(encoding: str) -> Counter:
    count = cast("_Package", import_module("quicktok")).get_encoding(encoding).count

    def counted(text: str) -> int:
        try:
            return count(text)
        except TypeError:  # half a surrogate pair, which no encoder of JSON lets out as it is
            return count(text.encode("utf-8", "replace").decode())

    return counted
