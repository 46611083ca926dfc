"""Judge findings against targets. What happens to a request is asked of the catalog's one judge. Pure.

The verdict of a finding says what becomes of that place: `as-is` (nothing to do, or nothing is lost), `adapted` (it
changes and says the same), `lossy` (something is lost), `blocked` (a person must decide or rewrite).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast, get_args

from llm_migrate.catalog.load import find_provider, load_provider, provider_ids
from llm_migrate.catalog.policy import (
    OPEN,
    UNKNOWN,
    VERDICTS,
    Policy,
    Ruling,
    Unknown,
    Value,
    Verdict,
    find_model,
    is_retired,
    judge,
    require_model,
    verdict_of,
)
from llm_migrate.catalog.schema import Api, Model, Provider
from llm_migrate.errors import UsageError
from llm_migrate.scan.finding import Compat, Finding, Hit, Note

_APIS: Final = frozenset(get_args(Api))
_WIRE: Final = "openai-chat"
# Arguments of the SDKs that never reach the body of a request.
_SDK_ONLY: Final = frozenset(
    {
        *("model", "engine", "deployment_id", "api_key", "api_base", "api_type", "api_version", "organization"),
        *("timeout", "request_timeout", "extra_headers", "extra_query", "headers", "idempotency_key"),
    }
)
# Fields of LangChain's, LlamaIndex's and similar classes that become fields of the request.
_WRAPPED: Final = {"max_tokens": "max_tokens", "maxTokens": "max_tokens", "topP": "top_p", "frequencyPenalty": ""}
_MUCH_SMALLER: Final = 0.9  # below this share of the old context something may no longer fit
_SOON: Final = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a migration goes: a provider, and the model there if the user named one."""

    text: str
    provider: Provider
    model: str | None

    @property
    def listed(self) -> Model | None:
        """The catalog's entry for the named model."""
        return find_model(self.provider, self.model) if self.model is not None else None

    @property
    def serves_embeddings(self) -> bool:
        """Whether the named model makes embeddings."""
        listed = self.listed
        return "embed" in (self.model or "") if listed is None else listed.kind == "embedding"


@dataclass(frozen=True, slots=True)
class _Mapping:
    """What stands at the target for an old model: its id or `UNKNOWN`, and what to say about it."""

    model: str | Unknown
    notes: tuple[Note, ...] = ()
    verdict: Verdict = "adapted"


def parse_target(text: str) -> Target:
    """Read `PROVIDER[:MODEL]`.

    Raises:
        UsageError: no such provider or model, or none after the colon.
    """
    name, colon, model = text.partition(":")
    provider = find_provider(name)
    if colon and not model.strip():
        raise UsageError(f"--to {text}: a model must follow the colon, or leave the colon out")
    if model:
        require_model(provider, model)
    return Target(f"{provider.id}:{model}" if model else provider.id, provider, model or None)


def judge_findings(
    findings: Sequence[Finding], targets: Sequence[Target], *, today: dt.date | None = None
) -> list[Finding]:
    """Return the findings, each with one `Compat` for each target, in their order."""
    day = today or dt.datetime.now(dt.UTC).date()
    return [replace(f, compat=tuple(judge_hit(f.hit, target, day) for target in targets)) for f in findings]


def judge_hit(hit: Hit, target: Target, today: dt.date) -> Compat:
    """Say what one target makes of a hit."""
    if hit.provider == target.provider.id:
        return Compat(target.text, "as-is", "as-is")
    if hit.provider not in provider_ids():
        note = Note("provider", "kept", "points at a server that the catalog does not know", "")
        return Compat(target.text, "as-is", "as-is", (note,))
    if target.provider.dialect != _WIRE and hit.kind not in ("credential", "base-url", "model", "doc"):
        note = Note("dialect", "refused", f"{target.provider.name} does not speak OpenAI's wire format", "")
        return Compat(target.text, "blocked", "blocked", (note,))
    return _JUDGES.get(hit.kind, _judge_plain)(hit, target, today)


def _judge_call(hit: Hit, target: Target, today: dt.date) -> Compat:
    api = cast("Api", hit.api) if hit.api in _APIS else "chat"
    mapping = _map_model(hit, target, today, embedding=api == "embeddings")
    endpoint = target.provider.default_endpoint.id
    asked = hit.model if hit.model is not None else UNKNOWN
    policy = Policy(target.provider, endpoint, api, mapping.model, today, asked)
    rulings = judge(policy, _request(hit))
    notes = [*mapping.notes] if _offered(target.provider, api) else []
    notes += map(_note, rulings)
    verdict, worst = verdict_of(rulings)
    if notes and mapping.notes:
        verdict, worst = _worse(verdict, mapping.verdict), _worse(worst, mapping.verdict)
    if hit.legacy:
        notes.append(_legacy_note(hit))
        verdict, worst = _worse(verdict, "adapted"), _worse(worst, "adapted")
    return Compat(target.text, verdict, worst, tuple(notes))


def _judge_wrapper(hit: Hit, target: Target, today: dt.date) -> Compat:
    if hit.parameters is None:
        note = Note("class", "kept", "the class stays; give it the new base URL, key and model where it is built", "")
        return Compat(target.text, "as-is", "as-is", (note,))
    return _judge_call(hit, target, today)


def _judge_model(hit: Hit, target: Target, today: dt.date) -> Compat:
    if hit.model is None:
        note = Note("model", "mapped", "the model is named elsewhere: map each name that comes here", "")
        return Compat(target.text, "adapted", "adapted", (note,))
    mapping = _map_model(hit, target, today, embedding=_is_embedding(hit))
    return Compat(target.text, mapping.verdict, mapping.verdict, (*_retirement(hit, today), *mapping.notes))


def _judge_http(hit: Hit, target: Target, today: dt.date) -> Compat:
    if hit.api is None:
        note = Note("url", "refused", "no API call that has a counterpart: look at what it is for", "")
        return Compat(target.text, "blocked", "blocked", (note,))
    seen = replace(hit, parameters=hit.parameters if hit.parameters is not None else {OPEN: UNKNOWN})
    judged = _judge_call(seen, target, today)
    base = target.provider.default_endpoint.base_url
    note = Note("url", "mapped", f"send it to {base}, with that provider's key in the header", _home(target))
    verdict, worst = _worse(judged.verdict, "adapted"), _worse(judged.at_worst, "adapted")
    return replace(judged, verdict=verdict, at_worst=worst, notes=(note, *judged.notes))


def _judge_client(hit: Hit, target: Target, today: dt.date) -> Compat:
    del today
    endpoint = target.provider.default_endpoint
    notes = [
        Note("base_url", "mapped", f"set it to {endpoint.base_url}", endpoint.source),
        Note("api_key", "mapped", f"take it from {_key_name(target)}", ""),
    ]
    if hit.legacy:
        notes.append(_legacy_note(hit))
    return Compat(target.text, "adapted", "adapted", tuple(notes))


def _judge_address(hit: Hit, target: Target, today: dt.date) -> Compat:
    del hit, today
    endpoint = target.provider.default_endpoint
    note = Note("base_url", "mapped", f"becomes {endpoint.base_url}", endpoint.source)
    return Compat(target.text, "adapted", "adapted", (note,))


def _judge_credential(hit: Hit, target: Target, today: dt.date) -> Compat:
    del today
    notes = [Note("api_key", "mapped", f"becomes {_key_name(target)}", "")]
    if hit.secret:
        notes.insert(0, Note("secret", "kept", "a key stands in the source: revoke it and read it from outside", ""))
    return Compat(target.text, "adapted", "adapted", tuple(notes))


def _judge_config(hit: Hit, target: Target, today: dt.date) -> Compat:
    del hit, today
    note = Note("setting", "mapped", f"needs a counterpart for {target.provider.name}, or falls away", "")
    return Compat(target.text, "adapted", "adapted", (note,))


def _judge_plain(hit: Hit, target: Target, today: dt.date) -> Compat:
    """Imports, manifests and error classes: the SDK stays, unless it is an old one."""
    del today
    if hit.kind == "doc":
        return Compat(target.text, "as-is", "as-is")
    if hit.legacy:
        return Compat(target.text, "adapted", "adapted", (_legacy_note(hit),))
    if hit.kind == "error":
        advice = f"the class stays; codes and texts inside follow {target.provider.name}"
        return Compat(target.text, "as-is", "as-is", (Note("error", "kept", advice, ""),))
    return Compat(target.text, "as-is", "as-is", (Note("sdk", "kept", "the SDK can stay: the wire is OpenAI's", ""),))


_JUDGES: Final[Mapping[str, Callable[[Hit, Target, dt.date], Compat]]] = {
    "api-call": _judge_call,
    "wrapper": _judge_wrapper,
    "model": _judge_model,
    "raw-http": _judge_http,
    "client": _judge_client,
    "base-url": _judge_address,
    "credential": _judge_credential,
    "config": _judge_config,
}


def _map_model(hit: Hit, target: Target, today: dt.date, *, embedding: bool) -> _Mapping:
    """Return what serves instead of the hit's model; embeddings are never replaced without the user's word."""
    if embedding:
        return _map_embedding(hit, target)
    if target.model is not None and not target.serves_embeddings:
        return _describe(hit, target, target.model, "", today)
    if hit.model is None:
        note = Note("model", "mapped", "chosen at run time: map every model that can come here", "")
        return _Mapping(UNKNOWN, (note,))
    row = _equivalent(target.provider, hit.model)
    if row is None:
        advice = f"no counterpart of {hit.model} is proposed: name one with --to {target.provider.id}:MODEL"
        return _Mapping(UNKNOWN, (Note("model", "refused", advice, ""),), "blocked")
    loses = f"loses {', '.join(row[2])}" if row[2] else ""
    return _describe(hit, target, row[0], "; ".join(part for part in (loses, row[1]) if part), today)


def _describe(hit: Hit, target: Target, model: str, note: str, today: dt.date) -> _Mapping:
    new = find_model(target.provider, model)
    notes = [Note("model", "mapped", f"{hit.model or 'the model'} becomes {model}" + (f": {note}" if note else ""), "")]
    verdict: Verdict = "lossy" if "loses" in note else "adapted"
    old = _old_model(hit)
    if new is None:
        return _Mapping(model, tuple(notes), verdict)
    if is_retired(new, today):
        notes.append(Note("model", "refused", f"{model} no longer answers", new.source))
        verdict = "blocked"
    elif new.retires_on is not None and new.retires_on <= today + _SOON:
        notes.append(Note("model", "kept", f"{model} itself ends on {new.retires_on}", new.source))
    if old is not None and old.context_tokens and new.context_tokens and new.context_tokens < old.context_tokens:
        advice = f"context is smaller: {new.context_tokens:,} tokens, {old.context_tokens:,} before"
        much = new.context_tokens < _MUCH_SMALLER * old.context_tokens
        notes.append(Note("context", "clamped" if much else "kept", advice, new.source))
        verdict = _worse(verdict, "lossy") if much else verdict
    return _Mapping(model, tuple(notes), verdict)


def _map_embedding(hit: Hit, target: Target) -> _Mapping:
    again = "vectors of another model do not compare, so index everything again"
    if target.model is not None and target.serves_embeddings:
        return _Mapping(target.model, (Note("model", "dropped", f"becomes {target.model}; {again}", ""),), "lossy")
    row = _equivalent(target.provider, hit.model or "text-embedding-3-small")
    proposal = f" (proposed: {target.provider.id}:{row[0]})" if row is not None else ""
    advice = f"embeddings are never switched silently: name a model{proposal}; {again}"
    return _Mapping(row[0] if row else UNKNOWN, (Note("model", "refused", advice, ""),), "blocked")


def _retirement(hit: Hit, today: dt.date) -> list[Note]:
    """Say whether the old model itself has an end."""
    old = _old_model(hit)
    if old is None:
        return []
    if is_retired(old, today):
        since = f" on {old.retires_on}" if old.retires_on is not None else ""
        return [Note("retirement", "refused", f"{old.id} was retired{since}: it does not answer any more", old.source)]
    if old.retires_on is not None:
        return [Note("retirement", "kept", f"{old.id} ends on {old.retires_on}", old.source)]
    return []


def _old_model(hit: Hit) -> Model | None:
    return find_model(load_provider(hit.provider), hit.model) if hit.model is not None else None


def _equivalent(provider: Provider, model: str) -> tuple[str, str, tuple[str, ...]] | None:
    from llm_migrate.catalog.policy import suggest_model

    found = suggest_model(provider, model)
    if found is None:
        return None
    row = next((row for row in provider.equivalents if row.model == found[0] and row.note == found[1]), None)
    return found[0], found[1], row.loses if row is not None else ()


def _request(hit: Hit) -> dict[str, Value]:
    """Return the body that a call sends, without what is meant for the SDK."""
    body: dict[str, Value] = {}
    for name, value in (hit.parameters or {}).items():
        if name == "extra_body":
            body.update(cast("dict[str, Value]", value) if isinstance(value, dict) else {OPEN: UNKNOWN})
        elif hit.kind == "wrapper":
            known = _WRAPPED.get(name, name if name in ("temperature", "top_p", "n", "seed", "stop") else "")
            if known:
                body[known] = value
        elif name not in _SDK_ONLY:
            body[name] = value
    return body


def _is_embedding(hit: Hit) -> bool:
    old = _old_model(hit)
    return old.kind == "embedding" if old is not None else "embed" in (hit.model or "").lower()


def _offered(provider: Provider, api: Api) -> bool:
    facts = provider.apis.get(api)
    return facts is not None and facts.offered


def _note(ruling: Ruling) -> Note:
    effect = ruling.effect if ruling.effect is ruling.at_worst else ruling.at_worst
    sure = ruling.effect is ruling.at_worst
    word = effect.name.lower() if sure else f"maybe {effect.name.lower()}"
    return Note(ruling.subject, word, ruling.advice, ruling.source)


def _legacy_note(hit: Hit) -> Note:
    if hit.kind == "manifest":
        return Note("sdk", "mapped", "admits only the SDK's old interface: move the calls to the current one first", "")
    old = "openai-node 3" if hit.rule.endswith("script") else "openai 0.28"
    return Note("sdk", "mapped", f"written for {old}: move it to the current SDK first", "")


def _key_name(target: Target) -> str:
    auth = target.provider.auth[0]
    names = [*auth.env[:1], *(" and ".join(pair) for pair in auth.pair_env[:1])]
    return names[0] if names else "that provider's key"


def _home(target: Target) -> str:
    return target.provider.default_endpoint.source


def _worse(one: Verdict, other: Verdict) -> Verdict:
    return VERDICTS[max(VERDICTS.index(one), VERDICTS.index(other))]
