"""Judge members inside a parameter: fields of messages, of tools, of content parts.

A rule names their path ("tools.function.strict"); lists on the way are gone through item by item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from llm_migrate.catalog.binding import BoundRule, Scope, bind_rules, worst_of
from llm_migrate.catalog.json_schema import has_keywords
from llm_migrate.catalog.parameters import Request, judge_parameter
from llm_migrate.catalog.ruling import OPEN, Effect, Ruling, Unknown, Value, as_list, as_table, is_known
from llm_migrate.catalog.schema import JsonValue, Rule

_REST: Final = "*"
_NO_FIELDS: Final[Mapping[str, Value]] = {}


@dataclass(frozen=True, slots=True)
class BoundMembers:
    """Rules of members at one path, for a model and endpoint.

    Attributes:
        path: names from the parameter down; the last one may be "*".
        rules: those that are, or may be, for them.
        siblings: members that have rules of their own, which "*" leaves out.
        worst: the most that can happen to one of which nothing is known.
    """

    path: tuple[str, ...]
    rules: tuple[BoundRule, ...]
    siblings: frozenset[str]
    worst: Effect


def bind_members(scope: Scope, params: Mapping[str, Iterable[Rule]]) -> tuple[BoundMembers, ...]:
    """Return the rules of all names with dots that can do anything to a model and endpoint."""
    paths = {tuple(name.split(".")): rules for name, rules in params.items() if "." in name}
    bound: list[BoundMembers] = []
    for path, listed in paths.items():
        rules = bind_rules(scope, listed)
        worst = worst_of(rules)
        if worst is not Effect.KEPT:
            siblings = {other[len(path) - 1] for other in paths if other[: len(path) - 1] == path[:-1] != other}
            bound.append(BoundMembers(path, rules, frozenset(siblings), worst))
    return tuple(bound)


def judge_members(bound: BoundMembers, value: Value) -> Iterator[Ruling]:
    """Yield a ruling for each name of members that are, or may be, inside a parameter's value."""
    tables, unsure = _tables([value], bound.path[1:-1])
    found: dict[str, list[Value]] = {}
    for table in tables:
        for name in _names(bound, table):
            found.setdefault(name, []).append(table[name])
        unsure = unsure or OPEN in table
    for name, values in found.items():
        yield from _judge(bound, name, values, unsure=unsure)
    if unsure and not found:
        subject = bound.path[0] if bound.path[-1] == _REST else ".".join(bound.path)
        first = bound.rules[0].rule
        yield Ruling(subject, Effect.KEPT, bound.worst, advice=first.advice, source=first.source)


def _names(bound: BoundMembers, table: Mapping[str, Value]) -> list[str]:
    last = bound.path[-1]
    if last != _REST:
        return [last] if last in table else []
    return [name for name in table if name not in bound.siblings and name != OPEN]


def _tables(values: Sequence[Value], path: Sequence[str]) -> tuple[list[Mapping[str, Value]], bool]:
    """Return the tables at a path below values, and whether there may be more that cannot be seen."""
    here = [item for value in values for item in (as_list(value) or (value,))]
    tables = [table for table in map(as_table, here) if table is not None]
    unsure = any(isinstance(item, Unknown) for item in here)
    if not path:
        return tables, unsure
    name, *rest = path
    inner, more = _tables([table[name] for table in tables if name in table], rest)
    hidden = any(OPEN in table and name not in table for table in tables)
    return inner, unsure or hidden or more


def _judge(bound: BoundMembers, name: str, values: Sequence[Value], *, unsure: bool) -> Iterator[Ruling]:
    """Yield one ruling for members of one name: the worst that happens to any of them."""
    path = (*bound.path[:-1], name)
    subject = ".".join(path)
    judged = [_judge_one(bound, subject, value) for value in values]
    rulings = [ruling for ruling in judged if ruling is not None]
    at_worst = max([bound.worst] if unsure else [r.at_worst for r in rulings], default=Effect.KEPT)
    if at_worst is Effect.KEPT:
        return
    effect = max((r.effect for r in rulings), default=Effect.KEPT)
    speaker = max(rulings, key=lambda r: r.at_worst, default=None)
    yield Ruling(
        subject,
        effect,
        max(effect, at_worst),
        advice=speaker.advice if speaker else "",
        source=speaker.source if speaker else "",
        inside=path if Effect.KEPT < effect < Effect.REFUSED else (),
        keywords=bound.rules[0].rule.keywords,
    )


def _judge_one(bound: BoundMembers, subject: str, value: Value) -> Ruling | None:
    keywords = bound.rules[0].rule.keywords
    if keywords and is_known(value) and not has_keywords(cast("JsonValue", value), frozenset(keywords)):
        return None
    if keywords and not is_known(value):
        first = bound.rules[0].rule
        return Ruling(subject, Effect.KEPT, bound.worst, advice=first.advice, source=first.source)
    if value is None:
        least = Effect.OMITTED if bound.rules[0].sure else Effect.KEPT
        return Ruling(subject, least, Effect.OMITTED, advice="null says nothing")
    return judge_parameter(bound.rules, subject, value, Request(_NO_FIELDS))
