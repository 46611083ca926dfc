"""What a rule is, and what it may ask of the file that it looks at.

Each module in `scan/rules/` exposes `RULE` or `RULES`; `load_rules` finds them, there is no central list. Three sorts:

- `AstRule`: source code. It names node kinds of ast-grep's grammars and is handed each such node of a file once.
- `EntryRule`: structured configuration. It gets the entries that a reader of `scan/entries/` made of the file.
- `TextRule`: everything else (line-based formats, shell). It gets the document.

The reader is `llm_migrate.scan.entries.read_entries(document) -> Sequence[Entry]`; it may raise `UnreadableError`.
A rule yields `Hit`s whose offsets are bytes of the file. `FileContext.span` turns a node into such offsets. A rule
never raises because of what a file holds, and never uses a regular expression that can backtrack.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from llm_migrate.errors import MigrateError
from llm_migrate.scan.finding import Document, Entry, Hit
from llm_migrate.scan.project import Project
from llm_migrate.scan.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

_T = TypeVar("_T")


class UnreadableError(MigrateError):
    """A file cannot be read surely; its message is the reason given under `skipped`."""


class FileContext:
    """One file on its way through the rules.

    Attributes:
        document: the file.
        vocabulary: the catalog's names of all providers, for look-ups.
        project: what other files of the scan are known to hold (constants, settings).
        root: the syntax tree; None for files that are not parsed.
    """

    __slots__ = ("_ascii", "_memo", "_nodes", "_offsets", "document", "project", "root", "vocabulary")

    def __init__(
        self, document: Document, vocabulary: Vocabulary, project: Project, *, offsets: Sequence[int] | None = None
    ) -> None:
        self.document = document
        self.vocabulary = vocabulary
        self.project = project
        self.root: Node | None = None
        self._nodes: dict[str, list[Node]] = {}
        self._offsets = offsets
        self._ascii = offsets is None and len(document.data) - document.bom == len(document.text)
        self._memo: dict[Callable[[FileContext], object], object] = {}

    def byte(self, index: int) -> int:
        """Return the byte of the file at a character of `document.text`."""
        if self._ascii:
            return index + self.document.bom
        if self._offsets is None:
            self._offsets = character_offsets(self.document)
        return self._offsets[index]

    def span(self, node: Node) -> tuple[int, int]:
        """Return the first byte of a node and the byte after it."""
        place = node.range()
        return self.byte(place.start.index), self.byte(place.end.index)

    def nodes(self, *kinds: str) -> list[Node]:
        """Return all nodes of some kinds, in the order of the file (kind by kind when several are asked for)."""
        return [node for kind in kinds for node in self._nodes.get(kind, ())]

    def set_tree(self, root: Node, nodes: dict[str, list[Node]]) -> None:
        """Take the tree and its nodes by kind, as one traversal collected them."""
        self.root = root
        self._nodes = nodes

    def analysis(self, make: Callable[[FileContext], _T]) -> _T:
        """Return what `make` says of this file; it is asked once, so that rules can share costly work."""
        if make not in self._memo:
            self._memo[make] = make(self)
        return cast("_T", self._memo[make])


def character_offsets(document: Document) -> Sequence[int]:
    """Return for each character of the text, and for its end, the byte of the file where it begins."""
    from array import array

    offsets = array("Q", [document.bom])
    position = document.bom
    encoding = document.encoding
    for character in document.text:
        position += 1 if character < "\x80" else len(character.encode(encoding))
        offsets.append(position)
    return offsets


@dataclass(frozen=True, slots=True)
class AstRule:
    """A rule over syntax trees.

    Attributes:
        name: the module's name.
        languages: `Document.language`s it reads.
        kinds: node kinds that it is handed (https://ast-grep.github.io/playground.html shows them).
        find: yields hits for one node.
        needs: further kinds that its analyses look up through `FileContext.nodes`.
    """

    name: str
    languages: frozenset[str]
    kinds: frozenset[str]
    find: Callable[[Node, FileContext], Iterator[Hit]] = field(repr=False)
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EntryRule:
    """A rule over the entries of structured files; `languages` as in `AstRule`."""

    name: str
    languages: frozenset[str]
    find: Callable[[Document, Sequence[Entry], FileContext], Iterator[Hit]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule over the text of a file; `languages` as in `AstRule`."""

    name: str
    languages: frozenset[str]
    find: Callable[[Document, FileContext], Iterator[Hit]] = field(repr=False)


AnyRule: TypeAlias = AstRule | EntryRule | TextRule


@cache
def load_rules() -> tuple[AnyRule, ...]:
    """Import every module of `scan/rules/` and return the rules they expose, in the order of module names."""
    from llm_migrate.scan import rules as package

    found: list[AnyRule] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found += getattr(module, "RULES", ())
        if hasattr(module, "RULE"):
            found.append(module.RULE)
    return tuple(found)
