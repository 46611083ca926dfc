"""Prepare the rules of a provider file for one model and endpoint, so that a call decides only what is its own."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from llm_migrate.catalog.ruling import UNKNOWN, Effect, Ruling, Tri, Unknown, all_hold
from llm_migrate.catalog.schema import Asked, Default, Emulation, Model, Rule, Scalar

# A scalar with its kind: True is 1 to Python, not to JSON.
Key: TypeAlias = tuple[bool, Scalar]


# Effects by which a field leaves the request.
LEAVING: Final = {"omit": Effect.OMITTED, "drop": Effect.DROPPED, "emulate": Effect.EMULATED}
# Emulations that cost more than the call that was asked for: done only where the user says so, and how to say it.
OPT_IN: Final[Mapping[Emulation, str]] = {
    "n-calls": 'with  [adapt] n = "calls"  it is said by one call for each choice'
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The place whose rules are asked.

    Attributes:
        endpoint: its id.
        model: id there; UNKNOWN when chosen at run time.
        entry: its entry in the catalog; None when it is not listed.
        asked: the kind of model that the program names.
        emulate: emulations that the user asked for.
    """

    endpoint: str
    model: str | Unknown
    entry: Model | None
    asked: Asked | Unknown = "plain"
    emulate: frozenset[Emulation] = frozenset()

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
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule that is, or may be, for a model and endpoint.

    Attributes:
        rule: as the provider file has it.
        sure: whether it is for them for certain.
        always: whether nothing in the request decides if it applies.
        plain: whether a value that it keeps stays where and as it is.
        keys: the values it is for; empty for all.
        when: what it demands of other fields.
        high: its upper limit here, UNKNOWN if unsure.
    """

    rule: Rule
    sure: bool
    always: bool
    plain: bool
    keys: frozenset[Key]
    when: tuple[Condition, ...]
    high: float | Unknown | None


# What is left to ask of a parameter: rules, nothing (it passes), or nothing as the ruling is always the same.
BoundParameter: TypeAlias = tuple[BoundRule, ...] | Ruling | None


@dataclass(frozen=True, slots=True)
class BoundDefault:
    """A default that is, or may be, for a model and endpoint."""

    default: Default
    sure: bool
    when: tuple[Condition, ...]


def matches(text: str | Unknown, patterns: Sequence[str]) -> Tri:
    """Say whether a name matches one of the globs, whatever its case; no globs match everything."""
    if not patterns:
        return True
    if isinstance(text, Unknown):
        return None
    wanted = text.lower()
    return any(fnmatch.fnmatchcase(wanted, pattern.lower()) for pattern in patterns)


def bind_parameter(scope: Scope, name: str, rules: Iterable[Rule]) -> BoundParameter:
    """Prepare the rules of one parameter for a model and endpoint."""
    bound = bind_rules(scope, rules)
    if not bound:
        return None
    first = bound[0]
    if first.sure and first.always and first.plain:
        rule = first.rule
        effect = Effect.REFUSED if rule.effect == "refuse" else LEAVING.get(rule.effect)
        if effect is not None:
            remove = () if effect is Effect.REFUSED else (name,)
            return Ruling(name, effect, effect, remove, how=rule.how, advice=rule.advice, source=rule.source)
        if rule.effect == "keep":
            return None
    return bound


def bind_rules(scope: Scope, rules: Iterable[Rule]) -> tuple[BoundRule, ...]:
    """Return the rules that are, or may be, for a model and endpoint, in their order."""
    bound: list[BoundRule] = []
    for rule in _as_asked_for(scope, rules):
        match = scope.covers(rule.models, rule.endpoints)
        if rule.lacks is not None:
            match = all_hold((match, scope.lacks(rule.lacks)))
        if match is not False:
            bound.append(_bind_rule(scope, rule, sure=match is True))
    return tuple(bound)


def _as_asked_for(scope: Scope, rules: Iterable[Rule]) -> Iterator[Rule]:
    """Yield rules with a refusal in place of, or before, an emulation that only the user can ask for."""
    for rule in rules:
        consent = OPT_IN.get(rule.how) if rule.how is not None else None
        if consent is None:
            yield rule
        elif rule.how not in scope.emulate:
            advice = "; ".join(filter(None, (rule.advice, consent)))
            yield rule.model_copy(update={"effect": "refuse", "how": None, "advice": advice})
        else:
            streamed = {"effect": "refuse", "how": None, "advice": f"{rule.advice}; streams cannot be joined"}
            yield rule.model_copy(update={**streamed, "when": {**rule.when, "stream": (True,)}})
            yield rule


def _bind_rule(scope: Scope, rule: Rule, *, sure: bool) -> BoundRule:
    return BoundRule(
        rule=rule,
        sure=sure,
        always=not (rule.values or rule.when) and rule.chars is None,
        plain=not (rule.to or rule.also or rule.as_list or rule.set),
        keys=_keys(rule.values),
        when=_conditions(rule.when),
        high=_high(scope, rule),
    )


def bind_defaults(scope: Scope, defaults: Iterable[Default]) -> tuple[BoundDefault, ...]:
    """Return the defaults that are, or may be, for a model and endpoint, in their order."""
    bound: list[BoundDefault] = []
    for default in defaults:
        match = all_hold((scope.covers(default.models, default.endpoints), _is_for(scope.asked, default.asked)))
        if match is not False:
            bound.append(BoundDefault(default, match is True, _conditions(default.when)))
    return tuple(bound)


def _is_for(asked: Asked | Unknown, wanted: Sequence[Asked]) -> Tri:
    if not wanted:
        return True
    return None if isinstance(asked, Unknown) else asked in wanted


def _high(scope: Scope, rule: Rule) -> float | Unknown | None:
    if rule.limit is None:
        return rule.high
    if isinstance(scope.model, Unknown):
        return UNKNOWN
    limit = scope.entry.max_output_tokens if scope.entry is not None else None
    return min((bound for bound in (rule.high, limit) if bound is not None), default=None)


def _keys(values: Iterable[Scalar]) -> frozenset[Key]:
    return frozenset((isinstance(value, bool), value) for value in values)


def _conditions(when: Mapping[str, Sequence[Scalar]]) -> tuple[Condition, ...]:
    words = ("absent", "present")
    return tuple(
        Condition(name, "absent" in wanted, "present" in wanted, _keys(w for w in wanted if w not in words))
        for name, wanted in when.items()
    )


def worst_of(parameter: BoundParameter) -> Effect:
    """Return the most that can happen to a parameter of which nothing is known."""
    if isinstance(parameter, Ruling):
        return parameter.at_worst
    return max(map(_worst, parameter or ()), default=Effect.KEPT)


def _worst(bound: BoundRule) -> Effect:
    rule = bound.rule
    if rule.effect == "refuse":
        return Effect.REFUSED
    if rule.to is not None:
        return Effect.DROPPED  # its new name may be in use
    kept = {"map": Effect.MAPPED, "clamp": Effect.CLAMPED}
    least = Effect.MAPPED if rule.set or rule.as_list or rule.also else Effect.KEPT
    return max(least, LEAVING.get(rule.effect, kept.get(rule.effect, Effect.KEPT)))
