"""Prove who calls: one signer for each way that the catalog knows, pure in credential, request and time.

Two ways are not here, for they need a request of their own before the call: `baidu-iam`, and `baidu-oauth` with an
application's keys. What they send and read stands in their modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from llm_migrate.catalog.schema import Auth
from llm_migrate.config import Secret
from llm_migrate.errors import ConfigError
from llm_migrate.wire.auth import bce_v1, jwt_sensenova, jwt_zhipu, tc3
from llm_migrate.wire.auth.request import Signed, Unsigned

_Signer: TypeAlias = Callable[[Auth, Secret, Unsigned, float], Signed]


def sign(auth: Auth, secret: Secret, request: Unsigned, *, now_s: float) -> Signed:
    """Return what proves to a vendor who calls.

    Args:
        auth: the way to sign.
        secret: the key, a pair of keys, or a token that was fetched elsewhere.
        request: exactly what will be sent.
        now_s: Unix time.

    Raises:
        ConfigError: a way that this version does not know.
        CredentialError: the secret is not of the form that the way needs.
    """
    signer = SIGNERS.get(auth.kind)
    if signer is None:
        raise ConfigError(f"auth: this version cannot sign {auth.kind!r}")
    return signer(auth, secret, request, now_s)


def _bearer(_auth: Auth, secret: Secret, _request: Unsigned, _now_s: float) -> Signed:
    return _token(secret)


def _azure_key(_auth: Auth, secret: Secret, _request: Unsigned, _now_s: float) -> Signed:
    return Signed((("api-key", secret.reveal()),))


def _zhipu(_auth: Auth, secret: Secret, _request: Unsigned, now_s: float) -> Signed:
    return _token(jwt_zhipu.mint(secret, now_s=now_s).secret)


def _sensenova(_auth: Auth, secret: Secret, _request: Unsigned, now_s: float) -> Signed:
    return _token(jwt_sensenova.mint(*secret.pair(), now_s=now_s).secret)


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


def _access_token(_auth: Auth, secret: Secret, _request: Unsigned, _now_s: float) -> Signed:
    return Signed(query=(("access_token", secret.reveal()),))


def _token(secret: Secret) -> Signed:
    return Signed((("authorization", f"Bearer {secret.reveal()}"),))


SIGNERS: Final[Mapping[str, _Signer]] = {
    "bearer": _bearer,
    "entra": _bearer,
    "azure-key": _azure_key,
    "jwt-hs256-zhipu": _zhipu,
    "jwt-hs256-sensenova": _sensenova,
    "tc3-hmac-sha256": _tc3,
    "bce-auth-v1": _bce,
    "baidu-oauth": _access_token,
}
