"""Parse a file with ast-grep and collect, in one traversal, the nodes that rules ask for."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

ERROR_KIND: Final = "ERROR"
# Document language -> ast-grep's grammar. An unknown grammar raises a BaseException there, so only these are asked for.
GRAMMARS: Final = {
    "python": "python",
    "notebook": "python",
    "javascript": "javascript",
    "typescript": "typescript",
    "tsx": "tsx",
    "go": "go",
    "java": "java",
    "kotlin": "kotlin",
    "csharp": "csharp",
    "ruby": "ruby",
    "php": "php",
    "rust": "rust",
    "bash": "bash",
}


def parse(text: str, language: str) -> Node:
    """Return the root of a file's tree. The grammars recover from errors, so there is always one."""
    from ast_grep_py import SgRoot

    return SgRoot(text, GRAMMARS[language]).root()


def collect(root: Node, language: str, kinds: frozenset[str]) -> dict[str, list[Node]]:
    """Return the nodes of some kinds by kind, each list in the order of the file, with the places of syntax errors."""
    nodes: dict[str, list[Node]] = defaultdict(list)
    for node in find_kinds(root, language, kinds | {ERROR_KIND}):
        nodes[node.kind()].append(node)
    return nodes


def find_kinds(root: Node, language: str, kinds: frozenset[str]) -> list[Node]:
    """Return all nodes of some kinds in the order of the file; kinds that the grammar lacks are passed over."""
    wanted = _known_kinds(GRAMMARS[language], kinds)
    return root.find_all({"rule": {"any": [{"kind": kind} for kind in wanted]}}) if wanted else []


@cache
def _known_kinds(grammar: str, kinds: frozenset[str]) -> tuple[str, ...]:
    """Drop the kinds that a grammar does not have; it refuses them all together otherwise."""
    from ast_grep_py import SgRoot

    empty = SgRoot("", grammar).root()
    return tuple(sorted(kind for kind in kinds if _has_kind(empty, kind)))


def _has_kind(node: Node, kind: str) -> bool:
    try:
        node.find_all(kind=kind)
    except RuntimeError:
        return False
    return True
