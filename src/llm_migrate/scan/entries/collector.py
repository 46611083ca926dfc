"""Gathers the scalars of a structured file and joins `name: X` / `value: Y` siblings into one entry named X.

Compose, Kubernetes, Helm and ARM templates write variables as lists of such pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llm_migrate.scan.entries.source import Path, Source, below
from llm_migrate.scan.finding import Entry

_NAMES: Final = ("name", "key")
_VALUES: Final = ("value",)
_ELSEWHERE: Final = ("valuefrom", "secretref")  # the value lies somewhere else: the name alone is the place


@dataclass(frozen=True, slots=True)
class _Scalar:
    path: Path
    owner: int
    key: str
    value: str
    place: tuple[int, int]
    inner: tuple[int, int] | None


class Collector:
    """Scalars in the order in which they were read, each with the mapping that it belongs to."""

    __slots__ = ("_keys", "_scalars", "_source", "owners")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._scalars: list[_Scalar] = []
        self._keys: dict[int, dict[str, int]] = {}
        self.owners = 0

    def new_owner(self) -> int:
        """Return the number of a mapping (or of one item of a list) that begins."""
        self.owners += 1
        return self.owners

    def note(self, owner: int, key: str) -> None:
        """Remember that a mapping has a key whose value is no scalar."""
        if key.lower() in _ELSEWHERE:
            self._keys.setdefault(owner, {}).setdefault(key.lower(), -1)

    def add(
        self, path: Path, owner: int, value: str, place: tuple[int, int], inner: tuple[int, int] | None, key: str = ""
    ) -> None:
        """Take a scalar; `path` goes up to it, `key` is empty for an item of a list."""
        if (low := key.lower()) in _NAMES or low in _VALUES:
            self._keys.setdefault(owner, {}).setdefault(low, len(self._scalars))
        self._scalars.append(_Scalar(path, owner, key, value, place, inner))

    def mark(self) -> int:
        """Return a mark to which `forget` can go back."""
        return len(self._scalars)

    def forget(self, mark: int) -> None:
        """Drop what was added since a mark."""
        del self._scalars[mark:]
        for keys in self._keys.values():
            for key in [key for key, index in keys.items() if index >= mark]:
                del keys[key]

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, name/value siblings joined, in the order of the file."""
        joined = dict(self._pairs())
        skip = {index for pair in joined.values() for index in pair}
        found: list[Entry] = []
        for index, scalar in enumerate(self._scalars):
            if index in joined:
                found.append(self._join(*joined[index]))
            elif index not in skip:
                found.append(self._source.entry(scalar.path, scalar.value, scalar.place, scalar.inner))
        found.sort(key=lambda entry: entry.start)
        yield from found

    def _pairs(self) -> Iterator[tuple[int, tuple[int, int]]]:
        for keys in self._keys.values():
            name = next((keys[word] for word in _NAMES if word in keys), None)
            if name is None or not self._scalars[name].value:
                continue
            value = next((keys[word] for word in (*_VALUES, *_ELSEWHERE) if word in keys), None)
            if value is not None:
                yield name, (name, value if value >= 0 else name)

    def _join(self, name: int, value: int) -> Entry:
        head, tail = self._scalars[name], self._scalars[value]
        path = below(head.path[:-1], head.value)
        if name == value:
            return self._source.entry(path, "", head.place, None)
        place = (min(head.place[0], tail.place[0]), max(head.place[1], tail.place[1]))
        return self._source.entry(path, tail.value, place, tail.inner)
