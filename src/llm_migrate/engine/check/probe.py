"""Whether a target answers: its name resolves, its certificate verifies, something speaks HTTP there.

One connection for the handshake and one request without a key, over the engine's own way out; a proxy of the
environment is used as calls use it, and then it is the proxy that resolves and connects.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from llm_migrate._version import __version__
from llm_migrate.config import Target
from llm_migrate.engine import routes
from llm_migrate.engine.causes import plain_cause
from llm_migrate.engine.check.finding import Finding
from llm_migrate.engine.check.review import place_of
from llm_migrate.engine.plan import World
from llm_migrate.engine.steps import Failure
from llm_migrate.engine.upstream import Upstream
from llm_migrate.wire.exchange import Call, OpenAIError, Outgoing, read_answer, read_date

Stage: TypeAlias = Literal["name", "connection", "certificate", "answer"]

_MOST_BYTES: Final = 64 * 1024  # of the answer; what tells a block stands at its beginning
_SKEW_S: Final = 30.0
_HEADERS: Final = (("accept", "application/json"), ("user-agent", f"llm-migrate/{__version__}"))
_ADVICE: Final[Mapping[Stage, str]] = {
    "name": "look at the spelling of the host, and whether this machine has a network and a name server; "
    "where only a proxy leads out, set HTTPS_PROXY",
    "connection": "is the server up, the port right, a firewall or a proxy between?",
    "certificate": "a small image needs the package ca-certificates; behind a proxy that opens TLS, name a file in "
    "SSL_CERT_FILE that has its certificate beside the usual ones; where it has expired, look at this machine's clock",
    "answer": "it takes connections, but says nothing: try again, or ask its status page",
}
REGION_ADVICE: Final = (
    "it follows the address that requests leave from, not the key: put a target that serves this region first, "
    "or send requests out elsewhere (HTTPS_PROXY)"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it.

    Attributes:
        host: with its port.
        stage: how far it came; where something failed, that stage.
        failure: why it came no further; "" if something answered.
        addresses: of the host; none through a proxy.
        status: of the HTTP answer; 0 without one.
        content_type: of the answer.
        error: what the answer means, if it is not a good one.
        latency_s: from the request to the end of the answer.
        skew_s: by how much the target's clock is ahead of ours; None if it does not say.
    """

    host: str
    stage: Stage
    failure: str = ""
    addresses: tuple[str, ...] = ()
    status: int = 0
    content_type: str = ""
    error: OpenAIError | None = field(default=None, repr=False)
    latency_s: float = 0.0
    skew_s: float | None = None


class _StoppedError(Exception):
    """A stage failed. Never leaves this module."""

    def __init__(self, stage: Stage, cause: str) -> None:
        super().__init__(cause)
        self.stage: Stage = stage


def probe(target: Target, upstream: Upstream, world: World, *, timeout_s: float) -> Probe:
    """Ask a target for anything, without a key.

    Args:
        target: whom to ask.
        upstream: the way out.
        world: whose clock `upstream` keeps.
        timeout_s: for a connection, and again for the answer.
    """
    parts = urlsplit(target.base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    seen = Probe(f"{host}:{port}", "name")
    try:
        if routes.proxy_for(target.base_url) is None:
            seen = replace(seen, addresses=_resolve(host, port))
            _connect(host, port, secure=parts.scheme == "https", timeout_s=timeout_s)
        return _ask(target, upstream, world, replace(seen, stage="answer"), timeout_s)
    except _StoppedError as e:
        return replace(seen, stage=e.stage, failure=str(e))


def _resolve(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise _StoppedError("name", plain_cause(e)) from None
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


def _connect(host: str, port: int, *, secure: bool, timeout_s: float) -> None:
    stage: Stage = "connection"
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            if secure:
                stage = "certificate"
                with routes.tls().wrap_socket(connection, server_hostname=host):
                    pass
    except TimeoutError:
        raise _StoppedError(stage, f"no connection within {timeout_s:g} s") from None
    except (OSError, ssl.SSLError) as e:
        raise _StoppedError(stage, plain_cause(e)) from None


def _ask(target: Target, upstream: Upstream, world: World, seen: Probe, timeout_s: float) -> Probe:
    began = world.now()
    until = began + timeout_s
    outgoing = Outgoing("GET", target.base_url, _HEADERS, b"", stream=False, model="", now_s=world.wall())
    exchange = upstream.send(outgoing, connect_s=timeout_s, until=until)
    if isinstance(exchange, Failure):
        raise _StoppedError("answer" if exchange.outcome == "ambiguous" else "connection", exchange.cause)
    body = b""
    try:
        while len(body) < _MOST_BYTES and isinstance(piece := exchange.read(until), bytes) and piece:
            body += piece
    finally:
        exchange.close()
    status, headers = exchange.head.status, exchange.head.headers
    said = read_answer(target, Call("models", "/models", {}, ""), outgoing, status, headers, body)
    date = read_date(headers)
    return replace(
        seen,
        status=status,
        content_type=headers.get("content-type", ""),
        error=said if isinstance(said, OpenAIError) and not 200 <= status < 300 else None,
        latency_s=world.now() - began,
        skew_s=None if date is None else date - world.wall(),
    )


def judge_probe(target: Target, seen: Probe) -> list[Finding]:
    """Return what a probe means. Without a key, a refusal for want of one is the right answer."""
    where = f"{place_of(target)}: {seen.host}"
    if seen.failure:
        return [Finding("failed", "network", where, seen.failure, _ADVICE[seen.stage], target.name)]
    return [_answered(target, seen, where), *_clock(target, seen, where)]


def _answered(target: Target, seen: Probe, where: str) -> Finding:
    secure = "TLS verified" if target.base_url.startswith("https:") else "no TLS"
    via = seen.addresses[0] if seen.addresses else "through the proxy"
    how = f"{via}, {secure}, HTTP {seen.status} in {seen.latency_s * 1000:.0f} ms"
    outcome = seen.error.outcome if seen.error is not None else "ok"
    if outcome == "region":
        what = f"{how}: this region is blocked ({seen.error.code})" if seen.error is not None else how
        return Finding("failed", "network", where, what, REGION_ADVICE, target.name)
    if outcome == "quota":
        return Finding("failed", "network", where, f"{how}: the account is empty", "pay, or top it up", target.name)
    if is_page(seen.status, seen.content_type):
        advice = "--live tells more; with a target in front that answers here, nothing is lost"
        what = f"{how}: a page in place of an API's answer, as firewalls and blocks of a region send it"
        return Finding("warning", "network", where, what, advice, target.name)
    if seen.status >= 500:
        what = f"{how}: it has trouble, or has no such address"
        return Finding("warning", "network", where, what, "--live tells which", target.name)
    wants = ": it wants a key, as it should" if outcome == "credential" else ""
    return Finding("good", "network", where, f"{how}{wants}", target=target.name)


def is_page(status: int, content_type: str) -> bool:
    """Say whether a refusal came as a page for people: then something in front of the API spoke."""
    return status in (403, 451) and content_type.lower().startswith("text/html")


def _clock(target: Target, seen: Probe, where: str) -> list[Finding]:
    if seen.skew_s is None or abs(seen.skew_s) <= _SKEW_S:
        return []
    what = (
        f"this machine's clock is {abs(seen.skew_s):.0f} s {'behind' if seen.skew_s > 0 else 'ahead of'} the target's"
    )
    return [Finding("warning", "clock", where, what, "set it: signatures and certificates depend on it", target.name)]
