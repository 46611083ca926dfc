"""Contracts that every provider file keeps."""

from __future__ import annotations

import datetime as dt
import re
import typing
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from llm_migrate.catalog.load import load_provider, provider_ids
from llm_migrate.catalog.schema import ErrorRule, Names, Price, Provider, Rule

OPENAI_SHAPED = "openai-chat"
# Never 409: openai 0.28 repeats a call for ever on it.
TO_STATUS = {
    "limited": {429, 503, 529},
    "quota": {429},
    "region": {403},
    "credential": {401, 403},
    "ambiguous": {408, 500, 502, 504},
    "request": {400, 403, 404, 413, 422},
    "policy": {400, 403},
}
RETRYABLE = {"limited", "ambiguous"}
FIRST_DAY = dt.date(2024, 1, 1)  # before that there was nothing to look up


@pytest.fixture(params=provider_ids())
def provider(request: pytest.FixtureRequest) -> Provider:
    """Return each provider in turn."""
    return load_provider(request.param)


def test_every_file_loads_under_its_own_name(provider: Provider):
    """A provider's id is its file name, and there are provider files."""
    assert provider.id in provider_ids()


def test_every_endpoint_is_encrypted_and_ends_without_a_slash(provider: Provider):
    """An address begins with https:// and has a host; ids are unique."""
    for endpoint in provider.endpoints:
        url = urlsplit(endpoint.base_url)
        assert url.scheme == "https", endpoint.id
        assert url.hostname, endpoint.id
        assert not endpoint.base_url.endswith("/"), endpoint.id

    ids = [endpoint.id for endpoint in provider.endpoints]
    assert len(set(ids)) == len(ids)


def test_the_default_endpoint_is_open(provider: Provider):
    """What a target uses when it names nothing is not a closed or separately sold endpoint."""
    default = provider.default_endpoint

    assert default.state == "current"
    assert default.closes_on is None or default.closes_on > default.checked
    assert default.plan is None


def test_endpoints_lie_on_hosts_that_the_scanner_knows(provider: Provider):
    """A key may go to the vendor's hosts, and those of its endpoints are among them."""
    for endpoint in provider.endpoints:
        host = (urlsplit(endpoint.base_url).hostname or "").replace("{", "").replace("}", "")
        assert any(fnmatchcase(host, pattern) for pattern in provider.names.hosts), endpoint.base_url


def test_no_two_providers_claim_a_host():
    """A host, with or without `*`, belongs to one provider, else a finding has two owners."""
    owners = {(host, p.id) for p in _all() for host in p.names.hosts}

    for host, owner in owners:
        plain = host.removeprefix("*.")
        assert not [o for h, o in owners if o != owner and fnmatchcase(plain, h)], host


def test_every_variable_name_is_listed_once():
    """A variable belongs to one provider and one role; only those of models may be globs."""
    names = Counter(name for p in _all() for group in _env_groups(p.names) for name in group)
    globs = {name for p in _all() for name in p.names.env_model if "*" in name}

    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name.replace("*", "_"))] == []
    assert {name for name in names if "*" in name} == globs


def test_the_scanner_knows_every_variable_that_holds_a_secret(provider: Provider):
    """What auth reads, a scan finds."""
    read = {name for auth in provider.auth for name in auth.env}
    read |= {name for auth in provider.auth for pair in auth.pair_env for name in pair}

    assert read <= set(provider.names.env_key) | set(provider.names.env_other)


def test_globs_are_sound(provider: Provider):
    """Globs use `*` only, hold no blanks, and none matches everything."""
    globs = [*provider.names.hosts, *provider.names.models, *provider.names.maven]
    globs += [glob for rule in _rules(provider) for glob in (*rule.models, *rule.endpoints)]
    globs += [glob for row in provider.equivalents for glob in row.for_]

    for glob in globs:
        assert re.fullmatch(r"[^\s?\[\]]+", glob), glob
        assert glob.strip("*."), glob


@pytest.mark.parametrize("provider_id", ["openai", "zhipu", "kimi"])
def test_listed_models_are_recognised_by_their_names(provider_id: str):
    """A model that the catalog lists under its maker is found in code."""
    provider = load_provider(provider_id)

    for model in provider.models:
        assert any(fnmatchcase(model.id.lower(), glob.lower()) for glob in provider.names.models), model.id


def test_every_fact_that_ages_has_a_source_and_a_day(provider: Provider):
    """Endpoints, models, prices and offers say where they come from and when someone looked."""
    facts = [*provider.endpoints, *provider.models, *provider.offers, *(p for m in provider.models for p in m.prices)]

    for fact in facts:
        assert fact.source.strip(), fact
        assert fact.checked >= FIRST_DAY, fact


def test_every_rule_that_changes_something_has_a_source(provider: Provider):
    """What a scan says against a target can be looked up."""
    for api, facts in provider.apis.items():
        assert facts.source, api
        for name, rules in facts.params.items():
            assert all(rule.source for rule in rules if rule.effect != "keep"), f"{api}.{name}"
        assert all(default.source for default in facts.defaults), api


def test_sources_cite_what_others_can_open(provider: Provider):
    """A source is a page, a package or a repository, never a file of this one's makers."""
    text = provider.model_dump_json()

    assert not re.search(r"facts/[a-z0-9-]+\.md|vectors/[a-z]+\.json|localhost|127\.0\.0\.1|file://", text)


def test_a_vendors_pages_are_cited_for_its_own_facts(provider: Provider):
    """The documents of one vendor say nothing of another's prices."""
    owners = {"cloud.baidu.com": "ernie", "cloud.tencent.com": "hunyuan", "docs.bigmodel.cn": "zhipu"}
    text = provider.model_dump_json()

    assert [host for host, owner in owners.items() if owner != provider.id and host in text] == []


def test_every_rule_has_what_its_effect_needs(provider: Provider):
    """A rename has a new name, a map its pairs, a clamp a limit, an emulation its name; no rule is dead."""
    for rule in _rules(provider):
        assert rule.effect != "rename" or rule.to
        assert (rule.effect == "map") == bool(rule.map)
        limits = (rule.low, rule.high, rule.max_items, rule.limit)
        assert rule.effect != "clamp" or any(limit is not None for limit in limits)
        assert (rule.effect == "emulate") == bool(rule.how)
        assert rule.low is None or rule.high is None or rule.low <= rule.high
        assert rule.chars is None or rule.chars[0] <= rule.chars[1]


def test_no_rule_stands_behind_one_that_always_applies(provider: Provider):
    """The first rule that applies decides, so one without conditions is the last."""
    for facts in provider.apis.values():
        for name, rules in {**facts.params, **facts.messages.parts}.items():
            assert not [rule for rule in rules[:-1] if _is_unconditional(rule)], name


def test_a_refusal_says_what_to_do(provider: Provider):
    """Whoever is refused reads why, or what to send instead."""
    for facts in provider.apis.values():
        for name, rules in {**facts.params, **facts.messages.parts}.items():
            assert not [rule for rule in rules if rule.effect == "refuse" and not rule.advice], name


def test_the_list_of_openai_parameters_is_that_of_its_sdk():
    """The reference for all other files names exactly what the installed SDK can send."""
    from openai.types.chat import completion_create_params as sdk
    from openai.types.embedding_create_params import EmbeddingCreateParams

    chat = set(typing.get_type_hints(sdk.CompletionCreateParamsBase)) | {"stream"}
    facts = load_provider("openai").apis

    assert chat - set(facts["chat"].params) == set()
    assert set(typing.get_type_hints(EmbeddingCreateParams)) == set(facts["embeddings"].params)


@pytest.mark.parametrize("provider_id", ["azure-openai", "zhipu", "kimi", "ernie", "hunyuan", "sensenova"])
def test_every_openai_parameter_was_decided_on(provider_id: str):
    """No chat parameter of OpenAI passes to a vendor because nobody asked what happens to it there."""
    said = set(load_provider(provider_id).apis["chat"].params)

    asked = set(load_provider("openai").apis["chat"].params) - {"messages", "model", "stream"}

    assert asked - said == set()


def test_globs_of_rules_meet_a_model(provider: Provider):
    """A rule for models that nobody lists, or for endpoints that do not exist, is a slip."""
    ids = [m.id.lower() for p in (provider, load_provider("openai")) for m in p.models]
    endpoints = [e.id for e in provider.endpoints]

    for rule in _rules(provider):
        for glob in rule.models if provider.models else ():
            stem = glob.lower().rstrip("*").rstrip("-.0123456789")
            assert any(stem in i for i in ids), glob
        for glob in rule.endpoints:
            assert any(fnmatchcase(e, glob) for e in endpoints), glob


def test_error_rows_lead_to_sane_statuses(provider: Provider):
    """A row's status, class and retry mark do not contradict each other."""
    for row in provider.errors:
        place = f"{row.status} {row.code} {row.type} {row.text}"
        assert row.to_status in TO_STATUS[row.outcome], place
        assert row.retryable == (row.outcome in RETRYABLE), place
        assert row.outcome != "quota" or row.to_code == "insufficient_quota", place
        assert all(text == text.lower() for text in row.text), place
        assert row.source, place


def test_no_error_row_hides_another(provider: Provider):
    """The first match decides, so no row repeats the conditions of an earlier one."""
    seen: list[ErrorRule] = []

    for row in provider.errors:
        assert not [e for e in seen if _covers(e, row)], f"{row.status} {row.code} {row.type} {row.text}"
        seen.append(row)


def test_equivalents_name_models_that_are_listed_and_alive(provider: Provider):
    """A proposed counterpart exists here and does not end before the file was looked at."""
    models = {m.id: m for m in provider.models}

    for row in provider.equivalents:
        assert row.model in models, row.model
        model = models[row.model]
        assert not model.retired, row.model
        assert model.retires_on is None or model.retires_on > model.checked, row.model


def test_an_embedding_is_only_ever_replaced_by_an_embedding(provider: Provider):
    """Counterparts are of the same kind, and for embeddings the note speaks of the index."""
    models = {m.id: m for m in provider.models}

    for row in provider.equivalents:
        asked = any("embedding" in glob for glob in row.for_)
        assert asked == (models[row.model].kind == "embedding"), row.for_
        assert not asked or re.search("index|embedded again", row.note), row.for_


def test_vectors_are_never_said_to_carry_over(provider: Provider):
    """Where embeddings are not OpenAI's own, the advice says to index anew or to look elsewhere."""
    facts = provider.apis.get("embeddings")

    if facts is not None and provider.id not in ("openai", "azure-openai"):
        assert re.search(r"index|vector", facts.advice), provider.id


def test_an_api_that_is_not_offered_has_no_path(provider: Provider):
    """Offered or not is one statement."""
    for api, facts in provider.apis.items():
        assert facts.offered or facts.path is None, api
        assert facts.path is None or facts.path.startswith("/"), api


def test_prices_are_amounts_in_their_own_currency(provider: Provider):
    """A price is above zero, or zero for input and output alike: a free model; endpoints exist."""
    endpoints = {e.id for e in provider.endpoints}

    for model in provider.models:
        assert not (model.free and model.prices), model.id
        for price in model.prices:
            amounts = [a for a in (price.input_per_mtok, price.output_per_mtok) if a is not None]
            assert all(a > 0 for a in amounts) or all(a == 0 for a in amounts), model.id
            assert price.from_ is None or price.until is None or price.from_ <= price.until, model.id
            assert price.endpoint is None or price.endpoint in endpoints, model.id


def test_hours_of_prices_are_possible(provider: Provider):
    """Hours are spans of one day on days that exist, and outside of them another price holds."""
    for model in provider.models:
        for price in model.prices:
            if price.hours is None:
                continue
            assert price.hours.spans, model.id
            assert all(first < last for first, last in price.hours.spans), model.id
            assert all(1 <= day <= 7 for day in price.hours.weekdays), model.id
            around = [p for p in model.prices if p.hours is None and _place(p) == _place(price)]
            assert around, model.id


def test_thinking_costs_no_less(provider: Provider):
    """A price for output while thinking stands beside a lower one without."""
    for model in provider.models:
        for price in model.prices:
            if price.thinking_output_per_mtok is not None:
                assert price.output_per_mtok is not None, model.id
                assert price.thinking_output_per_mtok > price.output_per_mtok, model.id


def test_tiers_of_a_price_rise(provider: Provider):
    """Tiers by input size stand in order, cheapest first, so that the first that fits a request is its price."""
    for model in provider.models:
        tiers: dict[tuple[object, ...], list[Price]] = {}
        for price in model.prices:
            tiers.setdefault((*_place(price), price.from_, price.until, price.hours), []).append(price)
        for rows in tiers.values():
            sizes = [row.up_to_input_tokens for row in rows]
            assert None not in sizes[:-1], model.id
            assert all(a < b for a, b in pairwise(s for s in sizes if s is not None)), model.id
            assert [r.input_per_mtok for r in rows] == sorted(r.input_per_mtok for r in rows), model.id


def test_models_are_possible(provider: Provider):
    """Sizes are positive and fit, days are in order, endpoints exist."""
    endpoints = {e.id for e in provider.endpoints}

    for model in provider.models:
        sizes = (model.context_tokens, model.max_input_tokens, model.max_output_tokens, *model.dimensions)
        assert all(size is None or size > 0 for size in sizes), model.id
        if model.context_tokens and model.max_input_tokens:
            assert model.max_input_tokens <= model.context_tokens, model.id
        assert model.released_on is None or model.retires_on is None or model.released_on < model.retires_on, model.id
        assert set(model.endpoints) <= endpoints, model.id
        assert not set(model.unsure) & set(model.abilities), model.id
        assert model.kind == "embedding" or not model.dimensions, model.id


def test_replacements_were_captured_on_a_known_day(provider: Provider):
    """A successor is what a vendor named by a day, and never the model itself."""
    for model in provider.models:
        if model.replacement is not None:
            assert model.replacement.model != model.id
            assert model.replacement.captured <= model.checked, model.id


def test_offers_are_possible(provider: Provider):
    """Amounts are positive, shares add up, windows have what their kind needs."""
    for offer in provider.offers:
        assert offer.amount is None or offer.amount > 0, offer.id
        if offer.split:
            assert sum(part.amount for part in offer.split) == offer.amount, offer.id
        window = offer.window
        assert window.from_ is None or window.until is None or window.from_ <= window.until, offer.id
        assert window.kind != "rolling" or window.hours or window.days, offer.id
        assert offer.unit != "money" or offer.currency, offer.id


def _place(price: Price) -> tuple[str, str | None]:
    return price.currency, price.endpoint


def _all() -> list[Provider]:
    return [load_provider(provider_id) for provider_id in provider_ids()]


def _env_groups(names: Names) -> tuple[tuple[str, ...], ...]:
    return names.env_key, names.env_url, names.env_model, names.env_other


def _rules(provider: Provider) -> Iterator[Rule]:
    for facts in provider.apis.values():
        for rules in (*facts.params.values(), *facts.messages.parts.values()):
            yield from rules


def _is_unconditional(rule: Rule) -> bool:
    conditions = (rule.models, rule.endpoints, rule.values, rule.when, rule.lacks, rule.chars)
    return not any(conditions)


def _covers(first: ErrorRule, later: ErrorRule) -> bool:
    """Say whether everything that `later` matches is matched by `first`, as far as lists can tell."""
    pairs = ((first.status, later.status), (first.code, later.code), (first.type, later.type), (first.text, later.text))
    return all(not a or (b and set(b) <= set(a)) for a, b in pairs)
