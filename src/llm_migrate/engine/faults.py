"""Errors of a call that no vendor has words for: the line was dead, or what came was no answer."""

from __future__ import annotations

from dataclasses import replace

from llm_migrate.config import Target
from llm_migrate.engine.steps import Failure, Result
from llm_migrate.wire.exchange import OpenAIError


def failed(result: Result, target: Target) -> OpenAIError:
    """Return the error for an attempt without an answer."""
    failure = result if isinstance(result, Failure) else Failure("ambiguous", "no answer")
    status, code = (504, "upstream_timeout") if failure.timed_out else (502, "upstream_unreachable")
    return OpenAIError(status, f"{target.name}: {failure.cause}", "upstream_error", None, code, failure.outcome)


def broken(target: Target, problem: str) -> OpenAIError:
    """Return the error for something that is no answer."""
    return OpenAIError(502, f"{target.name}: {problem}", "upstream_error", None, "upstream_invalid", "ambiguous")


def before_commit(error: OpenAIError) -> OpenAIError:
    """Return what a break means before the first content: an answer that never came."""
    return replace(error, status=502, outcome="ambiguous") if error.outcome == "cut" else error


def interrupted(error: OpenAIError) -> OpenAIError:
    """Return what a break means after the first content: the last event of the stream."""
    return replace(error, type="upstream_error", param=None, code="stream_interrupted", outcome="cut")
