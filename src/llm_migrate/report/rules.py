"""Say catalog rules in words: what happens to a parameter, when, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from llm_migrate.catalog.binding import OPT_IN
from llm_migrate.catalog.policy import VERDICTS, Verdict
from llm_migrate.catalog.schema import Default, Emulation, JsonValue, Rule, RuleEffect

_AT_WORST: Final[dict[RuleEffect, Verdict]] = {
    "keep": "as-is",
    "omit": "as-is",
    "rename": "adapted",
    "map": "adapted",
    "emulate": "adapted",
    "clamp": "lossy",
    "drop": "lossy",
    "refuse": "blocked",
}


_EMULATED: Final[dict[Emulation, str]] = {
    "schema-instruction": "sent as JSON mode, with the schema in the prompt",
    "json-instruction": "asked for in the prompt",
    "n-calls": 'refused; one call for each choice with  [adapt] n = "calls"',
}


def rule_rows(params: Mapping[str, Sequence[Rule]]) -> list[tuple[str, str, str]]:
    """Return (parameters, worst verdict, what happens) of all that do not simply pass, the worst first.

    Parameters whose rules read alike share a row.
    """
    groups: dict[tuple[Verdict, str], list[str]] = {}
    for name in sorted(params):
        rules = params[name]
        if rules and _worst(rules) != "as-is":
            groups.setdefault((_worst(rules), "\n".join(_sentences(rules))), []).append(name)
    worst_first = sorted(groups.items(), key=lambda group: (-VERDICTS.index(group[0][0]), group[1]))
    return [("\n".join(names), verdict, text) for (verdict, text), names in worst_first]


def default_row(default: Default) -> tuple[str, str, str]:
    """Return (field, value, when and why) of a field that is added."""
    conditions = [f"on {', '.join(default.models)}"] if default.models else []
    conditions += [f"at {', '.join(default.endpoints)}"] if default.endpoints else []
    conditions += [_field_condition(name, wanted) for name, wanted in default.when.items()]
    if default.unless:
        conditions.append(f"without {', '.join(default.unless)}")
    reason = ": ".join(part for part in (", ".join(conditions), default.advice) if part)
    return default.field, _text(default.value), reason


def _worst(rules: Sequence[Rule]) -> Verdict:
    harms = [VERDICTS.index("blocked" if rule.how in OPT_IN else _AT_WORST[rule.effect]) for rule in rules]
    harms += [VERDICTS.index("adapted") for rule in rules if rule.to or rule.set]
    return VERDICTS[max(harms)]


def _sentences(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield one sentence a rule; values that pass quietly become an "unless" of the rule after them."""
    quiet: list[str] = []
    for rule in rules:
        if _is_quiet(rule):
            quiet += [_text(value) for value in rule.values]
            continue
        conditions = _conditions(rule)
        if quiet and rule.effect not in ("keep", "omit"):
            if rule.values:
                yield f"{' or '.join(quiet)}: as it is"
            else:
                conditions.append(f"unless {' or '.join(quiet)}")
            quiet = []
        when, what = ", ".join(conditions), _what(rule)
        if not when and rule is not rules[0]:
            when = "else"
        text = f"{what} {when}" if when.startswith("unless") else f"{when}: {what}" if when else what
        yield f"{text}; {rule.advice}" if rule.advice else text
    if quiet:
        yield f"{' or '.join(quiet)}: as it is"


def _is_quiet(rule: Rule) -> bool:
    """Say whether a rule only names values that change nothing."""
    if rule.effect not in ("keep", "omit") or not rule.values:
        return False
    return not (rule.to or rule.set or rule.advice or len(_conditions(rule)) > 1)


def _conditions(rule: Rule) -> list[str]:
    conditions: list[str] = []
    if rule.values:
        conditions.append(" or ".join(_text(v) for v in rule.values))
    if rule.chars is not None:
        conditions.append(f"{rule.chars[0]} to {rule.chars[1]} characters")
    if rule.models:
        conditions.append(f"on {', '.join(rule.models)}")
    if rule.endpoints:
        conditions.append(f"at {', '.join(rule.endpoints)}")
    if rule.lacks:
        conditions.append(f"on models without {rule.lacks}")
    return conditions + [_field_condition(name, wanted) for name, wanted in rule.when.items()]


def _what(rule: Rule) -> str:
    words = [_effect(rule)]
    if rule.to is not None and rule.effect != "rename":
        words.append(f"renamed to {rule.to}")
    if rule.also:
        words.append(f"sent as {', '.join(rule.also)} as well")
    words += [f"adds {name} = {_text(value)}" for name, value in rule.set.items()]
    return ", ".join(words)


def _effect(rule: Rule) -> str:
    match rule.effect:
        case "keep":
            return "as it is"
        case "omit":
            return "left out"
        case "rename":
            return f"renamed to {rule.to}"
        case "map":
            return _mapping(rule)
        case "clamp":
            return _limits(rule)
        case "drop":
            return "dropped"
        case "refuse":
            return "refused"
        case "emulate":
            return _EMULATED[rule.how] if rule.how is not None else "emulated"


def _mapping(rule: Rule) -> str:
    if rule.values and len({_text(new) for new in rule.map.values()}) == 1:
        return f"becomes {_text(next(iter(rule.map.values())))}"
    by_new: dict[str, list[str]] = {}
    for old, new in rule.map.items():
        by_new.setdefault(_text(new), []).append(old)
    return ", ".join(f"{' and '.join(olds)} to {new}" for new, olds in by_new.items())


def _limits(rule: Rule) -> str:
    limits: list[str] = []
    if rule.low is not None and rule.high is not None:
        limits.append(f"{rule.low:g} to {rule.high:g}")
    elif rule.low is not None and rule.limit is None:
        limits.append(f"{rule.low:g} and more")
    elif rule.high is not None:
        limits.append(f"{rule.high:g} and less")
    if rule.limit is not None:
        limits.append("the model's longest output")
    if rule.max_items is not None:
        limits.append("one entry" if rule.max_items == 1 else f"{rule.max_items} entries")
    return f"limited to {', '.join(limits)}" if limits else "as it is"


def _field_condition(name: str, wanted: Sequence[JsonValue]) -> str:
    states = [str(w) for w in wanted if w in ("present", "absent")]
    values = [_text(w) for w in wanted if w not in ("present", "absent")]
    if values:
        states.append(f"is {', '.join(values)}")
    return f"{name} {' or '.join(states)}"


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
