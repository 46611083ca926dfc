"""Which module speaks which API shape: one row a dialect.

A dialect that is OpenAI's own shape reads nothing by itself; the others also turn answers and events into OpenAI's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from llm_migrate.catalog.policy import Policy
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table
from llm_migrate.wire.dialects import ernie_v1, hunyuan_tc3, openai_chat, sensenova_v1


class Dialect(Protocol):
    """What a module of `dialects` offers."""

    def write_url(self, target: Target, call: Call, *, model: str) -> str:
        """Return the whole address for a call."""
        ...

    def write_headers(self, call: Call) -> tuple[tuple[str, str], ...]:
        """Return all headers but the proof of who calls."""
        ...

    def write_body(self, target: Target, call: Call, out: Table, policy: Policy, /) -> Table:
        """Return the request's JSON in the vendor's shape.

        Args:
            target: whose.
            call: what was asked.
            out: the request with every ruling applied, in OpenAI's shape; may be changed.
            policy: whose rules.

        Raises:
            RefusedError: it cannot be said in this shape.
        """
        ...


class Reader(Protocol):
    """What a dialect of another shape than OpenAI's offers besides.

    What it returns need not be complete: R11 is kept for all dialects alike. A failure comes back as `{"error": ...}`,
    or as it is where `find_failure` knows its form.
    """

    def read_answer(self, body: Table, call: Call, /) -> Table:
        """Return a whole answer as a chat completion."""
        ...

    def read_event(self, event: Table, call: Call, /) -> Table:
        """Return one event of a stream as a chunk."""
        ...


DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai-chat": openai_chat,
    "ernie-v1": ernie_v1,
    "hunyuan-tc3": hunyuan_tc3,
    "sensenova-v1": sensenova_v1,
}
READERS: Final[Mapping[str, Reader]] = {
    "ernie-v1": ernie_v1,
    "hunyuan-tc3": hunyuan_tc3,
    "sensenova-v1": sensenova_v1,
}
