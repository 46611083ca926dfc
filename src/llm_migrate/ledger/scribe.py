"""The one place of a process where its books are written: what waits goes into one commit.

Whoever must know writes at once, together with all that was told until then, if the store is free; else a thread does.
Whoever only tells, such as a finalizer, takes no lock; a moment later the thread writes what nobody else has. What
could not be written stays owed and is tried again. Before a fork the books are closed, since neither SQLite's locks
nor a connection can be shared with a child; both open them again when they need them.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeAlias, TypeVar, cast

from llm_migrate.errors import LedgerError, MigrateError
from llm_migrate.ledger.books import Conflict, Extend, Operation, Outcome, Reserve, Store, Sweep, Void
from llm_migrate.ledger.owner import gone, this_owner

LEASE_MS: Final = 90_000
_TICK_S: Final = 30.0
_OWED_TICK_S: Final = 1.0
_MOST_OWED: Final = 10_000
_MOST_AT_ONCE: Final = 256
_TROUBLE: Final = 2  # failures one after the other that are not the fault of what is written
_EXIT_S: Final = 5.0
_LINGER_S: Final = 0.02  # for which what nobody waits for may stay unwritten

Teller: TypeAlias = Callable[[], Operation]
Heard: TypeAlias = Callable[[Outcome], None]

_Seen = TypeVar("_Seen")

_JUMP_MS: Final = 3_600_000
_LONGEST_MS: Final = 6 * 3_600_000  # for one request; one that is held for longer was lost by a fault

_log = logging.getLogger("llm_migrate.budget")


@dataclass(slots=True)
class _Item:
    """Something to write: an operation or what makes it; then who waits for the answer, and who hears of it."""

    tell: Operation | Teller
    answer: Future[Outcome] | None = None
    heard: Heard | None = None


class Watcher(Protocol):
    """Somebody who keeps a picture of the books."""

    def look(self, store: Store) -> None:
        """Take in what the books say."""
        ...


class Scribe:
    """Writes to one store for all threads of this process.

    Args:
        open_store: opens the store.
        wall: Unix time in seconds.
        shareable: another process sees the same books; not so if they are in memory.
    """

    def __init__(self, open_store: Callable[[], Store], wall: Callable[[], float], *, shareable: bool = True) -> None:
        self._open_store = open_store
        self._wall = wall
        self._shareable = shareable
        self._store: Store | None = None
        self._foreign = False
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        self._waiting: deque[_Item] = deque()
        self._wake: SimpleQueue[bool] = SimpleQueue()  # whether to go on
        self._is_woken = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the store
        self._starting = threading.Lock()
        self._next_tick = 0.0
        self.owner = this_owner()

    def submit(self, operation: Operation) -> Future[Outcome]:
        """Have an operation written, now if the store is free; the future has its outcome, or LedgerError."""
        answer: Future[Outcome] = Future()
        if self._thread is None:
            self._start()
        self._waiting.append(_Item(operation, answer))
        if self._lock.acquire(blocking=False):
            try:
                heard = self._write(patient=False)
            finally:
                self._lock.release()
            self._hear(heard)
        if not answer.done():
            self._wake.put(True)
        return answer

    def tell(self, teller: Operation | Teller, heard: Heard | None = None) -> None:
        """Have an operation written some time soon; from anywhere, also a finalizer.

        Args:
            teller: the operation, or what makes it; called by whoever writes.
            heard: told of the outcome by whoever wrote.
        """
        self._waiting.append(_Item(teller, None, heard))
        if not self._is_woken:
            self._is_woken = True
            self._wake.put(True)

    def flush(self, timeout_s: float = _EXIT_S) -> None:
        """Wait until all that was told is written.

        Raises:
            LedgerError: it could not be written in time.
        """
        if self._thread is None and not self._waiting:
            return
        try:
            self.submit(Extend("", 0)).result(timeout_s)
        except TimeoutError:
            raise LedgerError("the books could not be written in time") from None

    def read(self, look: Callable[[Store], _Seen]) -> _Seen:
        """Return what a function sees in the store, in the calling thread.

        Raises:
            LedgerError: it cannot be read.
        """
        with self._lock:
            return look(self._opened())

    def watch(self, watcher: Watcher) -> None:
        """Show somebody the store every half a minute, as long as it exists."""
        self._watchers.add(watcher)

    def close(self) -> None:
        """Write what is left, then let go of the store."""
        if self._thread is not None and self._thread.is_alive():
            self._wake.put(False)
            self._thread.join(_EXIT_S)
        self._thread = None
        with self._lock:
            self._let_go()

    def before_fork(self) -> None:
        """Close the store, so that parent and child share none."""
        self._lock.acquire()
        if self._shareable:
            self._let_go()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew, with nothing of the parent's: what it had not yet written is the parent's to write."""
        self._begin()
        self._foreign = not self._shareable

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="llm-migrate-ledger", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        """Write what nobody else has, until told to end."""
        going = True
        while going:
            try:
                going = self._turn()
            except Exception as e:  # whatever it was, what this process holds must be prolonged
                _log.error("a fault in the ledger's thread: %s", type(e).__name__)
                time.sleep(_OWED_TICK_S)
        if self._waiting:
            _log.error("%d entries could not be written to the ledger", len(self._waiting))

    def _turn(self) -> bool:
        """Write once it is time, or somebody asks for it; return whether to go on."""
        if time.monotonic() >= self._next_tick:
            self._tick()
        going = True
        try:
            going = self._wake.get(timeout=max(0.0, self._next_tick - time.monotonic()))
            if going and not self._somebody_waits():
                # Whoever asks next takes this with it; one commit then serves both.
                time.sleep(_LINGER_S)
        except Empty:
            pass
        self._is_woken = False
        self._write_all()
        return going

    def _somebody_waits(self) -> bool:
        return any(item.answer is not None for item in list(self._waiting))

    def _write_all(self) -> None:
        """Write until nothing waits, or it cannot be written."""
        while self._waiting:
            left = len(self._waiting)
            with self._lock:
                heard = self._write(patient=True)
            self._hear(heard)
            if not heard and len(self._waiting) >= left:
                self._next_tick = min(self._next_tick, time.monotonic() + _OWED_TICK_S)
                return

    def _write(self, *, patient: bool) -> list[tuple[Heard, Outcome]]:
        """Write what waits, with the lock held; return who is to hear of what once it is released."""
        items: list[_Item] = []
        try:
            operations = self._gather(items)
            if not items:
                return []
            store = self._opened()
            outcomes = store.apply(operations) if patient else store.apply_now(operations)
        except MigrateError as e:
            return self._write_singly(items, e) if len(items) > 1 else self._owe(items, e)
        except BaseException:
            self._waiting.extendleft(reversed(items))  # interrupted by the keyboard
            raise
        if outcomes is None:
            self._waiting.extendleft(reversed(items))
            return []
        return self._answer(items, operations, outcomes)

    def _gather(self, items: list[_Item]) -> list[Operation]:
        """Move what waits into a list; return the operations that it is."""
        operations: list[Operation] = []
        while self._waiting and len(items) < _MOST_AT_ONCE:
            item = self._waiting.popleft()
            if item.answer is not None and item.answer.cancelled():
                continue  # nobody waits any more, so it is not begun
            try:
                operation = item.tell = item.tell() if callable(item.tell) else item.tell
            except Exception as e:  # a fault of ours in one call is no reason to lose the others
                _log.error("what a call took could not be told: %s", type(e).__name__)
                continue
            items.append(item)
            operations.append(operation)
        return operations

    def _answer(
        self, items: list[_Item], operations: list[Operation], outcomes: list[Outcome]
    ) -> list[tuple[Heard, Outcome]]:
        heard: list[tuple[Heard, Outcome]] = []
        for item, operation, outcome in zip(items, operations, outcomes, strict=True):
            if item.answer is not None:
                if item.answer.set_running_or_notify_cancel():
                    item.answer.set_result(outcome)
                elif isinstance(operation, Reserve):  # its caller went away in this very moment
                    self.tell(Void(operation.request, operation.attempt, operation.now))
            elif isinstance(outcome, Conflict):
                _log.warning("the ledger refuses %s: %s", type(operation).__name__.lower(), outcome.problem)
            if item.heard is not None:
                heard.append((item.heard, outcome))
        return heard

    def _hear(self, heard: list[tuple[Heard, Outcome]]) -> None:
        for hear, outcome in heard:
            try:
                hear(outcome)
            except Exception as e:  # it is written; whoever hears of it is no reason to fail the call that wrote it
                _log.error("a fault after the ledger was written: %s", type(e).__name__)

    def _write_singly(self, items: list[_Item], error: MigrateError) -> list[tuple[Heard, Outcome]]:
        """Write one by one what could not be written together: one of them may be what no books can hold."""
        heard: list[tuple[Heard, Outcome]] = []
        left: list[_Item] = []
        for i, item in enumerate(items):
            operation = cast("Operation", item.tell)  # `_gather` has asked for it
            try:
                heard += self._answer([item], [operation], self._opened().apply([operation]))
            except MigrateError as e:
                error = e
                left.append(item)
                if len(left) == i + 1 == _TROUBLE:
                    return self._owe(items, error)  # it is the books themselves, which may take their time to fail
        for item in left:
            if item.answer is None:
                _log.error("the ledger cannot hold an entry, which is dropped: %s", error)
            elif item.answer.set_running_or_notify_cancel():
                item.answer.set_exception(error)
        return heard

    def _owe(self, items: list[_Item], error: MigrateError) -> list[tuple[Heard, Outcome]]:
        """Tell those who wait, and keep for later what nobody waits for."""
        _log.warning("the ledger cannot be written: %s", error)
        for item in reversed(items):
            if item.answer is None:
                self._waiting.appendleft(item)
            elif item.answer.set_running_or_notify_cancel():
                item.answer.set_exception(error if isinstance(error, LedgerError) else LedgerError(str(error)))
        while len(self._waiting) > _MOST_OWED:
            self._waiting.popleft()
        return []

    def _tick(self) -> None:
        """Prolong what this process holds, and end what nobody holds any more."""
        self._next_tick = time.monotonic() + _TICK_S
        now = int(self._wall() * 1000)
        try:
            with self._lock:
                store = self._opened()
                owners = {held.owner for held in store.open_reservations()}
                jump = now - store.seen()
                if owners and jump > _JUMP_MS:
                    _log.warning("the clock is %d minutes past the last entry: what is held may lapse", jump // 60_000)
                store.apply([Extend(self.owner, now + LEASE_MS, now - _LONGEST_MS), Sweep(now, gone(owners))])
                for watcher in list(self._watchers):
                    watcher.look(store)
        except MigrateError as e:
            _log.warning("the ledger cannot be swept: %s", e)

    def _opened(self) -> Store:
        if self._foreign:
            raise LedgerError("books in memory belong to the process that made them: name a file or a server")
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _let_go(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()


_ALL: Final[weakref.WeakSet[Scribe]] = weakref.WeakSet()


_forking: Final[list[Scribe]] = []


def _before_fork() -> None:
    _forking[:] = list(_ALL)
    for scribe in _forking:
        scribe.before_fork()


def _after_fork_in_parent() -> None:
    for scribe in _forking:
        scribe.after_fork_in_parent()
    _forking.clear()


def _after_fork_in_child() -> None:
    for scribe in _forking:
        scribe.after_fork_in_child()
    _forking.clear()


def _close_all() -> None:
    for scribe in list(_ALL):
        scribe.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_close_all)
