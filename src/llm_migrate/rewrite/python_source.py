"""A Python file as a syntax tree whose nodes know their bytes."""

from __future__ import annotations

import ast
import re
from typing import Final, TypeVar

from llm_migrate.scan.finding import Document

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_NodeT = TypeVar("_NodeT", bound=ast.AST)


class PythonSource:
    """A parsed file.

    Attributes:
        document: the file.
        tree: its syntax tree.
        newline: how its lines end.
        quote: the quote that it prefers.
        width: columns that a line may have: 100, or 120 where the file goes beyond that itself.
    """

    def __init__(self, document: Document) -> None:
        """Parse a document that is known to compile."""
        self.document = document
        self.tree = ast.parse(document.text)
        self._lines = [line for line in _LINE.findall(document.text) if line]
        self._starts = [document.bom]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line.encode(document.encoding)))
        self._parents: dict[ast.AST, ast.AST] = {}
        self._constants: list[tuple[int, int, ast.Constant]] = []
        self._calls: dict[tuple[int, int], ast.Call] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._constants.append((*self.span(node), node))
            elif isinstance(node, ast.Call):
                self._calls[self.span(node)] = node
        ends = re.search(r"\r\n|\r|\n", document.text)
        self.newline = ends[0] if ends else "\n"
        self.width = 120 if any(len(line) > 102 for line in self._lines) else 100
        self.quote = "'" if document.text.count("'") > document.text.count('"') else '"'

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the first byte of a node and the byte after it."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        end_line, end_column = getattr(node, "end_lineno", line), getattr(node, "end_col_offset", column)
        return self._byte(line, column), self._byte(end_line, end_column)

    def line_start(self, line: int) -> int:
        """Return the first byte of a 1-based line; behind the last line, the end of the file."""
        return self._starts[min(line - 1, len(self._lines))]

    def line_text(self, line: int) -> str:
        """Return a 1-based line without its end."""
        return self._lines[line - 1].rstrip("\r\n") if line <= len(self._lines) else ""

    def source(self, node: ast.AST) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.document.data[start:end].decode(self.document.encoding)

    def encode(self, text: str) -> bytes:
        """Return text as bytes of this file, its lines ending as the file's do."""
        return text.replace("\n", self.newline).encode(self.document.encoding)

    def constant_at(self, start: int, end: int) -> ast.Constant | None:
        """Return the innermost string that holds a range of bytes."""
        held = [(e - s, node) for s, e, node in self._constants if s <= start and end <= e]
        return min(held, key=lambda pair: pair[0])[1] if held else None

    def call_at(self, start: int, end: int) -> ast.Call | None:
        """Return the call that is exactly a range of bytes, or the innermost one around it."""
        if (start, end) in self._calls:
            return self._calls[start, end]
        held = [(e - s, node) for (s, e), node in self._calls.items() if s <= start and end <= e]
        return min(held, key=lambda pair: pair[0])[1] if held else None

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node around one."""
        return self._parents.get(node)

    def enclosing(self, node: ast.AST, kind: type[_NodeT]) -> _NodeT | None:
        """Return the nearest node of a kind around one."""
        above = self._parents.get(node)
        while above is not None and not isinstance(above, kind):
            above = self._parents.get(above)
        return above

    def _byte(self, line: int, column: int) -> int:
        """Turn a line and a column in UTF-8 bytes, as `ast` counts, into a byte of the file."""
        if line > len(self._lines):
            return self._starts[-1]
        text = self._lines[line - 1]
        if text.isascii() and len(text) == self._starts[line] - self._starts[line - 1]:
            return self._starts[line - 1] + column
        before = text.encode("utf-8")[:column].decode("utf-8", "replace")
        return self._starts[line - 1] + len(before.encode(self.document.encoding))
