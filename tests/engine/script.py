"""Play a call without sockets: a chain on addresses that nobody visits, a clock that stands still, and a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from llm_migrate.config import Config, load_config
from llm_migrate.engine.call import Plan, Steps, World, run
from llm_migrate.engine.events import CallEvent
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.steps import (
    Ask,
    Command,
    Emit,
    Failure,
    Fan,
    Head,
    Journey,
    Limits,
    Read,
    Reply,
    Result,
    Send,
    Sleep,
    Whole,
)
from llm_migrate.wire.exchange import Manner, Reasoning, parse_call

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
STREAM = Head(200, {"content-type": "text/event-stream"})
JSON = Head(200, {"content-type": "application/json"})


class Clock:
    """A world in which nothing happens by itself: sleeping moves the clock, chance is always one half."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.world = World(lambda: self.now_s, lambda: 1.7e9 + self.now_s, lambda: 0.5, lambda: "made-up")


def two_targets(folder: Path, extra: str = "", second: str = 'provider = "openai"') -> Config:
    """A chain `default` of two targets `a` and `b`, and a chain `one` of `a` alone."""
    file = folder / "llm-migrate.toml"
    file.write_text(
        f"""
[targets.a]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key = "plain:key-of-a"
[targets.b]
{second}
base_url = "http://127.0.0.1:9/v1"
api_key = "plain:key-of-b"
[chains.default]
targets = ["a", "b"]
[chains.one]
targets = ["a"]
{extra}
"""
    )
    return load_config(file)


class Play:
    """Runs a call against a list of results and notes what it asked for.

    A result may be a list: a head, then pieces of the body; its end is added.
    """

    def __init__(
        self,
        config: Config,
        chain: str = "default",
        *,
        limits: Limits | None = None,
        manner: Manner | None = None,
        keyring: Keyring | None = None,
        health: Health | None = None,
        buffer_tool_calls: bool = False,
        on_cut: Literal["error", "continue"] = "error",
        **body: Any,
    ) -> None:
        self.clock = Clock()
        self.journey = Journey()
        self.sent: list[Send] = []
        self.slept: list[float] = []
        self.reply: Reply | None = None
        self.events = b""
        self.noticed: list[CallEvent] = []
        self.on_sleep: Callable[[float], None] = lambda seconds: None
        call = parse_call("POST", "/v1/chat/completions", json.dumps({**CHAT, **body}).encode())
        plan = Plan(
            config.chain(chain).targets,
            config.model_for,
            manner or Manner(config.adapt, config.emulate, Reasoning()),
            keyring or Keyring(),
            health or Health(),
            limits or Limits(),
            self.clock.world,
            notice=self.noticed.append,
            buffer_tool_calls=buffer_tool_calls,
            on_cut=on_cut,
        )
        self.steps: Steps = run(call, plan, self.journey)

    def against(self, *answers: Failure | Iterable[Result], asked: str | Failure = "") -> Play:
        """Give one answer to each request in turn, and `asked` to a wish for a key, until the call ends."""
        todo = list(answers)
        body: list[Result] = []
        result: Result = None
        while True:
            try:
                command: Command = self.steps.send(result)
            except StopIteration:
                assert not todo, "the call ended before the script"
                return self
            result = None
            match command:
                case Send():
                    self.sent.append(command)
                    answer = todo.pop(0)
                    body = [] if isinstance(answer, Failure) else list(answer)
                    result = answer if isinstance(answer, Failure) else body.pop(0)
                case Read():
                    result = body.pop(0) if body else b""
                case Sleep(seconds):
                    self.slept.append(seconds)
                    self.clock.now_s += seconds
                    self.on_sleep(seconds)
                case Ask():
                    result = asked
                case Fan(sends):
                    self.sent += sends
                    result = tuple(_whole(todo.pop(0)) for _ in sends)
                case Reply():
                    assert self.reply is None, "two replies"
                    self.reply = command
                case Emit(payload):
                    self.events += payload

    @property
    def headers(self) -> dict[str, str]:
        assert self.reply is not None
        return dict(self.reply.headers)

    @property
    def error(self) -> dict[str, Any]:
        assert self.reply is not None and self.reply.body is not None
        error: dict[str, Any] = json.loads(self.reply.body)["error"]
        return error


def _whole(answer: Failure | Iterable[Result]) -> Whole | Failure:
    if isinstance(answer, Failure):
        return answer
    head, *pieces = answer
    assert isinstance(head, Head)
    return Whole(head, b"".join(piece for piece in pieces if isinstance(piece, bytes)))


def completion(text: str = "hello") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**head, "choices": [choice], "usage": usage}).encode()


def event(delta: dict[str, Any] | None = None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
WORD = event({"content": "hello"})
STOP = event(finish="stop")
END = b"data: [DONE]\n\n"


def refusal(status: int, code: str | None = None, **headers: str) -> list[Result]:
    """An error answer of a vendor."""
    body = json.dumps({"error": {"message": "no", "type": "t", "param": None, "code": code}}).encode()
    return [Head(status, {"content-type": "application/json", **headers}), body]
