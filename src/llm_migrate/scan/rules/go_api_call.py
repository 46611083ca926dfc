"""Finds API calls through the Go SDKs, with the model and the parameters that stand in the request literal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.catalog.policy import UNKNOWN, Value
from llm_migrate.scan.finding import Hit
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.go_sdk import CLIENT_METHODS, METHODS, SERVICE_VERBS, SERVICES, imported, string_value

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "go_api_call"

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|\d+")
_WRAPPED: Final = re.compile(r"\w+\.(?:String|Int|Float|Bool|F|Opt)\((.*)\)", re.S)


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for a call whose method is an SDK's, in a file that imports one."""
    function = node.field("function")
    if function is None or function.kind() != "selector_expression":
        return
    sdks = context.analysis(imported)
    api = _api_of(function) if sdks else None
    if api is None:
        return
    parameters = _parameters(node)
    model = parameters.get("model")
    yield Hit(
        NAME,
        "api-call",
        *context.span(node),
        next(iter(sdks.values())),
        api=api,
        model=model if isinstance(model, str) else None,
        parameters=parameters,
    )


RULE: Final = AstRule(NAME, frozenset({"go"}), frozenset({"call_expression"}), find, needs=frozenset({"import_spec"}))


def _api_of(function: Node) -> str | None:
    operand, field = function.field("operand"), function.field("field")
    if operand is None or field is None:
        return None
    method = field.text()
    if method in METHODS:
        return METHODS[method]
    parts = operand.text().split(".")
    if method in CLIENT_METHODS and parts[-1].lower().endswith("client"):
        return CLIENT_METHODS[method]
    if method not in SERVICE_VERBS:
        return None
    pair, single = ".".join(parts[-2:]), parts[-1]
    return SERVICES.get(pair) or (SERVICES.get(single) if len(parts) > 1 else None)


def _parameters(call: Node) -> dict[str, Value]:
    """Return the fields of the first struct literal among the arguments, under the names of the wire."""
    arguments = call.field("arguments")
    for argument in arguments.children() if arguments is not None else ():
        literal = argument if argument.kind() == "composite_literal" else argument.find(kind="composite_literal")
        body = literal.field("body") if literal is not None else None
        if body is not None:
            return dict(_field(element) for element in body.children() if element.kind() == "keyed_element")
    return {}


def _field(element: Node) -> tuple[str, Value]:
    sides = [child for child in element.children() if child.kind() == "literal_element"]
    name = "_".join(_WORD.findall(sides[0].text())).lower() if sides else ""
    value = sides[1].child(0) if len(sides) > 1 else None
    return name, _value(value)


def _value(node: Node | None) -> Value:
    if node is None:
        return UNKNOWN
    text = node.text()
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped is not None:
        text = wrapped.group(1)
    match node.kind():
        case "interpreted_string_literal" | "raw_string_literal":
            return string_value(node) or UNKNOWN
        case "true" | "false":
            return node.kind() == "true"
        case "int_literal" | "float_literal" | "call_expression":
            return _number(text)
        case _:
            return UNKNOWN


def _number(text: str) -> Value:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else UNKNOWN
