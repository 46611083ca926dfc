"""Judge one request parameter by rules that are bound to a model and an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from llm_migrate.catalog.binding import LEAVING, BoundDefault, BoundRule, Condition, Key
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
from llm_migrate.catalog.schema import JsonValue, Rule


class Request:
    """A request while it is judged.

    Attributes:
        fields: what conditions see: the caller's fields that are not null, and defaults once they are added.
        open: whether further fields may exist.
    """

    __slots__ = ("_added", "_claimed", "fields", "open")

    def __init__(self, body: Body) -> None:
        self.open = OPEN in body
        self.fields = {name: value for name, value in body.items() if value is not None and name != OPEN}
        self._added: set[str] = set()
        self._claimed: dict[str, Value] = {}

    def has(self, name: str) -> Tri:
        """Say whether a field is there."""
        if name in self.fields:
            return None if self.fields[name] is MAYBE else True
        return None if self.open else False

    def add(self, name: str, value: Value) -> None:
        """Note a default; a field that the caller sends or renames may still take its name."""
        self._added.add(name)
        self.fields.setdefault(name, value)

    def is_taken(self, name: str) -> Tri:
        """Say whether the caller, or a field renamed before, has a name."""
        if name in self._claimed:
            return None if self._claimed[name] is MAYBE else True
        if name in self._added:
            return None if self.open else False
        return self.has(name)

    def taken(self, name: str) -> Value:
        """Return the value that a name has."""
        return self._claimed[name] if name in self._claimed else self.fields[name]

    def take(self, name: str, value: Value, *, sure: bool) -> None:
        """Note that a renamed field now has, or may have, a name."""
        if self.is_taken(name) is False:
            self._claimed[name] = value if sure else MAYBE


def judge_default(bound: BoundDefault, request: Request) -> Ruling | None:
    """Return the ruling that a default is added, or may be, and note it in the request; None if it is not."""
    default = bound.default
    match: Tri = True if bound.sure else None
    for name in (default.field, *default.unless):
        here = request.has(name)
        if here:
            return None
        match = match if here is False else None
    for condition in bound.when:
        match = all_hold((match, _holds(condition, request)))
    if match is False:
        return None
    request.add(default.field, default.value if match else MAYBE)
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


def _value_in(value: Value, keys: frozenset[Key]) -> Tri:
    if not keys:
        return False
    table = as_table(value)
    if table is not None:
        # {"type": "json_schema", ...} counts as "json_schema".
        value = table.get("type", UNKNOWN if OPEN in table else None)
    if isinstance(value, Unknown):
        return None
    return isinstance(value, (str, int, float)) and (isinstance(value, bool), value) in keys


@dataclass(slots=True)  # not frozen: it never leaves this module, and this is built for each field of each call
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
    possible: list[_Outcome] = []
    for bound in rules:
        match = _applies(bound, value, request)
        if match is False:
            continue
        if match and not possible and bound.plain and _passes(bound, value):
            return None
        possible.append(_outcome(bound, name, value, request))
        if match:
            break
    else:
        possible.append(_KEPT)
    return _fold(possible, name, request) if len(possible) > 1 else _settle(possible[0], name, request)


def _passes(bound: BoundRule, value: Value) -> bool:
    """Say at once what is most often true: a plain rule leaves this value alone."""
    rule = bound.rule
    if rule.effect == "keep":
        return True
    if rule.effect != "clamp" or not isinstance(value, (int, float)) or isinstance(bound.high, Unknown):
        return False
    return (rule.low is None or value >= rule.low) and (bound.high is None or value <= bound.high)


def _settle(outcome: _Outcome, name: str, request: Request) -> Ruling | None:
    """Return the ruling when only one rule applies."""
    if outcome.most is Effect.KEPT:
        return None
    if outcome.to is not None:
        request.take(outcome.to, outcome.set.get(outcome.to, UNKNOWN), sure=bool(outcome.remove))
    if outcome.least is outcome.most:
        return Ruling(
            name,
            outcome.least,
            outcome.most,
            outcome.remove,
            outcome.set,
            outcome.to,
            outcome.how,
            outcome.advice,
            outcome.source,
        )
    o = outcome
    return Ruling(name, o.least, o.most, to=o.to, advice=o.advice, source=o.source)


def _fold(possible: Sequence[_Outcome], name: str, request: Request) -> Ruling | None:
    """Return the ruling when several rules may apply: done is only what all of them would do."""
    least, most = min(o.least for o in possible), max(o.most for o in possible)
    if most is Effect.KEPT:
        return None
    for outcome in possible:
        if outcome.to is not None:
            request.take(outcome.to, UNKNOWN, sure=False)
    first = possible[0]
    same = least is most and all(_does_same(first, o) for o in possible)
    speaker = max(possible, key=lambda o: o.most)  # the rule that does most
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


def _applies(bound: BoundRule, value: Value, request: Request) -> Tri:
    match: Tri = True if bound.sure else None
    if bound.always:
        return match
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
    items = as_list(value)
    if items is None:
        return isinstance(value, str) and least <= len(value) <= most
    found = [_has_chars(item, least, most) for item in items]
    return True if True in found else None if None in found else False


def _outcome(bound: BoundRule, name: str, value: Value, request: Request) -> _Outcome:
    rule = bound.rule
    if rule.effect == "refuse":
        return _Outcome(Effect.REFUSED, Effect.REFUSED, advice=rule.advice, source=rule.source)
    further, least, most = _further(rule, request)
    leaving = LEAVING.get(rule.effect)
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
    other = request.taken(to)
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
    return (str(value),) if isinstance(value, (str, int, float)) else ()


def _clamp(bound: BoundRule, value: Value) -> tuple[Value, Effect, Effect]:
    rule = bound.rule
    if isinstance(value, Unknown):
        return UNKNOWN, Effect.KEPT, Effect.CLAMPED
    items = as_list(value)
    if items is not None and rule.max_items is not None and len(items) > rule.max_items:
        return list(items)[: rule.max_items], Effect.CLAMPED, Effect.CLAMPED
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value, Effect.KEPT, Effect.KEPT
    if isinstance(bound.high, Unknown):
        return UNKNOWN, Effect.KEPT, Effect.CLAMPED
    new: float = value
    if bound.high is not None and new > bound.high:
        new = bound.high
    if rule.low is not None and new < rule.low:
        new = rule.low
    if new is value:
        return value, Effect.KEPT, Effect.KEPT
    # Limits of whole numbers stay whole: vendors refuse 100.0 tokens.
    whole = isinstance(value, int) and float(new).is_integer()
    return int(new) if whole else new, Effect.CLAMPED, Effect.CLAMPED
