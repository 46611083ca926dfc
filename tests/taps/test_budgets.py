"""Calls under a budget: every request is in the books, whatever became of it, and a hard limit is never passed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

import llm_migrate
from llm_migrate.engine.events import CallEvent, Skipped
from llm_migrate.errors import LedgerError, StreamCutError, UpstreamError
from llm_migrate.ledger.alert import Alert
from llm_migrate.ledger.books import Activate, Entry
from llm_migrate.ledger.ledger import scribe_of
from llm_migrate.ledger.scribe import Scribe
from tests.engine.script import END, ROLE, STOP, WORD, completion
from tests.taps.loopback import Handler, Loopback, events, hang, loopback, refusal, reset, whole

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}\n\n'
Budgeted = Callable[..., "Desk"]


class Desk:
    """A configuration with budgets, and its books."""

    def __init__(self, file: Path, url: str) -> None:
        self.file = file
        self.told: list[CallEvent] = []
        self.config = llm_migrate.load_config(file).with_listener(self.told.append)
        self.url = url
        self.open: list[llm_migrate.Client | openai.OpenAI] = []

    @property
    def scribe(self) -> Scribe:
        return scribe_of(self.url, durable=False)

    def client(self) -> llm_migrate.Client:
        client = llm_migrate.Client(config=llm_migrate.load_config(self.file).with_listener(self.told.append))
        self.open.append(client)
        return client

    def entries(self) -> list[Entry]:
        self.scribe.flush()
        return self.scribe.read(lambda store: store.entries())

    def spent(self) -> list[tuple[int, str, str]]:
        return [(entry.amount, entry.basis, entry.mark) for entry in self.entries()]

    def held(self) -> list[tuple[str, int]]:
        self.scribe.flush()
        return [(held.state, held.amount) for held in self.scribe.read(lambda store: store.open_reservations())]

    def taken(self) -> int:
        self.scribe.flush()
        return sum(balance.taken for balance in self.scribe.read(lambda store: store.balances()))


@pytest.fixture
def budgeted(config: Callable[..., Path], tmp_path: Path):
    """Write a configuration whose chain is the given servers, with budgets."""
    desks: list[Desk] = []

    def write(*servers: Loopback, extra: str = "", **budget: str) -> Desk:
        url = f"sqlite:///{tmp_path}/books/ledger.db"
        said = {"target": '"a"', "tokens": "100_000", **budget}
        lines = "".join(f"{key} = {value}\n" for key, value in said.items() if value)
        file = config(*servers, extra=f'{extra}\n[budgets.free]\n{lines}[ledger]\nurl = "{url}"\n')
        desks.append(Desk(file, url))
        return desks[-1]

    yield write
    for desk in desks:
        for client in desk.open:
            client.close()
        desk.scribe.close()


def test_an_answer_is_booked_as_the_vendor_counted(budgeted):
    """The reservation becomes an entry of what was used."""
    with loopback() as server:
        desk = budgeted(server)
        desk.client().chat(**ASK)

        assert desk.spent() == [(2, "vendor", "")]
        assert desk.held() == []


def test_a_stream_is_booked_though_its_caller_wants_no_usage(budgeted):
    """The vendor is asked for it; the caller does not see it."""
    with loopback(events(ROLE, WORD, STOP, USAGE, END)) as server:
        desk = budgeted(server)
        chunks = list(desk.client().stream(**ASK))

        assert server.requests[0].body["stream_options"] == {"include_usage": True}
        assert all(not chunk.get("usage") for chunk in chunks)
        assert desk.spent() == [(12, "vendor", "")]


def test_a_stream_without_usage_is_counted(budgeted):
    """Prompt and words as they came, marked as an estimate."""
    with loopback(events(ROLE, WORD, WORD, STOP, END)) as server:
        desk = budgeted(server)
        list(desk.client().stream(**ASK))
        ((amount, basis, mark),) = desk.spent()

    assert (basis, mark) == ("estimate", "")
    assert 3 <= amount <= 40


def test_an_answer_without_usage_is_counted(budgeted):
    """What the vendor does not say is estimated from the answer."""
    body = json.loads(completion("word " * 400))
    del body["usage"]
    with loopback(whole(json.dumps(body).encode())) as server:
        desk = budgeted(server)
        desk.client().chat(**ASK)
        ((amount, basis, _),) = desk.spent()

    assert basis == "estimate"
    assert 200 <= amount <= 1000


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        (refusal(429, retry_after="0"), []),
        (refusal(401), []),
        (refusal(403, "unsupported_country_region_territory"), []),
        (refusal(402), []),
        (refusal(400), []),
        (refusal(500), ["unresolved", "unresolved"]),
        (whole(b"<html>"), ["unresolved", "unresolved"]),
        (reset, ["unresolved", "unresolved"]),
    ],
)
def test_a_failure_costs_what_its_class_says(budgeted, answer, held):
    """What surely cost nothing is given back; what may have cost something is kept, for each request that went out."""
    with loopback(answer) as server:
        desk = budgeted(server)
        with pytest.raises(UpstreamError):
            desk.client().chat(**ASK)

        assert [state for state, _ in desk.held()] == held
        assert desk.spent() == []
        assert (desk.taken() > 0) == bool(held)


def test_what_was_never_sent_costs_nothing(budgeted):
    """Nobody is at the port (B4)."""
    with loopback() as server:
        desk = budgeted(server)
    with pytest.raises(UpstreamError):
        desk.client().chat(**ASK)

    assert desk.taken() == 0


def test_a_refused_answer_by_a_filter_is_paid(budgeted):
    """The vendor read the prompt and wrote something."""
    with loopback(refusal(400, "content_filter")) as server:
        desk = budgeted(server)
        with pytest.raises(UpstreamError):
            desk.client().chat(**ASK)
        ((amount, basis, _),) = desk.spent()

    assert basis == "estimate" and amount > 0


def test_a_cut_stream_is_booked_by_what_came(budgeted):
    """Marked, and estimated."""
    with loopback(events(ROLE, WORD, WORD, then=lambda to: to.reset())) as server:
        desk = budgeted(server)
        with pytest.raises(StreamCutError):
            list(desk.client().stream(**ASK))
        ((amount, basis, mark),) = desk.spent()

    assert (basis, mark) == ("estimate", "cut") and amount > 0


@pytest.mark.parametrize("how", ["close", "drop"])
def test_an_abandoned_stream_is_booked_by_what_came(budgeted, how):
    """Closed or just forgotten: settled exactly once."""
    with loopback(events(ROLE, WORD, WORD, then=hang)) as server:
        desk = budgeted(server)
        stream = desk.client().stream(**ASK)
        next(iter(stream))
        if how == "close":
            stream.close()
        del stream
        gc.collect()
        ((amount, basis, mark),) = desk.spent()

    assert (basis, mark) == ("estimate", "cancelled") and amount > 0
    assert desk.held() == []


def test_a_cancelled_task_leaves_its_outcome_open(budgeted):
    """The vendor may be writing still: it counts in full until somebody knows."""

    async def cancelled(desk: Desk) -> None:
        client = llm_migrate.AsyncClient(config=desk.config)
        task = asyncio.create_task(client.chat(**ASK))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with loopback(hang) as server:
        desk = budgeted(server)
        asyncio.run(cancelled(desk))
        ((state, amount),) = desk.held()

    assert state == "unresolved" and amount > 0


def test_a_hard_limit_stops_a_call_before_it_goes_out(budgeted):
    """OpenAI's error for it, not to be tried again, and no request."""
    with loopback() as server:
        desk = budgeted(server, tokens="200")
        with llm_migrate.OpenAI(config=desk.config) as client, pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(**ASK, max_tokens=500)

        assert server.requests == []
    assert caught.value.code == "budget_exceeded"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "free" in str(caught.value)


def test_a_target_over_its_budget_is_passed_over(budgeted):
    """The next target of the chain serves, and that is no failure."""
    with loopback() as first, loopback() as second:
        desk = budgeted(first, second, tokens="200")
        desk.client().chat(**ASK, max_tokens=500)

        assert (len(first.requests), len(second.requests)) == (0, 1)
    assert [e.hindrance for e in desk.told if isinstance(e, Skipped)] == ["over budget"]
    assert desk.taken() == 0


def test_the_output_is_limited_to_what_is_left(budgeted):
    """A hard limit holds whatever the model would like to write."""
    with loopback() as server:
        desk = budgeted(server, tokens="1000")
        with llm_migrate.http_client(config=desk.config) as client:
            answer = client.post("http://x/v1/chat/completions", json={**ASK, "max_tokens": 5000})

        limit = server.requests[0].body["max_tokens"]
    assert 256 <= limit < 1000
    assert answer.headers["x-llm-migrate-adapted"] == "max_tokens=clamp"


def test_a_soft_limit_serves_and_tells_once(budgeted):
    """At 50, 80, 95 and 100 percent, each once."""
    with loopback() as server:
        desk = budgeted(server, tokens="20", hard="false")
        client = desk.client()
        for _ in range(15):
            client.chat(**ASK)
        desk.scribe.flush()
        desk.scribe.flush()

        assert len(server.requests) == 15
    assert [e.percent for e in desk.told if isinstance(e, Alert)] == [50, 80, 95, 100]
    assert desk.taken() == 30


def test_what_is_over_takes_nothing(budgeted):
    """From its last instant on (B6)."""
    with loopback() as first, loopback() as second:
        desk = budgeted(first, second, until="2024-07-31")
        desk.client().chat(**ASK)

        assert (len(first.requests), len(second.requests)) == (0, 1)


def test_an_offer_begins_when_somebody_says_so(budgeted):
    """Thirty days from nobody knows when are not guessed."""
    with loopback() as server:
        desk = budgeted(server, days="30")
        with pytest.raises(UpstreamError, match="budget activate free"):
            desk.client().chat(**ASK)
        desk.scribe.submit(Activate("free", int(time.time() * 1000) - 1000)).result()
        desk.client().chat(**ASK)

        assert desk.taken() == 2


def test_free_first_asks_the_free_target_first(budgeted):
    """However the chain lists them; and the other one when nothing is left."""
    with loopback() as paid, loopback() as free:
        desk = budgeted(paid, free, target='"b"', tokens="1100")
        desk.file.write_text(
            desk.file.read_text()
            .replace('targets = ["a", "b"]', 'targets = ["a", "b"]\norder = "free-first"')
            .replace("targets = ['a', 'b']", "targets = ['a', 'b']\norder = \"free-first\"")
        )
        client = desk.client()
        client.chat(**ASK, max_tokens=1000)
        assert (len(paid.requests), len(free.requests)) == (0, 1)
        for _ in range(60):
            client.chat(**ASK, max_tokens=1000)

        assert len(paid.requests) > 0
        assert desk.taken() <= 1100


def test_every_attempt_is_in_the_books(budgeted):
    """One that failed and its retry are two."""
    with loopback(refusal(500), whole()) as server:
        desk = budgeted(server)
        desk.client().chat(**ASK)

        assert [state for state, _ in desk.held()] == ["unresolved"]
        assert desk.spent() == [(2, "vendor", "")]
        assert [entry.attempt for entry in desk.entries()] == [2]


def test_a_budget_may_count_calls(budgeted):
    """Two a day are two a day."""
    with loopback() as server:
        desk = budgeted(server, tokens="", calls="2", every='"day"')
        client = desk.client()
        client.chat(**ASK)
        client.chat(**ASK)
        with pytest.raises(UpstreamError, match="not enough is left of free"):
            client.chat(**ASK)

    assert desk.taken() == 2


def embedded(to: Handler) -> None:
    """Embed what was asked, at three tokens a text."""
    here = [got for got in to.server.loopback.requests if got.connection == id(to.connection)]
    texts = here[-1].body["input"]
    rows = [{"object": "embedding", "index": i, "embedding": [0.5]} for i, _ in enumerate(texts)]
    usage = {"prompt_tokens": 3 * len(texts), "completion_tokens": 0, "total_tokens": 3 * len(texts)}
    whole(json.dumps({"object": "list", "model": "m", "data": rows, "usage": usage}).encode())(to)


@pytest.mark.parametrize(("answer", "taken"), [(embedded, 210), (refusal(401), 0)])
def test_the_pieces_of_a_call_are_one_reservation(budgeted, config, answer, taken):
    """Seventy texts go out in two requests, and are paid together, or not at all."""
    with loopback(answer) as server:
        desk = budgeted(server, extra='[models."text-embedding-3-small"]\na = "embedding-3"\n')
        desk.file.write_text(desk.file.read_text().replace('provider = "openai"', 'provider = "zhipu"', 1))
        with contextlib.suppress(UpstreamError):
            desk.client().embed(model="text-embedding-3-small", input=["text"] * 70)

        assert len(server.requests) == 2
        assert desk.taken() == taken
        assert len(desk.entries()) == bool(taken)


def test_a_model_without_a_budget_is_free_to_go(budgeted):
    """A budget for one model says nothing of another."""
    with loopback() as server:
        desk = budgeted(server, models='["gpt-4o-mini"]')
        desk.client().chat(**ASK)

        assert len(server.requests) == 1
    assert desk.taken() == 0


@pytest.mark.parametrize(("policy", "served"), [("refuse", 0), ("pass", 1)])
def test_broken_books_stop_or_pass_a_call(budgeted, policy, served):
    """As the configuration says; by default nobody spends what nobody counts."""
    with loopback() as server:
        desk = budgeted(server)
        desk.file.write_text(desk.file.read_text() + f'on_ledger_error = "{policy}"\n')
        client = desk.client()
        desk.scribe.flush()
        database = sqlite3.connect(desk.url.removeprefix("sqlite:///"))
        database.execute("DROP TABLE balances")
        database.commit()
        database.close()
        if served:
            client.chat(**ASK)
        else:
            with pytest.raises(UpstreamError) as caught:
                client.chat(**ASK)
            assert caught.value.code == "ledger_unavailable"

        assert len(server.requests) == served


def test_books_that_cannot_be_opened_are_an_error_at_once(budgeted, tmp_path):
    """Not at the first call."""
    (tmp_path / "books").write_text("a file where a folder should be")
    with loopback() as server, pytest.raises(LedgerError, match="books"):
        budgeted(server).client()


def test_a_fork_shares_no_books(budgeted):
    """P1: parent and child write on, each over a connection of its own."""
    with loopback() as server:
        desk = budgeted(server)
        desk.client().chat(**ASK)
        child = os.fork()
        if child == 0:
            try:
                desk.client().chat(**ASK)
                desk.scribe.flush()
                os._exit(0)
            finally:
                os._exit(1)
        desk.client().chat(**ASK)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert desk.taken() == 6
        assert len({entry.request for entry in desk.entries()}) == 3


def test_books_in_memory_are_for_one_process(budgeted):
    """A second program of the same configuration is refused, and so is a forked child; one after the other is none."""
    program = "import sys, llm_migrate; llm_migrate.Client(config=sys.argv[1])"
    with loopback() as server:
        desk = budgeted(server)
        file = desk.file.with_name("memory.toml")
        file.write_text(desk.file.read_text().replace(desk.url, "sqlite:///:memory:"))
        command = [sys.executable, "-c", program, str(file)]
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
        client = llm_migrate.Client(config=file)
        client.chat(**ASK)
        second = subprocess.run(command, check=False, capture_output=True, text=True)
        child = os.fork()
        if child == 0:
            try:
                llm_migrate.Client(config=file).chat(**ASK)
            except LedgerError:
                os._exit(7)
            finally:
                os._exit(1)

        assert "keeps its books in memory" in second.stderr
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        client.close()
        scribe_of("sqlite:///:memory:", durable=False).close()


def test_a_forked_child_ends_nothing_of_its_parents(budgeted):
    """P1: a child drops the copy of a stream that its parent goes on reading; the parent's is booked as it ends."""
    gate = threading.Event()

    def wait(to: Handler) -> None:
        gate.wait(10)
        to.piece(STOP + USAGE + END)
        to.wfile.write(b"0\r\n\r\n")

    with loopback(events(ROLE, WORD, then=wait)) as server:
        desk = budgeted(server)
        stream = desk.client().stream(**ASK)
        next(stream)
        child = os.fork()
        if child == 0:
            try:
                # Only the hold: closing the stream here would say goodbye on the parent's connection.
                held = desk.scribe.read(lambda store: store.open_reservations())[0]
                attempt = stream._run._holding.attempt
                assert attempt.hold.claim.operation.request == held.request
                attempt.leave()
                desk.scribe.flush()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        gate.set()
        list(stream)

        assert desk.spent() == [(12, "vendor", "")]


def test_without_budgets_no_books_are_opened(config, tmp_path):
    """Budget off is off: nothing is loaded, no thread is started, no file is made."""
    program = """
        import sys, threading
        import llm_migrate
        llm_migrate.Client(config=sys.argv[1]).chat(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
        print([name for name in sys.modules if name.startswith("llm_migrate.ledger.") and name.split(".")[2] in
            ("ledger", "scribe", "sqlite", "counting")], threading.active_count(), "sqlite3" in sys.modules)
    """
    with loopback() as server:
        code = "\n".join(line[8:] for line in program.splitlines())
        ran = subprocess.run(
            [sys.executable, "-c", code, str(config(server))], capture_output=True, text=True, check=True
        )

    assert ran.stdout == "[] 1 False\n"
