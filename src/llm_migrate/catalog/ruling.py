"""The words of a judgement: values that may be unknown, effects, verdicts and rulings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, TypeAlias, cast, final

from llm_migrate.catalog.json_schema import without_keywords
from llm_migrate.catalog.schema import JsonValue


@final
class Unknown:
    """A value that exists and is not null, but cannot be known from outside."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
MAYBE: Final = Unknown()  # a field that may be there or not; used inside a judgement only
OPEN: Final = "**"  # key of a body (or table) that may hold further, unknown fields

# JsonValue with UNKNOWN anywhere inside. In a list of parameters it stands for one item, in `messages` for any number.
Value: TypeAlias = object
Body: TypeAlias = Mapping[str, Value]
Tri: TypeAlias = bool | None  # a condition over values that may be unknown holds, does not, or may


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
        subject: the parameter ("temperature"), a member inside one ("tools.function.strict"), a place in the messages
            ("messages.role.developer", "messages.parts.image_url", "messages.system", ...), "messages" or OPEN for what
            cannot be seen of them, "model", "endpoint", or the API family when that is not offered.
        effect: the least that happens whatever the unknown values are.
        at_worst: the most that can happen; equal to `effect` when all is known.
        remove: top-level fields that leave the request; empty while it is unsure what happens.
        set: top-level fields that enter or replace; empty where values are unknown.
        inside: path of members that leave every table on the way; empty for none.
        keywords: of JSON schemas at that path, which leave instead of the whole member.
        to: new name of the field, also where its value is unknown.
        how: name of the emulation that says it otherwise; None without one.
        advice: what a person should know or do.
        source: where the fact comes from.
    """

    subject: str
    effect: Effect
    at_worst: Effect
    remove: tuple[str, ...] = ()
    set: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    to: str | None = None
    how: str | None = None
    advice: str = ""
    source: str = ""
    inside: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict that is certain."""
        return _VERDICT[self.effect]

    @property
    def worst_verdict(self) -> Verdict:
        """The verdict that cannot be excluded."""
        return _VERDICT[self.at_worst]


def apply(body: Mapping[str, JsonValue], rulings: Iterable[Ruling]) -> dict[str, JsonValue]:
    """Return a new request with the changes of the rulings, but those on the order and content of `messages`.

    Applying the same rulings again changes nothing more: all fields leave before the new ones enter.
    """
    out = dict(body)
    entering: dict[str, JsonValue] = {}
    for ruling in rulings:
        for name in ruling.remove:
            out.pop(name, None)
        if ruling.inside and ruling.inside[0] in out:
            name, *path = ruling.inside
            out[name] = _without(out[name], path, frozenset(ruling.keywords))
        entering.update(ruling.set)
    out.update(entering)
    return out


def _without(value: JsonValue, path: Sequence[str], keywords: frozenset[str]) -> JsonValue:
    """Return a value without the members at a path; what does not change stays the same object."""
    if isinstance(value, list):
        items = [_without_member(item, path, keywords) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return _without_member(value, path, keywords)


def _without_member(value: JsonValue, path: Sequence[str], keywords: frozenset[str]) -> JsonValue:
    name, *rest = path
    if not isinstance(value, dict) or name not in value:
        return value
    if not rest and not keywords:
        return {key: inner for key, inner in value.items() if key != name}
    inner = _without(value[name], rest, keywords) if rest else without_keywords(value[name], keywords)
    return value if inner is value[name] else {**value, name: inner}


def verdict_of(rulings: Iterable[Ruling]) -> tuple[Verdict, Verdict]:
    """Return the worst verdict that is certain, and the worst that is possible."""
    certain = possible = Effect.KEPT
    for ruling in rulings:
        certain, possible = max(certain, ruling.effect), max(possible, ruling.at_worst)
    return _VERDICT[certain], _VERDICT[possible]


def all_hold(parts: Iterable[Tri]) -> Tri:
    """Return whether all conditions hold: False as soon as one does not, None if one is unsure."""
    unsure = False
    for part in parts:
        if part is False:
            return False
        unsure = unsure or part is None
    return None if unsure else True


def as_table(value: Value) -> Mapping[str, Value] | None:
    """Return a JSON object as such, None for anything else."""
    # The exact type first: to ask an abstract class takes ten times as long.
    return cast("Mapping[str, Value]", value) if type(value) is dict or isinstance(value, Mapping) else None


def as_list(value: Value) -> Sequence[Value] | None:
    """Return a JSON array as such, None for anything else."""
    return cast("Sequence[Value]", value) if isinstance(value, (list, tuple)) else None


def is_known(value: Value) -> bool:
    """Say whether a value holds nothing unknown, however deep."""
    todo = [value]  # not by recursion: a request may be nested more deeply than Python's stack
    while todo:
        inner = todo.pop()
        if isinstance(inner, Unknown):
            return False
        table = as_table(inner)
        if table is not None:
            if OPEN in table:
                return False
            todo += table.values()
        else:
            todo += as_list(inner) or ()
    return True
