"""What files of one scan know of each other: constants with addresses, clients; filled before the rules run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exported:
    """A name that a file binds at its top or on an object.

    Attributes:
        file: path of the file.
        name: as it is written there (`client`, `self.url`), with `()` for what a function of that name returns.
        text: the string it is bound to.
        symbol: the SDK path it leads to (`openai.OpenAI()`).
    """

    file: str
    name: str
    text: str | None = None
    symbol: str | None = None


@dataclass(slots=True)
class Project:
    """The cross-file table: name -> each file's binding of it."""

    names: Mapping[str, tuple[Exported, ...]] = field(default_factory=dict[str, tuple[Exported, ...]])
