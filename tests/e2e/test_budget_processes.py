"""Several processes under one budget, one of which is killed: never one token over, and every unit accounted for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from llm_migrate.config import load_config
from llm_migrate.ledger.books import Sweep
from llm_migrate.ledger.owner import gone
from llm_migrate.ledger.stores import open_store
from tests.engine.script import completion
from tests.taps.loopback import Handler, Loopback, loopback, whole

PROGRAM = Path(__file__).with_name("budget_program.py")
WORTH = 28  # tokens of one call: no more than its prompt and its limit of output are
CALLS, AT_ONCE, PROCESSES, FIT = 250, 40, 4, 300


def worth(to: Handler) -> None:
    """Answer, and count a fixed number of tokens."""
    time.sleep(0.002)
    usage = {"prompt_tokens": WORTH - 20, "completion_tokens": 20, "total_tokens": WORTH}
    whole(json.dumps({**json.loads(completion()), "usage": usage}).encode())(to)


def configured(folder: Path, first: Loopback, second: Loopback | None) -> Path:
    servers = {"a": first, **({"b": second} if second else {})}
    targets = "".join(
        f'[targets.{name}]\nprovider = "openai"\nbase_url = "{server.base_url}"\napi_key = "plain:k"\n'
        for name, server in servers.items()
    )
    file = folder / "llm-migrate.toml"
    file.write_text(
        f"{targets}[chains.default]\ntargets = {json.dumps(list(servers))}\n"
        f'[budgets.free]\ntarget = "a"\ntokens = {FIT * WORTH}\n[ledger]\nurl = "sqlite:///{folder}/ledger.db"\n'
    )
    return file


def start(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), str(config), str(CALLS), str(AT_ONCE)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("further", [False, True], ids=["alone", "with a second target"])
def test_a_thousand_calls_of_four_processes(tmp_path, further):
    """B1: what the vendor served is within the limit, whoever asked; the rest is refused, or goes down the chain."""
    came: Counter[str] = Counter()
    with loopback(worth) as first, loopback(worth) as second:
        file = configured(tmp_path, first, second if further else None)
        programs = [start(file) for _ in range(PROCESSES)]
        while len(first.requests) < FIT // 4:
            time.sleep(0.005)
        programs[0].send_signal(signal.SIGKILL)
        programs[0].communicate()
        for program in programs[1:]:
            said, _ = program.communicate(timeout=120)
            came.update(json.loads(said))

        served = len(first.requests)
        assert FIT // 4 <= served <= FIT
        assert came["served"] + came["budget_exceeded"] == CALLS * (PROCESSES - 1)
        assert (came["budget_exceeded"] == 0) == further
        assert (len(second.requests) > 0) == further

    ledger = load_config(file).ledger
    assert ledger is not None
    store = open_store(ledger.url)
    now = store.seen()
    owners = [held.owner for held in store.open_reservations()]
    store.apply([Sweep(now, gone(owners))])
    (balance,) = store.balances()
    open_, entries = store.open_reservations(), store.entries()
    assert balance.taken <= FIT * WORTH
    assert balance.spent == sum(entry.amount for entry in entries)
    assert (balance.reserved, balance.unresolved) == (0, sum(held.amount for held in open_))
    # Of the one that was killed nobody knows which requests still reached the vendor: all of them count.
    assert served <= len(entries) + len(open_) <= served + AT_ONCE
    store.close()
