"""Events of calls as records of the standard library's logging, and a formatter that writes them as JSON.

Records go to the logger `llm_migrate.calls`: failures at WARNING, what a caller gets at INFO, the rest at DEBUG. Each
has its fields in `record.event`. None holds a prompt, an answer, a key or an address.
"""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime
from typing import Final

import orjson

from llm_migrate.engine.events import Adapted, Began, CallEvent, Committed, Ended, Failed, Sent, Skipped
from llm_migrate.ledger.alert import Alert

_log: Final = logging.getLogger("llm_migrate.calls")
_LEVELS: Final[dict[type[CallEvent], int]] = {
    Began: logging.DEBUG,
    Skipped: logging.INFO,
    Adapted: logging.DEBUG,
    Sent: logging.DEBUG,
    Failed: logging.WARNING,
    Committed: logging.DEBUG,
    Ended: logging.INFO,
    Alert: logging.WARNING,
}


def log_event(event: CallEvent) -> None:
    """Log one event, if anybody listens at its level."""
    level = _LEVELS[type(event)]
    if _log.isEnabledFor(level):
        fields = dataclasses.asdict(event)
        said = " ".join(f"{name}={value}" for name, value in fields.items() if value not in (None, ""))
        _log.log(level, "%s %s", type(event).__name__.lower(), said, extra={"event": fields})


class JsonFormatter(logging.Formatter):
    """Writes each record as one line of JSON: time, level, logger, message, and an event's fields.

    For any logger; add it to a handler: `handler.setFormatter(llm_migrate.JsonFormatter())`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        event: dict[str, object] | None = getattr(record, "event", None)
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage() if event is None else record.getMessage().partition(" ")[0],
            **(event or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()
