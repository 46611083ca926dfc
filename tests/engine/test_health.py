"""What all calls know of the targets, and what a call does with it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from llm_migrate.config import load_config
from llm_migrate.engine.events import Ended, Failed, Sent, Skipped
from llm_migrate.engine.health import Health
from llm_migrate.engine.steps import Failure, Limits
from llm_migrate.wire.exchange import OpenAIError
from tests.engine.script import JSON, STOP, STREAM, WORD, Play, completion, refusal, two_targets

DEAD = Failure("unsent", "the connection was refused")
LIMITED = OpenAIError(429, "slow", "t", None, None, "limited", 7.0)


@pytest.fixture
def config(tmp_path):
    return two_targets(tmp_path)


def kinds(play: Play) -> list[str]:
    return [type(event).__name__ for event in play.noticed]


def of(play: Play, kind: type) -> list:
    return [event for event in play.noticed if isinstance(event, kind)]


def test_a_target_that_is_down_is_passed_over(config):
    """After five failures in a row the next call does not ask it, and the caller waits for nobody."""
    health = Health()
    for _ in range(3):
        Play(config, health=health).against(DEAD, DEAD, [JSON, completion()])

    play = Play(config, health=health).against([JSON, completion()])

    assert [send.attempt.target for send in play.sent] == ["b"]
    assert of(play, Skipped)[0].hindrance == "open"


def test_the_only_target_is_asked_though_it_is_down(config):
    """A breaker never refuses a call that nobody else could serve."""
    health = Health()
    for _ in range(5):
        Play(config, "one", health=health, limits=Limits(target_attempts=1)).against(DEAD)

    play = Play(config, "one", health=health).against([JSON, completion()])

    assert play.reply is not None and play.reply.status == 200


def test_of_closed_targets_the_one_that_opens_first_is_asked(config):
    """When all are down, one is tried all the same: a, which went down before b."""
    health, (a, b) = Health(), config.chain().targets
    for target, at in ((a, 999.0), (b, 999.5)):
        for _ in range(5):
            health.begin(target, at, retry=False)
            health.end(target, OpenAIError(500, "x", outcome="ambiguous"), at, 0.5)

    play = Play(config, health=health).against([JSON, completion()])

    assert [send.attempt.target for send in play.sent] == ["a"]


def test_a_quota_that_is_used_up_benches_the_target(config):
    """It is its own state, not an outage: the next calls go on at once, and say why."""
    health = Health()
    Play(config, health=health).against(refusal(429, "insufficient_quota"), [JSON, completion()])

    play = Play(config, health=health).against([JSON, completion()])

    (skipped,) = of(play, Skipped)
    assert (skipped.target, skipped.hindrance, skipped.reason) == ("a", "benched", "quota")


def test_one_stray_limit_disables_nobody_for_good(config):
    """A rate limit without a time is over after a second."""
    health = Health()
    Play(config, health=health).against(refusal(429), [JSON, completion()])
    soon = Play(config, health=health)
    soon.against([JSON, completion()])
    later = Play(config, health=health)
    later.clock.now_s += 1.1
    later.against([JSON, completion()])

    assert [send.attempt.target for send in (soon.sent[0], later.sent[0])] == ["b", "a"]


def test_a_cool_down_is_kept_by_calls_that_have_no_other_target(config):
    """The only target asked to be left alone for some seconds: the next call waits so long, and no longer."""
    health = Health()
    (a,) = config.chain("one").targets
    health.begin(a, 1000.0, retry=False)
    health.end(a, LIMITED, 1000.0, 0.5)

    play = Play(config, "one", health=health).against([JSON, completion()])

    assert play.slept == [pytest.approx(7.0)]
    assert play.reply is not None and play.reply.status == 200


def test_a_cool_down_beyond_the_deadline_is_an_answer_at_once(config):
    """A call that cannot wait so long is told, with the time."""
    health = Health()
    (a,) = config.chain("one").targets
    health.end(a, LIMITED, 1000.0, 0.5)

    play = Play(config, "one", health=health, limits=Limits(total_s=5.0)).against()

    assert play.reply is not None and play.reply.status == 429
    assert play.headers["retry-after"] == "7"
    assert play.sent == []


def test_a_target_has_no_more_open_requests_than_it_may(tmp_path):
    """A second call goes to the next target while the first is under way, and back when it is over."""
    a, _ = two_targets(tmp_path).chain().targets
    health, one = Health(), replace(a, max_concurrency=1)
    health.begin(one, 0.0, retry=False)

    assert health.hindrance(one, 0.0) == "busy"
    health.end(one, None, 0.0, 0.5)
    assert health.hindrance(one, 0.0) is None


def test_a_call_waits_for_a_place_where_nobody_else_is_free(tmp_path):
    """The last target is busy: the call waits until a place is free, at most until its deadline."""
    path = tmp_path / "llm-migrate.toml"
    two_targets(tmp_path)
    path.write_text(
        path.read_text().replace('api_key = "plain:key-of-a"', 'api_key = "plain:key-of-a"\nmax_concurrency = 1')
    )
    config, health = load_config(path), Health()
    (a,) = config.chain("one").targets
    health.begin(a, 0.0, retry=False)
    play = Play(config, "one", health=health)
    play.on_sleep = lambda _: health.end(a, None, 0.0, 0.5) if len(play.slept) == 3 else None

    play.against([JSON, completion()])
    health.begin(a, 0.0, retry=False)
    late = Play(config, "one", health=health, limits=Limits(total_s=0.05)).against()

    assert len(play.slept) == 3
    assert late.error["code"] == "concurrency_limit"


def test_a_caller_who_leaves_gives_the_place_back():
    """Even from a finalizer in the middle of another look at the books: no lock is taken."""
    health = Health()
    with health._lock:
        thread = threading.Thread(target=health.leave, args=("nobody",))
        thread.start()
        thread.join(1)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "answer", [[JSON, completion()], [STREAM, WORD, STOP], [STREAM, WORD]], ids=["whole", "streamed", "cut"]
)
def test_a_call_that_is_over_frees_one_place(config, answer):
    """Whole or cut, it ends once in the books: the place of another call that is under way stays taken."""
    health, streamed = Health(), answer[0] is STREAM
    (a,) = config.chain("one").targets
    under_way = Play(config, "one", health=health)
    under_way.steps.send(None)

    Play(config, "one", health=health, stream=streamed).against(answer)

    assert health.hindrance(replace(a, max_concurrency=1), 1000.0) == "busy"


def test_streams_that_break_off_open_the_breaker(config):
    """Five in a row do, though the caller had a part of each: their end in the books is the fault, not the part."""
    health = Health()
    (a,) = config.chain("one").targets
    for _ in range(5):
        assert health.hindrance(a, 1000.0) is None
        Play(config, "one", health=health, stream=True).against([STREAM, WORD])

    assert health.hindrance(a, 1000.0) == "open"


def test_an_abandoned_stream_frees_its_place(config):
    """What the driver tells when the caller goes away ends the attempt, once."""
    health = Health()
    play = Play(config, "one", stream=True, health=health)
    (a,) = config.chain("one").targets
    play.steps.send(None)
    play.journey.attempts[0].leave()
    play.journey.attempts[0].leave()

    assert health.hindrance(a, 0.0) is None
    assert health._places["a"].open_requests == 0


def test_retries_are_a_tenth_of_first_tries_but_three_at_least(config):
    """The budget is of the last ten seconds."""
    health, (a,) = Health(), config.chain("one").targets
    for _ in range(40):
        health.begin(a, 0.0, retry=False)
    allowed = 0
    while health.may_retry(a, 1.0):
        health.begin(a, 1.0, retry=True)
        allowed += 1

    assert allowed == 4
    assert health.may_retry(a, 12.0)


def test_each_decision_is_an_event(config):
    """A listener learns who was asked, what failed, what came next and how it ended."""
    play = Play(config).against(DEAD, DEAD, [JSON, completion()])

    assert kinds(play) == ["Began", "Sent", "Failed", "Sent", "Failed", "Sent", "Ended"]
    assert [e.then for e in of(play, Failed)] == ["retry", "next"]
    assert [(e.target, e.attempt) for e in of(play, Sent)] == [("a", 1), ("a", 2), ("b", 3)]
    (ended,) = of(play, Ended)
    assert (ended.target, ended.outcome, ended.status, ended.attempts) == ("b", "ok", 200, 3)
    assert ended.usage["total_tokens"] == 2


def test_the_books_of_a_stream_are_closed_before_its_last_bytes(config):
    """A caller who stops reading at the last word leaves nothing open."""
    play = Play(config, stream=True).against([STREAM, WORD, STOP, b"data: [DONE]\n\n"])

    assert kinds(play) == ["Began", "Sent", "Committed", "Ended"]


def test_nothing_of_the_prompt_is_in_an_event(config):
    """S3: events can be logged."""
    play = Play(config, messages=[{"role": "user", "content": "canary"}]).against(
        DEAD, DEAD, [JSON, completion("canary")]
    )

    assert "canary" not in repr(play.noticed)
    assert "127.0.0.1" not in repr(play.noticed)


def test_what_is_known_of_a_healthy_target_does_not_grow(config):
    """However many calls go well, only those of the last seconds are kept (R10)."""
    health, [target, _] = Health(), config.chain().targets
    for second in range(1000):
        health.begin(target, float(second), retry=False)
        health.end(target, None, float(second), 0.5)

    place = health._place(target)
    assert len(place.firsts) <= 11
    assert len(place.breaker._window) <= 31
