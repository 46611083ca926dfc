"""Time zones by name, whatever zone the machine is in."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llm_migrate.errors import ConfigError


def load_zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database.

    Raises:
        ConfigError: no such zone, or the machine lacks the database.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # names with odd characters; "Asia" is a folder
        raise ConfigError(
            f"{name[:80]!r}: no such time zone: use a name like 'Asia/Shanghai' (no zone at all? pip install tzdata)"
        ) from None
