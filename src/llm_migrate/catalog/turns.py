"""Judge the messages of a chat request by what a vendor demands of them.

Each check says that something happens for certain, or that it may, because parts of the conversation are only known at
run time. What may happen is folded into one ruling on "messages".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from llm_migrate.catalog.parameters import BoundRule, Request, Scope, bind_rules, judge_parameter, matches, worst_of
from llm_migrate.catalog.ruling import OPEN, UNKNOWN, Effect, Ruling, Tri, Unknown, Value, all_hold, as_list, as_table
from llm_migrate.catalog.schema import MessageRules

_Turn: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class BoundTurns:
    """The message rules of one vendor for a model and endpoint.

    Attributes:
        rules: as the provider file has them.
        join: whether text parts become one text for this model.
        parts: rules of content parts by their type.
        checks: those that can find anything.
        worst: the most that can happen to a conversation of which nothing is known.
    """

    rules: MessageRules
    join: Tri
    parts: Mapping[str, tuple[BoundRule, ...]]
    checks: tuple[_Check, ...]
    worst: Effect


class _Talk:
    """A conversation as far as it is known."""

    def __init__(self, listed: Sequence[Value], rules: MessageRules) -> None:
        # None stands for any number of unknown turns.
        self.items: list[_Turn | None] = []
        for turn in listed:
            table = as_table(turn)
            if table is not None or isinstance(turn, Unknown):
                self.items.append(table)
        self.turns = [turn for turn in self.items if turn is not None]
        self.roles = [None if turn is None else _role(turn, rules) for turn in self.items]
        self.partial = None in self.items
        self.unsure = self.partial or any(isinstance(role, Unknown) for role in self.roles)
        # System turns that move to the front no longer stand between the others.
        moved = rules.system != "anywhere"
        self.others = [role for role in self.roles if not (moved and role == "system")]

    @cached_property
    def contents(self) -> list[Value]:
        return [_get(turn, "content") for turn in self.turns]

    @cached_property
    def unsure_content(self) -> bool:
        return self.partial or any(isinstance(content, Unknown) for content in self.contents)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a check found: `sure` None means that it may be so."""

    subject: str
    effect: Effect
    sure: Tri
    advice: str


_Check: TypeAlias = Callable[[_Talk, BoundTurns], Iterable[_Said]]


def bind_turns(scope: Scope, rules: MessageRules) -> BoundTurns:
    """Prepare message rules for a model and endpoint."""
    join = matches(scope.model, rules.text_parts_models) if rules.text_parts == "join" else False
    parts = {kind: bind_rules(scope, kind_rules) for kind, kind_rules in rules.parts.items()}
    effects = {
        _roles: Effect.RENAMED if rules.roles else None,
        _system: Effect.EMULATED if rules.system != "anywhere" else None,
        _needs_user: Effect.REFUSED if rules.needs_user else None,
        _last: Effect.REFUSED if rules.last else None,
        _order: Effect.EMULATED if rules.alternate else None,
        _empty: {"keep": None, "omit": Effect.OMITTED, "refuse": Effect.REFUSED}[rules.empty_content],
        _reasoning: Effect.OMITTED if rules.reasoning_content == "strip" else None,
        _text_parts: Effect.RENAMED if join is not False else None,
        _image_data: Effect.MAPPED if rules.image_data_url == "strip-prefix" else None,
    }
    found = [effect for effect in effects.values() if effect is not None]
    worst = max((*found, *map(worst_of, parts.values())), default=Effect.KEPT)
    checks = tuple(check for check, effect in effects.items() if effect is not None)
    return BoundTurns(rules, join, parts, checks, worst)


def judge_turns(bound: BoundTurns, messages: Value) -> list[Ruling]:
    """Return a ruling for each message rule that changes the conversation, and one for all that may."""
    if bound.worst is Effect.KEPT:
        return []
    if isinstance(messages, Unknown):
        return [_at_run_time(bound.worst, bound, ())]
    listed = as_list(messages)
    if listed is None:
        return []
    talk = _Talk(listed, bound.rules)
    rulings: list[Ruling] = []
    unsure: list[_Said] = []
    for check in bound.checks:
        for said in check(talk, bound):
            if said.sure:
                subject, source = f"messages.{said.subject}", bound.rules.source
                rulings.append(Ruling(subject, said.effect, said.effect, advice=said.advice, source=source))
            elif said.sure is None:
                unsure.append(said)
    rulings += _judge_parts(talk, bound)
    hidden = worst_of(rule for rules in bound.parts.values() for rule in rules) if _hides_parts(talk) else Effect.KEPT
    worst = max((said.effect for said in unsure), default=Effect.KEPT)
    if max(worst, hidden) is not Effect.KEPT:
        rulings.append(_at_run_time(max(worst, hidden), bound, [said.subject for said in unsure]))
    return rulings


def _at_run_time(worst: Effect, bound: BoundTurns, subjects: Sequence[str]) -> Ruling:
    what = f" ({', '.join(subjects)})" if subjects else ""
    advice = f"messages are filled at run time: look at what they hold{what}"
    return Ruling("messages", Effect.KEPT, worst, advice=advice, source=bound.rules.source)


def _get(turn: _Turn, name: str) -> Value:
    """Return a member of a turn, UNKNOWN where it may exist unseen."""
    return turn.get(name, UNKNOWN if OPEN in turn else None)


def _role(turn: _Turn, rules: MessageRules) -> Value:
    role = _get(turn, "role")
    return rules.roles.get(role, role) if isinstance(role, str) else role


def _sure(certain: bool, possible: bool) -> Tri:
    return True if certain else (None if possible else False)


def _roles(talk: _Talk, bound: BoundTurns) -> Iterator[_Said]:
    asked = [_get(turn, "role") for turn in talk.turns]
    for old, new in bound.rules.roles.items():
        sure = _sure(old in asked, talk.unsure)
        yield _Said(f"role.{old}", Effect.RENAMED, sure, f"role {old!r} becomes {new!r}")


def _system(talk: _Talk, bound: BoundTurns) -> Iterator[_Said]:
    places = [i for i, role in enumerate(talk.roles) if role == "system"]
    merge = bound.rules.system == "merge"
    behind = any(_stands_before(talk.roles[:place], merge=merge) for place in places)
    text = "system turns are joined into one at the front" if merge else "system turns move to the front"
    yield _Said("system", Effect.EMULATED, _sure(behind or (merge and len(places) > 1), talk.unsure), text)


def _stands_before(roles: Sequence[Value], *, merge: bool) -> bool:
    """Say whether a system turn behind these must move: an unknown role is another one, or a second system turn."""
    known = [role for role in roles if role is not None]
    return any(role != "system" and (merge or not isinstance(role, Unknown)) for role in known)


def _needs_user(talk: _Talk, _: BoundTurns) -> Iterator[_Said]:
    if talk.items and "user" not in talk.roles:
        sure = _sure(not talk.unsure, True)
        yield _Said("needs_user", Effect.REFUSED, sure, "at least one user turn is needed")


def _last(talk: _Talk, bound: BoundTurns) -> Iterator[_Said]:
    if not talk.items:
        return
    last = talk.others[-1] if talk.others else "system"
    advice = f"the last turn must be from: {', '.join(bound.rules.last)}"
    if last is None or isinstance(last, Unknown):
        yield _Said("last", Effect.REFUSED, None, advice)
    elif last not in bound.rules.last:
        yield _Said("last", Effect.REFUSED, True, advice)


def _order(talk: _Talk, _: BoundTurns) -> Iterator[_Said]:
    pairs = zip(talk.others, talk.others[1:], strict=False)
    certain = any(isinstance(a, str) and a == b != "tool" for a, b in pairs)
    yield _Said("order", Effect.EMULATED, _sure(certain, talk.unsure), "neighbouring turns of one role are joined")


def _empty(talk: _Talk, bound: BoundTurns) -> Iterator[_Said]:
    omit = bound.rules.empty_content == "omit"
    pairs = zip(talk.turns, talk.contents, strict=True)
    found = [all_hold((_is_empty(turn, content), _calls(turn) is omit)) for turn, content in pairs]
    found += [None for turn in talk.turns if _calls(turn) is None]
    sure = _sure(True in found, None in found or talk.partial)
    if omit:
        yield _Said("empty", Effect.OMITTED, sure, "empty content beside tool calls is left out")
    else:
        yield _Said("empty", Effect.REFUSED, sure, "a turn that says and calls nothing is refused")


def _is_empty(turn: _Turn, content: Value) -> Tri:
    if isinstance(content, Unknown):
        return None
    return content == "" or ("content" in turn and content is None)


def _calls(turn: _Turn) -> Tri:
    """Say whether a turn calls tools or functions."""
    calls = [_get(turn, name) for name in ("tool_calls", "function_call")]
    if any(call and not isinstance(call, Unknown) for call in calls):
        return True
    return None if any(isinstance(call, Unknown) for call in calls) else False


def _reasoning(talk: _Talk, _: BoundTurns) -> Iterator[_Said]:
    certain = any("reasoning_content" in turn for turn in talk.turns)
    possible = talk.partial or any(OPEN in turn for turn in talk.turns)
    yield _Said("reasoning_content", Effect.OMITTED, _sure(certain, possible), "earlier reasoning is not sent back")


def _text_parts(talk: _Talk, bound: BoundTurns) -> Iterator[_Said]:
    found = [_is_text_list(content) for content in talk.contents]
    sure = _sure(True in found, None in found or talk.partial)
    if bound.join is None and sure:
        sure = None
    yield _Said("text_parts", Effect.RENAMED, sure, "a list of text parts becomes one text")


def _is_text_list(content: Value) -> Tri:
    if isinstance(content, Unknown):
        return None
    parts = as_list(content)
    if not parts:
        return False
    types = [_part_type(part) for part in parts]
    if any(kind != "text" and not isinstance(kind, Unknown) for kind in types):
        return False
    return None if any(isinstance(kind, Unknown) for kind in types) else True


def _part_type(part: Value) -> Value:
    if isinstance(part, Unknown):
        return UNKNOWN
    table = as_table(part)
    return None if table is None else _get(table, "type")


def _image_data(talk: _Talk, _: BoundTurns) -> Iterator[_Said]:
    forms = [_part_form(part) for part in _parts_of(talk, "image_url")]
    possible = _hides_parts(talk) or any(isinstance(form, Unknown) for form in forms)
    yield _Said("image_data_url", Effect.MAPPED, _sure("data" in forms, possible), "inline images go without a prefix")


def _parts_of(talk: _Talk, kind: str) -> list[_Turn]:
    tables = (as_table(part) for content in talk.contents for part in as_list(content) or ())
    return [table for table in tables if table is not None and table.get("type") == kind]


def _hides_parts(talk: _Talk) -> bool:
    """Say whether there may be content parts that cannot be seen, or whose type cannot."""
    if talk.unsure_content:
        return True
    return any(isinstance(_part_type(p), Unknown) for content in talk.contents for p in as_list(content) or ())


_NO_FIELDS: Final[Mapping[str, Value]] = {}


def _judge_parts(talk: _Talk, bound: BoundTurns) -> Iterator[Ruling]:
    """Yield one ruling for each type of part: the worst that is certain and possible over all parts of it."""
    for kind, rules in bound.parts.items():
        if not rules:
            continue
        subject = f"messages.parts.{kind}"
        request = Request(_NO_FIELDS)
        judged = (judge_parameter(rules, subject, _part_form(part), request) for part in _parts_of(talk, kind))
        rulings = [ruling for ruling in judged if ruling is not None]
        if rulings:
            worst = max(rulings, key=lambda r: (r.at_worst, r.effect))
            least = max(r.effect for r in rulings)
            yield Ruling(subject, least, worst.at_worst, how=worst.how, advice=worst.advice, source=worst.source)


def _part_form(part: _Turn) -> Value:
    """Return "data" or "url" for where a media part's bytes are, UNKNOWN if that cannot be seen."""
    media = part.get(str(part.get("type")), UNKNOWN)
    table = as_table(media)
    if table is not None and ("data" in table or "file_data" in table):
        return "data"
    url = media if table is None else table.get("url", UNKNOWN)
    if not isinstance(url, str):
        return UNKNOWN
    return "data" if url.startswith("data:") else "url"
