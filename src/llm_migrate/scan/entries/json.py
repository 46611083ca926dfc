"""Reads JSON, with comments, trailing commas and single quotes where a file has them (JSONC, JSON5)."""

from __future__ import annotations

from collections.abc import Iterator

from llm_migrate.scan.entries.collector import Collector
from llm_migrate.scan.entries.flow import FlowReader
from llm_migrate.scan.entries.source import Source
from llm_migrate.scan.finding import Document, Entry


def read(document: Document) -> Iterator[Entry]:
    """Yield the scalars of a file; of one that is cut off, those before the cut."""
    source = Source(document)
    collector = Collector(source)
    reader = FlowReader(source.text, collector, yaml=False)
    position = 0
    while position < len(source.text):
        # JSON lines hold one value after another; anything else between them is passed over.
        position = max(reader.read(position, ()), position + 1)
    yield from collector.entries()
