"""Finds a provider's variables in shell scripts: set, read, asked for, written to a profile; and models tested for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Confidence, Hit
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.config_names import from_names
from llm_migrate.scan.rules.config_values import KIND_OF, Evidence, from_value, name_role, words_of

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "shell_variable"

# $NAME, ${NAME...}, NAME= in a text or here-document, and what `read NAME`, `printenv NAME` and the like take.
_NAMED: Final = re.compile(
    r"(?:(\$\{?|(?<![\w$])(?:read|unset|printenv|export|readonly)[ \t](?:[^\r\n;|&\"'$#]{0,80}[ \t])?)|(?<![\w$]))"
    r"([A-Za-z_][A-Za-z0-9_]{3,60}+)(=)?"
)
_DEFAULT: Final = re.compile(r"\$\{(\w+):?[-=](.*)\}", re.S)
_TESTED: Final = re.compile(r"[\^\"']*([A-Za-z][\w.:/-]*?)(?:\.\*|\*|\$)?[\"']*")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for a place that names a variable or a model of a provider."""
    yield from _FINDERS[node.kind()](node, context)


def _assignment(node: Node, context: FileContext) -> Iterator[Hit]:
    name, value = node.field("name"), node.field("value")
    if name is None:
        return
    raw = value.text() if value is not None else ""
    shift = value.range().start.index if value is not None else 0
    default = _DEFAULT.fullmatch(raw)
    if default is not None:
        shift, raw = shift + default.start(2), default.group(2)
    bare = raw[1:-1] if len(raw) > 1 and raw[0] == raw[-1] and raw[0] in "\"'" else raw
    shift += bool(bare is not raw)
    by_name = from_names([name.text()], bare, context.vocabulary)
    by_value = from_value(bare, words_of([name.text()]), context.vocabulary) if "$" not in bare else None
    evidence = by_value if by_value and (by_name is None or by_value.kind != "config") else by_name
    if evidence is not None and (evidence.kind != "config" or evidence.by_value or evidence.confidence == "certain"):
        start, end = context.span(node)
        inner = (context.byte(shift), context.byte(shift + len(bare))) if value is not None else (-1, -1)
        yield _hit(evidence, (start, end), inner)


def _program(_node: Node, context: FileContext) -> Iterator[Hit]:
    """All places that use a variable by name, but for assignments and comments."""
    text = context.document.text
    passed = [_indices(other) for other in context.nodes("comment")]
    passed += [_indices(name) for other in context.nodes("variable_assignment") if (name := other.field("name"))]
    spans = sorted(passed)
    for match in _NAMED.finditer(text):
        if match.group(1) is None and match.group(3) is None:
            continue
        role = name_role(context.vocabulary, match.group(2))
        if role is None or not (role.exact or role.role == "key"):
            continue
        if not _covered(spans, match.start(2)):
            place = context.byte(match.start(2)), context.byte(match.end(2))
            confidence: Confidence = "certain" if role.exact else "likely"
            yield _hit(Evidence(KIND_OF[role.role], role.provider, confidence), place, place)


def _indices(node: Node) -> tuple[int, int]:
    place = node.range()
    return place.start.index, place.end.index


def _covered(spans: list[tuple[int, int]], index: int) -> bool:
    before = bisect_right(spans, (index, len(spans) and spans[-1][1])) - 1
    return before >= 0 and index < spans[before][1]


def _test(node: Node, context: FileContext) -> Iterator[Hit]:
    """A condition can ask which model is set: `[[ $MODEL =~ ^gpt- ]]`."""
    sides = [child for child in node.children() if child.is_named()]
    if len(sides) < 2 or "model" not in sides[0].text().lower():
        return
    found = _TESTED.fullmatch(sides[-1].text())
    if found is None:
        return
    text = found.group(1)
    known = context.vocabulary.model(text)
    owner = known or context.vocabulary.model_pattern(text)
    if owner is not None:
        start = sides[-1].range().start.index + found.start(1)
        inner = context.byte(start), context.byte(start + len(text))
        yield _hit(Evidence("model", owner, "certain", model=text if known else None), context.span(node), inner)


_FINDERS: Final[dict[str, Callable[[Node, FileContext], Iterator[Hit]]]] = {
    "variable_assignment": _assignment,
    "program": _program,
    "binary_expression": _test,
}
RULE: Final = AstRule(NAME, frozenset({"bash"}), frozenset(_FINDERS), find, needs=frozenset({"comment"}))


def _hit(evidence: Evidence, place: tuple[int, int], inner: tuple[int, int]) -> Hit:
    return Hit(
        rule=NAME,
        kind=evidence.kind,
        start=place[0],
        end=place[1],
        provider=evidence.provider,
        model=evidence.model,
        value_start=inner[0],
        value_end=inner[1],
        confidence=evidence.confidence,
        secret=evidence.secret,
    )
