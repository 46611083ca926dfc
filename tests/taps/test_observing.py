"""What a program can see of its calls: logs, events, spans; never a prompt, a key or an address (S3)."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llm_migrate
from llm_migrate.config import load_config
from llm_migrate.engine.events import CallEvent
from llm_migrate.taps.logs import JsonFormatter
from llm_migrate.taps.tracing import otel_listener
from tests.engine.script import END, ROLE, STOP, WORD
from tests.fakes import Fault, Server, fake
from tests.taps.loopback import Handler, events, loopback

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "canary-prompt"}], "temperature": 1.5}
LIMITED = Fault(429, {"error": {"type": "rate_limit_reached_error", "message": "canary-prompt was too much"}})


@pytest.fixture
def kimi() -> Iterator[Server]:
    with fake("kimi") as server:
        yield server


@pytest.fixture
def path(kimi: Server, tmp_path: Path) -> Path:
    file = tmp_path / "llm-migrate.toml"
    file.write_text(
        f'[targets.kimi]\nprovider = "kimi"\nbase_url = "{kimi.base_url}"\napi_key = "plain:canary-key"\n'
        '[models."gpt-4o"]\nkimi = "kimi-k2.6"\n'
    )
    return file


@pytest.fixture
def spans() -> tuple[TracerProvider, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def test_a_log_line_is_json_with_the_event_s_fields(path, caplog):
    """The formatter writes what happened as fields, and nothing of what was said."""
    caplog.set_level(logging.DEBUG, "llm_migrate")
    with llm_migrate.OpenAI(config=path) as client:
        client.chat.completions.create(**ASK)

    written = [JsonFormatter().format(record) for record in caplog.records]
    ended = next(line for line in map(json.loads, written) if line["message"] == "ended")
    assert (ended["level"], ended["target"], ended["outcome"], ended["attempts"]) == ("INFO", "kimi", "ok", 1)
    assert ended["usage"]["total_tokens"] > 0
    assert ended["time"].endswith("+00:00")
    assert "canary" not in "".join(written)
    assert "127.0.0.1" not in "".join(written)


def test_an_exception_in_a_log_line_stays_one_line():
    """Multi-line traces do not break the format."""
    try:
        raise ValueError("x")
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "bad", (), sys.exc_info())

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert "ValueError" in json.loads(line)["exception"]


def test_a_listener_is_told_of_each_decision(path, kimi):
    """One typed event each, in order, under one call id."""
    events: list[CallEvent] = []
    kimi.script(Fault(500, {"error": {"type": "server_error", "message": "canary"}}))

    with llm_migrate.OpenAI(config=load_config(path).with_listener(events.append)) as client:
        client.chat.completions.create(**ASK)

    assert [type(e).__name__ for e in events if type(e).__name__ != "Adapted"] == [
        *("Began", "Sent", "Failed", "Sent", "Ended")
    ]
    assert len({event.call_id for event in events}) == 1
    assert "canary" not in repr(events)


def test_a_listener_that_fails_harms_nobody(path, caplog):
    """Its error is logged, and the call goes on."""

    def broken(event: CallEvent) -> None:
        raise RuntimeError("listener")

    with llm_migrate.OpenAI(config=load_config(path).with_listener(broken)) as client:
        assert client.chat.completions.create(**ASK).choices

    assert "the listener for events failed" in caplog.text


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_a_call_is_a_span_in_the_caller_s_context(path, spans):
    """Names and attributes follow OpenTelemetry's conventions for generative AI."""
    provider, exporter = spans
    config = load_config(path).with_listener(otel_listener(provider))

    with (
        provider.get_tracer("program").start_as_current_span("work") as work,
        llm_migrate.OpenAI(config=config) as client,
    ):
        client.chat.completions.create(**ASK)

    (span, _) = exporter.get_finished_spans()
    assert span.name == "chat gpt-4o"
    assert span.parent is not None and span.parent.span_id == work.get_span_context().span_id
    found = attributes(span)
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "kimi"
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("gpt-4o", "kimi-k2.6")
    assert found["gen_ai.usage.input_tokens"] > 0
    assert span.status.is_ok or span.status.is_unset
    assert {event.name for event in span.events} == {"adapted", "sent"}
    assert "canary" not in span.to_json()


def test_a_failed_call_is_a_failed_span(path, kimi, spans):
    """With the class of the failure as its type, and one event for each try."""
    provider, exporter = spans
    kimi.script(*[LIMITED] * 3)
    config = load_config(path).with_listener(otel_listener(provider))

    with llm_migrate.OpenAI(config=config, max_retries=0) as client, pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**ASK)

    (span,) = exporter.get_finished_spans()
    assert not span.status.is_ok
    assert attributes(span)["error.type"] == "limited"
    assert "canary" not in span.to_json()
    assert [event.name for event in span.events].count("failed") == 1


def test_a_stream_is_a_span_until_its_end(tmp_path, monkeypatch, spans):
    """It ends with the stream, not with the head of the answer, and notes the first content."""
    monkeypatch.chdir(tmp_path)
    provider, exporter = spans
    seen = threading.Event()

    def later(to: Handler) -> None:
        seen.wait(10)
        to.piece(STOP + END)
        to.wfile.write(b"0\r\n\r\n")

    with loopback(events(ROLE, WORD, then=later)) as server:
        config = load_config(base_url=server.base_url, api_key="k").with_listener(otel_listener(provider))
        with llm_migrate.OpenAI(config=config) as client:
            stream = client.chat.completions.create(**ASK, stream=True)
            next(iter(stream))
            assert exporter.get_finished_spans() == ()
            seen.set()
            for _ in stream:
                pass

    (span,) = exporter.get_finished_spans()
    assert "committed" in [event.name for event in span.events]
