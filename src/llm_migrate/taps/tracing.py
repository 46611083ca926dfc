"""Calls as OpenTelemetry spans, with the attribute names of its conventions for generative AI.

One span a call, in the caller's context; each request, failure and skipped target is an event on it. No prompt, answer,
key or address is an attribute.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from llm_migrate.engine.events import Adapted, Began, CallEvent, Committed, Ended, Failed, Listener, Sent, Skipped
from llm_migrate.errors import MissingExtraError
from llm_migrate.ledger.alert import Alert

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

_OPEN: Final = 10_000  # spans of calls under way; a stream that its caller dropped never says that it is over
_OPERATIONS: Final = {"chat": "chat", "embeddings": "embeddings"}


def otel_listener(tracer_provider: TracerProvider | None = None) -> Listener:
    """Return a listener that makes a span of each call: `load_config().with_listener(otel_listener())`.

    Args:
        tracer_provider: the program's; the global one if None.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry import trace
    except ImportError as e:
        raise MissingExtraError("otel_listener", "otel") from e
    from llm_migrate._version import __version__

    tracer = trace.get_tracer("llm_migrate", __version__, tracer_provider)
    return _Spans(tracer.start_span).listen


class _Spans:
    """The spans of calls under way."""

    def __init__(self, start: Callable[..., Span]) -> None:
        self._start = start
        self._spans: OrderedDict[str, Span] = OrderedDict()
        self._lock = threading.Lock()

    def listen(self, event: CallEvent) -> None:
        """Take in one event."""
        if isinstance(event, Began):
            self._begin(event)
            return
        if isinstance(event, Alert):
            return  # of no one call
        with self._lock:
            span = self._spans.pop(event.call_id, None) if isinstance(event, Ended) else self._spans.get(event.call_id)
        if span is None:
            return
        if isinstance(event, Ended):
            _end(span, event)
        else:
            _tell(span, event)

    def _begin(self, event: Began) -> None:
        from opentelemetry.trace import SpanKind

        operation = _OPERATIONS.get(event.api, event.api)
        span = self._start(f"{operation} {event.asked}", kind=SpanKind.CLIENT)
        span.set_attribute("gen_ai.operation.name", operation)
        span.set_attribute("gen_ai.request.model", event.asked)
        span.set_attribute("llm_migrate.stream", event.stream)
        with self._lock:
            self._spans[event.call_id] = span
            dropped = self._spans.popitem(last=False)[1] if len(self._spans) > _OPEN else None
        if dropped is not None:
            dropped.set_attribute("error.type", "abandoned")
            dropped.end()


def _tell(span: Span, event: Skipped | Adapted | Sent | Failed | Committed) -> None:
    if isinstance(event, Sent):
        span.set_attribute("gen_ai.provider.name", event.provider)
    fields = dataclasses.asdict(event)
    said = {f"llm_migrate.{name}": value for name, value in fields.items() if name != "call_id" and value is not None}
    span.add_event(type(event).__name__.lower(), said)


def _end(span: Span, event: Ended) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attribute("llm_migrate.attempts", event.attempts)
    span.set_attribute("http.response.status_code", event.status)
    if event.target is not None:
        span.set_attribute("llm_migrate.target", event.target)
    if event.model is not None:
        span.set_attribute("gen_ai.response.model", event.model)
    for ours, theirs in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        count = (event.usage or {}).get(ours)
        if isinstance(count, int):
            span.set_attribute(f"gen_ai.usage.{theirs}", count)
    if event.outcome != "ok":
        span.set_attribute("error.type", event.outcome)
        span.set_status(StatusCode.ERROR)
    span.end()
