"""The one judge: what a vendor does to a request, parameter by parameter.

The wire applies its rulings to real requests; the scanner asks it about requests that it knows only in part, with
`UNKNOWN` for what it cannot know. Both read the same rules, so what a scan predicts contains what the wire does.
Pure: no I/O, no clock, nothing of any one vendor.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, TypeAlias, cast, final

from llm_migrate.catalog.schema import Api, ApiFacts, Default, JsonValue, Model, Provider, Rule


@final
class Unknown:
    """A value that exists but cannot be known from outside."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
OPEN: Final = "**"  # key of a body that may hold further, unknown fields

Value: TypeAlias = object  # JsonValue with UNKNOWN anywhere inside
Body: TypeAlias = Mapping[str, Value]


class Effect(IntEnum):
    """What happens to a field, from nothing to refusal; the order is the order of harm."""

    KEPT = 0
    OMITTED = 1
    ADDED = 2
    RENAMED = 3
    MAPPED = 4
    EMULATED = 5
    CLAMPED = 6
    DROPPED = 7
    REFUSED = 8


Verdict: TypeAlias = Literal["as-is", "adapted", "lossy", "blocked"]
VERDICTS: Final[tuple[Verdict, ...]] = ("as-is", "adapted", "lossy", "blocked")

_VERDICT: Final[dict[Effect, Verdict]] = {
    Effect.KEPT: "as-is",
    Effect.OMITTED: "as-is",
    Effect.ADDED: "adapted",
    Effect.RENAMED: "adapted",
    Effect.MAPPED: "adapted",
    Effect.EMULATED: "adapted",
    Effect.CLAMPED: "lossy",
    Effect.DROPPED: "lossy",
    Effect.REFUSED: "blocked",
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens to one subject of a request.

    Attributes:
        subject: the parameter ("temperature"), or a place in the messages ("messages.role.developer",
            "messages.parts.image_url", "messages.system", ...).
        effect: the least that happens whatever the unknown values are.
        at_worst: the most that can happen; equal to `effect` when all is known.
        remove: top-level fields that leave the request.
        set: top-level fields that enter or replace; empty where values are unknown.
        how: name of an emulation that the engine must run; None otherwise.
        advice: what a person should know or do.
        source: where the fact comes from.
    """

    subject: str
    effect: Effect
    at_worst: Effect
    remove: tuple[str, ...] = ()
    set: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    how: str | None = None
    advice: str = ""
    source: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict that is certain."""
        return _VERDICT[self.effect]

    @property
    def worst_verdict(self) -> Verdict:
        """The verdict that cannot be excluded."""
        return _VERDICT[self.at_worst]


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one (provider, endpoint, API, model).

    Attributes:
        provider: its facts.
        endpoint: id of the endpoint.
        api: which OpenAI API the request is for.
        model: id at the vendor; UNKNOWN when chosen at run time.
    """

    provider: Provider
    endpoint: str
    api: Api
    model: str | Unknown

    @property
    def facts(self) -> ApiFacts | None:
        """What is known of the API at this vendor; None when nothing is."""
        return self.provider.apis.get(self.api)

    @property
    def listed_model(self) -> Model | None:
        """The catalog's entry for the model; None for a deployment name or an unlisted id."""
        return find_model(self.provider, self.model) if isinstance(self.model, str) else None


def judge(policy: Policy, body: Body) -> list[Ruling]:
    """Return one ruling for every field of a request that a rule speaks of, in the order of the request.

    Fields that simply pass get no ruling. `model` and `stream` are not judged here: the first is mapped by
    configuration, the second concerns the connection. A key `OPEN` says that further fields may exist.

    Args:
        policy: whose rules.
        body: an OpenAI request, complete or with `UNKNOWN` inside.
    """
    facts = policy.facts
    if facts is None or not facts.offered:
        advice = facts.advice if facts else ""
        name = f"{policy.provider.name} does not offer the {policy.api} API"
        return [
            Ruling(
                policy.api,
                Effect.REFUSED,
                Effect.REFUSED,
                advice=f"{name}. {advice}".strip(),
                source=facts.source if facts else "",
            )
        ]
    rulings: list[Ruling] = []
    seen = dict(body)
    for default in facts.defaults:
        added = _added(policy, default, seen)
        if added is not None:
            rulings.append(added)
            if added.at_worst is added.effect:
                seen[default.field] = default.value
            else:
                seen.setdefault(default.field, UNKNOWN)
    for name, value in body.items():
        if name in ("model", "stream", "messages", OPEN):
            continue
        ruling = _judge_field(policy, facts, name, value, seen)
        if ruling is not None:
            rulings.append(ruling)
    if "messages" in body:
        rulings += _judge_messages(policy, facts, body["messages"])
    if OPEN in body:
        rulings.append(_open_body(facts))
    return rulings


def verdict_of(rulings: Sequence[Ruling]) -> tuple[Verdict, Verdict]:
    """Return the worst verdict that is certain, and the worst that is possible."""
    certain = max((VERDICTS.index(r.verdict) for r in rulings), default=0)
    possible = max((VERDICTS.index(r.worst_verdict) for r in rulings), default=0)
    return VERDICTS[certain], VERDICTS[possible]


def find_model(provider: Provider, model: str) -> Model | None:
    """Return the catalog's entry for an id, whatever its case; None if it is not listed."""
    wanted = model.lower()
    return next((m for m in provider.models if m.id.lower() == wanted), None)


def suggest_model(provider: Provider, openai_model: str) -> tuple[str, str] | None:
    """Return (model, note) that the catalog proposes here for an OpenAI model id; None where it proposes nothing."""
    wanted = openai_model.lower()
    for row in provider.equivalents:
        if any(fnmatch.fnmatchcase(wanted, pattern.lower()) for pattern in row.for_):
            return row.model, row.note
    return None


def is_retired(model: Model, today: dt.date) -> bool:
    """Say whether a model no longer answers on a day."""
    return model.retired or (model.retires_on is not None and model.retires_on <= today)


# A condition over values that may be unknown holds, does not, or may: True, False, None.
_Tri: TypeAlias = bool | None


def _all(*parts: _Tri) -> _Tri:
    if False in parts:
        return False
    return None if None in parts else True


def _applies(policy: Policy, rule: Rule | Default, body: Body) -> _Tri:
    """Say whether the conditions of a rule on model, endpoint and other fields hold."""
    verdicts: list[_Tri] = [_glob(policy.model, rule.models), _glob(policy.endpoint, rule.endpoints)]
    if isinstance(rule, Rule) and rule.lacks is not None:
        verdicts.append(_lacks(policy, rule.lacks))
    verdicts += [_field_is(body, name, wanted) for name, wanted in rule.when.items()]
    return _all(*verdicts)


def _glob(text: str | Unknown, patterns: Sequence[str]) -> _Tri:
    if not patterns:
        return True
    if isinstance(text, Unknown):
        return None
    return any(fnmatch.fnmatchcase(text.lower(), p.lower()) for p in patterns)


def _lacks(policy: Policy, ability: str) -> _Tri:
    model = policy.listed_model
    # An unlisted model (a deployment, a private one) may have any ability.
    return None if model is None or not model.abilities else ability not in model.abilities


def _field_is(body: Body, name: str, wanted: Sequence[JsonValue]) -> _Tri:
    if name not in body:
        return None if OPEN in body else "absent" in wanted
    if "present" in wanted:
        return True
    return _value_in(body[name], [w for w in wanted if w != "absent"])


def _value_in(value: Value, wanted: Sequence[JsonValue]) -> _Tri:
    table = _as_table(value)
    if table is not None:
        value = table.get("type")  # {"type": "json_schema", ...} counts as "json_schema"
    if isinstance(value, Unknown):
        return None
    if _as_list(value) is not None:
        return False
    # bool is an int to Python, not to JSON.
    return any(value == w and isinstance(value, bool) == isinstance(w, bool) for w in wanted)


def _has_chars(value: Value, least: int, most: int) -> _Tri:
    if isinstance(value, Unknown):
        return None
    return isinstance(value, str) and least <= len(value) <= most


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one rule would do to one field."""

    effect: Effect
    worst: Effect
    remove: tuple[str, ...] = ()
    set: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    rule: Rule | None = None


def _judge_field(policy: Policy, facts: ApiFacts, name: str, value: Value, body: Body) -> Ruling | None:
    rules = facts.params.get(name)
    if rules is None:
        return _unlisted(policy, facts, name)
    return _combine(policy, name, value, body, rules)


def _combine(policy: Policy, name: str, value: Value, body: Body, rules: Sequence[Rule]) -> Ruling | None:
    """Fold the rules that apply, or may apply, into one ruling."""
    possible: list[_Outcome] = []
    for rule in rules:
        match = _applies(policy, rule, body)
        if rule.values:
            match = _all(match, _value_in(value, rule.values))
        if rule.chars is not None:
            match = _all(match, _has_chars(value, *rule.chars))
        if match is False:
            continue
        possible.append(_outcome(policy, rule, name, value))
        if match is True:
            break
    else:
        possible.append(_Outcome(Effect.KEPT, Effect.KEPT))
    least, most = min(o.effect for o in possible), max(o.worst for o in possible)
    if most is Effect.KEPT and not any(o.set for o in possible):
        return None
    certain = possible[0] if len(possible) == 1 and least is most else None
    # Advice and source come from the rule that does most.
    speaker = max(possible, key=lambda o: o.worst).rule
    return Ruling(
        name,
        least,
        most,
        remove=certain.remove if certain else (),
        set=certain.set if certain else {},
        how=certain.rule.how if certain and certain.rule else None,
        advice=speaker.advice if speaker else "",
        source=speaker.source if speaker else "",
    )


_PLAIN: Final = {
    "omit": Effect.OMITTED,
    "drop": Effect.DROPPED,
    "refuse": Effect.REFUSED,
    "emulate": Effect.EMULATED,
}


def _outcome(policy: Policy, rule: Rule, name: str, value: Value) -> _Outcome:
    plain = _PLAIN.get(rule.effect)
    if plain is not None:
        remove = () if plain is Effect.REFUSED else (name,)
        return _Outcome(plain, plain, remove, dict(rule.set), rule)
    new, least, most = _kept_value(policy, rule, value)
    if rule.to is not None:
        least, most = max(least, Effect.RENAMED), max(most, Effect.RENAMED)
    if isinstance(new, Unknown):
        return _Outcome(least, most, (), {}, rule)
    target = rule.to or name
    changes: dict[str, JsonValue] = dict(rule.set)
    if target != name or new is not value:
        changes[target] = cast("JsonValue", new)
    return _Outcome(least, most, (name,) if target != name else (), changes, rule)


def _kept_value(policy: Policy, rule: Rule, value: Value) -> tuple[Value, Effect, Effect]:
    """Return the value as it will be sent, and the least and most that happens to it."""
    if rule.effect == "map":
        if isinstance(value, Unknown):
            return UNKNOWN, Effect.KEPT, Effect.MAPPED
        key = str(value)
        return (rule.map[key], Effect.MAPPED, Effect.MAPPED) if key in rule.map else (value, Effect.KEPT, Effect.KEPT)
    if rule.effect == "clamp":
        return _clamp(policy, rule, value)
    if rule.as_list and isinstance(value, str):
        return [value], Effect.KEPT, Effect.KEPT
    return value, Effect.KEPT, Effect.KEPT


def _clamp(policy: Policy, rule: Rule, value: Value) -> tuple[Value, Effect, Effect]:
    if isinstance(value, Unknown):
        return UNKNOWN, Effect.KEPT, Effect.CLAMPED
    if isinstance(value, str) and rule.as_list:
        return [value], Effect.KEPT, Effect.KEPT
    items = _as_list(value)
    if items is not None and rule.max_items is not None:
        cut = list(items)[: rule.max_items]
        return (value, Effect.KEPT, Effect.KEPT) if len(cut) == len(items) else (cut, Effect.CLAMPED, Effect.CLAMPED)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value, Effect.KEPT, Effect.KEPT
    low, high = rule.low, rule.high
    if rule.limit is not None:
        model = policy.listed_model
        high = model.max_output_tokens if model is not None else None
        if isinstance(policy.model, Unknown):
            return UNKNOWN, Effect.KEPT, Effect.CLAMPED
    if low is not None and value < low:
        return low, Effect.CLAMPED, Effect.CLAMPED
    if high is not None and value > high:
        return high, Effect.CLAMPED, Effect.CLAMPED
    return value, Effect.KEPT, Effect.KEPT


def _unlisted(policy: Policy, facts: ApiFacts, name: str) -> Ruling | None:
    if facts.unlisted == "keep":
        return None
    effect = Effect.DROPPED if facts.unlisted == "drop" else Effect.REFUSED
    advice = f"{policy.provider.name} does not list this parameter"
    remove = (name,) if effect is Effect.DROPPED else ()
    return Ruling(name, effect, effect, remove=remove, advice=advice, source=facts.source)


def _added(policy: Policy, default: Default, body: Body) -> Ruling | None:
    match = _all(
        _applies(policy, default, body),
        *(_field_is(body, name, ("absent",)) for name in (default.field, *default.unless)),
    )
    if match is False:
        return None
    return Ruling(
        default.field,
        Effect.ADDED if match else Effect.KEPT,
        Effect.ADDED,
        set={default.field: default.value} if match else {},
        advice=default.advice,
        source=default.source,
    )


def _open_body(facts: ApiFacts) -> Ruling:
    """A call whose arguments are not all visible can meet every rule there is."""
    worst = max((_worst_of(rule) for rules in facts.params.values() for rule in rules), default=Effect.KEPT)
    return Ruling(
        OPEN, Effect.KEPT, worst, advice="some arguments are chosen at run time; look at where they are filled in"
    )


def _worst_of(rule: Rule) -> Effect:
    named = {"keep": Effect.KEPT, "rename": Effect.RENAMED, "map": Effect.MAPPED, "clamp": Effect.CLAMPED, **_PLAIN}
    return max(named[rule.effect], Effect.RENAMED if rule.to else Effect.KEPT)


def _judge_messages(policy: Policy, facts: ApiFacts, messages: Value) -> Iterator[Ruling]:
    """Yield a ruling for each message rule that changes, or may change, the conversation."""
    rules = facts.messages
    listed = _as_list(messages)
    if listed is None:
        return
    turns = [turn for turn in map(_as_table, listed) if turn is not None]
    partial = len(turns) != len(listed)
    roles = [turn.get("role", UNKNOWN) for turn in turns]

    def certain(subject: str, effect: Effect, advice: str) -> Ruling:
        return Ruling(f"messages.{subject}", effect, effect, advice=advice, source=rules.source)

    for old, new in rules.roles.items():
        if old in roles:
            yield certain(f"role.{old}", Effect.RENAMED, f"role {old!r} becomes {new!r}")
    system = [i for i, role in enumerate(roles) if rules.roles.get(str(role), role) == "system"]
    if rules.system == "first" and system and system != list(range(len(system))):
        yield certain("system", Effect.EMULATED, "system turns move to the front")
    if rules.system == "merge" and (len(system) > 1 or (system and system[0] != 0)):
        yield certain("system", Effect.EMULATED, "system turns are joined into one at the front")
    if rules.needs_user and turns and not partial and "user" not in roles and UNKNOWN not in roles:
        yield certain("needs_user", Effect.REFUSED, "at least one user turn is needed")
    if rules.last and roles and not partial and isinstance(roles[-1], str) and roles[-1] not in rules.last:
        yield certain("last", Effect.REFUSED, f"the last turn must be from: {', '.join(rules.last)}")
    if rules.alternate and any(a == b != "tool" for a, b in zip(roles, roles[1:], strict=False) if a != UNKNOWN):
        yield certain("order", Effect.EMULATED, "neighbouring turns of one role are joined")
    if rules.empty_content == "refuse" and any(turn.get("content") == "" for turn in turns):
        yield certain("empty", Effect.REFUSED, "an empty turn is refused")
    if rules.empty_content == "omit" and any(turn.get("content", 0) in (None, "") for turn in turns):
        yield certain("empty", Effect.OMITTED, "empty content is left out")
    if rules.reasoning_content == "strip" and any("reasoning_content" in turn for turn in turns):
        yield certain("reasoning_content", Effect.OMITTED, "earlier reasoning is not sent back")
    yield from _judge_parts(policy, facts, turns)


def _judge_parts(policy: Policy, facts: ApiFacts, turns: Sequence[Mapping[str, Value]]) -> Iterator[Ruling]:
    rules = facts.messages
    parts: list[Mapping[str, Value]] = []
    for turn in turns:
        content = _as_list(turn.get("content"))
        if content is None:
            continue
        inner = [part for part in map(_as_table, content) if part is not None]
        if rules.text_parts == "join" and _glob(policy.model, rules.text_parts_models) is not False:
            if inner and all(p.get("type") == "text" for p in inner):
                yield Ruling("messages.text_parts", Effect.RENAMED, Effect.RENAMED, source=rules.source)
        parts += inner
    for kind, kind_rules in rules.parts.items():
        same = [p for p in parts if p.get("type") == kind]
        if not same:
            continue
        for ruling in [_combine(policy, f"messages.parts.{kind}", _part_form(p), {}, kind_rules) for p in same]:
            if ruling is not None:
                yield ruling
                break


def _part_form(part: Mapping[str, Value]) -> Value:
    """Return "data" or "url" for where a media part's bytes are, UNKNOWN if that cannot be seen."""
    media = part.get(str(part.get("type")), UNKNOWN)
    table = _as_table(media)
    url = media if table is None else table.get("url", UNKNOWN)
    if not isinstance(url, str):
        return UNKNOWN
    return "data" if url.startswith("data:") else "url"


def _as_table(value: Value) -> Mapping[str, Value] | None:
    return cast("Mapping[str, Value]", value) if isinstance(value, Mapping) else None


def _as_list(value: Value) -> Sequence[Value] | None:
    return cast("Sequence[Value]", value) if isinstance(value, list | tuple) else None
