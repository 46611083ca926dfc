"""Bring a conversation into the form that a vendor takes, by the rules of its provider file.

Only what the judge ruled on is changed; every turn that stays as it is stays the same object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from llm_migrate.catalog.policy import Effect, Policy, Ruling, judge
from llm_migrate.catalog.schema import JsonValue, MessageRules
from llm_migrate.wire.memory import Reasoning

Turn: TypeAlias = dict[str, JsonValue]


def to_vendor(turns: list[Turn], rules: MessageRules, rulings: Sequence[Ruling], policy: Policy) -> list[Turn]:
    """Return the turns as the vendor takes them.

    Args:
        turns: an OpenAI conversation, with the reasoning that is sent back; not changed.
        rules: what the vendor demands.
        rulings: of this request; those on `messages.*` say what is to be done.
        policy: whose rules, for parts that are dropped one by one.
    """
    subjects = {r.subject: r for r in rulings if r.effect is not Effect.KEPT and r.subject.startswith("messages.")}
    if not subjects:
        return turns
    if "messages.image_data_url" in subjects:
        turns = [_strip_data_prefix(turn) for turn in turns]
    turns = [_rename_role(turn, rules) for turn in turns]
    if any(s.startswith("messages.parts.") and r.effect is Effect.DROPPED for s, r in subjects.items()):
        turns = [_drop_parts(turn, policy) for turn in turns]
    if "messages.text_parts" in subjects:
        turns = [_join_text(turn) for turn in turns]
    if "messages.fold_system" in subjects:
        turns = _fold_system(turns)
    if "messages.system" in subjects:
        turns = _merge_system(turns) if rules.system == "merge" else _system_first(turns)
    if "messages.order" in subjects:
        turns = _merge_neighbours(turns)
    if "messages.empty" in subjects:
        turns = [_without_empty(turn) for turn in turns]
    if "messages.reasoning_content" in subjects and rules.reasoning_content == "strip":
        turns = [{k: v for k, v in turn.items() if k != "reasoning_content"} for turn in turns]
    return turns


def text_of(content: JsonValue) -> str:
    """Return the text of a turn's content: a string, or the text parts of a list on lines of their own."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def _rename_role(turn: Turn, rules: MessageRules) -> Turn:
    new = rules.roles.get(str(turn["role"]))
    return turn if new is None else {**turn, "role": new}


def _strip_data_prefix(turn: Turn) -> Turn:
    content = turn.get("content")
    if not isinstance(content, list):
        return turn
    parts = [_bare_image(part) for part in content]
    return {**turn, "content": parts} if any(a is not b for a, b in zip(parts, content, strict=True)) else turn


def _bare_image(part: JsonValue) -> JsonValue:
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return part
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(image, dict) or not isinstance(url, str) or not url.startswith("data:"):
        return part
    return {**part, "image_url": {**image, "url": url.partition(",")[2]}}


def _drop_parts(turn: Turn, policy: Policy) -> Turn:
    content = turn.get("content")
    if not isinstance(content, list):
        return turn
    kept = [part for part in content if not _is_dropped(part, policy)]
    return turn if len(kept) == len(content) else {**turn, "content": kept}


def _is_dropped(part: JsonValue, policy: Policy) -> bool:
    # A rule may tell addresses from inline data, so each part is judged alone.
    alone = {"messages": [{"role": "user", "content": [part]}]}
    return any(r.subject.startswith("messages.parts.") and r.effect is Effect.DROPPED for r in judge(policy, alone))


def _join_text(turn: Turn) -> Turn:
    content = turn.get("content")
    if not isinstance(content, list) or not content:
        return turn
    if not all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        return turn
    return {**turn, "content": text_of(content)}


def _system_first(turns: list[Turn]) -> list[Turn]:
    return sorted(turns, key=lambda turn: turn["role"] != "system")


def _merge_system(turns: list[Turn]) -> list[Turn]:
    system = [turn for turn in turns if turn["role"] == "system"]
    text = "\n".join(filter(None, (text_of(turn.get("content")) for turn in system)))
    first: Turn = {**system[0], "content": text}
    return [first, *(turn for turn in turns if turn["role"] != "system")]


def _fold_system(turns: list[Turn]) -> list[Turn]:
    """Put the text of all system turns before that of the first user turn."""
    text = "\n".join(filter(None, (text_of(turn.get("content")) for turn in turns if turn["role"] == "system")))
    others = [turn for turn in turns if turn["role"] != "system"]
    first = next((i for i, turn in enumerate(others) if turn["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": text}, *others]
    folded = _joined({"role": "user", "content": text}, others[first])
    return [*others[:first], folded, *others[first + 1 :]]


def restore_reasoning(turns: list[Turn], rules: MessageRules, memory: Reasoning | None, *, thinks: bool) -> list[Turn]:
    """Return the turns with the reasoning that a program left out beside tool calls; the same list if there is none.

    Args:
        turns: an OpenAI conversation; not changed.
        rules: whether the vendor wants it, and what stands in where nobody remembers it.
        memory: who remembers, if anybody.
        thinks: the model thinks, so the vendor refuses a turn without.
    """
    if rules.reasoning_content != "restore":
        return turns
    filler = rules.reasoning_filler if thinks else None
    out: list[Turn] = []
    for i, turn in enumerate(turns):
        thought = None
        if turn.get("tool_calls") and not turn.get("reasoning_content"):
            known = memory.find(cast("list[JsonValue]", turns[:i]), turn["tool_calls"]) if memory is not None else None
            thought = known or filler
        out.append(turn if thought is None else {**turn, "reasoning_content": thought})
    return out if any(new is not old for new, old in zip(out, turns, strict=True)) else turns


def _merge_neighbours(turns: list[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"] != "tool":
            merged[-1] = _joined(merged[-1], turn)
        else:
            merged.append(turn)
    return merged


def _joined(one: Turn, two: Turn) -> Turn:
    a, b = one.get("content"), two.get("content")
    content: JsonValue
    if isinstance(a, list) or isinstance(b, list):
        content = _as_parts(a) + _as_parts(b)
    else:
        content = "\n".join(text for text in (a, b) if isinstance(text, str) and text) or None
    joined = {**one, **two, "content": content}
    calls = [*_calls(one), *_calls(two)]
    return {**joined, "tool_calls": cast("JsonValue", calls)} if calls else joined


def _as_parts(content: JsonValue) -> list[JsonValue]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _calls(turn: Turn) -> list[JsonValue]:
    calls = turn.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _without_empty(turn: Turn) -> Turn:
    if turn.get("content", 0) not in (None, "") or not (turn.get("tool_calls") or turn.get("function_call")):
        return turn
    return {k: v for k, v in turn.items() if k != "content"}
