"""Collect the names of a Python file: imports, assignments, parameters, what functions return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.catalog.policy import OPEN
from llm_migrate.scan.rule import FileContext
from llm_migrate.scan.symbols import Binding, Grammar, Symbols, dotted

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

GRAMMAR: Final = Grammar(
    members={"attribute": ("object", "attribute")},
    calls={"call": "function"},
    transparent=frozenset({"await", "parenthesized_expression"}),
    choices=frozenset({"boolean_operator", "conditional_expression"}),
    functions=frozenset({"function_definition", "lambda"}),
    parameters="parameters",
    strings=frozenset({"string"}),
    fragment=frozenset({"string_content"}),
    escape="escape_sequence",
    holes=frozenset({"interpolation"}),
    joined=frozenset({"concatenated_string"}),
    plus="binary_operator",
    lists=frozenset({"list", "tuple"}),
    tables=frozenset({"dictionary"}),
    spreads=frozenset({"dictionary_splat"}),
    numbers=frozenset({"integer", "float", "unary_operator"}),
    constants={"true": True, "false": False, "none": None},
    keywords=True,
)
KINDS: Final = frozenset(
    {
        *("import_statement", "import_from_statement", "assignment", "named_expression", "as_pattern"),
        *("parameters", "for_statement", "return_statement", "call"),
    }
)
_RETURNED: Final = frozenset({"identifier", "call", "attribute", "await"})


def python_names(context: FileContext) -> Symbols:
    """Return the names of a file; ask through `FileContext.analysis`."""
    names = Symbols(GRAMMAR)
    for node in context.nodes("import_statement"):
        for path, local, _ in imported(node):
            names.imports[local] = path if local != path.split(".")[0] else local
    for node in context.nodes("import_from_statement"):
        for path, local, _ in imported(node):
            names.imports[local] = path
    _take_assignments(context, names)
    _take_parameters(context, names)
    _take_functions(context, names)
    return names


def imported(node: Node) -> Iterator[tuple[str, str, Node]]:
    """Yield (dotted path, local name, node) for each name that an import statement brings.

    `import a.b` brings `a`; a relative module loses its dots; `*` is its own local name.
    """
    module = node.field("module_name")
    prefix = module.text().lstrip(".") if module is not None else ""
    for child in node.field_children("name") or ():
        name, alias = child, None
        if child.kind() == "aliased_import":
            name, alias = child.field("name") or child, child.field("alias")
        path = ".".join(part for part in (prefix, name.text()) if part)
        local = alias.text() if alias is not None else (name.text() if prefix or module else name.text().split(".")[0])
        yield path, local, child
    if any(child.kind() == "wildcard_import" for child in node.children()):
        yield prefix, "*", node


def _take_assignments(context: FileContext, names: Symbols) -> None:
    for node in context.nodes("assignment", "named_expression"):
        left = node.field("left") or node.field("name")
        value = node.field("right") or node.field("value")
        if left is None:
            continue
        kind = left.kind()
        if kind == "subscript":
            _take_update(left, value, names)
            continue
        name = dotted(left, GRAMMAR)
        if not name:
            continue
        typed = node.field("type")
        scope, in_class = _scope(node)
        binding = Binding(node.range().start.index, value, typed.text() if typed is not None else "", scope)
        names.bindings[name].append(binding)
        if in_class and kind == "identifier":
            names.bindings["self." + name].append(binding)
    for node in context.nodes("as_pattern"):
        parts = [child for child in node.children() if child.is_named()]
        if len(parts) == 2 and parts[1].kind() == "as_pattern_target":
            names.bindings[parts[1].text()].append(Binding(node.range().start.index, parts[0], scope=_scope(node)[0]))
    for node in context.nodes("for_statement"):
        left = node.field("left")
        if left is not None and left.kind() == "identifier":
            names.bindings[left.text()].append(Binding(node.range().start.index, None, scope=_scope(node)[0]))


def _take_update(left: Node, value: Node | None, names: Symbols) -> None:
    table, key = left.field("value"), left.field("subscript")
    name = dotted(table, GRAMMAR)
    if name:
        fixed = names.key(key)
        names.updates[name].append((fixed if fixed is not None else OPEN, value))


def _take_parameters(context: FileContext, names: Symbols) -> None:
    for node in context.nodes("parameters"):
        function = node.parent()
        if function is None:
            continue
        scope = function.range().start.index
        for child in node.children():
            if not child.is_named():
                continue
            name = child.field("name") or next((c for c in child.children() if c.kind() == "identifier"), child)
            typed = child.field("type")
            text = typed.text().strip("'\"") if typed is not None else ""
            text = text.removesuffix("| None").removeprefix("Optional[").rstrip("] ")
            names.bindings[name.text()].append(Binding(child.range().start.index, None, text, scope))


def _take_functions(context: FileContext, names: Symbols) -> None:
    for node in context.nodes("return_statement"):
        value = next((child for child in node.children() if child.is_named()), None)
        if value is None or value.kind() not in _RETURNED:
            continue
        function = names.enclosing(node)
        title = function.field("name") if function is not None else None
        if title is not None:
            names.returns[title.text()].append(value)
    for node in context.nodes("call"):
        function = node.field("function")
        if function is None or function.kind() != "attribute":
            continue
        method = function.field("attribute")
        if method is not None and method.text() in ("update", "setdefault"):
            name = dotted(function.field("object"), GRAMMAR)
            if name:
                names.updates[name].append((OPEN, None))


def _scope(node: Node) -> tuple[int, bool]:
    """Return (start of the function around a node or -1, whether a class body is the nearest block)."""
    for outer in node.ancestors():
        kind = outer.kind()
        if kind in GRAMMAR.functions:
            return outer.range().start.index, False
        if kind == "class_definition":
            return -1, True
    return -1, False
