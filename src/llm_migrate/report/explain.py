"""What a chain does about an error, step by step: for people, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence, Set
from dataclasses import asdict
from itertools import groupby
from typing import Final, assert_never

from llm_migrate.engine.check.finding import OUTCOMES
from llm_migrate.engine.events import Adapted, Began, CallEvent, Committed, Ended, Failed, Sent, Skipped
from llm_migrate.engine.explain import Bench, Explanation, Moment, Seen, Waited, Walk
from llm_migrate.ledger.alert import Alert
from llm_migrate.report.ink import paint

_SCHEMA: Final = "llm-migrate/explain/1"
_OURS: Final = ("x-llm-migrate-", "x-should-retry", "retry-after")
_INDENT: Final = " " * 14
_FOOT: Final = (
    "Time limits are the SDK's own: 5 s to connect, 600 s to read. Waits between tries are drawn at random; shown is "
    "the middle. Nothing was sent."
)


def explain_to_text(explanation: Explanation, *, width: int, colour: bool) -> str:
    """Return the steps for people.

    Args:
        explanation: what a chain does.
        width: columns.
        colour: whether escape sequences are welcome.
    """
    title = f"{explanation.asked} along chain {explanation.chain!r}, when {explanation.first} {explanation.mishap.says}"
    lines = textwrap.wrap(title, width)
    lines = [paint(line, "1", colour) for line in lines]
    told: dict[bool, list[str]] = {}  # stream -> its steps when only the first target fails
    for everywhere, walks in groupby(explanation.walks, key=lambda walk: walk.everywhere):
        if everywhere:
            lines += ["", paint("When all targets do the same", "1", colour)]
        lines += _walks(list(walks), told, width, colour)
    return "\n".join([*lines, "", *textwrap.wrap(_FOOT, width)]) + "\n"


def explain_to_json(explanation: Explanation) -> str:
    """Return the steps as one JSON document."""
    body = {
        "schema": _SCHEMA,
        "chain": explanation.chain,
        "first": explanation.first,
        "asked": explanation.asked,
        "error": explanation.mishap.word,
        "says": explanation.mishap.says,
        "walks": [_walk(walk) for walk in explanation.walks],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _walks(walks: Sequence[Walk], told: dict[bool, list[str]], width: int, colour: bool) -> Iterator[str]:
    """Yield calls one after the other; what goes as another one went is told only once."""
    steps = {walk.stream: list(_steps(walk, width)) for walk in walks}
    if len(steps) > 1 and steps[False] == steps[True]:
        named = [("plain and streamed", steps[False])]
    else:
        named = [("streamed" if stream else "plain", lines) for stream, lines in steps.items()]
    for heading, lines in named:
        same = lines in told.values()
        yield f"  {paint(heading, '4', colour)}{': as before' if same else ''}"
        yield from () if same else lines
    told |= steps


def _steps(walk: Walk, width: int) -> Iterator[str]:
    asked: set[str] = set()
    for moment in walk.moments:
        if isinstance(moment.happened, Sent):
            asked.add(moment.happened.target)
        said = _said(moment.happened, asked, cut=_is_cut(walk))
        if said:
            yield from _line(_time(moment.at_s), said, width)
    end = walk.moments[-1].at_s if walk.moments else 0.0
    yield from _line(_time(end), _last(walk), width)
    for text in _details(walk.seen):
        yield from textwrap.wrap(text, width, initial_indent=_INDENT, subsequent_indent=f"{_INDENT}  ")
    for bench in walk.benches:
        yield from _line("then", _benched(bench), width)


def _is_cut(walk: Walk) -> bool:
    """Say whether an answer broke off behind its first content, also where another target went on with it."""
    kinds = [type(moment.happened) for moment in walk.moments]
    return walk.seen.after_content or (Committed in kinds and Sent in kinds[kinds.index(Committed) :])


def _line(time: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=f"{time:>10}  ", subsequent_indent=_INDENT, break_long_words=False)


def _time(seconds: float) -> str:
    return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"


def _said(happened: CallEvent | Waited, asked: Set[str], *, cut: bool) -> str:
    """Return one step as a sentence; "" for what goes without saying, as the first content does unless it is cut."""
    match happened:
        case Began() | Adapted() | Ended() | Alert():
            return ""
        case Sent(_, target, _, model, attempt):
            return f"{target}: request {attempt}, for {model}"
        case Skipped(_, target, hindrance, reason):
            return f"{target}: passed over, {hindrance}{f' ({reason})' if reason else ''}"
        case Failed():
            return _failed(happened, was_asked=happened.target in asked)
        case Committed(_, target):
            return f"{target}: the program has its first content" if cut else ""
        case Waited(seconds):
            return f"waits {_time(seconds)}"
        case _:
            assert_never(happened)


def _failed(event: Failed, *, was_asked: bool) -> str:
    code = f" {event.code}" if event.code else ""
    then = {
        "retry": "the same target again",
        "renew": "the same target again, with a new token",
        "next": "on along the chain",
        "fail": "no further try",
    }[event.then]
    what = OUTCOMES[event.outcome] if was_asked else "not asked"
    return f"{event.target}: {what} ({event.outcome}, {event.status}{code}): {then}"


def _last(walk: Walk) -> str:
    seen = walk.seen
    if seen.raises is None:
        return "the program has its answer"
    if seen.after_content:
        return f"the program's stream ends in openai.{seen.raises}, code {seen.code}"
    code = f", code {seen.code}" if seen.code else ""
    return f"the program gets {seen.status}: openai.{seen.raises}{code}"


def _details(seen: Seen) -> Iterator[str]:
    if seen.message:
        yield f'"{seen.message}"'
    for name, value in seen.headers:
        if name.startswith(_OURS):
            note = "  (the SDK does not try again)" if name == "x-should-retry" else ""
            yield f"{name}: {value}{note}"


def _benched(bench: Bench) -> str:
    minutes = f"{bench.seconds / 60:.0f} min" if bench.seconds >= 120 else _time(bench.seconds)
    return f"further calls leave {bench.target} alone for {minutes} ({bench.reason})"


def _walk(walk: Walk) -> dict[str, object]:
    return {
        "stream": walk.stream,
        "everywhere": walk.everywhere,
        "steps": [_step(moment) for moment in walk.moments],
        "program": {**asdict(walk.seen), "headers": dict(walk.seen.headers)},
        "benches": [asdict(bench) for bench in walk.benches],
    }


def _step(moment: Moment) -> dict[str, object]:
    fields = {name: value for name, value in asdict(moment.happened).items() if name != "call_id"}
    return {"at_s": round(moment.at_s, 3), "step": type(moment.happened).__name__.lower(), **fields}
