"""One tiny request to one target, through the engine as any call goes, with a chain of that target alone."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import orjson

from llm_migrate.catalog.policy import find_model, is_retired
from llm_migrate.catalog.schema import Api, JsonValue
from llm_migrate.config import Config, Target
from llm_migrate.engine.call import run
from llm_migrate.engine.check.finding import OUTCOMES, Finding, Severity
from llm_migrate.engine.check.probe import REGION_ADVICE, is_page
from llm_migrate.engine.check.review import api_of, place_of
from llm_migrate.engine.events import CallEvent, Ended
from llm_migrate.engine.health import Health
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.order import is_for_model
from llm_migrate.engine.plan import Plan, World
from llm_migrate.engine.steps import Failure, Head, Journey, Limits
from llm_migrate.engine.sync_driver import SyncRun
from llm_migrate.engine.upstream import Exchange, Upstream
from llm_migrate.errors import ConfigError
from llm_migrate.wire.exchange import Call, Manner, Outcome, Outgoing, Reasoning, parse_call

# Some vendors refuse a limit that leaves no room behind the thoughts of a model that cannot but think.
_THINKING_TOKENS: Final = 64
_PATHS: Final[Mapping[Api, str]] = {"chat": "/v1/chat/completions", "embeddings": "/v1/embeddings"}
_ADVICE: Final[Mapping[Outcome, str]] = {
    "unsent": "nothing reached the target: see its network line",
    "limited": "the key is good; the target is asked for less, or has trouble: try again later",
    "quota": "pay, or top it up; until then calls go on to the next target",
    "region": REGION_ADVICE,
    "credential": "look whether the key is whole, of this vendor and of this endpoint, and allowed for the model",
    "ambiguous": "the target has trouble, or this is no address of its API",
    "request": "the key is good; look at the model's name, and whether the account may use it",
    "policy": "the key is good; a filter refused even a greeting",
}
_BROKEN: Final[frozenset[Outcome]] = frozenset({"unsent", "quota", "region", "credential", "ambiguous", "request"})


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of a request.

    Attributes:
        asked: the model that was asked for.
        model: its id at the target; "" where no request could be written.
        outcome: class of the answer; "ok" for a good one.
        status: HTTP status as a program sees it.
        code: OpenAI's or the vendor's, of an error.
        message: of an error; holds neither key nor address.
        adapted: what was changed in the request.
        tokens: what the vendor counted in all; None if it did not say.
        latency_s: to the end of the answer.
        page: the refusal came as a page for people.
    """

    asked: str
    model: str
    outcome: Outcome
    status: int
    code: str | None
    message: str
    adapted: str
    tokens: int | None
    latency_s: float
    page: bool = False


def choose_model(config: Config, target: Target, *, today: dt.date) -> str | None:
    """Return a model to ask a target for: the first of the mapping that answers there, else one of the vendor's own.

    None where only the customer knows what the models are called.
    """
    here = [asked for asked in config.models if is_for_model(target, asked) and _is_served(config, target, asked)]
    here.sort(key=lambda asked: api_of(config, asked) != "chat")
    if here:
        return here[0]
    if target.provider.deployments:
        return None
    listed = (m for m in target.provider.models if m.kind == "chat" and not is_retired(m, today))
    return next((m.id for m in listed if not m.endpoints or target.endpoint.id in m.endpoints), None)


def live(target: Target, config: Config, upstream: Upstream, world: World, *, asked: str, timeout_s: float) -> Lived:
    """Ask a target for one token.

    Args:
        target: whom to ask.
        config: whose mapping and manner count.
        upstream: the way out.
        world: whose clock `upstream` keeps.
        asked: the model, as a program names it.
        timeout_s: for the whole.
    """
    call = tiny_call(config, target, asked)
    events: list[CallEvent] = []
    listening = _Listening(upstream)
    plan = Plan(
        [target],
        lambda one, model: config.model_for(one, model, api=call.api),
        Manner(config.adapt, config.emulate, Reasoning()),
        Keyring(),
        Health(),
        Limits(connect_s=min(5.0, timeout_s), read_s=timeout_s, total_s=timeout_s, target_attempts=1),
        world,
        events.append,
    )
    began = world.now()
    reply = SyncRun(run(call, plan, Journey()), listening, time.sleep).start()
    latency_s = world.now() - began
    error = cast("Mapping[str, JsonValue]", orjson.loads(reply.body or b"{}").get("error") or {})
    headers, ended = dict(reply.headers), next(event for event in events if isinstance(event, Ended))
    total = (ended.usage or {}).get("total_tokens")
    return Lived(
        asked,
        headers.get("x-llm-migrate-model", ""),
        ended.outcome,
        reply.status,
        str(error["code"]) if error.get("code") is not None else None,
        str(error.get("message", "")),
        headers.get("x-llm-migrate-adapted", ""),
        total if isinstance(total, int) else None,
        latency_s,
        listening.head is not None and is_page(listening.head.status, listening.head.headers.get("content-type", "")),
    )


def tiny_call(config: Config, target: Target, asked: str) -> Call:
    """Return the least request for a model."""
    api = api_of(config, asked)
    body: dict[str, JsonValue] = {"model": asked}
    if api == "embeddings":
        body["input"] = "ok"
    else:
        listed = find_model(target.provider, _name_there(config, target, asked, api), endpoint=target.endpoint.id)
        thinks = listed is not None and listed.always_thinking
        body |= {"messages": [{"role": "user", "content": "Say ok."}], "max_tokens": _THINKING_TOKENS if thinks else 1}
    return parse_call("POST", _PATHS[api], orjson.dumps(body))


def judge_live(target: Target, seen: Lived) -> list[Finding]:
    """Return what a tiny request means."""
    where = f'{place_of(target)}: models."{seen.asked}"'
    took = f"{seen.latency_s * 1000:.0f} ms"
    if seen.outcome == "ok":
        counted = f", {seen.tokens} tokens" if seen.tokens is not None else ""
        adapted = f"; adapted: {seen.adapted}" if seen.adapted else "; nothing adapted"
        return [
            Finding("good", "live", where, f"{seen.model} answered in {took}{counted}{adapted}", target=target.name)
        ]
    severity: Severity = "failed" if seen.outcome in _BROKEN else "warning"
    said = f"{OUTCOMES[seen.outcome]}: HTTP {seen.status} in {took}: {seen.message}"
    advice = _ADVICE.get(seen.outcome, "")
    if seen.page and seen.outcome == "credential":
        said = f"blocked: HTTP {seen.status} in {took}, and a page in place of an API's answer"
        advice = f"something in front of the API refuses, so the key is not to blame; if it is a block: {REGION_ADVICE}"
    return [Finding(severity, "live", where, said, advice, target.name)]


class _Listening:
    """A way out that notes the head of the last answer."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.head: Head | None = None

    def send(self, outgoing: Outgoing, *, connect_s: float, until: float) -> Exchange | Failure:
        exchange = self._upstream.send(outgoing, connect_s=connect_s, until=until)
        self.head = None if isinstance(exchange, Failure) else exchange.head
        return exchange

    def close(self) -> None:
        self._upstream.close()


def _is_served(config: Config, target: Target, asked: str) -> bool:
    return bool(_name_there(config, target, asked, api_of(config, asked)))


def _name_there(config: Config, target: Target, asked: str, api: Api) -> str:
    """Return what a model is called at a target; "" where nothing says it."""
    try:
        return config.model_for(target, asked, api=api)
    except ConfigError:
        return ""
