"""What goes to a vendor, and what comes back whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_migrate.catalog.policy import Ruling
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Secret
from llm_migrate.wire.memory import Reasoning


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request, ready to be sent.

    Attributes:
        method: HTTP method.
        url: whole address.
        headers: all that the vendor needs; nothing of the caller's own.
        body: JSON; empty for GET.
        stream: whether events are expected.
        model: the vendor's id.
        rulings: what the judge said of the request.
        adapted: what was changed, for the header `x-llm-migrate-adapted`; "" if nothing.
        now_s: Unix time of the request, for answers that carry none.
        secrets: the credential and what stands in for it, so that no answer that repeats them is passed on.
        inputs: how many texts it embeds.
        others: further requests that say the rest of the same call.
        memory: where what the model thinks before it calls tools is kept for later; None where nobody wants it.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    stream: bool
    model: str
    rulings: tuple[Ruling, ...] = ()
    adapted: str = ""
    now_s: float = 0.0
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    inputs: int = 1
    others: tuple[Outgoing, ...] = field(default=(), repr=False)
    memory: Reasoning | None = field(default=None, repr=False)

    def made_up_id(self, prefix: str) -> str:
        """Return an id for an answer that has none; the same one for the same request."""
        seed = self.body + repr(self.now_s).encode()
        return prefix + hashlib.blake2b(seed, digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer in OpenAI's form.

    Attributes:
        body: complete and typed JSON.
        usage: what the vendor counted; None if it said nothing.
    """

    body: bytes = field(repr=False)
    usage: Mapping[str, JsonValue] | None
