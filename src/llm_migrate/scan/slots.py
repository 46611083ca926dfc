"""Where a literal stands: assigned to what, passed to what, compared with what; the same for Python and JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

Role: TypeAlias = Literal[
    "assigned",  # to the variable, attribute or class field `name`
    "default",  # of the parameter `name`
    "keyword",  # argument `name` of a call
    "field",  # value under the key `name`
    "key",  # itself a key of an object literal that is bound to `name`
    "compared",  # with `name`
    "passed",  # as a positional argument to the function `name`
    "subscript",  # of `name`
    "returned",  # from the function `name`
    "case",
    "statement",  # alone: a docstring
    "type",
    "other",
]
_CLIMB: Final = 24
_ASSIGN: Final = {
    "assignment": "left",
    "named_expression": "name",
    "augmented_assignment": "left",
    "variable_declarator": "name",
    "assignment_expression": "left",
    "augmented_assignment_expression": "left",
    "public_field_definition": "name",
    "field_definition": "property",
    "enum_assignment": "name",
}
_DEFAULTS: Final = {
    "default_parameter": "name",
    "typed_default_parameter": "name",
    "required_parameter": "pattern",
    "optional_parameter": "pattern",
    "assignment_pattern": "left",
}
_PASSED_THROUGH: Final = frozenset(
    {
        *("parenthesized_expression", "conditional_expression", "boolean_operator", "await", "await_expression"),
        *("as_expression", "satisfies_expression", "non_null_expression", "ternary_expression", "not_operator"),
        *("concatenated_string", "binary_operator", "unary_operator", "expression_list", "lambda", "arrow_function"),
    }
)
_COLLECTIONS: Final = frozenset({"list", "tuple", "set", "array"})
_TABLES: Final = frozenset({"dictionary", "object", "enum_body"})
_COMPARISONS: Final = frozenset({"==", "===", "!=", "!==", "in", "not in", "instanceof"})
_TYPES: Final = frozenset({"literal_type", "type_annotation", "type_arguments", "type_alias_declaration", "type"})
_STOPS: Final[dict[str, Role]] = {
    "expression_statement": "statement",
    "case_clause": "case",
    "case_pattern": "case",
    "switch_case": "case",
    "import_statement": "other",
    "export_statement": "other",
    "jsx_attribute": "other",
    "block": "other",
    "statement_block": "other",
    "program": "other",
    "module": "other",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the syntax.

    Attributes:
        role: how the literal is used.
        name: the name it is used under, as written (`self.model`, `requests.post`); "" when there is none.
        element: it stands in a list.
        outer: name of the variable that the object literal around it is bound to, when `role` is field or key.
        holder: the node that gives the role (the assignment, the call, the pair, ...).
    """

    role: Role
    name: str
    holder: Node
    element: bool = False
    outer: str = ""


def slot_of(node: Node) -> Slot:
    """Return where a literal stands; nodes are visited upwards, never down."""
    element = False
    current, parent = node, node.parent()
    for _ in range(_CLIMB):
        if parent is None:
            break
        kind = parent.kind()
        if kind in _COLLECTIONS:
            element = True
        elif kind not in _PASSED_THROUGH and not (kind == "binary_expression" and not _is_comparison(parent)):
            return _slot(current, parent, kind, element)
        current, parent = parent, parent.parent()
    return Slot("other", "", node, element)


def _slot(current: Node, parent: Node, kind: str, element: bool) -> Slot:
    if kind in _ASSIGN:
        outer = _enum_name(parent) if kind == "enum_assignment" else ""
        return Slot("assigned", _field(parent, _ASSIGN[kind]), parent, element, outer)
    if kind in _DEFAULTS:
        return Slot("default", _field(parent, _DEFAULTS[kind]), parent, element)
    if kind == "keyword_argument":
        return Slot("keyword", _field(parent, "name"), parent, element, _called(parent))
    if kind == "pair":
        return _pair_slot(current, parent, element)
    if kind in ("comparison_operator", "binary_expression"):
        return Slot("compared", _other_side(current, parent), parent, element)
    if kind in ("argument_list", "arguments"):
        call = parent.parent()
        name = _field(call, "function") or _field(call, "constructor") if call is not None else ""
        return Slot("passed", name, call or parent, element)
    if kind in ("subscript", "subscript_expression"):
        return Slot("subscript", _field(parent, "value") or _field(parent, "object"), parent, element)
    if kind == "return_statement":
        return Slot("returned", _function_name(parent), parent, element)
    if kind in _TYPES:
        return Slot("type", "", parent, element)
    return Slot(_STOPS.get(kind, "other"), "", parent, element)


def _pair_slot(current: Node, pair: Node, element: bool) -> Slot:
    key = pair.field("key")
    outer = _bound_to(pair)
    if key is not None and key.range().start.index == current.range().start.index:
        return Slot("key", outer, pair, element, outer)
    return Slot("field", _plain(key.text()) if key is not None else "", pair, element, outer)


def _bound_to(node: Node) -> str:
    """Return the name of what the object literal around a node is assigned to; outer literals count."""
    for outer in node.ancestors():
        kind = outer.kind()
        if kind in _ASSIGN:
            return _field(outer, _ASSIGN[kind])
        if kind == "pair":
            key = outer.field("key")
            return _plain(key.text()) if key is not None else ""
        if kind in _DEFAULTS:
            return _field(outer, _DEFAULTS[kind])
        if kind == "return_statement":
            return _function_name(outer)
        if kind in _STOPS:
            return ""
    return ""


def _called(keyword: Node) -> str:
    listed = keyword.parent()
    call = listed.parent() if listed is not None else None
    return _field(call, "function") if call is not None else ""


def _function_name(node: Node) -> str:
    for outer in node.ancestors():
        if "function" in outer.kind() or outer.kind() == "method_definition":
            return _field(outer, "name")
    return ""


def _enum_name(node: Node) -> str:
    body = node.parent()
    declaration = body.parent() if body is not None else None
    return _field(declaration, "name") if declaration is not None else ""


def _is_comparison(node: Node) -> bool:
    operator = node.field("operator")
    return operator is not None and operator.text() in _COMPARISONS


def _other_side(current: Node, comparison: Node) -> str:
    place = current.range().start.index
    sides = [child for child in comparison.children() if child.is_named() and child.range().start.index != place]
    return _plain(sides[0].text()) if sides else ""


def _field(node: Node | None, name: str) -> str:
    found = node.field(name) if node is not None else None
    return _plain(found.text()) if found is not None else ""


def _plain(text: str) -> str:
    return text[:160].strip("'\"`[] ")
