"""Tokens that stand in for a key: which ways to sign take one, how it is made or asked for, and where it goes.

Sends and keeps nothing: the engine does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from llm_migrate.catalog.schema import Auth
from llm_migrate.config import Secret, Target
from llm_migrate.wire.auth import baidu_iam, baidu_oauth, jwt_sensenova, jwt_zhipu
from llm_migrate.wire.auth.request import Signed, Unsigned
from llm_migrate.wire.auth.token import Token

_Mint: TypeAlias = Callable[[Secret, float], Token]


def mint(auth: Auth, secret: Secret, *, now_s: float) -> Token | None:
    """Return a token made from the key alone; None for a way to sign that takes none such.

    Raises:
        CredentialError: the key is not of the form that is needed.
    """
    minted = _MINTED.get(auth.kind)
    return minted(secret, now_s) if minted is not None else None


def token_request(target: Target, secret: Secret, *, now_s: float) -> Unsigned | None:
    """Return the request for a token; None where none is asked for, or the key is such a token itself."""
    if target.auth.kind not in _FETCHED or not secret.is_pair:
        return None
    key_id, key = secret.pair()
    if target.auth.kind == "baidu-oauth":
        return baidu_oauth.token_request(key_id, key, url=target.token_url)
    return baidu_iam.token_request(key_id, key, now_s=now_s, url=target.token_url)


def read_token(auth: Auth, body: bytes, *, now_s: float) -> Token:
    """Return the token that came at a Unix time.

    Raises:
        CredentialError: the vendor gave none; repeats its words, never a key.
    """
    read = baidu_oauth.read_token if auth.kind == "baidu-oauth" else baidu_iam.read_token
    return read(body, now_s=now_s)


def show(auth: Auth, token: Secret) -> Signed:
    """Return a token as the proof that a request carries."""
    if auth.kind == "baidu-oauth":
        return Signed(query=(("access_token", token.reveal()),))
    return Signed((("authorization", f"Bearer {token.reveal()}"),))


_FETCHED: Final = frozenset({"baidu-oauth", "baidu-iam"})
_MINTED: Final[Mapping[str, _Mint]] = {
    "jwt-hs256-zhipu": lambda secret, now_s: jwt_zhipu.mint(secret, now_s=now_s),
    "jwt-hs256-sensenova": lambda secret, now_s: jwt_sensenova.mint(*secret.pair(), now_s=now_s),
}
TOKENED: Final = _FETCHED | _MINTED.keys()  # ways to sign for which a token can stand in
