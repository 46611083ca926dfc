"""Get what proves to a target who calls: its key, or a token in place of it, as steps of a call."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

from llm_migrate.config import Secret, Target
from llm_migrate.config.secret import checked_secret
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.steps import Ask, Attempt, Command, Failure, Head, Read, Result, Send, Sleep
from llm_migrate.errors import CredentialError
from llm_migrate.wire.exchange import TOKENED, OpenAIError, Outgoing, Token, mint, read_token, token_request

_POLL_S: Final = 0.05
_MAX_TOKEN_BYTES: Final = 64 * 1024

_Steps: TypeAlias = Generator[Command, Result, "Token | OpenAIError"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request is signed with.

    Attributes:
        secret: the key.
        token: what stands in for it, if anything does.
        kept: the token is from before, so a vendor that refuses it may take a new one.
    """

    secret: Secret
    token: Secret | None = None
    kept: bool = False


_Proving: TypeAlias = Generator[Command, Result, Proof | OpenAIError]


def obtain(target: Target, keyring: Keyring, *, connect_s: float, now_s: float, until: float) -> _Proving:
    """Return what proves to a target who calls, or why there is nothing.

    Args:
        target: who is called.
        keyring: tokens from before; a new one is put there.
        connect_s: for a connection.
        now_s: Unix time by the vendor's clock.
        until: on the driver's clock.

    Raises:
        CredentialError: no key, or not one of the form that is needed.
    """
    provider = target.source.provider
    if provider is not None:
        asked = yield Ask(provider)
        if not isinstance(asked, str):
            cause = asked.cause if isinstance(asked, Failure) else "nothing came"
            raise CredentialError(f"{target.name}: the function that gives its key failed: {cause}")
        return Proof(checked_secret(asked, target.name, "a function of the program"))
    secret = target.credential()
    if target.auth.kind not in TOKENED:
        return Proof(secret)
    return (yield from _token(target, secret, keyring, connect_s=connect_s, now_s=now_s, until=until))


def _token(
    target: Target, secret: Secret, keyring: Keyring, *, connect_s: float, now_s: float, until: float
) -> _Proving:
    """Return a token in place of the key: the kept one, one made now, or one that is asked for."""
    token = keyring.find(target, secret, now_s)
    if token is not None and token.is_fresh(now_s):
        return Proof(secret, token.secret, kept=True)
    minted = mint(target.auth, secret, now_s=now_s)
    if minted is not None:
        keyring.keep(target, secret, minted)
        return Proof(secret, minted.secret)
    if token_request(target, secret, now_s=now_s) is None:
        return Proof(secret)
    waited = 0.0
    while not keyring.claim(target, secret, now_s + waited):
        if token is not None:
            return Proof(secret, token.secret, kept=True)  # due, but good until somebody has brought the new one
        yield Sleep(_POLL_S)
        waited += _POLL_S
        token = keyring.find(target, secret, now_s + waited)
        if token is not None:
            return Proof(secret, token.secret)
    fetched = yield from _fetch(target, secret, connect_s=connect_s, now_s=now_s + waited, until=until)
    keyring.keep(target, secret, fetched if isinstance(fetched, Token) else None)
    if isinstance(fetched, Token):
        return Proof(secret, fetched.secret)
    return Proof(secret, token.secret, kept=True) if token is not None else fetched


def _fetch(target: Target, secret: Secret, *, connect_s: float, now_s: float, until: float) -> _Steps:
    """Ask for a token; what goes wrong on the way counts as the target's failure."""
    request = token_request(target, secret, now_s=now_s)
    if request is None:
        raise CredentialError(f"{target.name}: these keys ask for no token")
    headers = tuple(
        header for header in request.headers if header[0] != "host"
    )  # which every HTTP client writes itself
    outgoing = Outgoing(request.method, request.url, headers, request.body, stream=False, model="")
    head = yield Send(outgoing, Attempt(target.name, "token"), connect_s, until)
    pieces: list[bytes] = []
    while isinstance(head, Head):
        data = yield Read(until)
        if not isinstance(data, bytes):
            head = data
        elif not data:
            break
        elif sum(map(len, pieces)) <= _MAX_TOKEN_BYTES:
            pieces.append(data)
    if not isinstance(head, Head):
        failure = head if isinstance(head, Failure) else Failure("ambiguous", "no answer")
        text = f"{target.name}: its token service: {failure.cause}"
        # Nothing was asked of the model, so nothing can have been billed.
        return OpenAIError(502, text, "upstream_error", None, "upstream_unreachable", "unsent")
    if head.status >= 500 or head.status == 429:
        text = f"{target.name}: its token service answered with status {head.status}"
        return OpenAIError(502, text, "upstream_error", None, "upstream_invalid", "unsent")
    try:
        return read_token(target.auth, b"".join(pieces), now_s=now_s)
    except CredentialError as e:
        raise CredentialError(f"{target.name}: {e}") from None
