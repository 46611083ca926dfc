"""One fault, seen one way: run it, and hold what was seen against what shall be."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import openai

from llm_migrate.config import Config, load_config
from llm_migrate.engine.call import World
from llm_migrate.engine.events import CallEvent, Sent
from llm_migrate.taps.tap import Tap
from tests.faults.fault import CONNECT_S, FIRST, READ_S, REST, Fault, Want, answering
from tests.faults.server import FaultServer, deaf, nobody, serving
from tests.faults.ways import Seen, Way

SECOND: Final = ("the second ", "target's words")
_QUICK_READ_S: Final = 10.0  # where a fault takes no time, what waits for the limit is seen
_QUICK_S: Final = 5.0  # for machines with other things to do
_LATE_S: Final = 1.0  # R3
# Nothing is waited for by chance: a retry comes at once unless the vendor names a time.
WORLD: Final = World(time.monotonic, time.time, lambda: 0.0, lambda: os.urandom(8).hex())
_CLASSES: Final[dict[int, type[openai.APIStatusError]]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, a way to ask, with or without a stream, and with or without a second, healthy target."""

    fault: Fault
    way: Way
    streamed: bool
    second: bool

    @property
    def want(self) -> Want | None:
        return self.fault.streamed if self.streamed else self.fault.plain

    @property
    def read_s(self) -> float:
        """The caller's read limit, in seconds."""
        return READ_S if self.fault.slow and self.fault.at == "server" else _QUICK_READ_S

    @property
    def limit(self) -> httpx2.Timeout:
        """All limits of the caller."""
        return httpx2.Timeout(self.read_s, connect=CONNECT_S if self.fault.at == "deaf" else self.read_s)

    def __str__(self) -> str:
        return f"{self.way.name}, {_MODES[self.streamed]}, {_CHAINS[self.second]}: {self.fault.name}"


_MODES: Final = {False: "plain", True: "streamed"}
_CHAINS: Final = {False: "alone", True: "with a second target"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: what the program saw, and how many requests each target got."""

    seen: Seen
    sent: Counter[str]


def run(case: Case) -> Outcome:
    """Make the call of a case."""
    with _target(case.fault) as (address, server), serving(answering(*SECOND)) as second:
        events: list[CallEvent] = []
        config = _config(address, second.base_url if case.second else None).with_listener(events.append)

        def on(seen: Seen) -> None:
            if server is not None and seen.text + seen.arguments:
                server.content_seen.set()
            if server is not None and seen.finish:
                server.finish_seen.set()

        seen = case.way.ask(Tap(config, world=WORLD), case.limit, streamed=case.streamed, on=on)
    sent = Counter(event.target for event in events if isinstance(event, Sent))
    if server is not None:
        # Fewer, where a connection died before its server had read what was written to it.
        assert 1 <= len(server.requests) <= sent["a"], f"{case}: {len(server.requests)} requests came"
    assert len(second.requests) == sent["b"], f"{case}: {len(second.requests)} requests came to the second target"
    return Outcome(seen, sent)


def check(case: Case) -> Outcome:
    """Make the call of a case, and see that all came as it shall."""
    outcome = run(case)
    want, seen = case.want, outcome.seen
    assert want is not None
    moved = case.second and want.moves
    most_s = (READ_S if case.fault.slow else _QUICK_S) + _LATE_S
    assert seen.took_s < most_s, f"{case}: took {seen.took_s:.2f} s"
    first = want.beside if case.second else want.alone
    assert (outcome.sent["a"], outcome.sent["b"]) == (first, int(moved)), f"{case}: {dict(outcome.sent)}, {seen}"
    if moved or want.end == "answer":
        _check_answer(case, seen, outcome)
    elif want.end == "cut":
        _check_cut(case, seen)
    else:
        _check_error(case, seen, want)
    return outcome


def _check_answer(case: Case, seen: Seen, outcome: Outcome) -> None:
    """A right answer, all of one target, whose story stands in the headers only (R1, R4)."""
    text = "".join(SECOND) if outcome.sent["b"] else FIRST + REST
    assert (seen.end, seen.text, seen.arguments, seen.finish) == ("answer", text, "", "stop"), f"{case}: {seen}"
    assert seen.headers["x-llm-migrate-attempts"] == str(sum(outcome.sent.values()))
    assert ("x-llm-migrate-fallback-reason" in seen.headers) == bool(outcome.sent["b"])


def _check_cut(case: Case, seen: Seen) -> None:
    """What came before the break, once, then the SDK's error for an error event, and no finish (R1, R5)."""
    assert (seen.end, seen.finish) == ("cut", ""), f"{case}: {seen}"
    assert (seen.text, seen.arguments) in ((FIRST, ""), ("", '{"sum": 1')), f"{case}: {seen}"
    assert type(seen.error) is openai.APIError
    assert seen.error.code == "stream_interrupted"
    check_body(case, seen.error)


def _check_error(case: Case, seen: Seen, want: Want) -> None:
    """An error of OpenAI's shape, of the SDK's class, that the SDK does not try again (R1, R2)."""
    error = seen.error
    assert isinstance(error, openai.APIStatusError), f"{case}: {seen}"
    assert error.status_code == want.status, f"{case}: {error.body}"
    assert error.code in ((want.code, want.or_code) if want.or_code else (want.code,)), f"{case}: {error.body}"
    usual = openai.InternalServerError if error.status_code >= 500 else openai.APIStatusError
    assert type(error) is _CLASSES.get(error.status_code, usual)
    assert seen.headers["x-should-retry"] == "false"
    assert seen.text + seen.arguments + seen.finish == ""
    check_body(case, error)


def check_body(case: Case, error: openai.APIError) -> None:
    """All four fields, and no address, key or prompt in any (R11, S3)."""
    body = error.body
    assert isinstance(body, dict) and {"message", "type", "param", "code"} <= body.keys(), f"{case}: {body}"
    assert isinstance(body["message"], str) and isinstance(body["type"], str)
    assert not [word for word in ("127.0.0.1", "key-of", "canary") if word in f"{error} {body}"], f"{case}: {body}"


@contextlib.contextmanager
def _target(fault: Fault) -> Iterator[tuple[str, FaultServer | None]]:
    """Run what stands at the first target's address."""
    if fault.at == "server":
        with serving(fault.does) as server:
            yield server.base_url, server
    else:
        with nobody() if fault.at == "nobody" else deaf() as address:
            yield address, None


def _config(first: str, second: str | None) -> Config:
    """Return a chain of a target a and, where there is a second address, a target b."""
    addresses = {"a": first, "b": second} if second else {"a": first}
    tables = [
        f'[targets.{name}]\nprovider = "openai"\nbase_url = "{address}"\napi_key = "plain:key-of-{name}"\n'
        for name, address in addresses.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "llm-migrate.toml")
        file.write_text("".join(tables), encoding="utf-8")
        return load_config(file)
