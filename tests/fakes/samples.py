"""An error answer of a vendor, as the vendor's own function builds it, with what the openai SDK shall make of it."""

from __future__ import annotations

from tests.fakes.server import Fault, RefusalError, Sample


def sample(refused: RefusalError, raises: str, code: str | None = None) -> Sample:
    """Return the sample of a refusal; its status, body and headers stay as they are."""
    reply = refused.reply
    return Sample(Fault(reply.status, reply.payload, tuple(reply.headers.items())), raises, code)
