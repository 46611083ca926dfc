"""What names in one source file stand for, in terms of imported modules; the same for Python and JavaScript.

`Symbols.resolve` follows names to where they were imported or built: with `import openai as oai` and
`self.client = oai.OpenAI()`, the node `self.client.chat` resolves to the path `openai.OpenAI().chat`, and brings the
node of the construction along. `Symbols.value` reads literals, with `UNKNOWN` for what is only known at run time.

Trees are never walked by recursion over nesting: every step is bounded by `_DEPTH`.
"""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llm_migrate.catalog.policy import OPEN, UNKNOWN, Value

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

HOLE: Final = "\ufffc"  # stands in a text for a part that is only known at run time
_DEPTH: Final = 12
_READS: Final = frozenset({"environ.get", "config.get", "conf().get", "settings.get"})
_TRIMMING: Final = frozenset({"strip", "rstrip", "removesuffix", "trim", "trimEnd", "replace"})
_MAX_ITEMS: Final = 500
_NAMES: Final = frozenset({"identifier", "shorthand_property_identifier"})


@dataclass(frozen=True, slots=True)
class Grammar:
    """Node kinds and fields by which two grammars say the same."""

    members: Mapping[str, tuple[str, str]]  # kind -> (field of the object, field of the name)
    calls: Mapping[str, str]  # kind -> field of what is called
    transparent: frozenset[str]  # kinds that stand for their only named child
    choices: frozenset[str]  # kinds that stand for one of their named children
    functions: frozenset[str]
    parameters: str  # field of a function
    strings: frozenset[str]
    fragment: frozenset[str]  # kinds of the literal parts of a string
    escape: str
    holes: frozenset[str]  # kinds of the interpolated parts
    joined: frozenset[str]  # strings written next to each other
    plus: str  # kind of `a + b`
    lists: frozenset[str]
    tables: frozenset[str]
    spreads: frozenset[str]
    numbers: frozenset[str]
    constants: Mapping[str, Value]
    keywords: bool  # calls have named arguments


@dataclass(frozen=True, slots=True)
class Symbol:
    """Where an expression leads.

    Attributes:
        path: modules, attributes and calls from an import on (`openai.OpenAI().chat.completions.create`).
        call: node of the construction or call that the path's last `()` stands for.
    """

    path: str
    call: Node | None = None


@dataclass(slots=True)
class Binding:
    """One assignment to a name; `value` is None for a declaration, `typed` what its annotation says."""

    at: int
    value: Node | None
    typed: str = ""
    scope: int = -1


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call is given, as nodes.

    Attributes:
        positional: in order.
        named: name -> (the whole argument, its value).
        spreads: what is spread into the named ones.
    """

    positional: tuple[Node, ...]
    named: Mapping[str, tuple[Node, Node]]
    spreads: tuple[Node, ...]


@dataclass(slots=True)
class Symbols:
    """The names of one file. The fields are filled by the language's collector."""

    grammar: Grammar
    imports: dict[str, str] = field(default_factory=dict[str, str])
    bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    returns: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    updates: dict[str, list[tuple[str, Node | None]]] = field(default_factory=lambda: defaultdict(list))
    foreign: dict[str, str] = field(default_factory=dict[str, str])  # imported path -> SDK path, from other files
    sdk_heads: tuple[str, ...] = ()  # how the paths of a vendor's SDK, or of a framework's classes for it, begin here
    _followed: dict[int, tuple[int, Symbol | None]] = field(default_factory=dict[int, tuple[int, "Symbol | None"]])
    _scopes: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def uses_sdk(self) -> bool:
        """Whether a vendor's SDK, or a framework's class for it, is imported here or stands behind a `foreign` name."""
        return bool(self.sdk_heads)

    def resolve(self, node: Node | None, depth: int = _DEPTH) -> Symbol | None:
        """Return where an expression leads, None when it does not lead to an import."""
        tail: list[str] = []
        while node is not None and depth > 0:
            depth -= 1
            kind = node.kind()
            if kind in self.grammar.members:
                name = dotted(node, self.grammar)
                found = self._bound(name, node, depth) if name else None
                if found is not None:
                    return _extend(found, tail)
                inner, attribute = self.grammar.members[kind]
                name_node = node.field(attribute)
                tail.append("." + name_node.text() if name_node is not None else ".?")
                node = node.field(inner)
            elif kind in self.grammar.calls:
                return _extend(self._called(node, depth), tail)
            elif kind in self.grammar.transparent:
                node = _first(node)
            elif kind in self.grammar.choices:
                options = (self.resolve(child, depth // 2) for child in _named(node)[:4])
                found = next((option for option in options if option is not None), None)
                return _extend(found, tail) if found else None
            else:
                found = self._identifier(node, depth)
                return _extend(found, tail) if found else None
        return None

    def text(self, node: Node | None, depth: int = _DEPTH) -> str | None:
        """Return a string expression's text with `HOLE` for each unknown part; None when it is no string.

        Of `x or "..."` and of `getenv(name, "...")` the text is what they fall back to.
        """
        if node is None or depth <= 0:
            return None
        kind = node.kind()
        if kind in self.grammar.strings:
            return "".join(self._parts(node, depth))
        if kind in self.grammar.joined:
            return "".join(self.text(child, depth - 1) or "" for child in _named(node))
        if kind == self.grammar.plus:
            return self._concatenated(node, depth)
        if kind in self.grammar.transparent:
            return self.text(_first(node), depth - 1)
        fallback = _fallback(node, self.grammar)
        if fallback is not None:
            return self.text(fallback, depth - 1)
        name = node.text() if len(node.text()) < 80 else ""
        binding = self._single(name, node)
        return self.text(binding.value, depth - 3) if binding is not None else None

    def value(self, node: Node | None, depth: int = _DEPTH) -> Value:
        """Return the JSON value of an expression, `UNKNOWN` where it is only known at run time."""
        if node is None or depth <= 0:
            return UNKNOWN
        kind, grammar = node.kind(), self.grammar
        if kind in grammar.strings or kind in grammar.joined or kind == grammar.plus:
            text = self.text(node, depth)
            return UNKNOWN if text is None or HOLE in text else text
        if kind in grammar.constants:
            return grammar.constants[kind]
        if kind in grammar.numbers:
            return _number(node.text())
        if kind in grammar.lists:
            return [self.value(child, depth - 1) for child in _named(node)[:_MAX_ITEMS] if child.kind() != "comment"]
        if kind in grammar.tables:
            return self.table(node, depth - 1)
        if kind in grammar.transparent:
            return self.value(_first(node), depth - 1)
        binding = self._single(node.text(), node) if kind in _NAMES else None
        return self.value(binding.value, depth - 3) if binding is not None else UNKNOWN

    def table(self, node: Node | None, depth: int = _DEPTH) -> dict[str, Value]:
        """Return the fields of an object literal, or of the variable that holds one; `OPEN` if there may be more."""
        if node is None or depth <= 0:
            return {OPEN: UNKNOWN}
        if node.kind() in self.grammar.transparent:
            return self.table(_first(node), depth - 1)
        if node.kind() == "identifier" or node.kind() in self.grammar.members:
            return self._named_table(node, depth)
        if node.kind() not in self.grammar.tables:
            return {OPEN: UNKNOWN}
        found: dict[str, Value] = {}
        for child in _named(node)[:_MAX_ITEMS]:
            kind = child.kind()
            if kind == "pair":
                key = self.key(child.field("key"))
                found[key if key is not None else OPEN] = self.value(child.field("value"), depth - 1)
            elif kind == "shorthand_property_identifier":
                found[child.text()] = self.value_of_name(child.text(), child, depth)
            elif kind in self.grammar.spreads:
                found.update(self.table(_first(child), depth - 2))
            elif kind == "method_definition":
                found[OPEN] = UNKNOWN
        return found

    def key(self, node: Node | None) -> str | None:
        """Return the name of a key in an object literal, when it is fixed."""
        if node is None or node.kind() == "computed_property_name":
            return None
        if node.kind() == "property_identifier":
            return node.text()
        text = self.text(node)
        return None if text is None or HOLE in text else text

    def value_of_name(self, name: str, at: Node, depth: int = _DEPTH) -> Value:
        """Return the value of a variable that is assigned once; `UNKNOWN` otherwise."""
        binding = self._single(name, at)
        return self.value(binding.value, depth - 3) if binding is not None else UNKNOWN

    def arguments(self, call: Node) -> Arguments:
        """Return the arguments of a call; fields of an object literal count as named ones."""
        positional: list[Node] = []
        named: dict[str, tuple[Node, Node]] = {}
        spreads: list[Node] = []
        listed = call.field("arguments")
        stack = _named(listed)[:_MAX_ITEMS][::-1] if listed is not None else []
        while stack:
            child = stack.pop()
            kind = child.kind()
            name, value = child.field("name") or child.field("key"), child.field("value")
            if kind in ("keyword_argument", "pair") and name is not None and value is not None:
                key = name.text() if kind == "keyword_argument" else self.key(name)
                if key is not None:
                    named[key] = (child, value)
            elif kind == "shorthand_property_identifier":
                named[child.text()] = (child, child)
            elif kind in self.grammar.spreads:
                inner = _first(child)
                spreads += [inner] if inner is not None else []
            elif kind in self.grammar.tables and not self.grammar.keywords:
                positional.append(child)
                stack += _named(child)[:_MAX_ITEMS][::-1]
            elif kind != "comment":
                positional.append(child)
        return Arguments(tuple(positional), named, tuple(spreads))

    def body(self, call: Node) -> dict[str, Value]:
        """Return the request that a call sends: its keywords, or the fields of its first argument."""
        given = self.arguments(call)
        found: dict[str, Value] = {}
        for spread in given.spreads:
            found.update(self.table(spread))
        if not self.grammar.keywords and given.positional and not given.named and not given.spreads:
            found.update(self.table(given.positional[0]))
        for name, (_, value) in given.named.items():
            found[name] = self.value(value)
        return found

    def qualified(self, node: Node | None) -> str:
        """Return `a.b.c` with its first name replaced by what was imported under it; "" for anything else."""
        head, mark, rest = dotted(node, self.grammar).partition(".")
        return self.imports.get(head, head) + mark + rest

    def enclosing(self, node: Node) -> Node | None:
        """Return the nearest function around a node."""
        return next((outer for outer in node.ancestors() if outer.kind() in self.grammar.functions), None)

    def _parts(self, node: Node, depth: int) -> Iterator[str]:
        for child in node.children():
            kind = child.kind()
            if kind in self.grammar.fragment:
                yield _unescaped(child.text()) if "\\" in child.text() else child.text()
            elif kind == self.grammar.escape:
                yield _unescaped(child.text())
            elif kind in self.grammar.holes:
                inner = _first(child)
                known = self.text(inner, depth - 4) if inner is not None else None
                yield known if known is not None else HOLE

    def _concatenated(self, node: Node, depth: int) -> str | None:
        parts: list[str] = []
        current: Node | None = node
        # a + b + c + ... leans to the left: a loop, so that long sums do not nest.
        for _ in range(200):
            if current is None or current.kind() != self.grammar.plus:
                break
            operator = current.field("operator")
            if operator is None or operator.text() != "+":
                fallback = _fallback(current, self.grammar) if current is node else None
                return self.text(fallback, depth - 1) if fallback is not None else None
            parts.append(self.text(current.field("right"), depth - 3) or HOLE)
            current = current.field("left")
        parts.append(self.text(current, depth - 3) or HOLE)
        joined = "".join(reversed(parts))
        return joined if joined.strip(HOLE) else None

    def _named_table(self, node: Node, depth: int) -> dict[str, Value]:
        name = node.text()
        binding = self._single(name, node)
        if binding is None or binding.value is None:
            return {OPEN: UNKNOWN}
        found = self.table(binding.value, depth - 2)
        for key, value in self.updates.get(name, ()):
            found[key] = self.value(value, depth - 3) if key not in found and key != OPEN else UNKNOWN
        return found

    def _identifier(self, node: Node, depth: int) -> Symbol | None:
        name = node.text()
        if len(name) > 120:
            return None
        bound = self._bound(name, node, depth)
        if bound is not None:
            return bound
        return self._imported(name)

    def _imported(self, name: str) -> Symbol | None:
        path = self.imports.get(name)
        return Symbol(self.foreign.get(path, path)) if path is not None else None

    def _bound(self, name: str, at: Node, depth: int) -> Symbol | None:
        other: Symbol | None = None  # `client: Any = Field(None)` must not hide `self.client = OpenAI()` elsewhere
        for binding in self._candidates(name, at):
            for found in (self._leads(binding, depth - 1), self._annotated(binding)):
                if found is not None and found.path.startswith(self.sdk_heads):
                    return found
                other = other or found
        return other

    def _annotated(self, binding: Binding) -> Symbol | None:
        head, _, rest = binding.typed.partition(".")
        imported = self._imported(head) if head else None
        return Symbol(imported.path + ("." + rest if rest else "") + "()") if imported is not None else None

    def _leads(self, binding: Binding, depth: int) -> Symbol | None:
        """Follow a binding once; many uses ask for the same."""
        if binding.value is None:
            return None
        key = id(binding)
        if key not in self._followed or depth > self._followed[key][0]:
            self._followed[key] = (depth, None)  # a name that is bound to itself ends here
            self._followed[key] = (depth, self.resolve(binding.value, depth))
        return self._followed[key][1]

    def _called(self, node: Node, depth: int) -> Symbol | None:
        function = node.field(self.grammar.calls[node.kind()])
        called = self.resolve(function, depth)
        if called is not None:
            path = called.path + "()"
            return Symbol(self.foreign.get(path, path), called.call or node)
        name = dotted(function, self.grammar).rpartition(".")[2]
        options = (self.resolve(returned, depth // 2) for returned in self.returns.get(name, ())[:4])
        return next((option for option in options if option is not None), None)

    def _candidates(self, name: str, at: Node) -> list[Binding]:
        """Return the bindings that a use may see, the likeliest first: same function and before, then the others."""
        rows = self.bindings.get(name)
        if not rows:
            return []
        if len(rows) == 1:
            return rows
        place, scope = at.range().start.index, self._scope(at)
        near = [row for row in rows if row.scope == scope]
        before = [row for row in near if row.at <= place]
        likely = [*before[:-4:-1], *near[:2]] if near else rows[:4]
        return [*likely, *(row for row in rows[:3] if row.scope == -1)]

    def _single(self, name: str, at: Node) -> Binding | None:
        """Return the only binding that can reach a use; None when there are several, or a parameter hides it."""
        rows = self.bindings.get(name, ())
        if not rows:
            return None
        scope = self._scope(at)
        here = [row for row in rows if row.scope == scope] or [row for row in rows if row.scope == -1]
        if len(here) != 1 or here[0].value is None:
            return None
        return here[0]

    def _scope(self, node: Node) -> int:
        place = node.range().start.index
        if place not in self._scopes:
            function = self.enclosing(node)
            self._scopes[place] = function.range().start.index if function is not None else -1
        return self._scopes[place]


def dotted(node: Node | None, grammar: Grammar) -> str:
    """Return `a.b.c` for a chain of plain names, else ""."""
    parts: list[str] = []
    for _ in range(_DEPTH):
        if node is None:
            return ""
        kind = node.kind()
        if kind not in grammar.members:
            break
        inner, attribute = grammar.members[kind]
        name = node.field(attribute)
        if name is None:
            return ""
        parts.append(name.text())
        node = node.field(inner)
    if node is None or node.kind() not in ("identifier", "this"):
        return ""
    parts.append(node.text())
    return ".".join(reversed(parts))


def _fallback(node: Node, grammar: Grammar) -> Node | None:
    """Return what an expression gives when nothing is set, trimmed or not: behind `or`, in a read its default."""
    operator = node.field("operator")
    if operator is not None:
        return node.field("right") if operator.text() in ("or", "||", "??") else None
    function = node.field(grammar.calls[node.kind()]) if node.kind() in grammar.calls else None
    if function is None:
        return None
    head, _, method = function.text().rpartition(".")
    if method in _TRIMMING and function.kind() in grammar.members:
        return function.field(grammar.members[function.kind()][0])
    if method != "getenv" and f"{head.rpartition('.')[2]}.{method}" not in _READS:
        return None
    listed = node.field("arguments")
    given = _named(listed) if listed is not None else []
    return given[1] if len(given) == 2 and given[1].kind() != "keyword_argument" else None


def _extend(symbol: Symbol | None, tail: list[str]) -> Symbol | None:
    if symbol is None or not tail:
        return symbol
    return Symbol(symbol.path + "".join(reversed(tail)), symbol.call)


def _named(node: Node) -> list[Node]:
    return [child for child in node.children() if child.is_named()]


def _first(node: Node) -> Node | None:
    return next((child for child in node.children() if child.is_named() and child.kind() != "comment"), None)


def _number(text: str) -> Value:
    try:
        value = ast.literal_eval(text.replace("_", ""))
    except (ValueError, SyntaxError):
        return UNKNOWN
    return value if isinstance(value, int | float) and abs(value) < 1e300 else UNKNOWN


def _unescaped(text: str) -> str:
    """Undo the escapes that JSON knows; others stay as they are written."""
    try:
        return str(json.loads(f'"{text}"', strict=False)) if '"' not in text else text
    except ValueError:
        return text
