"""Books in memory count for one process: a second one of the same configuration would keep books of its own."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Final

from llm_migrate.errors import LedgerError

try:
    import fcntl
except ImportError:  # Windows, where nobody is told
    fcntl = None  # type: ignore[assignment]

_kept: Final[dict[Path, int]] = {}  # held open, and so locked, until this process ends
_lock: Final = threading.Lock()


def keep_alone(config: Path) -> None:
    """Keep the books of a configuration to this process, until it ends.

    Raises:
        LedgerError: another process keeps them in memory already.
    """
    if fcntl is None:
        return
    with _lock:
        path = config.resolve()
        if path in _kept:
            return
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        owner = os.getuid() if hasattr(os, "getuid") else 0
        file = Path(tempfile.gettempdir()) / f"llm-migrate-{owner}-{name}.lock"
        try:
            descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return  # no place to tell others: as on systems without such locks
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise LedgerError(
                "ledger.url: another process of this configuration keeps its books in memory, so no limit would hold"
                " for both: name a file or a server"
            ) from None
        _kept[path] = descriptor
