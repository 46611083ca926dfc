"""Zhipu's token: signed with the part of the key after the dot, counted in milliseconds.

As zhipuai 2.1.5.20250825 and zai-sdk 0.2.3 make it: it lasts 210 s, and a new one is made after 180.
"""

from __future__ import annotations

from typing import Final

from llm_migrate.config import Secret
from llm_migrate.errors import CredentialError
from llm_migrate.wire.auth.token import Token, encode_hs256

_HEADER: Final = {"alg": "HS256", "sign_type": "SIGN", "typ": "JWT"}
_LIFE_MS: Final = 210_000
_RENEW_S: Final = 180.0


def mint(key: Secret, *, now_s: float) -> Token:
    """Return a token.

    Args:
        key: `id.secret`, as the vendor shows it.
        now_s: Unix time.

    Raises:
        CredentialError: the key has no two parts.
    """
    key_id, dot, secret = key.reveal().partition(".")
    if not (key_id and dot and secret):
        raise CredentialError("the key must have the form ID.SECRET to sign a token with it")
    now_ms = round(now_s * 1000)
    payload: dict[str, str | int] = {"api_key": key_id, "exp": now_ms + _LIFE_MS, "timestamp": now_ms}
    return Token(Secret(encode_hs256(_HEADER, payload, secret)), (now_ms + _LIFE_MS) / 1000, now_s + _RENEW_S)
