"""The tiny request of a check: for which model, how small, and what an answer means."""

from __future__ import annotations

import datetime as dt
import random
import time
from pathlib import Path

import pytest

from llm_migrate.config import Config, load_config
from llm_migrate.engine.check.live import Lived, choose_model, judge_live, live, tiny_call
from llm_migrate.engine.plan import World
from llm_migrate.engine.pooled_upstream import PooledUpstream
from tests.fakes import fake
from tests.fakes.served import SERVED

TODAY = dt.date(2026, 11, 26)
WORLD = World(time.monotonic, time.time, random.random, lambda: "id")


def load(folder: Path, name: str, models: str = "", address: str = "http://127.0.0.1:9") -> Config:
    path = folder / "llm-migrate.toml"
    path.write_text(SERVED[name].lines(address, "a") + models)
    return load_config(path)


def test_the_first_mapped_chat_model_is_asked_for(tmp_path):
    """A chat model goes before one that embeds, whatever the order in the file."""
    models = '[models."text-embedding-3-small"]\na = "embedding-3"\n[models."gpt-4o"]\na = "glm-5.2"\n'
    config = load(tmp_path, "zhipu", models)

    assert choose_model(config, config.targets["a"], today=TODAY) == "gpt-4o"


def test_a_model_that_the_target_is_not_for_is_not_asked_for(tmp_path):
    """`only` holds for the check as for calls."""
    models = 'only = { models = ["o1"] }\n[models."gpt-4o"]\na = "glm-5.2"\n[models."o1"]\na = "glm-5.2"\n'
    config = load(tmp_path, "zhipu", models)

    assert choose_model(config, config.targets["a"], today=TODAY) == "o1"


def test_without_a_mapping_the_vendor_s_own_first_live_model_is_asked_for(tmp_path):
    """A model that answers at the endpoint; a customer's deployments nobody knows."""
    config = load(tmp_path, "kimi")
    target = config.targets["a"]
    chosen = choose_model(config, target, today=TODAY)
    azure = load(tmp_path, "azure")

    [entry] = [model for model in target.provider.models if model.id == chosen]
    assert entry.kind == "chat"
    assert not entry.retired
    assert choose_model(azure, azure.targets["a"], today=TODAY) is None


def test_a_model_that_always_thinks_gets_room_for_a_word(tmp_path):
    """One token for a model that answers at once, some more for one that cannot but think first."""
    config = load(tmp_path, "kimi", '[models."a"]\na = "kimi-k2.6"\n[models."b"]\na = "kimi-k2.7-code"\n')
    target = config.targets["a"]

    assert tiny_call(config, target, "a").body["max_tokens"] == 1
    assert tiny_call(config, target, "b").body["max_tokens"] == 64


def test_a_model_that_embeds_embeds(tmp_path):
    """Where only an embedding model is mapped, two letters are embedded."""
    with fake("zhipu") as server:
        config = load(tmp_path, "zhipu", '[models."text-embedding-3-small"]\na = "embedding-3"\n', server.address)
        target, upstream = config.targets["a"], PooledUpstream()
        asked = choose_model(config, target, today=TODAY)
        assert asked is not None
        seen = live(target, config, upstream, WORLD, asked=asked, timeout_s=5)
        upstream.close()

    assert (seen.outcome, seen.model) == ("ok", "embedding-3")
    assert server.requests[0].path.endswith("/embeddings")


def test_one_attempt_is_made(tmp_path):
    """A check does not repeat: a target in trouble is asked once."""
    with fake("zhipu") as server:
        from tests.fakes import Fault

        server.script(Fault(status=500), Fault(status=500))
        config = load(tmp_path, "zhipu", '[models."gpt-4o"]\na = "glm-5.2"\n', server.address)
        upstream = PooledUpstream()
        seen = live(config.targets["a"], config, upstream, WORLD, asked="gpt-4o", timeout_s=5)
        upstream.close()

    assert (seen.outcome, seen.status) == ("ambiguous", 500)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [
        ("unsent", "failed"),
        ("limited", "warning"),
        ("quota", "failed"),
        ("region", "failed"),
        ("credential", "failed"),
        ("ambiguous", "failed"),
        ("request", "failed"),
        ("policy", "warning"),
    ],
)
def test_every_outcome_has_a_severity_and_an_advice(outcome, severity):
    """What a later try or another prompt mends is a warning; all else fails the check; each says what to do."""
    seen = Lived("gpt-4o", "m", outcome, 400, None, "no [a]", "", None, 0.01)

    [finding] = judge_live(SERVED["zhipu"].target(), seen)

    assert finding.severity == severity
    assert finding.advice
    assert "no [a]" in finding.what
