"""The vendors of July 2024, each on a loopback port: the strict fakes of this repository, with the models of that time.

The fakes know the models of today and count what they are sent. Here a request is handed to them with a short text and a
model that they know, and the answer says how many tokens the whole text was: one for each letter and each line end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.fakes import Request, Server
from tests.fakes.served import SERVED
from tests.fakes.server import RefusalError, Reply, load_vendor

# Vendor -> a model that its fake knows, in place of the one of 2024.
MODELS = {
    "openai": "gpt-4o-2024-05-13",
    "zhipu": "glm-4.7",
    "qwen": "qwen-plus",
    "ernie": "ernie-5.1",
    "hunyuan": "hy3",
    "sensenova": "deepseek-v4-pro",
}
ANSWER_TOKENS = 2_000
# What OpenAI answers to a region that it does not serve, as people saw it in 2024.
BLOCKED = {
    "error": {
        "code": "unsupported_country_region_territory",
        "message": "Country, region, or territory not supported",
        "param": None,
        "type": "request_forbidden",
    }
}


class Town:
    """All vendors, and what they answer."""

    def __init__(self) -> None:
        self.blackout = False
        self.addresses: dict[str, str] = {}
        self.servers: list[Server] = []
        self.keys = {served.fake: served.key for served in SERVED.values()}

    def forget(self) -> None:
        """Let go of the requests that came; the long texts of a month would fill the memory."""
        for server in self.servers:
            server.requests.clear()

    def answer(self, vendor: str, usual: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        """Return how a vendor answers."""

        def answer(request: Request) -> Reply:
            if vendor == "openai" and self.blackout:
                raise RefusalError(403, BLOCKED)
            body = request.body
            text = body["messages"][-1]["content"]
            small = {"model": MODELS[vendor], "messages": [{"role": "user", "content": text[:80]}]}
            reply = usual(dataclasses.replace(request, raw=json.dumps(small).encode()))
            payload: dict[str, Any] = {**reply.payload, "model": body["model"]}
            counted = {"prompt_tokens": len(text), "completion_tokens": ANSWER_TOKENS}
            payload["usage"] = {**payload["usage"], **counted, "total_tokens": len(text) + ANSWER_TOKENS}
            return dataclasses.replace(reply, payload=payload)

        return answer


@contextlib.contextmanager
def town() -> Iterator[Town]:
    """Open all vendors for the time of the block."""
    found = Town()
    with contextlib.ExitStack() as stack:
        for name in MODELS:
            vendor = load_vendor(name)
            server = Server(dataclasses.replace(vendor, answer=found.answer(name, vendor.answer)))
            server.start()
            stack.callback(server.close)
            found.servers.append(server)
            found.addresses[name] = server.base_url
        yield found
