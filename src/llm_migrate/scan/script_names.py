"""Collect the names of a JavaScript or TypeScript file: imports, requires, variables, fields, parameters, returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.rule import FileContext
from llm_migrate.scan.symbols import Binding, Grammar, Symbols, dotted

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

GRAMMAR: Final = Grammar(
    members={"member_expression": ("object", "property")},
    calls={"call_expression": "function", "new_expression": "constructor"},
    transparent=frozenset(
        {
            *("await_expression", "parenthesized_expression", "as_expression", "satisfies_expression"),
            *("non_null_expression",),
        }
    ),
    choices=frozenset({"binary_expression", "ternary_expression"}),
    functions=frozenset(
        {
            *("function_declaration", "function_expression", "arrow_function", "method_definition"),
            *("generator_function_declaration", "generator_function"),
        }
    ),
    parameters="parameters",
    strings=frozenset({"string", "template_string"}),
    fragment=frozenset({"string_fragment"}),
    escape="escape_sequence",
    holes=frozenset({"template_substitution"}),
    joined=frozenset(),
    plus="binary_expression",
    lists=frozenset({"array"}),
    tables=frozenset({"object"}),
    spreads=frozenset({"spread_element"}),
    numbers=frozenset({"number", "unary_expression"}),
    constants={"true": True, "false": False, "null": None},
    keywords=False,
)
KINDS: Final = frozenset(
    {
        *("import_statement", "variable_declarator", "assignment_expression", "public_field_definition"),
        *("field_definition", "required_parameter", "optional_parameter", "formal_parameters", "return_statement"),
    }
)
SCRIPTS: Final = frozenset({"javascript", "typescript", "tsx"})


def script_names(context: FileContext) -> Symbols:
    """Return the names of a file; ask through `FileContext.analysis`."""
    names = Symbols(GRAMMAR)
    for node in context.nodes("import_statement"):
        for path, local, _ in imported(node):
            names.imports[local] = path
    for node in context.nodes("variable_declarator"):
        _take_variable(node, names)
    for node in context.nodes("assignment_expression"):
        left = dotted(node.field("left"), GRAMMAR)
        if left:
            names.bindings[left].append(Binding(_at(node), node.field("right"), scope=_scope(node)))
    _take_fields(context, names)
    for node in context.nodes("return_statement"):
        _take_return(node, names)
    return names


def module_of(node: Node) -> str:
    """Return the module that an import statement names."""
    source = node.field("source")
    return source.text().strip("'\"`") if source is not None else ""


def imported(node: Node) -> Iterator[tuple[str, str, Node]]:
    """Yield (path, local name, node) for each name that an import statement brings; `MODULE.default` for a default."""
    module = module_of(node)
    clause = next((child for child in node.children() if child.kind() == "import_clause"), None)
    if clause is None or not module:
        return
    for child in clause.children():
        kind = child.kind()
        if kind == "identifier":
            yield module + ".default", child.text(), child
        elif kind == "namespace_import":
            local = next((c for c in child.children() if c.kind() == "identifier"), None)
            if local is not None:
                yield module, local.text(), child
        elif kind == "named_imports":
            for specifier in child.children():
                name = specifier.field("name") if specifier.kind() == "import_specifier" else None
                if name is not None:
                    alias = specifier.field("alias") or name
                    yield f"{module}.{name.text()}", alias.text(), specifier


def required_module(node: Node | None) -> tuple[str, str] | None:
    """Return (module, rest) for `require("m")`, `await import("m")` and what is taken from them directly."""
    rest: list[str] = []
    for _ in range(6):
        if node is None:
            return None
        kind = node.kind()
        if kind in GRAMMAR.transparent:
            node = next((child for child in node.children() if child.is_named()), None)
        elif kind == "member_expression":
            name = node.field("property")
            rest.append(name.text() if name is not None else "?")
            node = node.field("object")
        elif kind == "call_expression":
            called, given = node.field("function"), node.field("arguments")
            if called is None or given is None or called.text() not in ("require", "import"):
                return None
            module = next((child for child in given.children() if child.kind() == "string"), None)
            return (module.text().strip("'\""), ".".join(reversed(rest))) if module is not None else None
        else:
            return None
    return None


def _take_variable(node: Node, names: Symbols) -> None:
    name, value = node.field("name"), node.field("value")
    if name is None:
        return
    required = required_module(value)
    if required is not None:
        path = ".".join(part for part in required if part)
        for taken, local in _taken(name):
            names.imports[local] = f"{path}.{taken}" if taken else path
        return
    if name.kind() != "identifier":
        for _, local in _taken(name):
            names.bindings[local].append(Binding(_at(node), None, scope=_scope(node)))
        return
    names.bindings[name.text()].append(Binding(_at(node), value, _type(node), _scope(node)))
    if value is not None and value.kind() == "arrow_function":
        body = value.field("body")
        if body is not None and body.kind() != "statement_block":
            names.returns[name.text()].append(body)


def _take_fields(context: FileContext, names: Symbols) -> None:
    for node in context.nodes("public_field_definition", "field_definition"):
        name = node.field("name") or node.field("property")
        if name is not None:
            names.bindings["this." + name.text()].append(Binding(_at(node), node.field("value"), _type(node)))
    for node in context.nodes("required_parameter", "optional_parameter"):
        _take_parameter(node, names)
    for node in context.nodes("formal_parameters"):
        for child in node.children():
            if child.kind() == "identifier":
                names.bindings[child.text()].append(Binding(_at(child), None, scope=_scope(child)))


def _taken(pattern: Node) -> Iterator[tuple[str, str]]:
    """Yield (taken name, local name) of `{ a, b: c }`; ("", name) for a plain name."""
    if pattern.kind() == "identifier":
        yield "", pattern.text()
    elif pattern.kind() == "object_pattern":
        for child in pattern.children():
            if child.kind() == "shorthand_property_identifier_pattern":
                yield child.text(), child.text()
            elif child.kind() == "pair_pattern":
                key, value = child.field("key"), child.field("value")
                if key is not None and value is not None:
                    yield key.text(), value.text()


def _take_parameter(node: Node, names: Symbols) -> None:
    pattern = node.field("pattern")
    if pattern is None or pattern.kind() != "identifier":
        return
    binding = Binding(_at(node), None, _type(node), _scope(node))
    names.bindings[pattern.text()].append(binding)
    if any(child.kind() == "accessibility_modifier" for child in node.children()):
        names.bindings["this." + pattern.text()].append(binding)


def _take_return(node: Node, names: Symbols) -> None:
    value = next((child for child in node.children() if child.is_named()), None)
    function = names.enclosing(node) if value is not None else None
    if value is None or function is None:
        return
    name = function.field("name")
    if name is None:
        holder = function.parent()
        name = holder.field("name") if holder is not None and holder.kind() == "variable_declarator" else None
    if name is not None:
        names.returns[name.text()].append(value)


def _type(node: Node) -> str:
    annotation = node.field("type")
    return annotation.text().lstrip(": ").partition("<")[0].partition(" ")[0] if annotation is not None else ""


def _at(node: Node) -> int:
    return node.range().start.index


def _scope(node: Node) -> int:
    for outer in node.ancestors():
        if outer.kind() in GRAMMAR.functions:
            return outer.range().start.index
    return -1
