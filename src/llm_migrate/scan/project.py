"""What files of one scan know of each other: named constants, settings, clients; filled before the rules run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_migrate.catalog.policy import Value


@dataclass(frozen=True, slots=True)
class Exported:
    """A name that a file binds at its top or on `self`.

    Attributes:
        file: path of the file.
        value: what it is bound to, `UNKNOWN` inside where that cannot be said.
    """

    file: str
    value: Value


@dataclass(slots=True)
class Project:
    """The cross-file table. `names` maps a bare name to each file's binding of it."""

    names: Mapping[str, tuple[Exported, ...]] = field(default_factory=dict[str, tuple[Exported, ...]])
