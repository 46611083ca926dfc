"""Prove who calls: one signer for each way that the catalog knows, pure in credential, request and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from llm_migrate.catalog.schema import Auth
from llm_migrate.config import Secret
from llm_migrate.errors import ConfigError, CredentialError
from llm_migrate.wire.auth import bce_v1, tc3, tokens
from llm_migrate.wire.auth.request import Signed, Unsigned

_Signer: TypeAlias = Callable[[Auth, Secret, Unsigned, float], Signed]


def sign(auth: Auth, secret: Secret, request: Unsigned, *, now_s: float, token: Secret | None = None) -> Signed:
    """Return what proves to a vendor who calls.

    Args:
        auth: the way to sign.
        secret: the key, a pair of keys, or a token that the user has.
        request: exactly what will be sent.
        now_s: Unix time.
        token: what stands in for the key, where the way to sign takes such a one.

    Raises:
        ConfigError: a way that this version does not know.
        CredentialError: the secret is not of the form that the way needs.
    """
    if token is None:
        minted = tokens.mint(auth, secret, now_s=now_s)
        token = minted.secret if minted is not None else None
    if token is not None:
        return tokens.show(auth, token)
    signer = SIGNERS.get(auth.kind)
    if signer is None:
        raise ConfigError(f"auth: this version cannot sign {auth.kind!r}")
    return signer(auth, secret, request, now_s)


def _bearer(_auth: Auth, secret: Secret, _request: Unsigned, _now_s: float) -> Signed:
    return Signed((("authorization", f"Bearer {secret.reveal()}"),))


def _azure_key(_auth: Auth, secret: Secret, _request: Unsigned, _now_s: float) -> Signed:
    return Signed((("api-key", secret.reveal()),))


def _tc3(auth: Auth, secret: Secret, request: Unsigned, now_s: float) -> Signed:
    authorization = tc3.authorization(
        *secret.pair(),
        service=auth.service,
        host=request.host,
        path=request.path,
        body=request.body,
        now_s=now_s,
        content_type=dict(request.headers)["content-type"],
    )
    return Signed((("authorization", authorization), ("x-tc-timestamp", str(int(now_s)))))


def _bce(_auth: Auth, secret: Secret, request: Unsigned, now_s: float) -> Signed:
    date = bce_v1.timestamp(now_s)
    authorization = bce_v1.authorization(
        *secret.pair(),
        method=request.method,
        path=request.path,
        query=dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True)),
        headers={**dict(request.headers), "host": request.host, "x-bce-date": date},
        signed=("content-type", "host", "x-bce-date"),
        now_s=now_s,
    )
    return Signed((("authorization", authorization), ("x-bce-date", date)))


def _shown(auth: Auth, secret: Secret, _request: Unsigned, _now_s: float) -> Signed:
    if secret.is_pair:
        raise CredentialError("a token is needed, which these two keys can ask for")
    return tokens.show(auth, secret)


SIGNERS: Final[Mapping[str, _Signer]] = {
    "bearer": _bearer,
    "entra": _bearer,
    "azure-key": _azure_key,
    "tc3-hmac-sha256": _tc3,
    "bce-auth-v1": _bce,
    "baidu-oauth": _shown,
    "baidu-iam": _shown,
}
