"""Rehearse a call against a given error: the real steps of a call, with scripts in place of vendors.

Opens no socket, and the clock only moves when a call waits. It decides nothing: the generator that serves every call
does. Here are the stand-ins for targets and a record of what happened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never, cast

import orjson

from llm_migrate.catalog.load import REFERENCE, load_provider
from llm_migrate.catalog.policy import is_retired
from llm_migrate.catalog.schema import Api, JsonValue
from llm_migrate.config import Chain, Config, Target
from llm_migrate.config.secret import CredentialSource
from llm_migrate.engine.call import Steps, run
from llm_migrate.engine.check.review import api_of
from llm_migrate.engine.events import CallEvent, Ended
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.mishaps import Mishap, Scene, Script, good
from llm_migrate.engine.order import order
from llm_migrate.engine.plan import Plan, World
from llm_migrate.engine.steps import (
    Ask,
    Book,
    Emit,
    Failure,
    Fan,
    Journey,
    Limits,
    Read,
    Reply,
    Result,
    Send,
    Sleep,
)
from llm_migrate.errors import ConfigError
from llm_migrate.wire.exchange import Call, Manner, Outcome, Reasoning, parse_call

_CHANCE: Final = 0.5  # waits are drawn at random; this is the middle
_PATHS: Final[Mapping[Api, str]] = {"chat": "/v1/chat/completions", "embeddings": "/v1/embeddings"}
# The SDK's classes by status, as it raises them from 1.0 to 3.54; any other from 500 on is an InternalServerError.
_RAISED: Final[Mapping[int, str]] = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}


@dataclass(frozen=True, slots=True)
class Waited:
    """The call waited before it went on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, in seconds since the call came in."""

    at_s: float
    happened: CallEvent | Waited


@dataclass(frozen=True, slots=True)
class Bench:
    """A target that further calls leave alone, why, and for how many seconds."""

    target: str
    reason: Outcome | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the program sees in the end.

    Attributes:
        status: of the answer; 200 for a stream that breaks off later, too.
        headers: of the answer.
        raises: name of the SDK's exception class; None for a good answer.
        code: of the error.
        message: of the error.
        after_content: the error comes behind the first content of a stream.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    raises: str | None = None
    code: str | None = None
    message: str = ""
    after_content: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """One call.

    Attributes:
        stream: whether events were wanted.
        everywhere: whether all targets fail in the same way, not only the first.
        moments: in order.
        seen: what comes of it.
        benches: what it means for the next calls.
    """

    stream: bool
    everywhere: bool
    moments: tuple[Moment, ...]
    seen: Seen
    benches: tuple[Bench, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a chain does about an error."""

    chain: str
    first: str
    asked: str
    mishap: Mishap
    walks: tuple[Walk, ...]


def explain(
    config: Config,
    chain: Chain,
    mishap: Mishap,
    *,
    today: dt.date,
    asked: str | None = None,
    retry_after_s: float | None = None,
) -> Explanation:
    """Return the steps that calls along a chain take when its first target fails, and when all of them do.

    Args:
        config: whose mapping and manner count.
        chain: which chain.
        mishap: what goes wrong.
        today: for orders that depend on the day.
        asked: the model that the program names; by default the first of the mapping.
        retry_after_s: what refusals ask for; None for nothing.

    Raises:
        ConfigError: no target of the chain is for such a call.
    """
    asked = asked or next((model for model in config.models if api_of(config, model) == "chat"), _usual_model(today))
    api = api_of(config, asked)
    rehearsed = replace(chain, targets=tuple(_stand_in(target) for target in chain.targets))
    scenarios = [
        _Scenario(config, chain, api, _call(api, asked, stream=stream), mishap, retry_after_s)
        for stream in ((False, True) if api == "chat" else (False,))
    ]
    at = dt.datetime.combine(today, dt.time(), dt.UTC)
    targets = order(rehearsed, scenarios[0].call, scenarios[0].model_for, at=at, chance=_CHANCE)
    if not targets:
        raise ConfigError(f"no target of chain {chain.name!r} is for {asked[:80]!r}")
    whiles = (False, True) if len(targets) > 1 else (False,)
    walks = [scenario.walk(targets, everywhere=everywhere) for everywhere in whiles for scenario in scenarios]
    return Explanation(chain.name, targets[0].name, asked, mishap, tuple(walks))


def sdk_exception(status: int) -> str:
    """Return the class that the SDK raises for a status."""
    return _RAISED.get(status, "InternalServerError" if status >= 500 else "APIStatusError")


def _usual_model(today: dt.date) -> str:
    listed = load_provider(REFERENCE).models
    return next(model.id for model in listed if model.kind == "chat" and not is_retired(model, today))


def _stand_in(target: Target) -> Target:
    """Return a target that speaks the usual shape and has a key: neither its shape nor its signature decides a step."""
    return replace(
        target,
        endpoint=target.endpoint.model_copy(update={"dialect": "openai-chat"}),
        auth=target.auth.model_copy(update={"kind": "bearer"}),
        source=CredentialSource("plain", ("stand-in",)),
    )


def _call(api: Api, asked: str, *, stream: bool) -> Call:
    body: dict[str, JsonValue] = {"model": asked}
    body |= {"input": "Hello"} if api == "embeddings" else {"messages": [{"role": "user", "content": "Hello"}]}
    if stream:
        body["stream"] = True
    return parse_call("POST", _PATHS[api], orjson.dumps(body))


_ScriptFor: TypeAlias = Callable[[Target], Script]


@dataclass(frozen=True, slots=True)
class _Scenario:
    """One call, and what goes wrong with it."""

    config: Config
    chain: Chain
    api: Api
    call: Call
    mishap: Mishap
    retry_after_s: float | None

    def model_for(self, target: Target, model: str) -> str:
        return self.config.model_for(target, model, api=self.api)

    def walk(self, targets: Sequence[Target], *, everywhere: bool) -> Walk:
        failing = {target.name for target in (targets if everywhere else targets[:1])}

        def script_for(target: Target) -> Script:
            scene = Scene(target, self.api, self.call.stream, self.retry_after_s)
            return self.mishap.script(scene) if target.name in failing else good(scene)

        rehearsal = _Rehearsal(targets, script_for)
        plan = Plan(
            targets,
            self.model_for,
            Manner(self.config.adapt, self.config.emulate, Reasoning()),
            Keyring(),
            rehearsal.health,
            Limits(),
            rehearsal.world,
            rehearsal.note,
            self.chain.buffer_tool_calls,
            self.chain.on_cut,
        )
        return rehearsal.walk(run(self.call, plan, Journey()), stream=self.call.stream, everywhere=everywhere)


class _Rehearsal:
    """A driver without sockets: answers each command from the scripts, and moves the clock where a call waits."""

    def __init__(self, targets: Sequence[Target], script_for: _ScriptFor) -> None:
        self.health = Health()
        self.world = World(lambda: self._now, lambda: self._now, lambda: _CHANCE, lambda: "rehearsal")
        self._targets = {target.name: target for target in targets}
        self._script_for = script_for
        self._now = 0.0
        self._moments: list[Moment] = []
        self._script: list[Result] = []
        self._reply: Reply | None = None
        self._events = b""

    def note(self, event: CallEvent) -> None:
        """Take down a decision."""
        self._moments.append(Moment(self._now, event))

    def walk(self, steps: Steps, *, stream: bool, everywhere: bool) -> Walk:
        """Play a call to its end."""
        result: Result = None
        while True:
            try:
                command = steps.send(result)
            except StopIteration:
                return Walk(stream, everywhere, tuple(self._moments), self._seen(), self._benches())
            match command:
                case Send():
                    result = self._send(command)
                case Read(until):
                    result = self._next(until)
                case Sleep(seconds):
                    self._moments.append(Moment(self._now, Waited(seconds)))
                    self._now += seconds
                    result = None
                case Reply():
                    self._reply, result = command, None
                case Emit(payload):
                    self._events += payload
                    result = None
                case Ask() | Fan() | Book():
                    raise RuntimeError("a stand-in has its key and no budget, and one question takes one request")
                case _:
                    assert_never(command)

    def _send(self, send: Send) -> Result:
        self._script = list(self._script_for(self._targets[send.attempt.target]))
        first = self._script[0]
        connecting = isinstance(first, Failure) and first.outcome == "unsent"
        return self._next(min(send.until, self._now + send.connect_s) if connecting else send.until)

    def _next(self, until: float) -> Result:
        """Return what comes next; what comes too late takes all of the time."""
        result = self._script.pop(0) if self._script else b""
        if isinstance(result, Failure) and result.timed_out:
            self._now = max(self._now, until)
        return result

    def _seen(self) -> Seen:
        reply = self._reply
        if reply is None:
            raise RuntimeError("a call ended without a reply")
        if reply.status != 200:
            error = _error(reply.body or b"")
            return Seen(
                reply.status, reply.headers, sdk_exception(reply.status), error.get("code"), error["message"] or ""
            )
        ended = [moment.happened for moment in self._moments if isinstance(moment.happened, Ended)]
        if ended and ended[-1].outcome == "cut":
            error = _error(self._events.rpartition(b"data: ")[2])
            return Seen(200, reply.headers, "APIError", error.get("code"), error["message"] or "", after_content=True)
        return Seen(200, reply.headers)

    def _benches(self) -> tuple[Bench, ...]:
        benches = (
            Bench(target.name, self.health.reason(target), self.health.bench_s(target, self._now))
            for target in self._targets.values()
        )
        return tuple(bench for bench in benches if bench.seconds > 0)


def _error(body: bytes) -> Mapping[str, str | None]:
    return cast("Mapping[str, str | None]", orjson.loads(body)["error"])
