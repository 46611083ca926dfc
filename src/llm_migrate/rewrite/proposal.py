"""What strategies hand to the plan: edits, and places that a person must look at.

Every edit that is proposed keeps the meaning, unless the strategy was asked for unsafe ones too; without that, what
would alter the program's answers is among the places for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from llm_migrate.rewrite.splice import Edit
from llm_migrate.scan.finding import Document, Finding, Kind

# What an edit relies on elsewhere in its file: the switch, the new address, the table of models, a sentinel.
Need: TypeAlias = Literal["os", "switch", "url", "models", "not-given"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change of one place.

    Attributes:
        file: path in the tree.
        line: 1-based, of the place.
        kind: of the finding behind it.
        what: the change, for people.
        edits: not overlapping those of other proposals.
        note: what is lost.
        needs: what the file must define for it.
    """

    file: str
    line: int
    kind: Kind
    what: str
    edits: tuple[Edit, ...]
    note: str = ""
    needs: frozenset[Need] = frozenset()


@dataclass(frozen=True, slots=True)
class ByHand:
    """A place that is not edited.

    Attributes:
        file: path in the tree.
        line: 1-based; 0 for the file as a whole.
        kind: of the finding behind it.
        text: the place, secrets masked.
        reason: why it is left.
        advice: what a person should do.
        blocked: the program fails at the target until this is done.
    """

    file: str
    line: int
    kind: Kind
    text: str
    reason: str
    advice: str = ""
    blocked: bool = False


@dataclass(slots=True)
class Proposed:
    """What a strategy makes of one file.

    Attributes:
        proposals: to be written.
        by_hand: for a person.
        reaches: a client or an address of this file leads, or will lead, to the target.
    """

    proposals: list[Proposal] = field(default_factory=list["Proposal"])
    by_hand: list[ByHand] = field(default_factory=list["ByHand"])
    reaches: bool = False


class Strategy(Protocol):
    """A way of rewriting files of some languages."""

    def propose(self, document: Document, findings: Sequence[Finding]) -> Proposed:
        """Return what can be changed in a file, and what a person must do."""
        ...

    def frame(self, document: Document, needs: frozenset[Need]) -> tuple[Edit, ...]:
        """Return the edits that define what the chosen proposals of a file need."""
        ...
