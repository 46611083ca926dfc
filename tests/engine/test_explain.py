"""A chain rehearsed against an error: what `run` itself does, without sockets and without waiting."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import openai
import pytest

from llm_migrate.catalog.load import all_providers
from llm_migrate.config import Config, load_config
from llm_migrate.engine import explain as explain_module
from llm_migrate.engine.call import run
from llm_migrate.engine.events import Committed, Failed, Sent
from llm_migrate.engine.explain import Explanation, Waited, Walk, explain, sdk_exception
from llm_migrate.engine.mishaps import MISHAPS, Scene, find_mishap, good
from llm_migrate.engine.steps import Ask
from llm_migrate.errors import ConfigError, UsageError
from tests.engine.script import JSON, Play, completion, refusal, two_targets
from tests.fakes.served import SERVED

TODAY = dt.date(2026, 11, 26)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return two_targets(tmp_path)


def rehearse(config: Config, error: str, chain: str = "default", **more: object) -> Explanation:
    return explain(config, config.chain(chain), find_mishap(error), today=TODAY, **more)  # type: ignore[arg-type]


def walk(explanation: Explanation, *, stream: bool = False, everywhere: bool = False) -> Walk:
    [found] = [one for one in explanation.walks if (one.stream, one.everywhere) == (stream, everywhere)]
    return found


def asked(one: Walk) -> list[str]:
    return [moment.happened.target for moment in one.moments if isinstance(moment.happened, Sent)]


def waits(one: Walk) -> list[float]:
    return [moment.happened.seconds for moment in one.moments if isinstance(moment.happened, Waited)]


def thens(one: Walk) -> list[tuple[str, str, str]]:
    failed = [moment.happened for moment in one.moments if isinstance(moment.happened, Failed)]
    return [(event.target, event.outcome, event.then) for event in failed]


def test_it_is_the_real_generator_that_decides(config, monkeypatch):
    """The steps are those that `run` yields: plain and streamed, with the first target failing and with all of them."""
    calls = []

    def spied(call, plan, journey):
        calls.append(call.model)
        return run(call, plan, journey)

    monkeypatch.setattr(explain_module, "run", spied)
    rehearse(config, "429", asked="gpt-4o")

    assert calls == ["gpt-4o"] * 4


@pytest.mark.parametrize("error", ["429", "503", "key", "region"])
def test_a_rehearsal_goes_as_the_call_does(config, error):
    """Against the very same answers a call and its rehearsal take the same steps, in requests, waits and headers."""
    status = {"key": 401, "region": 403}.get(error)
    code = {"key": "invalid_api_key", "region": "unsupported_country_region_territory"}.get(error)

    rehearsed = walk(rehearse(config, error, asked="gpt-4o"))
    played = Play(config).against(refusal(status or int(error), code), [JSON, completion()])

    assert asked(rehearsed) == [send.attempt.target for send in played.sent]
    ours = {name: value for name, value in rehearsed.seen.headers if name != "x-request-id"}
    assert ours == {name: value for name, value in played.headers.items() if name != "x-request-id"}


def test_a_rate_limit_goes_on_and_rests_the_target(config):
    """429: the next target answers at once, and the first one is left alone for a while."""
    one = walk(rehearse(config, "429"))

    assert asked(one) == ["a", "b"]
    assert thens(one) == [("a", "limited", "next")]
    assert waits(one) == []
    assert (one.seen.status, one.seen.raises) == (200, None)
    assert dict(one.seen.headers)["x-llm-migrate-fallback-reason"] == "limited"
    assert [(bench.target, bench.reason, bench.seconds) for bench in one.benches] == [("a", "limited", 1.0)]


def test_the_only_target_is_waited_for(config):
    """Alone, a limited target is asked three times, with the waits between; then the program gets the error."""
    explanation = rehearse(config, "429", "one")

    assert [one.everywhere for one in explanation.walks] == [False, False]
    one = walk(explanation)
    assert asked(one) == ["a", "a", "a"]
    assert waits(one) == [0.25, 0.5]
    assert (one.seen.status, one.seen.raises) == (429, "RateLimitError")
    assert dict(one.seen.headers)["x-should-retry"] == "false"


def test_retry_after_is_kept_and_handed_on(config):
    """A short `Retry-After` is waited for; one of over a minute goes to the program."""
    short = walk(rehearse(config, "429", "one", retry_after_s=4))
    long = walk(rehearse(config, "429", "one", retry_after_s=90))

    assert waits(short) == [4.2, 4.2]
    assert waits(long) == []
    assert dict(long.seen.headers)["retry-after"] == "90"


@pytest.mark.parametrize(
    ("error", "outcome", "bench_s"),
    [("quota", "quota", 900), ("region", "region", 600), ("region-page", "region", 600), ("key", "credential", 300)],
)
def test_what_a_person_must_mend_costs_one_request(config, error, outcome, bench_s):
    """An empty account, a blocked region and a bad key: one request, the next target, and a long rest."""
    one = walk(rehearse(config, error))

    assert asked(one) == ["a", "b"]
    assert thens(one) == [("a", outcome, "next")]
    assert [bench.seconds for bench in one.benches] == [bench_s]


@pytest.mark.parametrize("error", ["bad-request", "content-filter", "context", "400", "422"])
def test_what_is_the_program_s_own_goes_back_to_it(config, error):
    """A wrong or filtered request is neither repeated nor carried on."""
    one = walk(rehearse(config, error))

    assert asked(one) == ["a"]
    assert [then for _, _, then in thens(one)] == ["fail"]
    assert one.seen.raises in ("BadRequestError", "UnprocessableEntityError")


def test_an_unknown_model_is_asked_for_elsewhere(config):
    """A model that one target does not have may be at the next."""
    assert asked(walk(rehearse(config, "unknown-model"))) == ["a", "b"]


def test_silence_takes_the_time_that_there_is(config):
    """A target that says nothing takes the whole call when plain, and when streamed the gate's two minutes, twice."""
    explanation = rehearse(config, "timeout")

    plain, streamed = walk(explanation), walk(explanation, stream=True)
    assert (plain.seen.status, plain.seen.raises, plain.moments[-1].at_s) == (504, "InternalServerError", 570)
    assert asked(streamed) == ["a", "a", "b"]
    assert streamed.moments[-1].at_s == 240.25
    assert streamed.seen.raises is None


def test_nobody_connecting_takes_the_limit_for_connections(config):
    """A connection that does not come takes five seconds each time."""
    one = walk(rehearse(config, "connect-timeout"))

    assert asked(one) == ["a", "a", "b"]
    assert one.moments[-1].at_s == 10


@pytest.mark.parametrize("error", ["cut", "stall"])
def test_a_stream_that_breaks_off_is_seen_by_the_program(config, error):
    """After the first content nothing is switched: the stream ends in the SDK's APIError, with status 200 before."""
    one = walk(rehearse(config, error), stream=True)

    assert asked(one) == ["a"]
    assert any(isinstance(moment.happened, Committed) for moment in one.moments)
    assert (one.seen.status, one.seen.raises, one.seen.code) == (200, "APIError", "stream_interrupted")
    assert one.seen.after_content


def test_a_plain_answer_that_breaks_off_is_asked_for_again(config):
    """Of a plain answer the program has seen nothing yet: once more, then the next target."""
    assert asked(walk(rehearse(config, "cut"))) == ["a", "a", "b"]


@pytest.mark.parametrize("error", ["refused", "dns", "tls", "reset", "empty", "html", "500"])
def test_what_is_no_answer_is_tried_once_more(config, error):
    """A dead line and a broken answer get a second try, then the next target."""
    for stream in (False, True):
        assert asked(walk(rehearse(config, error), stream=stream)) == ["a", "a", "b"]


def test_when_all_targets_fail_the_program_sees_the_last(config):
    """The second walk is that in which every target says the same."""
    one = walk(rehearse(config, "quota"), everywhere=True)

    assert asked(one) == ["a", "b"]
    assert (one.seen.status, one.seen.raises, one.seen.code) == (429, "RateLimitError", "insufficient_quota")
    assert [bench.target for bench in one.benches] == ["a", "b"]


def test_a_target_without_the_model_is_seen_to_be_left(tmp_path):
    """A gap in the mapping shows as a step of its own, not as silence."""
    config = two_targets(tmp_path, second='provider = "zhipu"')
    one = walk(rehearse(config, "429", asked="gpt-4o"))

    assert thens(one) == [("a", "limited", "next"), ("b", "request", "next")]
    assert (one.seen.status, one.seen.raises) == (429, "RateLimitError")


def test_the_order_of_the_chain_counts(tmp_path):
    """The first target is the first by the chain's own order."""
    extra = '[chains.shared]\ntargets = ["a", "b"]\norder = "weighted"\nweights = { b = 100 }\n'
    explanation = rehearse(two_targets(tmp_path, extra), "429", "shared")

    assert explanation.first == "b"
    assert asked(walk(explanation)) == ["b", "a"]


def test_what_the_chain_says_of_cuts_counts(tmp_path):
    """With `on_cut = "continue"` the rehearsal shows the request that goes on where the stream broke off."""
    extra = '[chains.on]\ntargets = ["a", "b"]\non_cut = "continue"\n[models."gpt-4o"]\na = "gpt-4o"\nb = "kimi-k2.6"\n'
    config = two_targets(tmp_path, extra, second='provider = "kimi"')

    one = walk(rehearse(config, "cut", "on"), stream=True)

    assert asked(one) == ["a", "b"]
    assert one.seen.raises is None


def test_the_model_is_the_first_that_is_mapped(tmp_path):
    """Without a model the first chat model of the mapping is asked for; one that embeds is rehearsed as such."""
    extra = '[models."text-embedding-3-small"]\na = "e"\nb = "e"\n[models."gpt-4o"]\na = "x"\nb = "y"\n'
    config = two_targets(tmp_path, extra)

    assert rehearse(config, "429").asked == "gpt-4o"
    embedded = rehearse(config, "429", asked="text-embedding-3-small")
    assert [one.stream for one in embedded.walks] == [False, False]
    assert asked(walk(embedded)) == ["a", "b"]
    assert walk(embedded).seen.status == 200


def test_no_target_for_a_model_is_an_error(tmp_path):
    """Where no target is for the model there is nothing to rehearse."""
    config = two_targets(tmp_path)
    config.path.write_text(config.path.read_text().replace("[targets.a]", '[targets.a]\nonly = { models = ["x"] }'))

    with pytest.raises(ConfigError, match="no target of chain 'one' is for 'gpt-4o'"):
        rehearse(load_config(config.path), "429", "one", asked="gpt-4o")


def test_no_key_is_needed_and_none_is_shown(tmp_path, monkeypatch):
    """Keys play no part: without one the rehearsal is the same, and the real one is in nothing that comes out (S3)."""
    config = two_targets(tmp_path)
    config.path.write_text(config.path.read_text().replace("plain:key-of-a", "plain:canary"))

    explanation = rehearse(load_config(config.path), "key")

    assert "canary" not in repr(explanation)
    assert "127.0.0.1" not in repr(explanation)


def test_nothing_waits_for_real(config):
    """Minutes of the rehearsal take no time."""
    began = time.monotonic()
    rehearse(config, "timeout")

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("provider", [provider.id for provider in all_providers()])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("quota", "quota"),
        ("key", "credential"),
        ("rate-limit", "limited"),
        ("region", "region"),
        ("content-filter", "policy"),
        ("context", "request"),
        ("bad-request", "request"),
        ("unknown-model", "request"),
    ],
)
def test_every_vendor_s_words_mean_what_was_asked_for(tmp_path, provider, error, outcome):
    """A refusal is said so that this vendor's own table makes the right class of it."""
    served = next((one for one in SERVED.values() if one.provider == provider), None)
    if served is None:
        pytest.fail(f"no fake stands for {provider}")
    path = tmp_path / "llm-migrate.toml"
    path.write_text(f'{served.lines("http://127.0.0.1:9", "a")}[models."gpt-4o"]\na = "{served.models[0]}"\n')

    one = walk(rehearse(load_config(path), error))

    assert thens(one)[0][1] == outcome


@pytest.mark.parametrize("served", SERVED.values(), ids=SERVED)
def test_a_target_of_any_shape_answers_well(tmp_path, served):
    """The second target is one that answers, whatever shape its vendor speaks and however it signs."""
    second = served.lines("http://127.0.0.1:9", "b")
    path = tmp_path / "llm-migrate.toml"
    first = '[targets.a]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "plain:k"\n'
    path.write_text(f'{first}{second}[models."gpt-4o"]\na = "gpt-4o"\nb = "{served.models[0]}"\n')

    explanation = rehearse(load_config(path), "refused")

    assert [walk(explanation, stream=stream).seen.status for stream in (False, True)] == [200, 200]
    assert asked(walk(explanation)) == ["a", "a", "b"]


def test_a_word_that_is_none_lists_those_that_are():
    """A slip gives the nearest word and all of them; a status that is no error is refused."""
    with pytest.raises(UsageError, match="did you mean 'timeout'"):
        find_mishap("timout")
    with pytest.raises(UsageError, match="between 300 and 599"):
        find_mishap("200")
    assert find_mishap("Content Filter") is MISHAPS["content-filter"]
    assert find_mishap("bad_key") is MISHAPS["key"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 451, 500, 502, 503, 504, 529])
def test_the_exception_is_the_one_that_the_sdk_raises(status):
    """The class that is named for a status is what the installed SDK makes of it."""
    import httpx2

    client = openai.OpenAI(api_key="x", base_url="http://127.0.0.1:9")
    response = httpx2.Response(status, request=httpx2.Request("POST", "http://127.0.0.1:9"))

    assert type(client._make_status_error("no", body=None, response=response)).__name__ == sdk_exception(status)


@pytest.mark.parametrize("yielded", [[], [Ask(lambda: "key")]])
def test_steps_that_no_rehearsal_has_are_not_taken_for_any(config, yielded):
    """A call without a reply, or one that asks for a key, is a fault of ours and not passed over in silence."""
    rehearsal = explain_module._Rehearsal(config.chain().targets, lambda target: ())

    with pytest.raises(RuntimeError):
        rehearsal.walk((command for command in yielded), stream=False, everywhere=False)


def test_a_good_script_is_a_whole_answer():
    """The answer of a target that is well ends as a vendor ends it."""
    scene = Scene(SERVED["openai"].target(), "chat", stream=True)

    assert good(scene)[-1] == b"data: [DONE]\n\n"
