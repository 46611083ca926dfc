"""What carries an async call: the given client, else plain connections, else (not under asyncio) httpx2."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llm_migrate.engine.upstream import AsyncUpstream

if TYPE_CHECKING:
    from llm_migrate.engine.async_pooled_upstream import AsyncPooledUpstream
    from llm_migrate.engine.httpx_upstream import AsyncHttpxUpstream


class AsyncWay:
    """The way out of one async client."""

    def __init__(self, given: AsyncUpstream | None = None) -> None:
        self._given = given
        self._pooled: AsyncPooledUpstream | None = None
        self._httpx: AsyncHttpxUpstream | None = None

    def upstream(self) -> AsyncUpstream:
        """Return the client for the event loop that runs now."""
        if self._given is not None:
            return self._given
        if not _under_asyncio():
            if self._httpx is None:
                from llm_migrate.engine.httpx_upstream import AsyncHttpxUpstream

                self._httpx = AsyncHttpxUpstream()
            return self._httpx
        if self._pooled is None:
            from llm_migrate.engine.async_pooled_upstream import AsyncPooledUpstream

            self._pooled = AsyncPooledUpstream()
        return self._pooled

    async def sleep(self, seconds: float) -> None:
        """Wait on whichever loop runs."""
        if _under_asyncio():
            await asyncio.sleep(seconds)
        else:
            import anyio

            await anyio.sleep(seconds)

    async def close(self) -> None:
        """Close what this client alone uses."""
        for upstream in (self._given, self._httpx):
            if upstream is not None:
                await upstream.close()


def _under_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
