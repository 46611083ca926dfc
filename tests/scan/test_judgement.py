from __future__ import annotations

import datetime as dt

import pytest

from llm_migrate.catalog.policy import OPEN, UNKNOWN
from llm_migrate.catalog.schema import Provider
from llm_migrate.scan.finding import Hit
from llm_migrate.scan.judgement import Target, judge_hit, parse_target

TODAY = dt.date(2026, 11, 22)
FACT = {"source": "https://docs.test", "checked": dt.date(2026, 11, 1)}
# A vendor with one of everything, so that no test depends on what a real file says today.
VENDOR = Provider.model_validate(
    {
        "id": "vendor",
        "name": "Vendor",
        "dialect": "openai-chat",
        "endpoints": [
            {"id": "main", "base_url": "https://api.vendor.test/v1", "region": "global", "default": True, **FACT}
        ],
        "auth": [{"id": "key", "kind": "bearer", "env": ["VENDOR_API_KEY"]}],
        "apis": {
            "chat": {
                "offered": True,
                "source": "https://docs.test/chat",
                "params": {
                    "temperature": [{"effect": "clamp", "low": 0, "high": 1, "advice": "takes 0 to 1"}],
                    "n": [{"effect": "refuse", "advice": "one choice a call"}],
                    "logit_bias": [{"effect": "drop"}],
                },
            },
            "embeddings": {"offered": True, "source": "https://docs.test/emb"},
            "assistants": {"offered": False, "advice": "Rewrite to chat.", "source": "https://docs.test"},
        },
        "models": [
            {"id": "big", "context_tokens": 200_000, **FACT},
            {"id": "gone", "retires_on": dt.date(2026, 1, 1), **FACT},
            {"id": "small", "context_tokens": 8_000, **FACT},
            {"id": "vec", "kind": "embedding", **FACT},
        ],
        "equivalents": [
            {"for": ["gpt-4o"], "model": "big", "confidence": "medium"},
            {"for": ["gpt-4o-mini"], "model": "small", "confidence": "medium", "loses": ["vision"]},
            {"for": ["text-embedding-*"], "model": "vec", "confidence": "medium"},
        ],
    }
)


def target(model=None, provider=VENDOR):
    return Target("vendor", provider, model)


def call(api="chat", model="gpt-4o", **options):
    return Hit("r", "api-call", 0, 1, "openai", api=api, model=model, **{"parameters": {}, **options})


def judge(hit, **options):
    return judge_hit(hit, target(**options), TODAY)


def told(compat, subject):
    return [(note.effect, note.advice) for note in compat.notes if note.subject == subject]


@pytest.mark.parametrize(
    ("parameters", "verdict", "at_worst"),
    [
        ({}, "adapted", "adapted"),
        ({"temperature": 0.5}, "adapted", "adapted"),
        ({"temperature": 1.5}, "lossy", "lossy"),
        ({"temperature": UNKNOWN}, "adapted", "lossy"),
        ({"logit_bias": {}}, "lossy", "lossy"),
        ({"n": 2}, "blocked", "blocked"),
        ({OPEN: UNKNOWN}, "adapted", "blocked"),
        ({"extra_body": {"n": 2}, "timeout": 3, "extra_headers": UNKNOWN}, "blocked", "blocked"),
    ],
)
def test_a_call_is_judged_by_its_parameters(parameters, verdict, at_worst):
    """What is certain is the verdict; what an unknown value could cause is the worst case."""
    compat = judge(call(parameters=parameters))

    assert (compat.verdict, compat.at_worst) == (verdict, at_worst)


def test_reasons_come_with_their_source():
    """A note names parameter, effect, what to do and where it is known from."""
    compat = judge(call(parameters={"temperature": 2}))

    (note,) = [note for note in compat.notes if note.subject == "temperature"]
    assert (note.effect, note.advice, note.source) == ("clamped", "takes 0 to 1", "https://docs.test/chat")


def test_the_model_is_mapped_for_the_call():
    """The catalog's proposal, or the model that the user names, is what the call is judged with."""
    assert told(judge(call()), "model") == [("mapped", "gpt-4o becomes big")]
    assert told(judge(call(), model="small"), "model") == [("mapped", "gpt-4o becomes small")]


def test_an_api_that_is_not_offered_is_blocked():
    """A call of an API that the vendor lacks is blocked, with the advice of the catalog and nothing on models."""
    compat = judge(call(api="assistants"))

    assert (compat.verdict, [note.subject for note in compat.notes]) == ("blocked", ["assistants"])
    assert "Rewrite to chat." in compat.notes[0].advice


def test_embeddings_are_never_switched_silently():
    """Without a named embedding model a call is blocked; with one it is lossy, for the index must be made anew."""
    hit = call(api="embeddings", model="text-embedding-3-small")

    assert judge(hit).verdict == "blocked"
    assert "vendor:vec" in told(judge(hit), "model")[0][1]
    assert judge(hit, model="big").verdict == "blocked"
    assert judge(hit, model="vec").verdict == "lossy"


@pytest.mark.parametrize(
    ("model", "options", "verdict", "subjects"),
    [
        ("gpt-4o", {}, "adapted", {"model", "retirement"}),
        ("gpt-4o-mini", {}, "lossy", {"model", "context"}),
        ("gpt-4o", {"model": "small"}, "lossy", {"model", "context", "retirement"}),
        ("gpt-4o", {"model": "gone"}, "blocked", {"model", "retirement"}),
        ("gpt-4o", {"model": "private-deployment"}, "adapted", {"model", "retirement"}),
        ("o1-unheard-of", {}, "blocked", {"model"}),
        ("text-embedding-3-small", {}, "blocked", {"model"}),
    ],
)
def test_a_model_is_judged_by_its_counterpart(model, options, verdict, subjects):
    """No counterpart and a retired one block, less context or lost abilities are losses."""
    hit = Hit("r", "model", 0, 1, "openai", model=model)

    compat = judge(hit, **options)

    assert compat.verdict == compat.at_worst == verdict
    assert {note.subject for note in compat.notes} >= subjects - {"retirement"}


def test_the_old_model_s_end_is_told():
    """A model that was retired, or will be, says so with its date."""
    gone = judge(Hit("r", "model", 0, 1, "openai", model="gpt-3.5-turbo-0301"), model="big")
    ending = judge(Hit("r", "model", 0, 1, "openai", model="gpt-4o"), model="big")

    assert "was retired on 2024-09-13" in told(gone, "retirement")[0][1]
    assert "ends on 2027-01-14" in told(ending, "retirement")[0][1]


def test_old_sdk_generations_come_first():
    """A call written for openai 0.28 needs the current SDK before anything else."""
    assert told(judge(call(legacy=True)), "sdk") == [
        ("mapped", "written for openai 0.28: move it to the current SDK first")
    ]


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("sdk-import", "as-is"),
        ("manifest", "as-is"),
        ("error", "as-is"),
        ("doc", "as-is"),
        ("client", "adapted"),
        ("base-url", "adapted"),
        ("credential", "adapted"),
        ("config", "adapted"),
        ("raw-http", "blocked"),
        ("wrapper", "as-is"),
    ],
)
def test_each_kind_has_its_verdict(kind, verdict):
    """The SDK stays where the wire is OpenAI's; addresses, keys and settings change; unknown HTTP blocks."""
    assert judge(Hit("r", kind, 0, 1, "openai")).verdict == verdict


def test_raw_http_with_a_known_path_is_judged_like_its_call():
    """A chat request by hand changes its address, and its unseen body may hold anything."""
    compat = judge(Hit("r", "raw-http", 0, 1, "openai", api="chat"))

    assert (compat.verdict, compat.at_worst) == ("adapted", "blocked")
    assert "https://api.vendor.test/v1" in told(compat, "url")[0][1]


def test_a_secret_in_the_source_is_told():
    """A literal key is to be revoked."""
    assert told(judge(Hit("r", "credential", 0, 1, "openai", secret=True)), "secret")


def test_a_place_of_the_target_itself_stays():
    """What already depends on the target is not judged; neither is a client of a server that nobody knows."""
    zhipu = parse_target("zhipu")

    assert judge_hit(Hit("r", "client", 0, 1, "zhipu"), zhipu, TODAY).verdict == "as-is"
    assert judge_hit(Hit("r", "client", 0, 1, "unknown"), zhipu, TODAY).verdict == "as-is"


def test_a_vendor_with_another_wire_blocks_calls():
    """Where the vendor does not speak OpenAI's wire, an SDK's calls cannot go there by a new address."""
    other = VENDOR.model_copy(update={"dialect": "own"})

    assert judge_hit(call(), target(provider=other), TODAY).verdict == "blocked"


def test_wrappers_are_judged_with_their_model():
    """A framework's class is judged as the chat it will make."""
    hit = Hit(
        "r", "wrapper", 0, 1, "openai", api="chat", model="gpt-4o", parameters={"temperature": 2, "verbose": True}
    )

    assert judge(hit).verdict == "lossy"


def test_targets_are_read_with_aliases():
    """`--to` takes ids and aliases, with a model after the first colon."""
    assert (parse_target("GLM").text, parse_target("azure:my:dep").model) == ("zhipu", "my:dep")
