"""Ask one more target the same, after the caller has its answer, and record both for comparison.

Nothing of it reaches the caller: it runs in a thread of its own, a full queue drops what is new, and a failure is a
record like any other. The file holds prompts and answers; only its owner may read it.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.engine.steps import Command, Emit, Reply, Result
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.wire.exchange import Call, assemble

if TYPE_CHECKING:
    from llm_migrate.engine.call import Steps

_WAITING: Final = 100  # copies that wait for their turn
_MOST_BYTES: Final = 4 * 1024 * 1024  # of a stream that is recorded

_log = logging.getLogger("llm_migrate")


@dataclass(frozen=True, slots=True)
class _Copy:
    """A call that was answered."""

    body: Mapping[str, JsonValue] = field(repr=False)
    answer: Mapping[str, JsonValue] = field(repr=False)


class Shadow:
    """Sends copies of chat calls to a target, one after another.

    Args:
        ask: gives the steps of a request, by its JSON, at the shadow target alone.
        file: where to append one JSON object a line: `{"at", "request", "answer", "shadow"}`, each answer with
            `target`, `model`, `status`, `body`, and `duration_s` for the shadow's.
    """

    def __init__(self, ask: Callable[[bytes], Steps], file: Path) -> None:
        self._ask = ask
        self._file = file
        self._copies: queue.Queue[_Copy] = queue.Queue(_WAITING)
        self._worker: tuple[int, threading.Thread] | None = None
        self._lock = threading.Lock()

    def watch(self, call: Call, steps: Steps) -> Steps:
        """Return the steps of a call that send a copy once the answer is whole."""
        return self._watch(call, steps) if call.api == "chat" else steps

    def _watch(self, call: Call, steps: Steps) -> Generator[Command, Result, None]:
        head: Reply | None = None
        events = bytearray()
        result: Result = None
        while True:
            try:
                command = steps.send(result)
            except StopIteration:
                return
            if isinstance(command, Reply):
                head = command
                if command.body is not None:
                    self._submit(call, command, orjson.loads(command.body))
            elif isinstance(command, Emit) and head is not None and len(events) < _MOST_BYTES:
                events += command.payload
                if command.whole:
                    self._submit(call, head, assemble(_payloads(bytes(events))))
            result = yield command

    def _submit(self, call: Call, head: Reply, body: JsonValue) -> None:
        headers = dict(head.headers)
        said: dict[str, JsonValue] = {"status": head.status, "body": body}
        said |= {name: headers.get(f"x-llm-migrate-{name}") for name in ("provider", "model")}
        asked = {name: value for name, value in call.body.items() if name not in ("stream", "stream_options")}
        try:
            self._copies.put_nowait(_Copy(asked, said))
        except queue.Full:
            _log.info("the shadow is behind: a copy was dropped")
            return
        self._start()

    def _start(self) -> None:
        with self._lock:
            worker = self._worker
            # After a fork the thread is only there in the parent.
            if worker is None or worker[0] != os.getpid() or not worker[1].is_alive():
                thread = threading.Thread(target=self._work, name="llm-migrate-shadow", daemon=True)
                self._worker = (os.getpid(), thread)
                thread.start()

    def _work(self) -> None:
        from llm_migrate.engine.pooled_upstream import PooledUpstream

        upstream = PooledUpstream()
        while True:
            copy = self._copies.get()
            began = time.monotonic()
            reply = SyncRun(self._ask(orjson.dumps(copy.body)), upstream, time.sleep).start()
            headers = dict(reply.headers)
            shadow: dict[str, JsonValue] = {
                "status": reply.status,
                "body": cast("JsonValue", orjson.loads(reply.body or b"null")),
                "provider": headers.get("x-llm-migrate-provider"),
                "model": headers.get("x-llm-migrate-model"),
                "duration_s": round(time.monotonic() - began, 3),
            }
            self._record(copy, shadow)

    def _record(self, copy: _Copy, shadow: Mapping[str, JsonValue]) -> None:
        at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        line = orjson.dumps({"at": at, "request": copy.body, "answer": copy.answer, "shadow": shadow}) + b"\n"
        try:
            file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)  # one write, so that lines of several processes do not mix
            finally:
                os.close(file)
        except OSError as e:
            _log.warning("the shadow's file cannot be written: %s", e.strerror)


def _payloads(events: bytes) -> list[bytes]:
    pieces = [event.removeprefix(b"data: ") for event in events.split(b"\n\n") if event]
    return [piece for piece in pieces if piece != b"[DONE]"]
