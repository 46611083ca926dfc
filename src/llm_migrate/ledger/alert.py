"""What a program is told of its budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OVER_BUDGET: Final = "budget_exceeded"  # code of the error for a call that no budget has room for


@dataclass(frozen=True, slots=True)
class Alert:
    """So many percent of a budget are used; told once for each of its windows, by one of all processes.

    Attributes:
        budget: name.
        target: that it is for.
        percent: 50, 80, 95 or 100.
        used: how much, for people.
        limit: of how much.
    """

    budget: str
    target: str
    percent: int
    used: str
    limit: str
