"""Reads a text as the scanner would, puts a new value into each entry, and compares with an independent parser."""

from __future__ import annotations

import codecs
import importlib
from collections.abc import Callable, Iterator

from llm_migrate.scan.finding import Document, Entry

Json = object


def document(data: bytes | str, language: str, encoding: str = "utf-8") -> Document:
    raw = data.encode(encoding) if isinstance(data, str) else data
    bom = 3 if raw.startswith(codecs.BOM_UTF8) else 0
    return Document("x", raw, raw[bom:].decode(encoding), encoding, bom, language)


def read(data: bytes | str, language: str, encoding: str = "utf-8") -> list[Entry]:
    module = importlib.import_module(f"llm_migrate.scan.entries.{language}")
    return list(module.read(document(data, language, encoding)))


def pairs(data: bytes | str, language: str) -> list[tuple[str, str]]:
    """Return each entry as its dotted path and its value."""
    return [(".".join(entry.path), entry.value) for entry in read(data, language)]


def spliced(data: bytes, entry: Entry, value: str) -> bytes:
    return data[: entry.value_start] + value.encode() + data[entry.value_end :]


def leaves(node: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Yield the scalars of what a parser returned, list indices left out."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, path)
    else:
        yield path, node


def assert_edits_hold(data: bytes, language: str, parse: Callable[[bytes], Json], value: str = "nEw-1.5") -> int:
    """Put a value into each entry in turn: an independent parser must see that change and no other."""
    before = list(leaves(parse(data)))
    edited = 0
    for entry in read(data, language):
        if entry.value_start < 0:
            continue
        after = list(leaves(parse(spliced(data, entry, value))))
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) == 1, (entry, changed)
        (old_path, _), (new_path, new) = changed[0]
        assert old_path == new_path
        assert str(new) == value or str(new) == f"{entry.path[-1]}={value}", entry
        edited += 1
    return edited
