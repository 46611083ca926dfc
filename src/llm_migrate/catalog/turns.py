"""Judge the messages of a chat request by what a vendor demands of them.

Each check says that something happens for certain, or that it may, because parts of the conversation are only known at
run time. What may happen is folded into one ruling on "messages".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from llm_migrate.catalog.binding import BoundRule, Scope, bind_rules, matches, worst_of
from llm_migrate.catalog.parameters import Request, judge_parameter
from llm_migrate.catalog.ruling import OPEN, UNKNOWN, Effect, Ruling, Tri, Unknown, Value, all_hold, as_list, as_table
from llm_migrate.catalog.schema import MessageRules

_Turn: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class BoundTurns:
    """The message rules of one vendor for a model and endpoint.

    Attributes:
        rules: as the provider file has them.
        join: whether text parts become one text for this model.
        fold: whether this model knows no system turn.
        thinks: whether this model always thinks.
        parts: rules of content parts by their type.
        checks: those that can find anything.
        plain_checks: those of them that can in turns which are texts.
        worst: the most that can happen to a conversation of which nothing is known.
        doubts: subjects to which the worst can happen.
    """

    rules: MessageRules
    join: Tri
    fold: Tri
    thinks: Tri
    parts: Mapping[str, tuple[BoundRule, ...]]
    checks: tuple[_Check, ...]
    plain_checks: tuple[_Check, ...]
    worst: Effect
    doubts: tuple[str, ...]


class _Talk:
    """A conversation as far as it is known.

    Attributes:
        turns: those that can be seen.
        contents: theirs.
        asked: roles as the caller named them.
        roles: of all turns in the vendor's words; UNKNOWN for a role that cannot be seen, None for any number of turns.
        others: the same without system turns, if those move to the front and no longer stand between the others.
        partial: there may be further turns.
        unsure: some role cannot be seen.
        plain: every turn is there to be seen, and its content is a text.
    """

    __slots__ = ("asked", "contents", "others", "partial", "plain", "roles", "turns", "unsure")

    def __init__(self, listed: Sequence[Value], rules: MessageRules) -> None:
        self.turns: list[_Turn] = []
        self.contents: list[Value] = []
        self.asked: list[Value] = []
        self.roles: list[Value] = []
        self.partial = self.unsure = False
        self.plain = True
        for turn in listed:
            self._read(turn, rules.roles)
        self.others = self.roles
        if rules.system != "anywhere" and "system" in self.roles:
            self.others = [role for role in self.roles if role != "system"]

    def _read(self, turn: Value, renamed: Mapping[str, str]) -> None:
        table = as_table(turn)
        if table is None:
            if isinstance(turn, Unknown):
                self.roles.append(None)
                self.partial, self.unsure, self.plain = True, True, False
            return
        hidden = UNKNOWN if OPEN in table else None
        role, content = table.get("role", hidden), table.get("content", hidden)
        self.turns.append(table)
        self.contents.append(content)
        self.asked.append(role)
        self.roles.append(renamed.get(role, role) if isinstance(role, str) else role)
        if isinstance(role, Unknown):
            self.unsure = True
        if not isinstance(content, str):
            self.plain = False


@dataclass(frozen=True, slots=True)
class _Said:
    """What a check found: it is so for certain (`sure`), or may be."""

    subject: str
    effect: Effect
    sure: bool
    advice: str


_Check: TypeAlias = Callable[[_Talk, BoundTurns], Iterable[_Said]]


def bind_turns(scope: Scope, rules: MessageRules) -> BoundTurns:
    """Prepare message rules for a model and endpoint."""
    join = matches(scope.model, rules.text_parts_models) if rules.text_parts == "join" else False
    fold = matches(scope.model, rules.fold_system) if rules.fold_system else False
    thinks: Tri = None if isinstance(scope.model, Unknown) else bool(scope.entry and scope.entry.always_thinking)
    parts = {kind: bind_rules(scope, kind_rules) for kind, kind_rules in rules.parts.items()}
    reasoning = {"keep": None, "strip": Effect.OMITTED, "restore": Effect.EMULATED}[rules.reasoning_content]
    effects = {
        _roles: ("role", Effect.RENAMED if rules.roles else None),
        _fold: ("fold_system", Effect.EMULATED if fold is not False else None),
        _system: ("system", Effect.EMULATED if rules.system != "anywhere" and fold is not True else None),
        _needs_user: ("needs_user", Effect.REFUSED if rules.needs_user else None),
        _first: ("first", Effect.REFUSED if rules.first else None),
        _last: ("last", Effect.REFUSED if rules.last else None),
        _order: ("order", Effect.EMULATED if rules.alternate else None),
        _empty: ("empty", {"keep": None, "omit": Effect.OMITTED, "refuse": Effect.REFUSED}[rules.empty_content]),
        _reasoning: ("reasoning_content", reasoning if rules.reasoning_content == "strip" else None),
        _restore: ("reasoning_content", reasoning if rules.reasoning_content == "restore" else None),
        _text_parts: ("text_parts", Effect.RENAMED if join is not False else None),
        _image_data: ("image_data_url", Effect.MAPPED if rules.image_data_url == "strip-prefix" else None),
    }
    checks = tuple(check for check, (_, effect) in effects.items() if effect is not None)
    found = {subject: effect for subject, effect in effects.values() if effect is not None}
    found |= {f"parts.{kind}": worst_of(kind_rules) for kind, kind_rules in parts.items()}
    worst = max(found.values(), default=Effect.KEPT)
    return BoundTurns(
        rules=rules,
        join=join,
        fold=fold,
        thinks=thinks,
        parts=parts,
        checks=checks,
        plain_checks=tuple(check for check in checks if check not in (_text_parts, _image_data)),
        worst=worst,
        doubts=tuple(subject for subject, effect in found.items() if effect is worst),
    )


def judge_turns(bound: BoundTurns, messages: Value) -> list[Ruling]:
    """Return a ruling for each message rule that changes the conversation, and one for all that may."""
    if bound.worst is Effect.KEPT:
        return []
    if isinstance(messages, Unknown):
        return [_at_run_time(bound.worst, bound, bound.doubts)]
    listed = as_list(messages)
    if listed is None:
        return []
    talk = _Talk(listed, bound.rules)
    rulings: list[Ruling] = []
    unsure: list[_Said] = []
    for check in bound.plain_checks if talk.plain else bound.checks:
        for said in check(talk, bound):
            if said.sure:
                subject, source = f"messages.{said.subject}", bound.rules.source
                rulings.append(Ruling(subject, said.effect, said.effect, advice=said.advice, source=source))
            else:
                unsure.append(said)
    doubts = {said.subject: said.effect for said in unsure}
    if not talk.plain:
        rulings += _judge_parts(talk, bound)
        if _hides_parts(talk):
            doubts |= {f"parts.{kind}": worst_of(rules) for kind, rules in bound.parts.items()}
    worst = max(doubts.values(), default=Effect.KEPT)
    if worst is not Effect.KEPT:
        rulings.append(_at_run_time(worst, bound, [subject for subject, effect in doubts.items() if effect is worst]))
    return rulings


def _at_run_time(worst: Effect, bound: BoundTurns, subjects: Sequence[str]) -> Ruling:
    advice = f"filled at run time: look at {', '.join(subjects)}"
    return Ruling("messages", Effect.KEPT, worst, advice=advice, source=bound.rules.source)


def _get(turn: _Turn, name: str) -> Value:
    """Return a member of a turn, UNKNOWN where it may exist unseen."""
    return turn.get(name, UNKNOWN if OPEN in turn else None)


def _say(subject: str, effect: Effect, advice: str, *, certain: bool, possible: bool) -> tuple[_Said, ...]:
    if certain:
        return (_Said(subject, effect, True, advice),)
    return (_Said(subject, effect, False, advice),) if possible else ()


def _roles(talk: _Talk, bound: BoundTurns) -> Iterator[_Said]:
    for old, new in bound.rules.roles.items():
        advice = f"role {old!r} becomes {new!r}"
        yield from _say(f"role.{old}", Effect.RENAMED, advice, certain=old in talk.asked, possible=talk.unsure)


def _system(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    merge = bound.rules.system == "merge"
    certain = False
    if "system" in talk.roles:
        places = [i for i, role in enumerate(talk.roles) if role == "system"]
        behind = places[-1] > 0 and any(_stands_before(talk.roles[:place], merge=merge) for place in places)
        certain = behind or (merge and len(places) > 1)
    advice = "system turns are joined into one at the front" if merge else "system turns move to the front"
    return _say("system", Effect.EMULATED, advice, certain=certain, possible=talk.unsure)


def _fold(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    there = "system" in talk.roles
    advice = "this model knows no system turn: its text goes before that of the first user turn"
    certain = there and bound.fold is True
    return _say("fold_system", Effect.EMULATED, advice, certain=certain, possible=there or talk.unsure)


def _stands_before(roles: Sequence[Value], *, merge: bool) -> bool:
    """Say whether a system turn behind these must move: an unknown role is another one, or a second system turn."""
    known = [role for role in roles if role is not None]
    return any(role != "system" and (merge or not isinstance(role, Unknown)) for role in known)


def _needs_user(talk: _Talk, _: BoundTurns) -> Iterable[_Said]:
    if not talk.roles or "user" in talk.roles:
        return ()
    advice = "at least one user turn is needed"
    return _say("needs_user", Effect.REFUSED, advice, certain=not talk.unsure, possible=True)


def _first(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    first = next((role for role in talk.roles if role != "system"), "system")
    if first == "system" or first in bound.rules.first:
        return ()
    seen = first is not None and not isinstance(first, Unknown)
    advice = f"the first turn must be from: {', '.join(bound.rules.first)}"
    return _say("first", Effect.REFUSED, advice, certain=seen, possible=True)


def _last(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    if not talk.roles:
        return ()
    last = talk.others[-1] if talk.others else "system"
    if last in bound.rules.last:
        return ()
    seen = last is not None and not isinstance(last, Unknown)
    advice = f"the last turn must be from: {', '.join(bound.rules.last)}"
    return _say("last", Effect.REFUSED, advice, certain=seen, possible=True)


def _order(talk: _Talk, _: BoundTurns) -> Iterable[_Said]:
    certain = any(a == b != "tool" and isinstance(a, str) for a, b in pairwise(talk.others))
    advice = "neighbouring turns of one role are joined"
    return _say("order", Effect.EMULATED, advice, certain=certain, possible=talk.unsure)


def _empty(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    if talk.plain and "" not in talk.contents:
        return ()
    omit = bound.rules.empty_content == "omit"
    found = [_is_empty(turn, content, omit) for turn, content in zip(talk.turns, talk.contents, strict=True)]
    effect = Effect.OMITTED if omit else Effect.REFUSED
    advice = "empty content beside tool calls is left out" if omit else "a turn that says and calls nothing is refused"
    return _say("empty", effect, advice, certain=True in found, possible=None in found or talk.partial)


def _is_empty(turn: _Turn, content: Value, calling: bool) -> Tri:
    """Say whether a turn has content that says nothing, beside calls of tools or functions or without any."""
    empty: Tri = content == "" or ("content" in turn and content is None)
    if isinstance(content, Unknown):
        empty = None
    calls = [_get(turn, name) for name in ("tool_calls", "function_call")]
    called: Tri = any(call and not isinstance(call, Unknown) for call in calls)
    if not called and any(isinstance(call, Unknown) for call in calls):
        called = None
    return all_hold((empty, None if called is None else called is calling))


def _reasoning(talk: _Talk, _: BoundTurns) -> Iterable[_Said]:
    certain = any("reasoning_content" in turn for turn in talk.turns)
    possible = talk.partial or any(OPEN in turn for turn in talk.turns)
    advice = "earlier reasoning is not sent back"
    return _say("reasoning_content", Effect.OMITTED, advice, certain=certain, possible=possible)


def _restore(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    """Say that reasoning comes back: for certain only where something stands in for what nobody remembers."""
    bare = [_is_bare(turn) for turn in talk.turns]
    sure = bound.rules.reasoning_filler is not None and bound.thinks is True
    advice = "reasoning that the program left out beside a tool call is sent back, where it is remembered"
    possible = True in bare or None in bare or talk.partial
    return _say("reasoning_content", Effect.EMULATED, advice, certain=sure and True in bare, possible=possible)


def _is_bare(turn: _Turn) -> Tri:
    """Say whether a turn calls tools without the reasoning that led to it."""
    calls, thought = _get(turn, "tool_calls"), _get(turn, "reasoning_content")
    called: Tri = None if isinstance(calls, Unknown) else bool(calls)
    return all_hold((called, None if isinstance(thought, Unknown) else not thought))


def _text_parts(talk: _Talk, bound: BoundTurns) -> Iterable[_Said]:
    found = [_is_text_list(content) for content in talk.contents]
    possible = True in found or None in found or talk.partial
    certain = True in found and bound.join is True
    return _say(
        "text_parts", Effect.RENAMED, "a list of text parts becomes one text", certain=certain, possible=possible
    )


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


def _image_data(talk: _Talk, _: BoundTurns) -> Iterable[_Said]:
    forms = [_part_form(part) for part in _parts_of(talk, "image_url")]
    possible = _hides_parts(talk) or any(isinstance(form, Unknown) for form in forms)
    advice = "inline images go without a prefix"
    return _say("image_data_url", Effect.MAPPED, advice, certain="data" in forms, possible=possible)


def _parts_of(talk: _Talk, kind: str) -> list[_Turn]:
    tables = (as_table(part) for content in talk.contents for part in as_list(content) or ())
    return [table for table in tables if table is not None and table.get("type") == kind]


def _hides_parts(talk: _Talk) -> bool:
    """Say whether there may be content parts that cannot be seen, or whose type cannot."""
    if talk.partial or any(isinstance(content, Unknown) for content in talk.contents):
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
