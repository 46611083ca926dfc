"""What may go wrong at a target, as the bytes and failures that a call would be told of: scripts for a rehearsal.

A vendor's refusal is said with a code of its own error table where the table has one, so that the judge has to find
out what it means, as it does for a real one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from llm_migrate.catalog.schema import Api, ErrorRule
from llm_migrate.config import Target
from llm_migrate.engine.steps import Failure, Head, Result
from llm_migrate.errors import UsageError
from llm_migrate.wire.exchange import DONE, Call, OpenAIError, Outcome, Outgoing, read_answer

# A head and the pieces of the body behind it, or a failure in place of any of them.
Script: TypeAlias = tuple[Result, ...]
_Refusal: TypeAlias = tuple[Head, bytes]

_JSON: Final = Head(200, {"content-type": "application/json"})
_STREAM: Final = Head(200, {"content-type": "text/event-stream"})
_RESET: Final = Failure("ambiguous", "the connection was reset")
_LATE: Final = Failure("ambiguous", "no answer within the time limit", timed_out=True)
_WORDS: Final = "(the vendor's words)"
_PAGE: Final = b"<html><h1>Access denied</h1></html>"
_BLOCKED: Final = b"<html><h1>Country, region, or territory not supported</h1></html>"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where something goes wrong.

    Attributes:
        target: whose answer it is.
        api: which API is asked.
        stream: whether events are expected.
        retry_after_s: what a refusal asks for; None for nothing.
    """

    target: Target
    api: Api
    stream: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that may go wrong.

    Attributes:
        word: how it is asked for.
        says: what the target does, as the end of a sentence.
        script: what a call is told.
    """

    word: str
    says: str
    script: Callable[[Scene], Script]


def find_mishap(text: str) -> Mishap:
    """Return what a status or a word means.

    Raises:
        UsageError: neither; the message lists the words.
    """
    word = text.strip().lower().replace("_", "-").replace(" ", "-")
    if word.isdigit():
        status = int(word)
        if not 300 <= status <= 599:
            raise UsageError(f"--explain {text}: a status of an error lies between 300 and 599")
        return Mishap(word, f"answers with status {status}", lambda scene: _refused(scene, status, {}))
    found = MISHAPS.get(_SAME_AS.get(word, word))
    if found is None:
        near = difflib.get_close_matches(word, [*MISHAPS, *_SAME_AS], n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"--explain {text}: no such error{hint}; a status, or one of: {', '.join(MISHAPS)}")
    return found


def good(scene: Scene) -> Script:
    """Return what a call is told when all goes well."""
    if scene.api == "embeddings":
        row = {"object": "embedding", "index": 0, "embedding": [0.5]}
        return _JSON, _encoded({"object": "list", "model": "m", "data": [row], "usage": _USAGE})
    if scene.stream:
        return _STREAM, _FIRST, _event({}, "stop"), DONE
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    return _JSON, _encoded({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE})


def _line(failure: Failure) -> Callable[[Scene], Script]:
    return lambda _scene: (failure,)


def _broken_off(failure: Failure) -> Callable[[Scene], Script]:
    """Begin a good answer and end it with a failure: a stream behind its first word."""

    def script(scene: Scene) -> Script:
        head, first, *_ = good(scene)
        piece = first if scene.stream or not isinstance(first, bytes) else first[: len(first) // 2]
        return head, piece, failure

    return script


def _page(status: int, page: bytes) -> Callable[[Scene], Script]:
    return lambda _scene: (Head(status, {"content-type": "text/html"}), page)


def _nothing(scene: Scene) -> Script:
    return (_STREAM,) if scene.stream else (_JSON, _encoded({**_HEAD, "object": "chat.completion", "choices": []}))


def _said(outcome: Outcome, status: int, code: str | None = None) -> Callable[[Scene], Script]:
    """Refuse in the vendor's own words if its table has some that mean this, else in OpenAI's."""

    def script(scene: Scene) -> Script:
        scripts = [_refused(scene, *words) for words in _words(scene.target, outcome, status, code)]
        fitting = (one for one in scripts if _means(scene.target, one, outcome, code))
        return next(fitting, _refused(scene, status, {"code": code}))

    return script


def _words(
    target: Target, outcome: Outcome, status: int, code: str | None
) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    for rule in target.provider.errors:
        if rule.outcome == outcome and (code not in _MEANT or rule.to_code == code):
            yield (rule.status[0] if rule.status else status), _example(rule)
    # A row that goes by the status alone speaks before OpenAI's codes do, so another status may be needed.
    for other in (status, *_OTHERS):
        yield other, {"code": code}


def _example(rule: ErrorRule) -> Mapping[str, str | None]:
    """Return an error that a row of a table fits."""
    code, type_ = (globs[0].replace("*", "") if globs else None for globs in (rule.code, rule.type))
    return {"message": rule.text[0] if rule.text else _WORDS, "code": code, "type": type_}


def _means(target: Target, script: _Refusal, outcome: Outcome, code: str | None) -> bool:
    head, body = script
    call, outgoing = Call("chat", "/chat/completions", {}, ""), Outgoing("POST", "", (), b"", stream=False, model="")
    judged = read_answer(target, call, outgoing, head.status, head.headers, body)
    if not isinstance(judged, OpenAIError) or judged.outcome != outcome:
        return False
    return code not in _MEANT or judged.code == code


def _refused(scene: Scene, status: int, words: Mapping[str, str | None]) -> _Refusal:
    error = {"message": _WORDS, "type": None, "param": None, "code": None, **words}
    wait = {} if scene.retry_after_s is None else {"retry-after": f"{scene.retry_after_s:g}"}
    return Head(status, {"content-type": "application/json", **wait}), _encoded({"error": error})


_OTHERS: Final = (402, 451, 422, 403)
# Codes on which the next step depends, so that another refusal of the same class does not stand in for them.
_MEANT: Final = frozenset({"context_length_exceeded", "model_not_found", "invalid_request"})

MISHAPS: Final[Mapping[str, Mishap]] = {
    mishap.word: mishap
    for mishap in (
        Mishap("refused", "refuses the connection", _line(Failure("unsent", "the connection was refused"))),
        Mishap("dns", "has a name that does not resolve", _line(Failure("unsent", "its host name cannot be resolved"))),
        Mishap(
            "tls", "shows a certificate that has expired", _line(Failure("unsent", "its TLS certificate has expired"))
        ),
        Mishap(
            "connect-timeout",
            "lets nobody connect",
            _line(Failure("unsent", "no connection within the time limit", timed_out=True)),
        ),
        Mishap("reset", "breaks the connection off before an answer", _line(_RESET)),
        Mishap("timeout", "takes the request and says nothing", _line(_LATE)),
        Mishap("cut", "breaks off in the middle of its answer", _broken_off(_RESET)),
        Mishap("stall", "falls silent in the middle of its answer", _broken_off(_LATE)),
        Mishap("empty", "answers with nothing in it", _nothing),
        Mishap("html", "answers with a page and status 200", _page(200, _PAGE)),
        Mishap("rate-limit", "says that it is asked too often", _said("limited", 429, "rate_limit_exceeded")),
        Mishap("overloaded", "says that it is overloaded", lambda scene: _refused(scene, 503, {})),
        Mishap("quota", "says that the account is empty", _said("quota", 429, "insufficient_quota")),
        Mishap(
            "region", "says that it blocks this region", _said("region", 403, "unsupported_country_region_territory")
        ),
        Mishap("region-page", "blocks this region with a page", _page(403, _BLOCKED)),
        Mishap("key", "refuses the key", _said("credential", 401, "invalid_api_key")),
        Mishap("content-filter", "says that a filter refused the prompt", _said("policy", 400, "content_filter")),
        Mishap("context", "says that the prompt is too long", _said("request", 400, "context_length_exceeded")),
        Mishap("unknown-model", "says that it has no such model", _said("request", 404, "model_not_found")),
        Mishap("bad-request", "says that the request is wrong", _said("request", 400, "invalid_request")),
    )
}
_SAME_AS: Final[Mapping[str, str]] = {
    "limited": "rate-limit",
    "ratelimit": "rate-limit",
    "credential": "key",
    "bad-key": "key",
    "unauthorized": "key",
    "balance": "quota",
    "insufficient-quota": "quota",
    "policy": "content-filter",
    "filter": "content-filter",
    "context-length": "context",
    "too-long": "context",
    "model": "unknown-model",
    "model-not-found": "unknown-model",
    "request": "bad-request",
    "hang": "timeout",
    "region-block": "region",
}

_HEAD: Final = {"id": "made-up", "created": 1, "model": "m"}
_USAGE: Final = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def _event(delta: Mapping[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + _encoded({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}) + b"\n\n"


_FIRST: Final = _event({"role": "assistant", "content": "ok"})
