"""The one judge: what a vendor does to a request, parameter by parameter.

The wire applies its rulings to real requests; the scanner asks it about requests that it knows only in part, with
`UNKNOWN` for what it cannot know. Both read the same rules, so what a scan predicts contains what the wire does.
Pure: no I/O, no clock, nothing of any one vendor.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from llm_migrate.catalog.binding import (
    BoundDefault,
    BoundParameter,
    BoundRule,
    Scope,
    bind_defaults,
    bind_parameter,
    bind_rules,
    matches,
    worst_of,
)
from llm_migrate.catalog.load import REFERENCE, load_provider
from llm_migrate.catalog.nested import BoundMembers, bind_members, judge_members
from llm_migrate.catalog.parameters import Request, judge_default, judge_parameter
from llm_migrate.catalog.ruling import (
    OPEN,
    UNKNOWN,
    VERDICTS,
    Body,
    Effect,
    Ruling,
    Unknown,
    Value,
    Verdict,
    apply,
    as_list,
    verdict_of,
)
from llm_migrate.catalog.schema import Api, ApiFacts, Asked, Emulation, Endpoint, Model, Provider, Rule
from llm_migrate.catalog.turns import BoundTurns, bind_turns, judge_turns
from llm_migrate.errors import UsageError

__all__ = [
    "OPEN",
    "UNKNOWN",
    "VERDICTS",
    "Body",
    "Effect",
    "Policy",
    "Ruling",
    "Unknown",
    "Value",
    "Verdict",
    "apply",
    "find_model",
    "is_retired",
    "judge",
    "suggest_model",
    "verdict_of",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Policy:
    """The rules of one (provider, endpoint, API, model).

    Two policies are equal if they name the same provider object and the same rest: what was prepared for one then
    serves the other.

    Attributes:
        provider: its facts.
        endpoint: id of the endpoint.
        api: which OpenAI API the request is for.
        model: id at the vendor; UNKNOWN when chosen at run time.
        today: the day on which model and endpoint are judged; None leaves their life out.
        asked: id of the model that the program names; UNKNOWN when chosen at run time, None for a plain one.
        emulate: emulations that the user asked for, of those that cost more than the call itself.
    """

    provider: Provider
    endpoint: str
    api: Api
    model: str | Unknown
    today: dt.date | None = None
    asked: str | Unknown | None = None
    emulate: frozenset[Emulation] = frozenset()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return id(self.provider), self.endpoint, self.api, self.model, self.today, self.asked, self.emulate

    def __repr__(self) -> str:
        return f"Policy({self.provider.id!r}, {self.endpoint!r}, {self.api!r}, {self.model!r}, {self.today})"

    @property
    def facts(self) -> ApiFacts | None:
        """What is known of the API at this vendor; None when nothing is."""
        return self.provider.apis.get(self.api)

    @property
    def listed_model(self) -> Model | None:
        """The catalog's entry for the model; None for a deployment name or an unlisted id."""
        return find_model(self.provider, self.model, endpoint=self.endpoint) if isinstance(self.model, str) else None


def judge(policy: Policy, body: Body) -> list[Ruling]:
    """Return one ruling for every field of a request that a rule speaks of, in the order of the request.

    Fields that simply pass get no ruling, and what may happen but is not certain is not done. `stream` is not judged
    here: it concerns the connection. A null says nothing and is left out where a rule names the field.

    Args:
        policy: whose rules.
        body: an OpenAI request, complete or with `UNKNOWN` inside; a key `OPEN` says that further fields may exist.
    """
    bound = _bind(policy)
    rulings = list(bound.fixed)
    if not bound.offered:
        return rulings
    request = Request(body)
    added = (judge_default(default, request) for default in bound.defaults)
    rulings += [ruling for ruling in added if ruling is not None]
    for name, value in body.items():
        if name in _OTHERWISE:
            continue
        ruling = _judge_field(bound, name, value, request)
        if ruling is not None:
            rulings.append(ruling)
    if "messages" in body:
        rulings += judge_turns(bound.turns, body["messages"])
    if bound.members:
        rulings += _judge_members(bound, body, rulings)
    if policy.api == "embeddings":
        rulings += _judge_input(policy, body)
    if OPEN in body:
        worst = bound.worst if "messages" in body else max(bound.worst, bound.turns.worst)
        rulings.append(Ruling(OPEN, Effect.KEPT, worst, advice=_OPEN_ADVICE))
    return rulings


def asked_kind(provider: Provider, model: str | Unknown | None) -> Asked | Unknown:
    """Return what kind of model a program names that is to be served by a provider.

    A name that OpenAI does not list and that is not the provider's own is one of the user's making: a plain one.
    """
    if isinstance(model, Unknown):
        return model
    if model is None:
        return "plain"
    if provider.id != REFERENCE and _is_named_like(provider, model):
        return "own"
    listed = find_model(load_provider(REFERENCE), model)
    return "reasoning" if listed is not None and "thinking" in listed.abilities else "plain"


def _is_named_like(provider: Provider, model: str) -> bool:
    # Newer than the catalog, fine-tuned or private ones are named as this vendor names its models.
    return find_model(provider, model) is not None or bool(
        provider.names.models and matches(model, provider.names.models)
    )


def find_model(provider: Provider, model: str, *, endpoint: str | None = None) -> Model | None:
    """Return the catalog's entry for an id, whatever its case; None if it is not listed.

    Where an id means another model at each endpoint, that of `endpoint`, else the first.
    """
    wanted = model.lower()
    entries = [m for m in provider.models if m.id.lower() == wanted]
    here = (m for m in entries if endpoint is not None and matches(endpoint, m.endpoints))
    return next(here, entries[0] if entries else None)


def require_model(provider: Provider, model: str) -> None:
    """Do nothing for a model that the provider is known to serve, or whose name only a customer can know.

    Raises:
        UsageError: an unlisted id; the message names the nearest ones.
    """
    if provider.deployments or find_model(provider, model) is not None:
        return
    near = difflib.get_close_matches(model, [m.id for m in provider.models], n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(f"{provider.id}: {model}: unknown model{hint}  (llm-migrate providers {provider.id} --models)")


def suggest_model(provider: Provider, openai_model: str) -> tuple[str, str] | None:
    """Return (model, note) that the catalog proposes here for an OpenAI model id; None where it proposes nothing."""
    for row in provider.equivalents:
        if row.for_ and matches(openai_model, row.for_):
            return row.model, row.note
    return None


def is_retired(model: Model, today: dt.date) -> bool:
    """Say whether a model no longer answers on a day."""
    return model.retired or (model.retires_on is not None and model.retires_on <= today)


BATCHES: Final = "batches"  # how a list of texts is said that is too long for one call
_TOKENS_ADVICE: Final = (
    "token ids are of OpenAI's tokenizers: send texts (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))"
)
_OTHERWISE: Final = frozenset({"model", "stream", "messages", OPEN})
_OPEN_ADVICE: Final = "some arguments are chosen at run time; look at where they are filled in"


@dataclass(frozen=True, slots=True)
class _Bound:
    """What can be known of a policy before any request.

    Attributes:
        offered: whether requests are judged at all.
        fixed: rulings on the API, the model and the endpoint.
        params: rules by parameter.
        unlisted: rules of parameters that have none of their own; None where they simply pass.
        defaults: in their order.
        turns: rules of messages.
        members: rules of members inside parameters.
        worst: the most that can happen to a field that cannot be seen.
    """

    offered: bool
    fixed: tuple[Ruling, ...]
    params: Mapping[str, BoundParameter]
    unlisted: tuple[BoundRule, ...] | None
    defaults: tuple[BoundDefault, ...]
    turns: BoundTurns
    members: tuple[BoundMembers, ...]
    worst: Effect


@lru_cache(maxsize=1024)
def _bind(policy: Policy) -> _Bound:
    facts = policy.facts or ApiFacts(offered=False)
    asked = asked_kind(policy.provider, policy.asked)
    scope = Scope(policy.endpoint, policy.model, policy.listed_model, asked, policy.emulate)
    params = {name: bind_parameter(scope, name, rules) for name, rules in facts.params.items() if "." not in name}
    unlisted = _bind_unlisted(policy, facts, scope)
    members = bind_members(scope, facts.params)
    worst = max((worst_of(parameter) for parameter in (*params.values(), unlisted)), default=Effect.KEPT)
    worst = max([worst, *(inside.worst for inside in members)])
    if params or unlisted is not None:
        worst = max(worst, Effect.OMITTED)  # by a null
    return _Bound(
        offered=facts.offered,
        fixed=tuple(_judge_place(policy)) if facts.offered else (_not_offered(policy),),
        params=params,
        unlisted=unlisted,
        defaults=bind_defaults(scope, facts.defaults),
        turns=bind_turns(scope, facts.messages_for(policy.endpoint)),
        members=members,
        worst=worst,
    )


def _judge_field(bound: _Bound, name: str, value: Value, request: Request) -> Ruling | None:
    if name in bound.params:
        rules = bound.params[name]
    elif bound.unlisted is not None:
        rules = bound.unlisted
    else:
        return None
    if value is None:
        return Ruling(name, Effect.OMITTED, Effect.OMITTED, remove=(name,), advice="null says nothing")
    return judge_parameter(rules, name, value, request) if isinstance(rules, tuple) else rules


def _judge_input(policy: Policy, body: Body) -> Iterator[Ruling]:
    """Yield rulings on the texts to embed: too many for one call, or token ids, which mean nothing to another model."""
    facts = policy.facts
    if facts is None or "input" not in body:
        return
    value = body["input"]
    listed = as_list(value)
    if not facts.token_input:
        items: Sequence[Value] = listed or ()
        certain = _is_tokens(listed) or any(map(_is_tokens, items))
        if certain or isinstance(value, Unknown) or any(isinstance(i, Unknown) for i in items):
            effect = Effect.REFUSED if certain else Effect.KEPT
            yield Ruling("input", effect, Effect.REFUSED, advice=_TOKENS_ADVICE, source=facts.source)
    unsure = isinstance(value, Unknown)
    if facts.max_batch is not None and (unsure or (len(listed or ()) > facts.max_batch and not _is_tokens(listed))):
        effect = Effect.KEPT if unsure else Effect.EMULATED
        advice = f"sent in calls of {facts.max_batch} texts at most"
        yield Ruling("input", effect, Effect.EMULATED, how=BATCHES, advice=advice, source=facts.source)


def _is_tokens(value: Value) -> bool:
    items = as_list(value)
    return items is not None and len(items) > 0 and all(type(item) is int for item in items)


def _judge_members(bound: _Bound, body: Body, so_far: Sequence[Ruling]) -> list[Ruling]:
    """Return rulings on members of the parameters that stay in the request."""
    gone = {name for ruling in so_far for name in ruling.remove}
    here = [m for m in bound.members if m.path[0] in body and m.path[0] not in gone]
    return [ruling for members in here for ruling in judge_members(members, body[members.path[0]])]


def _bind_unlisted(policy: Policy, facts: ApiFacts, scope: Scope) -> tuple[BoundRule, ...] | None:
    if "*" in facts.params:
        return bind_rules(scope, facts.params["*"])
    if facts.unlisted == "keep":
        return None
    advice = f"{policy.provider.name} does not list this parameter"
    return bind_rules(scope, [Rule(effect=facts.unlisted, advice=advice, source=facts.source)])


def _not_offered(policy: Policy) -> Ruling:
    name, facts = policy.provider.name, policy.facts
    if facts is None:
        advice, source = f"nothing is known of the {policy.api} API at {name}", ""
    else:
        advice, source = f"{name} does not offer the {policy.api} API. {facts.advice}".strip(), facts.source
    return Ruling(policy.api, Effect.REFUSED, Effect.REFUSED, advice=advice, source=source)


def _judge_place(policy: Policy) -> Iterator[Ruling]:
    """Yield rulings on an endpoint that is closed and a model that is retired or served elsewhere."""
    today = policy.today
    if today is None:
        return
    endpoint = next((e for e in policy.provider.endpoints if e.id == policy.endpoint), None)
    if endpoint is not None and endpoint.closes_on is not None and endpoint.closes_on <= today:
        yield _refused("endpoint", f"closed since {endpoint.closes_on}{_successor(policy.provider)}", endpoint)
    if isinstance(policy.model, Unknown):
        if any(_why_not(policy, model, today) for model in policy.provider.models):
            advice = "some models no longer answer, or not here: choose one that does"
            yield Ruling("model", Effect.KEPT, Effect.REFUSED, advice=advice)
        return
    entry = policy.listed_model
    problem = _why_not(policy, entry, today) if entry is not None else ""
    if entry is not None and problem:
        yield _refused("model", f"{entry.id} {problem}", entry)


def _refused(subject: str, advice: str, fact: Endpoint | Model) -> Ruling:
    return Ruling(subject, Effect.REFUSED, Effect.REFUSED, advice=advice, source=fact.source)


def _successor(provider: Provider) -> str:
    return f"; the current one is {provider.default_endpoint.id!r}"


def _why_not(policy: Policy, model: Model, today: dt.date) -> str:
    """Return why a model does not answer at the policy's endpoint on a day, "" if it does."""
    if is_retired(model, today):
        day = f" since {model.retires_on}" if model.retires_on is not None else ""
        heir = model.replacement
        return f"is retired{day}" + (f"; the vendor names {heir.model} instead" if heir is not None else "")
    if model.endpoints and not matches(policy.endpoint, model.endpoints):
        places = [endpoint for m in policy.provider.models if m.id == model.id for endpoint in m.endpoints]
        return f"is served at {', '.join(places)} only"
    return ""
