"""What a driver needs of an HTTP client; nothing else knows which client carries a call."""

from __future__ import annotations

from typing import Protocol

from llm_migrate.engine.steps import Failure, Head
from llm_migrate.wire.exchange import Outgoing


class Exchange(Protocol):
    """An answer that is being read."""

    @property
    def head(self) -> Head:
        """Status and headers."""
        ...

    def read(self, until: float) -> bytes | Failure:
        """Return the next bytes as they come, content coding untouched; empty at the end."""
        ...

    def close(self, *, whole: bool = False) -> None:
        """Give the connection back: for reuse when the answer is over, else closed.

        Args:
            whole: the last event was seen, so the end of the body is due any moment.
        """
        ...

    def abandon(self) -> None:
        """Have it closed soon; for finalizers, so it takes no lock and waits for nothing."""
        ...


class Upstream(Protocol):
    """Sends requests."""

    def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> Exchange | Failure:
        """Send one request, follow no redirect, and return when the head of the answer is there."""
        ...

    def close(self) -> None:
        """Close what is open; a later `send` opens anew."""
        ...


class AsyncExchange(Protocol):
    """An answer that is being read."""

    @property
    def head(self) -> Head:
        """Status and headers."""
        ...

    async def read(self, until: float) -> bytes | Failure:
        """Return the next bytes as they come, content coding untouched; empty at the end."""
        ...

    async def close(self, *, whole: bool = False) -> None:
        """Give the connection back: for reuse when the answer is over, else closed."""
        ...

    def abandon(self) -> None:
        """Have it closed soon, from any thread and any loop; takes no lock and waits for nothing."""
        ...


class AsyncUpstream(Protocol):
    """Sends requests on the running event loop."""

    async def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> AsyncExchange | Failure:
        """Send one request, follow no redirect, and return when the head of the answer is there."""
        ...

    async def close(self) -> None:
        """Close what is open; a later `send` opens anew."""
        ...
