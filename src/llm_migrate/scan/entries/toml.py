"""Reads TOML: tables, dotted keys, arrays of tables, inline tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.entries.flow import ASSIGNMENT, unescape
from llm_migrate.scan.entries.source import Path, below
from llm_migrate.scan.finding import Document, Entry

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_TABLES: Final = frozenset({"table", "table_array_element"})
_KEYS: Final = frozenset({"bare_key", "quoted_key", "dotted_key"})


@dataclass(frozen=True, slots=True)
class _Item:
    node: Node
    path: Path
    start: int  # where the entry of this value begins: its key, or the item itself


def read(document: Document) -> Iterator[Entry]:
    """Yield the scalars of a file; of one with broken lines, what stands outside them.

    TOML is UTF-8: a file in another encoding yields nothing.
    """
    if document.encoding.lower().replace("_", "-") not in ("utf-8", "utf-8-sig", "ascii"):
        return
    body = document.data[document.bom :]
    waiting = [_Item(_parser().parse(body).root_node, (), 0)]
    while waiting:
        item = waiting.pop()
        if item.node.type == "string" or not item.node.named_children:
            entry = _entry(item, body, document.bom)
            if entry is not None:
                yield entry
        else:
            waiting += reversed(_inside(item))


@cache
def _parser() -> Parser:
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_toml.language()))


def _inside(item: _Item) -> list[_Item]:
    """Return what lies in a document, table, pair, array or inline table."""
    node, path = item.node, item.path
    children = [child for child in node.named_children if child.type not in ("comment", "ERROR")]
    if node.type in _TABLES or node.type == "pair":
        keys = [child for child in children if child.type in _KEYS]
        for key in keys[:1]:
            for name in _names(key):
                path = below(path, name)
        children = [child for child in children if child.type not in _KEYS]
        if node.type == "pair":
            return [_Item(child, path, node.start_byte) for child in children]
    return [_Item(child, path, child.start_byte) for child in children]


def _names(key: Node) -> list[str]:
    names: list[str] = []
    waiting = [key]
    while waiting:
        node = waiting.pop()
        if node.type == "dotted_key":
            waiting += reversed(node.named_children)
        else:
            names.append(_text(node).strip("\"'"))
    return names


def _entry(item: _Item, body: bytes, bom: int) -> Entry | None:
    node = item.node
    if node.type in ("document", "comment", "array", "inline_table", "ERROR", "pair", *_TABLES, *_KEYS):
        return None
    start, end, value = node.start_byte, node.end_byte, _text(node)
    if node.type == "string":
        quote = 3 if value.startswith(('"""', "'''")) else 1
        start, end = start + quote, end - quote
        if quote == 3:  # the line end behind the opening quotes is not part of the value
            start += len(body[start:end]) - len(_without_line_end(body[start:end]))
        raw = body[start:end].decode("utf-8", "replace")
        value = unescape(raw) if value[0] == '"' else raw
        named = ASSIGNMENT.match(value) if item.start == node.start_byte and raw == value else None
        if named is not None:  # an item of a list such as "NAME=value"
            path, begin = below(item.path, named.group(1)), start + named.end()
            return Entry(path, value[named.end() :], node.start_byte + bom, node.end_byte + bom, begin + bom, end + bom)
    return Entry(item.path, value, item.start + bom, node.end_byte + bom, start + bom, end + bom)


def _without_line_end(raw: bytes) -> bytes:
    return raw[2:] if raw.startswith(b"\r\n") else raw[1:] if raw.startswith(b"\n") else raw


def _text(node: Node) -> str:
    return node.text.decode("utf-8", "replace") if node.text is not None else ""
