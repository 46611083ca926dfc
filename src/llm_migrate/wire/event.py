"""What a stream says to the engine, and how events are written for a caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from llm_migrate.wire.failure import OpenAIError

DONE: Final = b"data: [DONE]\n\n"


class Chunk(NamedTuple):  # cheaper to make than a frozen class, and made for every word of an answer
    """One complete chunk for the caller.

    Attributes:
        payload: its JSON, without "data: ".
        content: it carries text, reasoning, a refusal or a piece of a tool call.
        finish: it carries a finish reason.
        tool: it carries a piece of a tool or function call.
    """

    payload: bytes
    content: bool
    finish: bool
    tool: bool = False

    def __repr__(self) -> str:  # what a model said is nobody's business
        return f"Chunk(content={self.content}, finish={self.finish}, tool={self.tool})"


@dataclass(frozen=True, slots=True)
class Done:
    """A finish was seen and the stream is over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The stream broke off, said an error, or is not a stream; nothing follows."""

    error: OpenAIError


Event: TypeAlias = Chunk | Done | Fault


def encode_event(payload: bytes) -> bytes:
    """Return one server-sent event."""
    return b"data: " + payload + b"\n\n"


def error_event(error: OpenAIError) -> bytes:
    """Return the event that ends a stream which cannot be finished; no `[DONE]` follows it."""
    return encode_event(error.body())
