from __future__ import annotations

import gzip

import pytest

from llm_migrate.config import load_config
from llm_migrate.engine.steps import Failure, Head, Limits, Read, Reply, Send
from tests.engine.script import END, JSON, ROLE, STOP, STREAM, WORD, Play, completion, event, refusal, two_targets

RESET = Failure("ambiguous", "the connection was reset")
REFUSED = Failure("unsent", "the connection was refused")


@pytest.fixture
def config(tmp_path):
    return two_targets(tmp_path)


def test_a_good_answer_is_handed_on_with_its_marks(config):
    """An answer carries who gave it, by which model, after how many attempts; and nothing of the address."""
    play = Play(config).against([JSON, completion()])

    assert play.reply.status == 200
    assert play.headers["x-llm-migrate-provider"] == "openai"
    assert play.headers["x-llm-migrate-model"] == "gpt-4o"
    assert play.headers["x-llm-migrate-attempts"] == "1"
    assert "x-llm-migrate-fallback-reason" not in play.headers
    assert "127.0.0.1" not in str(play.reply)


def test_a_vendors_request_id_is_kept(config):
    """The vendor's own request id reaches the caller; without one there is one of ours."""
    given = Play(config).against(
        [Head(200, {"x-request-id": "req_1", "x-ratelimit-remaining-tokens": "9"}), completion()]
    )
    made = Play(config).against([JSON, completion()])

    assert given.headers["x-request-id"] == "req_1"
    assert given.headers["x-ratelimit-remaining-tokens"] == "9"
    assert made.headers["x-request-id"] == "made-up"


def test_a_limited_target_is_left_at_once(config):
    """A rate limit sends the call to the next target without waiting (R2)."""
    play = Play(config).against(refusal(429, "rate_limit_exceeded", **{"retry-after": "1"}), [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "b"]
    assert play.slept == []
    assert play.headers["x-llm-migrate-fallback-reason"] == "limited"
    assert play.headers["x-llm-migrate-attempts"] == "2"


def test_the_last_target_waits_as_long_as_it_is_asked(config):
    """`Retry-After` is kept, with up to a tenth more and never less (R2)."""
    play = Play(config, "one").against(refusal(429, None, **{"retry-after": "2"}), [JSON, completion()])

    assert play.slept == [pytest.approx(2.1)]
    assert play.reply.status == 200


def test_a_wait_of_over_a_minute_is_not_taken(config):
    """Over 60 s of `Retry-After` fails now and hands the header on (R2)."""
    play = Play(config, "one").against(refusal(429, None, **{"retry-after": "61"}))

    assert play.reply.status == 429
    assert play.headers["retry-after"] == "61"
    assert play.headers["x-should-retry"] == "false"


def test_three_attempts_at_one_target(config):
    """One target is asked three times at most (R2)."""
    limited = refusal(429, None)
    play = Play(config, "one").against(limited, limited, limited)

    assert len(play.sent) == 3
    assert play.slept == [0.25, 0.5]


def test_five_attempts_in_all(tmp_path):
    """One call makes five attempts at most, whatever the chain."""
    config = two_targets(tmp_path)
    limits = Limits(call_attempts=3)
    play = Play(config, limits=limits).against(RESET, RESET, RESET)

    assert [s.attempt.target for s in play.sent] == ["a", "a", "b"]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_wrong_request_is_asked_once(config, status):
    """A request that is wrong in itself is neither repeated nor carried to the next target (R2)."""
    play = Play(config).against(refusal(status, "some_code"))

    assert play.reply.status == status
    assert play.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, None, "credential"),
        (402, None, "quota"),
        (403, None, "credential"),
        (429, "insufficient_quota", "quota"),
        (403, "unsupported_country_region_territory", "region"),
    ],
)
def test_what_the_same_target_cannot_mend_goes_on_at_once(config, status, code, reason):
    """A bad key, an empty account and a blocked region each cost one attempt, then the next target serves (R2)."""
    play = Play(config).against(refusal(status, code), [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "b"]
    assert play.headers["x-llm-migrate-fallback-reason"] == reason


def test_an_unknown_model_goes_to_a_target_that_may_have_it(config):
    """A model that one target does not know is asked for at the next."""
    play = Play(config).against(refusal(404, "model_not_found"), [JSON, completion()])

    assert play.reply.status == 200


def test_a_context_overflow_stays_where_no_target_is_larger(config):
    """Too long a prompt is not carried to a target that is declared no larger."""
    play = Play(config).against(refusal(400, "context_length_exceeded"))

    assert play.error["code"] == "context_length_exceeded"


def test_a_context_overflow_skips_targets_that_are_no_larger(tmp_path):
    """Too long a prompt goes past a target of the same size to the first that is declared larger."""
    models = "[models.gpt-4o]\na = 'glm-4.5'\nb = 'glm-4.5-air'\nc = 'glm-5.2'\n"
    config = two_targets(tmp_path)
    table = '[targets.{}]\nprovider = "zhipu"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "plain:key"\n'
    config.path.write_text("".join(map(table.format, "abc")) + models)

    play = Play(load_config(config.path)).against(refusal(400, "context_length_exceeded"), [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "c"]


def test_a_reset_is_tried_once_more_then_left(config):
    """Where the outcome is unknown the same target gets one more try."""
    play = Play(config).against(RESET, RESET, [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "a", "b"]
    assert play.slept == [0.25]


def test_a_refused_connection_is_tried_again_at_once(config):
    """What never reached the vendor is repeated without a wait, then the next target serves."""
    play = Play(config).against(REFUSED, REFUSED, [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "a", "b"]
    assert play.slept == []


def test_nobody_answering_is_one_plain_error(config):
    """Without any answer the caller gets an OpenAI-shaped 502 that names the target and no address (R1, R11)."""
    play = Play(config, "one").against(REFUSED, REFUSED, REFUSED)

    assert play.reply.status == 502
    assert play.error == {
        "message": "a: the connection was refused",
        "type": "upstream_error",
        "param": None,
        "code": "upstream_unreachable",
    }


def test_a_time_limit_is_a_504(config):
    """A vendor that says nothing within the limit ends in 504."""
    late = Failure("ambiguous", "no answer within the time limit", timed_out=True)
    play = Play(config, "one", limits=Limits(target_attempts=1)).against(late)

    assert play.reply.status == 504
    assert play.error["code"] == "upstream_timeout"


def test_no_attempt_starts_after_the_deadline(config):
    """A wait that would pass the deadline is not taken (R3)."""
    play = Play(config, "one", limits=Limits(total_s=1.0)).against(refusal(429, None, **{"retry-after": "2"}))

    assert play.reply.status == 429
    assert play.slept == []


def test_every_attempt_gets_what_is_left(config):
    """The limit of an attempt is the deadline of the call, not a new span (R3)."""
    play = Play(config, "one", limits=Limits(total_s=10.0)).against(refusal(429, None), [JSON, completion()])

    assert [s.until for s in play.sent] == [1010.0, 1010.0]


def test_one_attempt_where_the_caller_wants_no_retries(config):
    """`max_retries=0` means one attempt for each target."""
    play = Play(config, limits=Limits(target_attempts=1)).against(REFUSED, [JSON, completion()])

    assert [s.attempt.target for s in play.sent] == ["a", "b"]


def test_a_missing_key_names_its_variable(tmp_path, monkeypatch):
    """A target without its key is left; when none has one, the answer is a 401 that says what to set."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    file = tmp_path / "llm-migrate.toml"
    file.write_text('[targets.a]\nprovider = "openai"\napi_key = "env:NO_SUCH_KEY"\n')
    play = Play(load_config(file)).against()

    assert play.reply.status == 401
    assert "NO_SUCH_KEY" in play.error["message"]


def test_a_model_without_mapping_names_the_line_to_add(tmp_path):
    """A model that no target serves is a 404 that says which line is missing."""
    file = tmp_path / "llm-migrate.toml"
    file.write_text('[targets.z]\nprovider = "zhipu"\napi_key = "plain:k.s"\n')
    play = Play(load_config(file)).against()

    assert play.reply.status == 404
    assert play.error["code"] == "model_not_found"
    assert '[models."gpt-4o"]' in play.error["message"]


def test_what_a_vendor_said_weighs_more_than_what_was_never_sent(tmp_path):
    """After a real failure the error of a target that could not be asked does not hide it."""
    config = two_targets(tmp_path, second='provider = "zhipu"\ntrust_host = true')
    play = Play(config, limits=Limits(target_attempts=1)).against(refusal(503))

    assert play.reply.status == 503
    assert play.headers["x-llm-migrate-fallback-reason"] == "limited, request"


def test_a_refusal_weighs_more_than_a_dead_line(tmp_path):
    """When one target cannot be reached and the other cannot take the request, the caller learns what to mend."""
    config = two_targets(tmp_path, second='provider = "zhipu"\ntrust_host = true')
    play = Play(config, limits=Limits(target_attempts=1)).against([REFUSED])

    assert play.reply.status == 404
    assert '[models."gpt-4o"]' in play.error["message"]


def test_a_giant_body_is_not_held(config):
    """A body over the limit is given up as soon as the limit is passed (R7)."""
    play = Play(config, "one", limits=Limits(target_attempts=1, body_bytes=1000)).against(
        [JSON, b"x" * 900, b"x" * 900]
    )

    assert play.error["message"] == "a: the answer is too large"


def test_a_gzip_bomb_counts_what_comes_out(config):
    """The decompressed size counts, not the size on the wire (R7)."""
    bomb = gzip.compress(b"0" * 10_000_000)
    head = Head(200, {"content-encoding": "gzip"})
    play = Play(config, "one", limits=Limits(target_attempts=1, body_bytes=100_000)).against([head, bomb])

    assert len(bomb) < 100_000
    assert play.error["message"] == "a: the answer is too large"


def test_a_compressed_answer_is_read(config):
    """Gzip is undone even when it comes in pieces."""
    packed = gzip.compress(completion("compressed"))
    head = Head(200, {"content-encoding": "gzip"})
    play = Play(config).against([head, packed[:20], packed[20:]])

    assert b"compressed" in play.reply.body


def test_an_unknown_coding_is_a_fault_of_the_vendor(config):
    """A coding that was not asked for is no answer."""
    play = Play(config, limits=Limits(target_attempts=1)).against(
        [Head(200, {"content-encoding": "br"}), b"?"], [JSON, completion()]
    )

    assert play.headers["x-llm-migrate-fallback-reason"] == "ambiguous"


# -- streams


def test_a_stream_is_held_until_its_first_content(config):
    """Neither the head nor the role goes out before there is content."""
    play = Play(config, stream=True)
    assert isinstance(play.steps.send(None), Send)
    assert isinstance(play.steps.send(STREAM), Read)
    assert isinstance(play.steps.send(ROLE), Read)

    assert isinstance(play.steps.send(WORD), Reply)


def test_a_whole_stream_ends_with_done(config):
    """A stream with a finish comes out whole, with `[DONE]` once and last."""
    play = Play(config, stream=True).against([STREAM, ROLE, WORD, STOP, END])

    assert play.reply.status == 200
    assert play.events.count(b"[DONE]") == 1
    assert play.events.endswith(END)


def test_a_stream_without_done_but_with_a_finish_is_whole(config):
    """A finish makes a stream complete; `[DONE]` is added."""
    play = Play(config, stream=True).against([STREAM, ROLE, WORD, STOP])

    assert play.events.endswith(END)


@pytest.mark.parametrize("cut", [b"", RESET, b"data: {broken\n\n", END], ids=["end", "reset", "garbage", "done"])
def test_a_cut_after_content_never_looks_whole(config, cut):
    """After the first content a break is one error event, without `[DONE]`; nothing is asked again (R1, R4)."""
    play = Play(config, stream=True).against([STREAM, ROLE, WORD, cut])

    assert len(play.sent) == 1
    assert b"[DONE]" not in play.events
    last = play.events.strip().split(b"\n\n")[-1]
    assert b'"stream_interrupted"' in last
    assert b'"upstream_error"' in last


@pytest.mark.parametrize("cut", [b"", RESET, b"data: {broken\n\n", END], ids=["end", "reset", "garbage", "done"])
def test_a_cut_before_content_is_invisible(config, cut):
    """Before the first content a break leads to the next target and shows in a header only (R4)."""
    play = Play(config, stream=True, limits=Limits(target_attempts=1)).against(
        [STREAM, ROLE, cut], [STREAM, ROLE, WORD, STOP, END]
    )

    assert [s.attempt.target for s in play.sent] == ["a", "b"]
    assert play.events.count(b'"role"') == 1
    assert play.events.endswith(END)
    assert play.headers["x-llm-migrate-fallback-reason"] == "ambiguous"


def test_a_reset_after_the_finish_is_whole(config):
    """What breaks after the finish has lost nothing."""
    play = Play(config, stream=True).against([STREAM, ROLE, WORD, STOP, RESET])

    assert play.events.endswith(END)


def test_an_error_event_before_content_is_an_error_answer(config):
    """An error inside a stream that has said nothing yet becomes a plain HTTP error."""
    said = b'data: {"error": {"message": "no", "code": "rate_limit_exceeded"}}\n\n'
    play = Play(config, "one", stream=True, limits=Limits(target_attempts=1)).against([STREAM, said])

    assert play.reply.status == 429
    assert play.error["code"] == "rate_limit_exceeded"
    assert play.events == b""


def test_first_content_is_waited_for_less_long_while_there_is_another_target(config):
    """The first-token limit holds while another target could serve; the last one gets the caller's limit."""
    first, last = Play(config, stream=True), Play(config, "one", stream=True)

    assert first.steps.send(None).until == 1000.0 + 120
    assert last.steps.send(None).until == 1000.0 + 600


def test_comments_do_not_move_the_first_token_limit(config):
    """A vendor that only sends comments does not hold the caller beyond the first-token limit."""
    play = Play(config, stream=True)
    play.steps.send(None)
    first = play.steps.send(STREAM)
    play.clock.now_s += 60
    second = play.steps.send(b": keep-alive\n\n")

    assert isinstance(first, Read) and isinstance(second, Read)
    assert second.until == first.until


def test_between_chunks_every_byte_restarts_the_clock(config):
    """After the commit the caller's read limit holds from byte to byte."""
    play = Play(config, stream=True)
    play.steps.send(None)
    play.steps.send(STREAM)
    play.steps.send(WORD)
    play.steps.send(None)
    before = play.steps.send(None)
    play.clock.now_s += 500
    after = play.steps.send(b": keep-alive\n\n")

    assert isinstance(before, Read) and isinstance(after, Read)
    assert after.until - before.until == 500


def test_an_abandoned_call_asks_for_nothing(config):
    """Closing a call at any point yields no further step."""
    play = Play(config, stream=True)
    play.steps.send(None)
    play.steps.send(STREAM)
    play.steps.close()

    with pytest.raises(StopIteration):
        play.steps.send(None)


def test_a_preamble_without_end_is_given_up(config):
    """Events without content are held only up to a limit (R7)."""
    play = Play(config, "one", stream=True, limits=Limits(target_attempts=1, preamble_bytes=500)).against(
        [STREAM, *[ROLE] * 5]
    )

    assert play.error["code"] == "upstream_invalid"


def test_a_model_of_any_name_can_stand_in_a_header(tmp_path):
    """A deployment with a Chinese name is percent-encoded in its header."""
    config = two_targets(tmp_path, extra='[models."gpt-4o"]\na = "部署"\n')
    play = Play(config).against([Head(200, {"x-request-id": "r\u00e9q"}), completion()])

    assert play.headers["x-llm-migrate-model"] == "%E9%83%A8%E7%BD%B2"
    assert play.headers["x-request-id"] == "r%C3%A9q"


def test_a_buffered_tool_call_that_breaks_off_is_tried_again(config):
    """With `buffer_tool_calls` a cut inside a call is before the commit, so another target may serve (R4, R5)."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    begun = event({"tool_calls": [{**call, "function": {"name": "f", "arguments": '{"a": '}}]})
    rest = event({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]})
    done = event(finish="tool_calls")
    cut = Failure("ambiguous", "the connection was reset")

    plain = Play(config, stream=True).against([STREAM, ROLE, begun, cut])
    buffered = Play(config, stream=True, buffer_tool_calls=True)
    buffered.against([STREAM, ROLE, begun, cut], [STREAM, ROLE, begun, cut], [STREAM, ROLE, begun, rest, done, END])

    assert b"stream_interrupted" in plain.events
    assert b"stream_interrupted" not in buffered.events
    assert buffered.events.endswith(END)
    assert buffered.events.count(b'{\\"a\\": ') == 1
    assert buffered.headers["x-llm-migrate-fallback-reason"] == "ambiguous"


def test_a_buffered_call_with_broken_arguments_is_an_error(config):
    """A model that stops in the middle of its JSON, and says that it is finished, is not believed."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": '}}
    broken = [STREAM, ROLE, event({"tool_calls": [call]}), event(finish="tool_calls"), END]

    play = Play(config, "one", stream=True, buffer_tool_calls=True).against(broken, broken)

    assert play.error["code"] == "upstream_invalid"
    assert "no JSON" in play.error["message"]


def test_text_is_not_held_back_by_a_buffer(config):
    """Words go on as they come; only from the first piece of a call on is held back."""
    play = Play(config, "one", stream=True, buffer_tool_calls=True).against([STREAM, ROLE, WORD, STOP, END])

    assert play.events.endswith(END)
