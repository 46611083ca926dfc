"""In which order a chain's targets are asked."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.config import load_config
from llm_migrate.engine.order import estimated_tokens, order
from llm_migrate.errors import ConfigError
from llm_migrate.wire.exchange import parse_call

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
TARGETS = """
[targets.kimi]
provider = "kimi"
[targets.zhipu]
provider = "zhipu"
[targets.deepseek]
provider = "deepseek"
[models."gpt-4o"]
kimi = "kimi-k3"
zhipu = "glm-5.3-flash"
deepseek = "deepseek-v4-pro"
"""


def asked(tmp_path, chain, text="hi", chance=0.5, more="", at=NOW, targets='["kimi", "zhipu", "deepseek"]', **fields):
    path = tmp_path / "llm-migrate.toml"
    path.write_text(f"{TARGETS}{more}\n[chains.default]\ntargets = {targets}\n{chain}\n[rates]\nCNY = 1\nUSD = 7.1\n")
    config = load_config(path)
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **fields}
    call = parse_call("POST", "/v1/chat/completions", orjson.dumps(body))
    found = order(config.chain(), call, config.model_for, at=at, chance=chance)
    return [target.name for target in found]


def test_the_usual_order_is_that_of_the_file(tmp_path):
    """Nothing said, nothing changed."""
    assert asked(tmp_path, "") == ["kimi", "zhipu", "deepseek"]


def test_the_cheapest_comes_first_and_an_unknown_price_last(tmp_path):
    """Prices in two currencies are compared by the rates of the file; a price that nobody knows is not a low one."""
    assert asked(tmp_path, 'order = "cheapest"', max_tokens=1000) == ["zhipu", "deepseek", "kimi"]

    unknown = '[targets.yi]\nprovider = "yi"\n'
    assert asked(tmp_path, 'order = "cheapest"', more=unknown, max_tokens=1000)[-1] == "kimi"


def test_prices_are_compared_by_the_users_rates(tmp_path):
    """A small number in dollars is not a low price."""
    more = '[targets.abroad]\nprovider = "kimi"\nendpoint = "international"\n[models.m]\n'
    more += 'kimi = "kimi-k2.6"\nabroad = "kimi-k2.6"\n'

    found = asked(tmp_path, 'order = "cheapest"', more=more, targets='["abroad", "kimi"]', model="m")

    assert found == ["kimi", "abroad"]


@pytest.mark.parametrize(
    ("at", "first"),
    [("2026-11-23T10:00+08:00", "stepfun"), ("2026-11-23T13:00+08:00", "deepseek"), ("2026-11-22T02:00Z", "deepseek")],
    ids=["at work", "at noon", "on a Sunday"],
)
def test_the_cheapest_depends_on_the_hour(tmp_path, at, first):
    """A price of working hours counts in them and only then, wherever the machine is."""
    more = '[targets.stepfun]\nprovider = "stepfun"\n[models.m]\nstepfun = "step-3"\ndeepseek = "deepseek-flash"\n'
    chain = {"chain": 'order = "cheapest"', "targets": '["stepfun", "deepseek"]', "model": "m", "max_tokens": 1000}

    assert asked(tmp_path, more=more, at=dt.datetime.fromisoformat(at), **chain)[0] == first


def test_the_cheapest_embeddings_have_no_output(tmp_path):
    """Input alone is compared where an API has nothing else, however little it is."""
    more = '[targets.qwen]\nprovider = "qwen"\n[models.e]\nzhipu = "embedding-3"\nqwen = "text-embedding-v4"\n'
    path = tmp_path / "llm-migrate.toml"
    targets = 'targets = ["deepseek", "qwen"]\norder = "cheapest"\n[rates]\nCNY = 1\nUSD = 7.1\n'
    path.write_text(f"{TARGETS}{more}\n[chains.default]\n{targets}")
    config = load_config(path)
    call = parse_call("POST", "/v1/embeddings", b'{"model": "e", "input": "hi"}')

    def model_for(target, asked):
        return config.model_for(target, asked, api="embeddings")

    assert [t.name for t in order(config.chain(), call, model_for, at=NOW, chance=0)] == ["qwen", "deepseek"]


def test_prices_in_two_currencies_need_a_rate(tmp_path):
    """No rate is built in: the file must give one, and the error says how."""
    path = tmp_path / "llm-migrate.toml"
    path.write_text(TARGETS + '[chains.default]\ntargets = ["kimi", "zhipu"]\norder = "cheapest"\n')

    with pytest.raises(ConfigError, match=r"add  \[rates\]"):
        load_config(path)


def test_shares_are_kept(tmp_path):
    """A canary of ten percent gets every tenth call, and the others follow in the file's order."""
    chain = 'order = "weighted"\nweights = { kimi = 90, zhipu = 10 }'

    firsts = Counter(asked(tmp_path, chain, chance=i / 100)[0] for i in range(100))

    assert firsts == {"kimi": 90, "zhipu": 10}
    assert asked(tmp_path, chain, chance=0.95) == ["zhipu", "kimi", "deepseek"]


def test_a_target_can_be_for_some_calls_only(tmp_path):
    """By the model that is asked for, and by the size of the request."""
    only = '[targets.zhipu.only]\nmodels = ["gpt-3*"]\n[targets.kimi.only]\nfrom_input_tokens = 100\n'
    large = "[targets.deepseek.only]\nup_to_input_tokens = 100\n"

    assert asked(tmp_path, "", more=only + large) == ["deepseek"]
    assert asked(tmp_path, "", "x" * 900, more=only + large) == ["kimi"]
    assert asked(tmp_path, "", more=only, model="gpt-3.5-turbo") == ["zhipu", "deepseek"]


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_body_has_a_size(value):
    """Whatever a message holds is counted, or counts as nothing."""
    body = {"model": "m", "messages": [{"role": "user", "content": value}]}
    try:
        raw = orjson.dumps(body)
    except TypeError:
        return

    assert estimated_tokens(parse_call("POST", "/v1/chat/completions", raw)) >= 0
