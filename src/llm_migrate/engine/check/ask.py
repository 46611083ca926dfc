"""Ask all targets at once, and wait no longer than is sensible for any of them."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from llm_migrate.config import Config, Target
from llm_migrate.engine.check.finding import Finding
from llm_migrate.engine.check.live import Lived, judge_live, live
from llm_migrate.engine.check.probe import Probe, judge_probe, probe
from llm_migrate.engine.plan import World
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.engine.upstream import Upstream

Progress: TypeAlias = Callable[[int, int], None]

_TICK_S: Final = 0.1
_NAME_S: Final = 5.0  # for a name server, whose wait no socket can limit
_REAL: Final = World(time.monotonic, time.time, random.random, lambda: f"llm-migrate-check-{os.urandom(6).hex()}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one target said: to a request without a key, and to a tiny one with it, if such a one was made."""

    target: Target
    probed: Probe
    lived: Lived | None = None

    def findings(self) -> list[Finding]:
        """Return what it means."""
        return [*judge_probe(self.target, self.probed), *(judge_live(self.target, self.lived) if self.lived else [])]


def ask_all(
    config: Config,
    targets: Sequence[Target],
    *,
    models: Mapping[str, str],
    timeout_s: float,
    progress: Progress | None = None,
) -> list[Seen]:
    """Return what came of all targets, in their order.

    Args:
        config: whose mapping counts.
        targets: whom to ask.
        models: target name -> the model to ask it for; a target that is not named here gets no such request.
        timeout_s: for a connection, for an answer, and for the tiny request.
        progress: told how many of how many are done, again and again while others wait.
    """
    upstream = PooledUpstream()
    futures = [
        _start(partial(_ask, config, target, models.get(target.name), upstream, timeout_s)) for target in targets
    ]
    until = time.monotonic() + _NAME_S + 4 * timeout_s
    while (rest := [future for future in futures if not future.done()]) and time.monotonic() < until:
        wait(rest, _TICK_S)
        if progress is not None:
            progress(sum(future.done() for future in futures), len(futures))
    if all(future.done() for future in futures):
        upstream.close()  # else a thread may still be on its way to it
    return [
        future.result() if future.done() else Seen(target, _silent(target))
        for target, future in zip(targets, futures, strict=True)
    ]


def _ask(config: Config, target: Target, asked: str | None, upstream: Upstream, timeout_s: float) -> Seen:
    probed = probe(target, upstream, _REAL, timeout_s=timeout_s)
    reached = not any(finding.severity == "failed" for finding in judge_probe(target, probed))
    if asked is None or not reached:
        return Seen(target, probed)
    return Seen(target, probed, live(target, config, upstream, _REAL, asked=asked, timeout_s=timeout_s))


def _silent(target: Target) -> Probe:
    parts = urlsplit(target.base_url)
    return Probe(parts.netloc, "name", "the name server said nothing in time")


def _start(work: Callable[[], Seen]) -> Future[Seen]:
    """Run work in a thread that does not hold up the end of the program: a name server may be silent for long."""
    future: Future[Seen] = Future()

    def body() -> None:
        try:
            future.set_result(work())
        except BaseException as e:
            future.set_exception(e)

    threading.Thread(target=body, daemon=True, name="llm-migrate-check").start()
    return future
