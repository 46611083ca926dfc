"""Whether a file lies on a network, where locks between machines cannot be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs"}
)
_REMOTE_FUSE: Final = ("sshfs", "s3fs", "gcsfuse", "rclone", "glusterfs", "ceph", "juicefs", "goofys", "blobfuse")


def remote_kind(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """Return the kind of network file system that a path lies on; None if it lies on none, or nothing says so.

    Args:
        path: of a file that need not exist yet.
        mounts: Linux' table of what is mounted; other systems have none, and are not asked.
    """
    try:
        table = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    best: tuple[int, str] = (-1, "")
    real = path.expanduser().resolve()
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].encode("latin-1", "surrogateescape").decode("unicode_escape"))
        if real.is_relative_to(point) and len(point.parts) >= best[0]:
            best = len(point.parts), fields[2]
    kind = best[1]
    if kind in _REMOTE or (kind.startswith("fuse.") and kind[5:].startswith(_REMOTE_FUSE)):
        return kind
    return None
