"""Add a table at the end of `llm-migrate.toml`; what is there keeps every byte."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from llm_migrate.config.load import load_config
from llm_migrate.config.toml_text import Value, table_lines
from llm_migrate.errors import ConfigError, UsageError


def append_table(place: Path, path: tuple[str, ...], values: Mapping[str, Value], *, dry_run: bool) -> str:
    """Write a table behind all others, in one step, if the file is sound with it.

    Args:
        place: the file; a link keeps pointing where it does.
        path: keys down to the table.
        values: in the order of writing.
        dry_run: only look whether it would be sound.

    Returns:
        A diff of the added lines. Lines around them are left out, as they may hold a key.

    Raises:
        ConfigError: it would not be sound; the file is as it was.
        UsageError: a text that is no Unicode, or somebody else changed the file just now.
    """
    real = place.resolve()
    old = real.read_bytes()
    added = _added(old, path, values)
    _replace(real, old, old + added, dry_run=dry_run)
    return _diff(place.name, old, added)


def _added(old: bytes, path: tuple[str, ...], values: Mapping[str, Value]) -> bytes:
    """Return the bytes to add, with the line ends of the file."""
    end = b"\r\n" if old.count(b"\r\n") * 2 > old.count(b"\n") else b"\n"
    try:
        lines = [line.encode() for line in table_lines(path, values)]
    except UnicodeEncodeError:
        raise UsageError("an argument is not valid Unicode") from None
    before = b"" if not old or old.endswith(b"\n") else end
    gap = b"" if not old or old.endswith((b"\n\n", b"\n\r\n")) else end
    return before + gap + b"".join(line + end for line in lines)


def _replace(real: Path, old: bytes, new: bytes, *, dry_run: bool) -> None:
    """Put the new text in the place of the old one, once it has been loaded."""
    found = real.stat()
    handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=None if dry_run else real.parent)
    staged = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        try:
            load_config(staged)
        except ConfigError as e:
            raise type(e)(str(e).replace(str(staged), str(real))) from None
        if dry_run:
            return
        with contextlib.suppress(PermissionError, AttributeError):  # only root may give files away
            os.chown(staged, found.st_uid, found.st_gid)
        staged.chmod(stat.S_IMODE(found.st_mode))
        if real.read_bytes() != old:
            raise UsageError(f"{real}: somebody else changed it just now; run it again")
        staged.replace(real)
    finally:
        staged.unlink(missing_ok=True)


def _diff(name: str, old: bytes, added: bytes) -> str:
    lines = added.decode().splitlines()
    if old and not old.endswith(b"\n"):
        lines = lines[1:]  # the end of what was the last line
    last = len(old.splitlines())
    return f"--- a/{name}\n+++ b/{name}\n@@ -{last},0 +{last + 1},{len(lines)} @@\n" + "".join(
        f"+{line}\n" for line in lines
    )
