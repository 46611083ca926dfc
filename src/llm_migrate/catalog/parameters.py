"""Judge one request parameter by the rules of a provider file.

Rules are bound to a model and an endpoint once; what then depends on the request is decided at each call.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from llm_migrate.catalog.ruling import (
    MAYBE,
    OPEN,
    UNKNOWN,
    Body,
    Effect,
    Ruling,
    Tri,
    Unknown,
    Value,
    all_hold,
    as_list,
    as_table,
    is_known,
)
from llm_migrate.catalog.schema import Default, JsonValue, Model, Rule, Scalar

# A scalar with its kind: True is 1 to Python, not to JSON.
_Key: TypeAlias = tuple[bool, Scalar]


@dataclass(frozen=True, slots=True)
class Scope:
    """The place whose rules are asked: `model` is UNKNOWN when chosen at run time, `entry` None when not listed."""

    endpoint: str
    model: str | Unknown
    entry: Model | None

    def covers(self, models: Sequence[str], endpoints: Sequence[str]) -> Tri:
        """Say whether a rule for these globs is for this place."""
        return all_hold((matches(self.model, models), matches(self.endpoint, endpoints)))

    def lacks(self, ability: str) -> Tri:
        """Say whether the model lacks an ability; unsure for one that is not listed, or listed without abilities."""
        # A deployment's or private model's abilities are its owner's secret.
        if self.entry is None or not self.entry.abilities or ability in self.entry.unsure:
            return None
        return ability not in self.entry.abilities


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule demands of another field."""

    name: str
    absent: bool
    present: bool
    keys: frozenset[_Key]


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule that is, or may be, for a model and endpoint; `high` is its upper limit there, UNKNOWN if unsure."""

    rule: Rule
    sure: bool
    keys: frozenset[_Key]
    when: tuple[Condition, ...]
    high: float | Unknown | None


@dataclass(frozen=True, slots=True)
class BoundDefault:
    """A default that is, or may be, for a model and endpoint."""

    default: Default
    sure: bool
    when: tuple[Condition, ...]


class Request:
    """A request while it is judged.

    Attributes:
        fields: what conditions see: the caller's fields that are not null, and defaults once they are added.
        taken: names that are no longer free for a renamed field, with their values.
        open: whether further fields may exist.
    """

    __slots__ = ("fields", "open", "taken")

    def __init__(self, body: Body) -> None:
        self.open = OPEN in body
        self.fields = {name: value for name, value in body.items() if value is not None and name != OPEN}
        self.taken = dict(self.fields)

    def has(self, name: str) -> Tri:
        """Say whether a field is there."""
        return _presence(self.fields, name, self.open)

    def is_taken(self, name: str) -> Tri:
        """Say whether a name is in use."""
        return _presence(self.taken, name, self.open)

    def take(self, name: str, value: Value, *, sure: bool) -> None:
        """Note that a renamed field now has, or may have, this name."""
        if sure:
            self.taken.setdefault(name, value)
        elif name not in self.taken:
            self.taken[name] = MAYBE


def _presence(fields: Mapping[str, Value], name: str, is_open: bool) -> Tri:
    if name in fields:
        return None if fields[name] is MAYBE else True
    return None if is_open else False


def matches(text: str | Unknown, patterns: Sequence[str]) -> Tri:
    """Say whether a name matches one of the globs, whatever its case; no globs match everything."""
    if not patterns:
        return True
    if isinstance(text, Unknown):
        return None
    wanted = text.lower()
    return any(fnmatch.fnmatchcase(wanted, pattern.lower()) for pattern in patterns)


def bind_rules(scope: Scope, rules: Iterable[Rule]) -> tuple[BoundRule, ...]:
    """Return the rules that are, or may be, for a model and endpoint, in their order."""
    bound: list[BoundRule] = []
    for rule in rules:
        match = scope.covers(rule.models, rule.endpoints)
        if rule.lacks is not None:
            match = all_hold((match, scope.lacks(rule.lacks)))
        if match is not False:
            high = _high(scope, rule)
            bound.append(BoundRule(rule, match is True, _keys(rule.values), _conditions(rule.when), high))
    return tuple(bound)


def bind_defaults(scope: Scope, defaults: Iterable[Default]) -> tuple[BoundDefault, ...]:
    """Return the defaults that are, or may be, for a model and endpoint, in their order."""
    bound: list[BoundDefault] = []
    for default in defaults:
        match = scope.covers(default.models, default.endpoints)
        if match is not False:
            bound.append(BoundDefault(default, match is True, _conditions(default.when)))
    return tuple(bound)


def _high(scope: Scope, rule: Rule) -> float | Unknown | None:
    if rule.limit is None:
        return rule.high
    if isinstance(scope.model, Unknown):
        return UNKNOWN
    limit = scope.entry.max_output_tokens if scope.entry is not None else None
    return min((bound for bound in (rule.high, limit) if bound is not None), default=None)


def _keys(values: Iterable[Scalar]) -> frozenset[_Key]:
    return frozenset((isinstance(value, bool), value) for value in values)


def _conditions(when: Mapping[str, Sequence[Scalar]]) -> tuple[Condition, ...]:
    words = ("absent", "present")
    return tuple(
        Condition(name, "absent" in wanted, "present" in wanted, _keys(w for w in wanted if w not in words))
        for name, wanted in when.items()
    )


def judge_default(bound: BoundDefault, request: Request) -> Ruling | None:
    """Return the ruling that a default is added, or may be, and note it in the request; None if it is not."""
    default = bound.default
    absent = (_not(request.has(name)) for name in (default.field, *default.unless))
    match = all_hold((bound.sure or None, *absent, *(_holds(c, request) for c in bound.when)))
    if match is False:
        return None
    if match:
        request.fields[default.field] = default.value
    else:
        request.fields.setdefault(default.field, MAYBE)
    return Ruling(
        default.field,
        Effect.ADDED if match else Effect.KEPT,
        Effect.ADDED,
        set={default.field: default.value} if match else {},
        advice=default.advice,
        source=default.source,
    )


def _not(condition: Tri) -> Tri:
    return None if condition is None else not condition


def _holds(condition: Condition, request: Request) -> Tri:
    name = condition.name
    here = request.has(name)
    if here is False:
        return condition.absent
    held = True if condition.present else _value_in(request.fields.get(name, UNKNOWN), condition.keys)
    return held if here or held is condition.absent else None


def _value_in(value: Value, keys: frozenset[_Key]) -> Tri:
    if not keys:
        return False
    table = as_table(value)
    if table is not None:
        # {"type": "json_schema", ...} counts as "json_schema".
        value = table.get("type", UNKNOWN if OPEN in table else None)
    if isinstance(value, Unknown):
        return None
    return isinstance(value, str | int | float) and (isinstance(value, bool), value) in keys


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one rule would do to one field."""

    least: Effect
    most: Effect
    remove: tuple[str, ...] = ()
    set: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    to: str | None = None
    how: str | None = None
    advice: str = ""
    source: str = ""


_KEPT: Final = _Outcome(Effect.KEPT, Effect.KEPT)


def judge_parameter(rules: Sequence[BoundRule], name: str, value: Value, request: Request) -> Ruling | None:
    """Fold the rules that apply to a parameter, or may apply, into one ruling; None if it simply passes."""
    possible = _possible(rules, name, value, request)
    first = possible[0]
    least, most = min(o.least for o in possible), max(o.most for o in possible)
    if most is Effect.KEPT:
        return None
    for outcome in possible:
        if outcome.to is not None:
            sure = len(possible) == 1 and bool(outcome.remove)
            request.take(outcome.to, outcome.set.get(outcome.to, UNKNOWN), sure=sure)
    # What is certain to happen is done; while several rules may apply, only if they would do the same.
    same = least is most and all(_does_same(first, o) for o in possible[1:])
    # Advice and source come from the rule that does most.
    speaker = max(possible, key=lambda o: o.most) if len(possible) > 1 else first
    return Ruling(
        name,
        least,
        most,
        remove=first.remove if same else (),
        set=first.set if same else {},
        to=first.to if all(o.to == first.to for o in possible) else None,
        how=first.how if same else None,
        advice=speaker.advice,
        source=speaker.source,
    )


def _does_same(one: _Outcome, two: _Outcome) -> bool:
    return (one.remove, one.set, one.to, one.how) == (two.remove, two.set, two.to, two.how)


def _possible(rules: Sequence[BoundRule], name: str, value: Value, request: Request) -> list[_Outcome]:
    possible: list[_Outcome] = []
    for bound in rules:
        match = _applies(bound, value, request)
        if match is False:
            continue
        possible.append(_outcome(bound, name, value, request))
        if match:
            return possible
    possible.append(_KEPT)
    return possible


def _applies(bound: BoundRule, value: Value, request: Request) -> Tri:
    match: Tri = True if bound.sure else None
    if bound.keys:
        match = all_hold((match, _value_in(value, bound.keys)))
    if bound.rule.chars is not None:
        match = all_hold((match, _has_chars(value, *bound.rule.chars)))
    for condition in bound.when:
        match = all_hold((match, _holds(condition, request)))
    return match


def _has_chars(value: Value, least: int, most: int) -> Tri:
    if isinstance(value, Unknown):
        return None
    return isinstance(value, str) and least <= len(value) <= most


_LEAVING: Final = {"omit": Effect.OMITTED, "drop": Effect.DROPPED, "emulate": Effect.EMULATED}


def _outcome(bound: BoundRule, name: str, value: Value, request: Request) -> _Outcome:
    rule = bound.rule
    if rule.effect == "refuse":
        return _Outcome(Effect.REFUSED, Effect.REFUSED, advice=rule.advice, source=rule.source)
    further, least, most = _further(rule, request)
    leaving = _LEAVING.get(rule.effect)
    if leaving is not None:
        least, most = max(least, leaving), max(most, leaving)
        return _Outcome(least, most, (name,), further, None, rule.how, rule.advice, rule.source)
    new, new_least, new_most = _kept_value(bound, value)
    least, most = max(least, new_least), max(most, new_most)
    if rule.to is not None and rule.to != name:
        return _renamed(rule, name, new, request, _Outcome(least, most, (), further))
    changed = new is not value or bool(rule.also)
    if rule.also:
        least, most = max(least, Effect.RENAMED), max(most, Effect.RENAMED)
    values = _values(rule, name, new, request) if changed else {}
    return _Outcome(least, most, (), {**values, **further}, None, None, rule.advice, rule.source)


def _further(rule: Rule, request: Request) -> tuple[Mapping[str, JsonValue], Effect, Effect]:
    """Return the fields that a rule adds, and how much that changes; what the caller sent stands."""
    if not rule.set:
        return {}, Effect.KEPT, Effect.KEPT
    free = {name: _not(request.is_taken(name)) for name in rule.set}
    least = Effect.MAPPED if True in free.values() else Effect.KEPT
    most = Effect.KEPT if all(here is False for here in free.values()) else Effect.MAPPED
    return {name: value for name, value in rule.set.items() if free[name]}, least, most


def _renamed(rule: Rule, name: str, new: Value, request: Request, so_far: _Outcome) -> _Outcome:
    """Return what becomes of a field that must take a name which may be in use already."""
    to = cast("str", rule.to)
    least, most = max(so_far.least, Effect.RENAMED), max(so_far.most, Effect.RENAMED)
    in_use = request.is_taken(to)
    if in_use is None:
        return _Outcome(least, Effect.DROPPED, (), {}, to, None, rule.advice, rule.source)
    if in_use is False:
        values = {**_values(rule, to, new, request), **so_far.set}
        return _Outcome(least, most, (name,), values, to, None, rule.advice, rule.source)
    other = request.taken[to]
    if not (is_known(new) and is_known(other)):
        return _Outcome(Effect.RENAMED, Effect.DROPPED, (name,), so_far.set, None, None, rule.advice, rule.source)
    # The same value under the right name says all; with another value the right name wins.
    effect = max(so_far.least, Effect.RENAMED) if new == other else Effect.DROPPED
    advice = f"{to} is sent as well, and stands" + (f"; {rule.advice}" if rule.advice else "")
    return _Outcome(effect, effect, (name,), so_far.set, None, None, advice, rule.source)


def _values(rule: Rule, target: str, new: Value, request: Request) -> dict[str, JsonValue]:
    if not is_known(new):
        return {}
    names = (target, *(other for other in rule.also if request.is_taken(other) is False))
    return dict.fromkeys(names, cast("JsonValue", new))


def _kept_value(bound: BoundRule, value: Value) -> tuple[Value, Effect, Effect]:
    """Return the value as it will be sent, and the least and most that happens to it."""
    rule = bound.rule
    if rule.effect == "map":
        new, least, most = _map(rule, value)
    elif rule.effect == "clamp":
        new, least, most = _clamp(bound, value)
    else:
        new, least, most = value, Effect.KEPT, Effect.KEPT
    if not rule.as_list:
        return new, least, most
    if isinstance(new, Unknown):
        return new, least, max(most, Effect.MAPPED)
    return ([new], max(least, Effect.MAPPED), max(most, Effect.MAPPED)) if isinstance(new, str) else (new, least, most)


def _map(rule: Rule, value: Value) -> tuple[Value, Effect, Effect]:
    table = as_table(value)
    plain = value if table is None else table.get("type", UNKNOWN if OPEN in table else None)
    if isinstance(plain, Unknown):
        return UNKNOWN, Effect.KEPT, Effect.MAPPED
    for key in _map_keys(plain):
        if key in rule.map:
            new = rule.map[key]
            return new, Effect.MAPPED, Effect.MAPPED
    return value, Effect.KEPT, Effect.KEPT


def _map_keys(value: Value) -> tuple[str, ...]:
    """Return the ways in which a table of TOML may spell a scalar of JSON."""
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, float) and value.is_integer():
        return (str(value), str(int(value)))
    return (str(value),) if isinstance(value, str | int | float) else ()


def _clamp(bound: BoundRule, value: Value) -> tuple[Value, Effect, Effect]:
    rule = bound.rule
    if isinstance(value, Unknown):
        return UNKNOWN, Effect.KEPT, Effect.CLAMPED
    items = as_list(value)
    if items is not None and rule.max_items is not None and len(items) > rule.max_items:
        return list(items)[: rule.max_items], Effect.CLAMPED, Effect.CLAMPED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value, Effect.KEPT, Effect.KEPT
    if isinstance(bound.high, Unknown):
        return UNKNOWN, Effect.KEPT, Effect.CLAMPED
    new: float = value
    if bound.high is not None and new > bound.high:
        new = bound.high
    if rule.low is not None and new < rule.low:
        new = rule.low
    if new == value:
        return value, Effect.KEPT, Effect.KEPT
    # Limits of whole numbers stay whole: vendors refuse 100.0 tokens.
    whole = isinstance(value, int) and float(new).is_integer()
    return int(new) if whole else new, Effect.CLAMPED, Effect.CLAMPED


def worst_of(rules: Iterable[BoundRule]) -> Effect:
    """Return the most that rules can do to a parameter of which nothing is known."""
    return max(map(_worst, rules), default=Effect.KEPT)


def _worst(bound: BoundRule) -> Effect:
    rule = bound.rule
    if rule.effect == "refuse":
        return Effect.REFUSED
    if rule.to is not None:
        return Effect.DROPPED  # its new name may be in use
    kept = {"map": Effect.MAPPED, "clamp": Effect.CLAMPED}
    least = Effect.MAPPED if rule.set or rule.as_list or rule.also else Effect.KEPT
    return max(least, _LEAVING.get(rule.effect, kept.get(rule.effect, Effect.KEPT)))
