"""A small ASGI wrapper over the engine, on a loopback port: what any HTTP client in any language would talk to.

Run by hand: python -m tests.e2e.wrapper VENDOR (prints the address; the key is `KEY`).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from llm_migrate.config import load_config
from llm_migrate.engine.async_driver import AsyncRun
from llm_migrate.taps.tap import Asked, Tap
from llm_migrate.taps.way import AsyncWay
from tests.fakes import fake
from tests.fakes.served import SERVED

KEY = "sk-of-the-wrapper"
_DENIED = {"message": "Incorrect API key", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}


@contextmanager
def wrapped(name: str) -> Iterator[str]:
    """Run a fake vendor with the engine in front of it; give the base URL of the wrapper."""
    served = SERVED[name]
    with fake(served.fake) as server, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "llm-migrate.toml"
        models = f'[models."gpt-4o"]\n{served.fake} = "{served.models[0]}"\n'
        if served.embedding:
            models += f'[models."text-embedding-3-small"]\n{served.fake} = "{served.embedding}"\n'
        path.write_text(served.lines(server.address) + models)
        with _serving(Tap(load_config(path))) as address:
            yield f"{address}/v1"


@contextmanager
def _serving(tap: Tap) -> Iterator[str]:
    config = uvicorn.Config(_app(tap), host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def _app(tap: Tap) -> Any:
    way = AsyncWay()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        content, more = b"", True
        while more:
            message = await receive()
            content, more = content + message.get("body", b""), message.get("more_body", False)
        if headers.get("authorization") != f"Bearer {KEY}":
            await _answer(send, 401, [("content-type", "application/json")], json.dumps({"error": _DENIED}).encode())
            return
        run = AsyncRun(tap.open(Asked(scope["method"], scope["path"], content, {})), way.upstream(), way.sleep)
        reply = await run.start()
        if reply.body is not None:
            await _answer(send, reply.status, list(reply.headers), reply.body)
            return
        await _start(send, reply.status, list(reply.headers))
        async for events in run:
            await send({"type": "http.response.body", "body": events, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        await run.close()

    return app


async def _answer(send: Any, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    await _start(send, status, headers)
    await send({"type": "http.response.body", "body": body})


async def _start(send: Any, status: int, headers: list[tuple[str, str]]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})


if __name__ == "__main__":
    with wrapped(sys.argv[1]) as base_url:
        print(base_url, KEY, flush=True)
        threading.Event().wait()
