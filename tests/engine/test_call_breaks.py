"""Where exactly a call draws the line between what it may try again and what is over."""

from __future__ import annotations

import gzip
import zlib

import pytest

from llm_migrate.engine.health import Health
from llm_migrate.engine.steps import Failure, Head, Limits, Read, Reply
from tests.engine.script import END, JSON, ROLE, STOP, STREAM, WORD, Play, completion, refusal, two_targets

RESET = Failure("ambiguous", "the connection was reset")
LATE = Failure("ambiguous", "no answer within the time limit", timed_out=True)
ERROR = b'event: error\ndata: {"error": {"message": "no"}}\n\n'


@pytest.fixture
def config(tmp_path):
    return two_targets(tmp_path)


def test_content_that_breaks_before_anybody_has_it_falls_back(config):
    """The commit is that content goes out: what comes in one piece with its break was never seen (R4)."""
    play = Play(config, stream=True, limits=Limits(target_attempts=1)).against(
        [STREAM, ROLE + WORD + b"data: {broken\n\n"], [STREAM, ROLE, WORD, STOP, END]
    )

    assert [s.attempt.target for s in play.sent] == ["a", "b"]
    assert play.events.count(b"hello") == 1


@pytest.mark.parametrize("then", [ERROR, b"data: {broken\n\n", b"data: " + b"x" * 5_000_000, RESET, LATE, b""])
def test_nothing_harms_an_answer_after_its_finish(config, then):
    """Complete means that a finish was seen (R1)."""
    play = Play(config, stream=True).against([STREAM, ROLE, WORD, STOP, then])

    assert play.events.endswith(END)
    assert b"error" not in play.events


def test_broken_gzip_after_the_finish_harms_nothing(config):
    """The same where the bytes can no longer be unpacked."""
    pack = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    begun = pack.compress(ROLE + WORD + STOP) + pack.flush(zlib.Z_SYNC_FLUSH)
    play = Play(config, stream=True).against([Head(200, {"content-encoding": "gzip"}), begun, b"oops"])

    assert play.events.endswith(END)


def test_an_error_without_its_body_counts_by_its_status(config):
    """A 401 whose words break off is a 401: asked once, and the next target serves (R2)."""
    play = Play(config).against([Head(401, {}), b'{"error', RESET], [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "b"]
    assert play.headers["x-llm-migrate-fallback-reason"] == "credential"


@pytest.mark.parametrize("stream", [False, True])
def test_the_body_of_an_error_is_not_waited_for_long(config, stream):
    """The status is there; the words get five seconds, and then another target its turn (R4)."""
    play = Play(config, stream=stream)
    play.steps.send(None)

    assert play.steps.send(Head(503, {})) == Read(1005.0)


def test_a_stream_that_was_silent_is_not_asked_again(config):
    """A caller who waits for its read limit does not wait for the same target twice (R3)."""
    play = Play(config, "one", stream=True, limits=Limits(read_s=10.0))
    play.steps.send(None)
    play.clock.now_s += 10.0

    reply = play.steps.send(LATE)

    assert isinstance(reply, Reply) and reply.status == 504


def test_a_wait_beyond_the_read_limit_of_a_stream_is_not_taken(config):
    """A stream has no deadline, but its caller waits no longer for a rate limit than for bytes (R3)."""
    play = Play(config, "one", stream=True, limits=Limits(read_s=10.0)).against(refusal(429, **{"retry-after": "30"}))

    assert play.slept == []
    assert play.headers["retry-after"] == "30"


def test_comments_after_the_finish_do_not_restart_the_clock(config):
    """The count and the end get five seconds in all (R3)."""
    play = Play(config, stream=True)
    play.steps.send(None)
    play.steps.send(STREAM)
    play.steps.send(ROLE + WORD + STOP)
    play.steps.send(None)
    first = play.steps.send(None)
    play.clock.now_s += 3

    assert first == Read(1005.0)
    assert play.steps.send(b": keep-alive\n\n") == Read(1005.0)


def test_a_packet_of_gzip_cannot_unfold_without_end(config):
    """R7: one piece of a stream gives at most four MiB; short lines take many times their size to read."""
    bomb = gzip.compress(b"\n" * 5_000_000)
    play = Play(config, "one", stream=True, limits=Limits(target_attempts=1)).against(
        [Head(200, {"content-encoding": "gzip"}), bomb]
    )

    assert play.error["message"] == "a: one piece of the stream is too large"


def test_a_good_answer_ends_a_bench(config):
    """A target that was asked for want of any other, and serves, is used again at once."""
    health = Health()
    Play(config, "one", health=health).against(refusal(402))
    Play(config, "one", health=health).against([JSON, completion()])

    play = Play(config, health=health).against([JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a"]
