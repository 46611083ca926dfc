"""Readers: name/value pairs of configuration files with the exact bytes of each value, one module a format."""

from llm_migrate.scan.entries.formats import FORMATS, read_entries

__all__ = ["FORMATS", "read_entries"]
