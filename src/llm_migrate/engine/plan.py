"""What a call may use: targets, facts shared by all calls, limits, and the world as far as it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from llm_migrate.config import Target
from llm_migrate.engine.events import Listener
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.steps import Limits
from llm_migrate.wire.exchange import Manner

if TYPE_CHECKING:
    from llm_migrate.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class World:
    """Time and chance: monotonic seconds, Unix seconds, a number in [0, 1), an id for a request."""

    now: Callable[[], float]
    wall: Callable[[], float]
    chance: Callable[[], float]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call may use.

    Attributes:
        targets: in the order to try them.
        model_for: the vendor's id for what was asked; raises ConfigError where there is none.
        manner: how requests are adapted.
        keyring: tokens and clocks of vendors.
        health: of the targets, as all calls see it.
        limits: how long and how often.
        world: time and chance.
        notice: told of every decision.
        buffer_tool_calls: hold a tool call of a stream back until it is whole.
        on_cut: "continue" has a text that broke off continued, once, by a target that can.
        ledger: the budgets; None where there are none.
    """

    targets: Sequence[Target]
    model_for: Callable[[Target, str], str]
    manner: Manner
    keyring: Keyring
    health: Health
    limits: Limits
    world: World
    notice: Listener
    buffer_tool_calls: bool = False
    on_cut: Literal["error", "continue"] = "error"
    ledger: Ledger | None = None
