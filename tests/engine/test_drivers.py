"""The record that a driver keeps, whatever becomes of its call."""

from __future__ import annotations

import time

from llm_migrate.config import load_config
from llm_migrate.engine.call import Plan, World, run
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.pooled_upstream import PooledUpstream
from llm_migrate.engine.steps import Journey, Limits
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.wire.exchange import Manner, parse_call
from tests.engine.script import ROLE, WORD
from tests.taps.loopback import events, hang, loopback, whole


def begin(server, body):
    config = load_config(base_url=server.base_url, api_key="k")
    world = World(time.monotonic, time.time, lambda: 0.5, lambda: "id")
    call = parse_call("POST", "/v1/chat/completions", body)
    journey, upstream = Journey(), PooledUpstream()
    plan = Plan(
        config.chain().targets, config.model_for, Manner(), Keyring(), Health(), Limits(), world, notice=lambda _: None
    )
    return SyncRun(run(call, plan, journey), upstream, time.sleep), journey, upstream


ASKED = b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": %s}'


def test_a_whole_answer_is_done(tmp_path, monkeypatch):
    """An attempt whose answer was handed over is `done`, with its size."""
    monkeypatch.chdir(tmp_path)
    with loopback(whole()) as server:
        call, journey, upstream = begin(server, ASKED % b"false")
        reply = call.start()
        upstream.close()

    assert [(a.state, a.delivered_bytes) for a in journey.attempts] == [("done", len(reply.body))]


def test_a_stream_is_committed_with_its_first_content_and_done_with_its_last(tmp_path, monkeypatch):
    """A stream goes from answered to committed to done."""
    monkeypatch.chdir(tmp_path)
    with loopback(events()) as server:
        call, journey, upstream = begin(server, ASKED % b"true")
        call.start()
        states = [journey.attempts[0].state]
        size = 0
        for piece in call:
            size += len(piece)
            states.append(journey.attempts[0].state)
        upstream.close()

    assert (states[0], states[-1]) == ("answered", "done")
    assert set(states[1:-1]) <= {"committed"}
    assert journey.attempts[0].delivered_bytes == size


def test_an_abandoned_stream_stays_committed(tmp_path, monkeypatch):
    """What a caller leaves half-way is on record as committed."""
    monkeypatch.chdir(tmp_path)
    with loopback(events(ROLE, WORD, then=hang)) as server:
        call, journey, upstream = begin(server, ASKED % b"true")
        call.start()
        next(call)
        call.close()
        upstream.close()

    assert journey.attempts[0].state == "committed"
