"""Strict vendor servers on real loopback ports, written from the vendors' documentation.

with fake("zhipu") as server:
    ... server.base_url, server.env, server.requests, server.script(Fault(status=503)) ...
"""

from __future__ import annotations

from tests.fakes.answers import FILTERED, UNDECIDED
from tests.fakes.server import Fault, Request, Server, fake

__all__ = ["FILTERED", "UNDECIDED", "Fault", "Request", "Server", "fake"]
