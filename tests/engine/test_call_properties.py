"""Whatever vendors do and however long it takes, a call keeps R1 to R5: random answers, on a clock that is driven."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from llm_migrate.config import Config, load_config
from llm_migrate.engine.call import Plan, World, run
from llm_migrate.engine.events import Began, CallEvent, Ended
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.steps import Emit, Failure, Head, Journey, Limits, Read, Reply, Result, Send, Sleep
from llm_migrate.wire.exchange import Manner, parse_call
from tests.engine.script import CHAT, completion, event

LIMITS: Final = Limits(connect_s=5.0, read_s=100.0, total_s=95.0, first_token_s=40.0)
ONCE: Final = (400, 401, 403, 404, 413, 422)
LONGEST_WAIT_S: Final = 60.0
AFTER_FINISH_S: Final = 5.0
NUMBER: Final = "NUMBER"  # stands for that of the request, so that every answer says which one it is
WHOLE: Final = completion(f"the answer of {NUMBER}")
ROLE: Final = event({"role": "assistant", "content": ""})
STOP: Final = event(finish="stop")
END: Final = b"data: [DONE]\n\n"
USAGE: Final = b'data: {"id": "c", "model": "m", "choices": [], "usage": {"total_tokens": 3}}\n\n'
COMMENT: Final = b": keep-alive\n\n"
FAULTS: Final = (b"data: oops\n\n", b'data: {"error": {"message": "no"}}\n\n', b"event: error\ndata: {}\n\n")
STREAM: Final = ROLE + event({"content": f"the answer of {NUMBER}"}) + STOP + END
CLEAN_END: Final = b""


@dataclass(frozen=True, slots=True)
class Said:
    """What a vendor does with one request.

    Attributes:
        dead: nothing comes: the request was not even sent, or what came is not known.
        head_s: until the head is there, or until the line is dead.
        status: of the answer.
        headers: of the answer.
        body: all of it, with `NUMBER` in it.
        cuts: where it is cut into pieces, in thousandths of its length.
        waits: seconds before each piece, in turn.
        end: what comes after the last piece.
        packed: it comes as gzip.
    """

    dead: Literal["unsent", "ambiguous"] | None = None
    head_s: float = 0.0
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cuts: tuple[int, ...] = ()
    waits: tuple[float, ...] = (0.0,)
    end: Literal["end", "reset", "silence"] = "end"
    packed: bool = False


@dataclass(slots=True)
class Exchange:
    """One request as the driver carried it out."""

    target: str
    sent_at: float
    said: Said
    number: int
    answered_at: float = 0.0
    read: bytes = b""
    ended: bool = False

    @property
    def plain(self) -> bytes:
        """What was read, unpacked."""
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(self.read) if self.said.packed else self.read

    @property
    def full(self) -> bytes:
        return self.said.body.replace(NUMBER.encode(), str(self.number).encode())

    @property
    def retry_after_s(self) -> float | None:
        """How long the vendor asks to be left alone."""
        if not self.answered_at or self.said.status == 200:
            return None
        return float(dict(self.said.headers).get("retry-after", 0))


@dataclass(slots=True)
class Run:
    """Carries out what a call asks for, and holds it to what may be asked at any moment."""

    said: Iterator[Said]
    stream: bool
    buffers: bool
    now_s: float = 1000.0
    exchanges: list[Exchange] = field(default_factory=list)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    reply: Reply | None = None
    replied_at: float = 0.0
    finished_at: float = float("inf")
    events: bytes = b""
    whole: bool = False
    slept: float = 0.0

    def act(self, command: object, ends_at: float) -> Result:
        """Do one thing that the call asks for."""
        assert not self.whole, "something after the last events"
        match command:
            case Send(_, attempt, connect_s, until):
                assert self.reply is None, "asked again after the commit"
                assert self.now_s < until <= ends_at
                return self._send(attempt.target, connect_s, until)
            case Read(until):
                assert until <= ends_at
                assert until <= min(self.now_s + LIMITS.read_s, self.finished_at + AFTER_FINISH_S)
                return self._read(until)
            case Sleep(seconds):
                assert self.reply is None
                assert 0 < seconds <= LONGEST_WAIT_S * 1.1 and self.now_s + seconds <= ends_at
                self.now_s += seconds
                return None
            case Reply():
                assert self.reply is None, "two replies"
                self.reply, self.replied_at = command, self.now_s
                return None
            case Emit(payload, whole):
                assert self.reply is not None and self.reply.body is None
                self.events += payload
                self.whole = whole
                return None
        raise AssertionError(command)

    def _send(self, target: str, connect_s: float, until: float) -> Head | Failure:
        said = next(self.said)
        exchange = Exchange(target, self.now_s, said, len(self.exchanges))
        self.exchanges.append(exchange)
        limit = min(until, self.now_s + connect_s) if said.dead == "unsent" else until
        if not self._pass(said.head_s, limit):
            return Failure(said.dead or "ambiguous", "too late", timed_out=True)
        if said.dead is not None:
            return Failure(said.dead, "dead")
        exchange.answered_at = self.now_s
        self.pieces = list(_pieces(said, exchange.full))
        coded = (("content-encoding", "gzip"),) if said.packed else ()
        return Head(said.status, dict((*said.headers, *coded)))

    def _read(self, until: float) -> bytes | Failure:
        exchange = self.exchanges[-1]
        if not self.pieces and exchange.said.end == "end":
            exchange.ended = True
            return CLEAN_END
        if not self.pieces and exchange.said.end == "reset":
            return Failure("ambiguous", "the connection was reset")
        wait, data = self.pieces[0] if self.pieces else (float("inf"), b"")
        if not self._pass(wait, until):
            return Failure("ambiguous", "too late", timed_out=True)
        self.pieces.pop(0)
        exchange.read += data
        if self.stream and truth_of(exchange.plain).finished and not self.buffers:
            self.finished_at = min(self.finished_at, self.now_s)
        return data

    def _pass(self, seconds: float, until: float) -> bool:
        """Let time pass, at most until a limit; say whether it was enough."""
        enough = self.now_s + seconds <= until
        self.now_s = self.now_s + seconds if enough else max(self.now_s, until)
        return enough


def _pieces(said: Said, body: bytes) -> Iterator[tuple[float, bytes]]:
    if said.packed:
        pack = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        body = pack.compress(body) + pack.flush()
    marks = sorted({len(body) * cut // 1000 for cut in said.cuts} - {0, len(body)})
    for i, (start, end) in enumerate(pairwise([0, *marks, len(body)])):
        if start < end:
            yield said.waits[i % len(said.waits)], body[start:end]


@cache
def config_of(targets: int) -> Config:
    tables = "".join(
        f'[targets.{name}]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "plain:key"\n'
        for name in "abc"[:targets]
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "llm-migrate.toml")
        file.write_text(tables, encoding="utf-8")
        return load_config(file)


@dataclass(slots=True)
class Played:
    """One call from beginning to end."""

    run: Run
    journey: Journey
    noticed: list[CallEvent]
    began: float


def play(
    said: list[Said],
    *,
    targets: int,
    stream: bool,
    health: Health,
    buffers: bool = False,
    start: float = 1000.0,
    leave_after: int | None = None,
) -> Played:
    """Make a call, holding each step to what may be asked then.

    Args:
        said: what vendors do with one request after the other; from then on all answer rightly.
        targets: how many.
        stream: ask for a stream.
        health: of the targets.
        buffers: tool calls are held back until they are whole.
        start: when.
        leave_after: the caller goes away after so many steps.
    """
    right = Said(body=STREAM if stream else WHOLE)
    driver = Run(iter([*said, *[right] * 20]), stream, buffers, now_s=start)
    noticed: list[CallEvent] = []
    journey = Journey()
    config = config_of(targets)
    call = parse_call("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": stream}).encode())
    world = World(lambda: driver.now_s, lambda: 1.7e9 + driver.now_s, lambda: 0.5, lambda: "made-up")
    plan = Plan(
        config.chain().targets,
        config.model_for,
        Manner(),
        Keyring(),
        health,
        LIMITS,
        world,
        notice=noticed.append,
        buffer_tool_calls=buffers,
    )
    steps = run(call, plan, journey)
    ends_at = float("inf") if stream else start + LIMITS.total_s
    result: Result = None
    for number in count():
        try:
            command = steps.send(result)
        except StopIteration:
            break
        if number == leave_after:
            steps.close()
            break
        result = driver.act(command, ends_at)
    return Played(driver, journey, noticed, start)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a stream says, read without any of the code under test."""

    text: str
    called: str  # name and arguments of the one tool call
    finished: bool

    def is_whole(self, buffers: bool) -> bool:
        """Say whether a caller may get it with its finish: one who buffers wants no call whose arguments are broken."""
        if not (self.finished and buffers and self.called):
            return self.finished
        try:
            json.loads(self.called.removeprefix(BEGUN["name"]))
        except ValueError:
            return False
        return True


def truth_of(plain: bytes) -> Truth:
    text = called = ""
    finished = False
    for block in plain.split(b"\n\n")[:-1]:
        chunk = _chunk(block)
        if chunk is None:
            break
        for choice in chunk["choices"]:
            delta = choice["delta"]
            text += (delta.get("content") or "") + (delta.get("reasoning_content") or "")
            for call in delta.get("tool_calls", ()):
                if not called and "name" not in call["function"]:
                    return Truth(text, called, finished)  # a piece of no call
                called = (called or call["function"]["name"]) + call["function"]["arguments"]
            finished = finished or bool(choice["finish_reason"])
    return Truth(text, called, finished)


def _chunk(block: bytes) -> dict[str, Any] | None:
    """Return what an event holds; None where nothing after it counts."""
    if block.startswith(b":"):
        return {"choices": []}
    try:
        chunk: dict[str, Any] = json.loads(block.removeprefix(b"data: "))
    except ValueError:
        return None
    return chunk if "choices" in chunk else None


def holds(played: Played, *, targets: int) -> None:
    """R1 to R5, for one call that is over."""
    run = played.run
    assert run.reply is not None
    assert [type(e) for e in played.noticed if isinstance(e, Began | Ended)] == [Began, Ended]
    assert len(played.journey.attempts) == len(run.exchanges)
    _holds_to_its_tries(run)
    if run.stream:
        assert run.replied_at <= played.began + (targets + 1) * LIMITS.read_s
    else:
        assert run.now_s <= played.began + LIMITS.total_s
    if run.reply.status != 200:
        _is_an_error(run)
    elif run.stream:
        _is_a_stream(run)
    else:
        last = run.exchanges[-1]
        assert last.said.status == 200 and last.ended and last.plain == last.full
        assert json.loads(run.reply.body or b"")["choices"][0]["message"]["content"] == f"the answer of {last.number}"


def _holds_to_its_tries(run: Run) -> None:
    """R2: how often whom, and when again."""
    asked = [exchange.target for exchange in run.exchanges]
    assert asked == sorted(asked), "a target was asked again after another one"
    assert len(asked) <= LIMITS.call_attempts
    assert all(asked.count(target) <= LIMITS.target_attempts for target in asked)
    unknown = [exchange.target for exchange in run.exchanges if exchange.said.dead == "ambiguous"]
    assert all(unknown.count(target) <= 2 for target in unknown), "once more at most"
    for one, other in pairwise(run.exchanges):
        said = one.said
        if one.target != other.target:
            assert not _is_of_the_request(one), "another target cannot mend it"
            continue
        assert said.dead or said.status not in ONCE or not one.answered_at
        assert not one.ended or b"insufficient_quota" not in one.plain
        if one.retry_after_s is not None:
            assert one.retry_after_s <= LONGEST_WAIT_S
            assert other.sent_at >= one.answered_at + one.retry_after_s


def _is_of_the_request(exchange: Exchange) -> bool:
    """Say whether an answer is a refusal that no other target is asked about."""
    code = json.loads(exchange.plain)["error"].get("code") if exchange.ended and b'"error"' in exchange.plain else None
    wrong = exchange.answered_at > 0 and exchange.said.status in (400, 404, 413, 422)
    return wrong and code not in ("model_not_found", "insufficient_quota")


def _is_an_error(run: Run) -> None:
    """Nobody gave a whole answer, and the caller learns so in OpenAI's words, once."""
    assert run.reply is not None and run.reply.body is not None and run.events == b""
    error = json.loads(run.reply.body)["error"]
    assert isinstance(error["message"], str) and isinstance(error["type"], str)
    assert {"param", "code"} <= error.keys()
    assert dict(run.reply.headers)["x-should-retry"] == "false"
    for exchange in run.exchanges:
        if exchange.said.status == 200:
            assert not (truth_of(exchange.plain).is_whole(run.buffers) if run.stream else _is_right(exchange))


def _is_right(exchange: Exchange) -> bool:
    return exchange.ended and exchange.said.body == WHOLE and exchange.plain == exchange.full


def _is_a_stream(run: Run) -> None:
    """One preamble; what one vendor said and nothing else; `[DONE]` after a finish, or one error and no finish."""
    assert run.reply is not None and run.reply.body is None
    *chunks, last = [block.removeprefix(b"data: ") for block in run.events.split(b"\n\n")[:-1]]
    got = truth_of(b"".join(b"data: %b\n\n" % chunk for chunk in chunks))
    said = truth_of(run.exchanges[-1].plain)
    assert sum(b'"role"' in chunk for chunk in chunks) == 1
    assert all(json.loads(chunk)["object"] == "chat.completion.chunk" for chunk in chunks)
    if last == b"[DONE]":
        assert run.whole and got == said and said.is_whole(run.buffers)
        assert sum(b'"finish_reason":"' in chunk.replace(b" ", b"") for chunk in chunks) == 1
    else:
        assert json.loads(last)["error"]["code"] == "stream_interrupted"
        assert not (run.whole or got.finished or said.is_whole(run.buffers))
        assert said.text.startswith(got.text) and said.called.startswith(got.called)
        assert got.text or got.called


SECONDS: Final = st.sampled_from([0.0, 0.0, 0.0, 1.0, 4.0, 30.0, 45.0, 90.0, 110.0])
CUTS: Final = st.lists(st.integers(0, 1000), max_size=8).map(tuple)
BEGUN: Final = {"name": "pay", "arguments": ""}
WORDS: Final = st.sampled_from(
    [
        ROLE,
        event({"content": f"{NUMBER} "}),
        event({"content": "字"}),
        event({"reasoning_content": f"hm {NUMBER} "}),
        event(
            {"tool_calls": [{"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": ""}}]}
        ),
        COMMENT,
        USAGE,
    ]
)
ERRORS: Final = st.sampled_from(
    [
        b"",
        b"<html>no</html>",
        b'{"error": {"message": "no", "code": null}}',
        b'{"error": {"message": "no", "code": "insufficient_quota"}}',
        b'{"error": {"message": "no", "code": "context_length_exceeded"}}',
        b'{"error": {"message": "no", "code": "model_not_found"}}',
        b'{"choices": []}',
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """The events of a stream, with all that may go wrong in them."""
    parts = [ROLE, *draw(st.lists(WORDS.filter(lambda part: part != ROLE), max_size=5))]
    if draw(st.booleans()):
        parts.append(draw(st.sampled_from(FAULTS)))
    if draw(st.booleans()):
        parts += [STOP, *draw(st.lists(st.sampled_from([COMMENT, USAGE, END, *FAULTS]), max_size=3))]
    body = b"".join(parts)
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


@st.composite
def answers(draw: st.DrawFn, *, stream: bool) -> Said:
    """What a vendor does with a request: dead, an error, an answer or a part of one, at any pace."""
    kind = draw(st.sampled_from(["dead", "error", "answer", "answer", "right"]))
    head_s = draw(SECONDS)
    if kind == "dead":
        return Said(dead=draw(st.sampled_from(["unsent", "ambiguous"])), head_s=head_s)
    status, headers, body = 200, (), STREAM if stream else WHOLE
    if kind == "error":
        status = draw(st.sampled_from([200, 307, 400, 401, 402, 403, 404, 413, 422, 429, 429, 500, 503, 529]))
        body = draw(ERRORS)
        if draw(st.booleans()):
            headers = (("retry-after", draw(st.sampled_from(["0", "1", "3", "30", "61", "600"]))),)
    elif kind == "answer":
        body = draw(streams()) if stream else WHOLE[: draw(st.integers(0, len(WHOLE)))]
    return Said(
        None,
        head_s,
        status,
        headers,
        body,
        draw(CUTS),
        tuple(draw(st.lists(SECONDS, min_size=1, max_size=3))),
        draw(st.sampled_from(["end", "end", "reset", "silence"])),
        draw(st.booleans()),
    )


@settings(max_examples=600)
@given(st.lists(answers(stream=False), max_size=6), st.integers(1, 3))
def test_any_answers_to_a_plain_call(said: list[Said], targets: int) -> None:
    """R1 to R4: an answer that one vendor gave whole, or one error; in time, and within the tries."""
    holds(play(said, targets=targets, stream=False, health=Health()), targets=targets)


@settings(max_examples=1200)
@given(st.lists(answers(stream=True), max_size=6), st.integers(1, 3), st.booleans())
def test_any_answers_to_a_streamed_call(said: list[Said], targets: int, buffers: bool) -> None:
    """R1 to R5: one vendor's stream with its finish, or one error before or after the first content."""
    holds(play(said, targets=targets, stream=True, health=Health(), buffers=buffers), targets=targets)


# What closes a target without opening its breaker, with the seconds that it lasts.
CLOSING: Final = {
    "quota": (Said(status=429, body=b'{"error": {"code": "insufficient_quota"}}'), 900.0),
    "credential": (Said(status=401, body=b"{}"), 300.0),
    "region": (Said(status=403, body=b'{"error": {"code": "unsupported_country_region_territory"}}'), 600.0),
    "busy": (Said(status=429, body=b"{}"), 1.0),
    "busy for 7 s": (Said(status=503, body=b"{}", headers=(("retry-after", "7"),)), 7.0),
    "busy for 70 s": (Said(status=429, body=b"{}", headers=(("retry-after", "70"),)), 70.0),
}
KINDS: Final = st.lists(st.sampled_from([*CLOSING, "fine"]), max_size=4)
GAPS: Final = st.sampled_from([0.0, 0.5, 2.0, 40.0, 400.0, 1000.0])


@settings(max_examples=300)
@given(st.lists(st.tuples(GAPS, st.booleans(), KINDS), min_size=1, max_size=8), st.integers(1, 3))
def test_a_target_on_the_bench_is_left_alone(calls: list[tuple[float, bool, list[str]]], targets: int) -> None:
    """R2: by later calls too, while another one is free; and for as long as a limit asks, by everybody."""
    health, now = Health(), 1000.0
    benches: dict[str, tuple[float, str]] = {}
    for gap, stream, kinds in calls:
        now += gap
        fine = Said(body=STREAM if stream else WHOLE)
        before = dict(benches)
        closed = {name for name in "abc"[:targets] if benches.get(name, (0.0, ""))[0] > now}
        played = play(
            [CLOSING[k][0] if k in CLOSING else fine for k in kinds],
            targets=targets,
            stream=stream,
            health=health,
            start=now,
        )
        holds(played, targets=targets)
        for number, exchange in enumerate(played.run.exchanges):
            kind = kinds[number] if number < len(kinds) else "fine"
            until, why = before.get(exchange.target, (0.0, ""))
            assert exchange.sent_at >= until or (len(closed) == targets and "busy" not in why)
            until, why = benches.get(exchange.target, (0.0, ""))
            if kind in CLOSING:
                benches[exchange.target] = max((until, why), (exchange.sent_at + CLOSING[kind][1], kind))
            elif "busy" not in why or until <= exchange.sent_at:
                benches.pop(exchange.target, None)
        now = played.run.now_s


@settings(max_examples=300)
@given(st.lists(answers(stream=True), max_size=4), st.integers(1, 3), st.integers(0, 30))
def test_a_caller_may_leave_at_any_moment(said: list[Said], targets: int, leave_after: int) -> None:
    """Each request is settled once, whether its caller saw the end or not."""
    health = Health()
    played = play(said, targets=targets, stream=True, health=health, leave_after=leave_after)
    for attempt in played.journey.attempts[-1:]:
        attempt.leave()  # what a driver does when its caller is gone

    for target in config_of(targets).chain().targets:
        health.hindrance(target, played.run.now_s)
        assert health._place(target).open_requests == 0
