"""What every tap shares: from a request of the OpenAI SDK to the steps of a call. No HTTP client is known here."""

from __future__ import annotations

import datetime as dt
import logging
import os
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from llm_migrate.config import Chain, Config, Target
from llm_migrate.engine.call import Plan, Steps, World, run
from llm_migrate.engine.events import Adapted, CallEvent
from llm_migrate.engine.faults import interrupted
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.order import order
from llm_migrate.engine.steps import Command, Journey, Limits, Reply, Result
from llm_migrate.taps.listing import list_models
from llm_migrate.taps.logs import log_event
from llm_migrate.taps.shadow import Shadow
from llm_migrate.wire.exchange import (
    CARRIED,
    Call,
    Manner,
    OpenAIError,
    Reasoning,
    RefusedError,
    absent,
    error_event,
    parse_call,
)

if TYPE_CHECKING:
    from llm_migrate.ledger.ledger import Ledger

RETRIES: Final = "llm_migrate.max_retries"  # request extension: the caller's `max_retries`
HTTP2: Final[dict[str, bytes]] = {"http_version": b"HTTP/2"}  # the SDK then ends a stream at [DONE] without draining

_CONNECT_S: Final = 5.0
_READ_S: Final = 600.0  # where the caller sets no limit
_DEFAULT: Final = Limits()
_ANSWER_SHARE: Final = 0.95  # of the caller's limit, so that the answer is there before the caller gives up

_log = logging.getLogger("llm_migrate")
_adapt_log = logging.getLogger("llm_migrate.adapt")
_log.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a client hands it to its transport.

    Attributes:
        method: HTTP method.
        path: percent-encoded path, query allowed.
        content: body.
        extensions: the client's; `timeout` and `RETRIES` are read.
    """

    method: str
    path: str
    content: bytes
    extensions: Mapping[str, object]


class Tap:
    """A chain of a configuration, ready to serve calls from any thread."""

    def __init__(self, config: Config, chain: str = "default", world: World | None = None) -> None:
        self.config = config
        self.chain = config.chain(chain)
        self._world = world or _REAL
        self._told: set[tuple[str, str, str]] = set()
        self._keyring = Keyring()
        self._health = Health()
        self._manner = Manner(config.adapt, config.emulate, Reasoning())
        self._shadow = self._shadow_of(config)
        self.ledger = self._ledger_of(config)

    def open(self, asked: Asked) -> Steps:
        """Return the steps that serve a request."""
        try:
            call = parse_call(asked.method, asked.path, asked.content)
        except RefusedError as e:
            return _answered(_refusal(e.error))
        if call.api not in CARRIED:
            return _answered(_refusal(absent(call, self.chain.targets)))
        if call.api == "models":
            return _answered(list_models(self.config, self.chain, call.path))
        steps = run(call, self._plan(call, asked.extensions), Journey())
        return steps if self._shadow is None else self._shadow.watch(call, steps)

    def _shadow_of(self, config: Config) -> Shadow | None:
        """Return what asks the chain's shadow target, which is a chain of its own; None for a chain without one."""
        target, file = self.chain.shadow, self.chain.shadow_file
        if target is None or file is None:
            return None
        alone = replace(config, chains={"shadow": Chain("shadow", (target,))}, listener=None)
        tap = Tap(alone, "shadow", self._world)
        return Shadow(lambda body: tap.open(Asked("POST", "/chat/completions", body, {})), file)

    def _ledger_of(self, config: Config) -> Ledger | None:
        """Return the budgets; None where no target of the chain has one."""
        members = {target.name for target in self.chain.targets}
        if not any(budget.target in members for budget in config.budgets.values()):
            return None
        from llm_migrate.ledger.ledger import Ledger  # not loaded where there are no budgets

        return Ledger(config, self._notice, self._world.wall)

    def _plan(self, call: Call, extensions: Mapping[str, object]) -> Plan:
        def model_for(target: Target, asked: str) -> str:
            return self.config.model_for(target, asked, api=call.api)

        world = self._world
        at = dt.datetime.fromtimestamp(world.wall(), dt.UTC)
        return Plan(
            order(self.chain, call, model_for, at=at, chance=world.chance(), ledger=self.ledger),
            model_for,
            self._manner,
            self._keyring,
            self._health,
            _limits(extensions),
            world,
            self._notice,
            self.chain.buffer_tool_calls,
            self.chain.on_cut,
            self.ledger,
        )

    def _notice(self, event: CallEvent) -> None:
        """Log a decision, and tell the program's listener; what that one raises is its own affair."""
        if isinstance(event, Adapted) and self.config.adapt == "warn":
            self._warn(event)
        log_event(event)
        if self.config.listener is not None:
            try:
                self.config.listener(event)
            except Exception:
                _log.exception("the listener for events failed")

    def _warn(self, event: Adapted) -> None:
        """Warn, once for each (target, model, subject), of what a vendor does not get as it was asked."""
        key = (event.target, event.model, event.subject)
        if key not in self._told:
            self._told.add(key)
            advice = f": {event.advice}" if event.advice else ""
            _adapt_log.warning("%s: %s: %s is %s%s", *key, event.effect, advice)


def internal_error(error: Exception) -> Reply:
    """Return the answer for a fault of ours. The log gets its place but not its text, which may hold a prompt."""
    return _refusal(_fault(error))


def internal_cut(error: Exception) -> bytes:
    """Return the last event of a stream for a fault of ours that came too late for an answer; see `internal_error`."""
    return error_event(interrupted(_fault(error)))


def _fault(error: Exception) -> OpenAIError:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"  # noqa: PTH119
    _log.error("a fault of llm-migrate itself: %s at %s", type(error).__name__, place)
    message = f"llm-migrate: internal error: {type(error).__name__} at {place}; please report it"
    return OpenAIError(500, message, "server_error", None, "internal_error", "ambiguous")


def _new_id() -> str:
    """Return an id that no other call has; later ones sort behind earlier ones, as indexes and readers like it."""
    return f"llm-migrate-{time.time_ns() // 1_000_000:012x}{os.urandom(6).hex()}"


_REAL: Final = World(time.monotonic, time.time, random.random, _new_id)


def _limits(extensions: Mapping[str, object]) -> Limits:
    table = cast("Mapping[str, object]", extensions.get("timeout") or {})
    read_s = _seconds(table.get("read"), _READ_S)
    retries = extensions.get(RETRIES)
    tries = _DEFAULT.target_attempts
    return Limits(
        connect_s=min(_CONNECT_S, _seconds(table.get("connect"), _CONNECT_S)),
        read_s=read_s,
        total_s=read_s * _ANSWER_SHARE,
        target_attempts=min(tries, retries + 1) if isinstance(retries, int) else tries,
    )


def _seconds(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _answered(reply: Reply) -> Steps:
    def steps() -> Generator[Command, Result, None]:
        yield reply

    return steps()


def _refusal(error: OpenAIError) -> Reply:
    headers = (("content-type", "application/json"), ("x-should-retry", "false"))
    return Reply(error.status, headers, error.body())
