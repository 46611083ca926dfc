"""Where a string stands in Python code, and whether another expression can take its place there."""

from __future__ import annotations

import ast
import re
from typing import Final, TypeAlias

from llm_migrate.rewrite.python_source import PythonSource

# "free": any expression fits; "tight": one in parentheses fits; else words for why none does.
Place: TypeAlias = str
_PLAIN: Final = re.compile(r"""[uUrR]?(["'])([^"'\\\r\n]*)\1""")
_FREE: Final = (ast.keyword, ast.Assign, ast.AnnAssign, ast.Return, ast.Call, ast.arguments, ast.Subscript)


def place_of(source: PythonSource, node: ast.Constant) -> Place:
    """Return how tightly a string is bound to what stands around it."""
    parent = source.parent(node)
    if source.enclosing(node, ast.JoinedStr) is not None:
        return "inside an f-string"
    if _in_annotation(source, node):
        return "in an annotation"
    if isinstance(parent, ast.Subscript) and not isinstance(parent.ctx, ast.Load):
        return "as what is set here"
    return _in_parent(parent, node)


def _in_parent(parent: ast.AST | None, node: ast.Constant) -> Place:
    match parent:
        case ast.BoolOp():
            return "tight"
        case ast.IfExp(orelse=other):
            return "free" if other is node else "tight"
        case ast.Dict(keys=keys):
            return "as a key of a table" if node in keys else _in_table(parent, node)
        case ast.Compare():
            return "in a comparison"
        case ast.List() | ast.Tuple() | ast.Set():
            return "in a list"
        case ast.Expr():
            return "in a text"
        case _ if isinstance(parent, _FREE):
            return "free"
        case _:
            return "where a choice cannot stand"


def is_logic(source: PythonSource, node: ast.Constant) -> bool:
    """Say whether the program decides or looks something up by a string: compares it, or has it as a key."""
    parent = source.parent(node)
    match parent:
        case ast.Compare() | ast.MatchValue():
            return True
        case ast.Dict(keys=keys):
            return node in keys
        case ast.List() | ast.Tuple() | ast.Set():
            above = source.parent(parent)
            return isinstance(above, ast.Compare) or (isinstance(above, ast.keyword) and above.arg == "choices")
        case ast.Subscript():
            return parent.slice is node
        case _:
            return False


def plain_literal(source: PythonSource, node: ast.Constant) -> str | None:
    """Return the text between the quotes of a simple, undivided string; None for any other."""
    found = _PLAIN.fullmatch(source.source(node))
    return found[2] if found else None


def _in_table(table: ast.Dict, node: ast.Constant) -> Place:
    """A value under a telling key is what is used; in other tables it may be looked up by what stands beside it."""
    key = table.keys[table.values.index(node)]
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return "free"
    return "in a table" if key is not None else "where a choice cannot stand"


def _in_annotation(source: PythonSource, node: ast.AST) -> bool:
    below: ast.AST = node
    above = source.parent(node)
    while above is not None and isinstance(above, ast.expr):
        below, above = above, source.parent(above)
    return (isinstance(above, ast.AnnAssign | ast.arg) and above.annotation is below) or (
        isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef) and above.returns is below
    )
