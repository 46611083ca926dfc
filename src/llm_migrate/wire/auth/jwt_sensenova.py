"""SenseNova's token: valid from 5 seconds ago, for a clock that is behind, until in half an hour.

As sensenova 1.0.6 makes it, for each request anew.
"""

from __future__ import annotations

from typing import Final

from llm_migrate.config import Secret
from llm_migrate.wire.auth.token import Token, encode_hs256

_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_LIFE_S: Final = 1800
_SKEW_S: Final = 5
_SPARE_S: Final = 60  # a token is given up so long before it ends, for a clock that is ahead


def mint(key_id: str, secret: str, *, now_s: float) -> Token:
    """Return a token for an access key id and its secret at a Unix time."""
    now = int(now_s)
    payload: dict[str, str | int] = {"iss": key_id, "exp": now + _LIFE_S, "nbf": now - _SKEW_S}
    return Token(Secret(encode_hs256(_HEADER, payload, secret)), now + _LIFE_S, now + _LIFE_S - _SPARE_S)
