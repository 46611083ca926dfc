"""The ledger's stores behind an external torture script's adapter protocol: many processes, kill -9, clock jumps.

The protocol: `create(path, quotas)` makes books with quotas (`id`, `model_family`, `limit`, `expires_at` in Unix
seconds or None), `open_ledger(path)` opens them and returns an object with

    reserve(request_id, family, amount, ttl_s, now) -> id of the quota that holds it, or None
    settle(request_id, actual, now)    repeated or after a lapse, too
    void(request_id, now)              repeated, too
    sweep(now)                         gives back what has lapsed
    state(now) -> {quota: {"limit", "reserved", "spent", "overrun"}}
    entries() -> [(request_id, quota, actual)] of what was settled

The quotas lie in a JSON file beside the books. These are a SQLite file, or, where LLM_MIGRATE_BENCH_LEDGER holds a
`postgresql://` address, a schema there of which the path is the name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

from llm_migrate.ledger.books import NEVER, Conflict, Grant, Operation, Outcome, Reserve, Settle, Sweep, Void, Want
from llm_migrate.ledger.stores import open_store

SERVER = os.environ.get("LLM_MIGRATE_BENCH_LEDGER", "")


class Quota(TypedDict):
    id: str
    model_family: str
    limit: int
    expires_at: float | None


class TortureLedger:
    """Books as the protocol wants them; all reservations are held, never sent, so that they lapse."""

    def __init__(self, path: str) -> None:
        self._quotas: list[Quota] = json.loads(_beside(path).read_text(encoding="utf-8"))
        self._store = open_store(_url(path))
        self._owner = f"torture:{os.getpid()}"

    def reserve(self, request_id: str, family: str, amount: int, ttl_s: float, now: float) -> str | None:
        wants = tuple(_want(quota, amount) for quota in self._quotas if quota["model_family"] == family)
        lease_until = _ms(now + ttl_s)
        outcome = self._do(Reserve(request_id, 1, wants, self._owner, _ms(now), lease_until, family, "held"))
        return outcome.offer if isinstance(outcome, Grant) else None

    def settle(self, request_id: str, actual: int, now: float) -> None:
        self._say(Settle(request_id, 1, actual, _ms(now)))

    def void(self, request_id: str, now: float) -> None:
        self._say(Void(request_id, 1, _ms(now)))

    def sweep(self, now: float) -> None:
        self._do(Sweep(_ms(now)))

    def state(self, now: float) -> dict[str, dict[str, int]]:  # noqa: ARG002 - what counts does not hang on it
        balances = {balance.offer: balance for balance in self._store.balances()}
        return {
            quota["id"]: {
                "limit": quota["limit"],
                "reserved": balances[quota["id"]].reserved if quota["id"] in balances else 0,
                "spent": balances[quota["id"]].spent if quota["id"] in balances else 0,
                "overrun": balances[quota["id"]].overrun if quota["id"] in balances else 0,
            }
            for quota in self._quotas
        }

    def entries(self) -> Sequence[tuple[str, str, int]]:
        return [(entry.request, entry.offer, entry.amount) for entry in self._store.entries()]

    def _say(self, operation: Operation) -> None:
        outcome = self._do(operation)
        if isinstance(outcome, Conflict):
            raise ValueError(f"{operation}: {outcome.problem}")

    def _do(self, operation: Operation) -> Outcome:
        return self._store.apply([operation])[0]


def create(path: str, quotas: list[Quota]) -> None:
    """Make the books."""
    _beside(path).write_text(json.dumps(quotas), encoding="utf-8")
    if SERVER:
        import psycopg

        with psycopg.connect(SERVER, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {_schema(path)}")
    open_store(_url(path)).close()


def open_ledger(path: str) -> TortureLedger:
    """Open the books that `create` has made."""
    return TortureLedger(path)


def _want(quota: Quota, amount: int) -> Want:
    ends_at = NEVER if quota["expires_at"] is None else _ms(quota["expires_at"])
    return Want(quota["id"], 0, ends_at, (0, 0, 0), quota["limit"], True, amount, amount, amount)


def _url(path: str) -> str:
    if not SERVER:
        return f"sqlite:///{path}"
    return f"{SERVER}{'&' if '?' in SERVER else '?'}options={quote(f'-csearch_path={_schema(path)}')}"


def _schema(path: str) -> str:
    return "torture_" + hashlib.sha256(path.encode()).hexdigest()[:16]


def _beside(path: str) -> Path:
    return Path(f"{path}.quotas.json")


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
