"""Baidu's OAuth token for the V1 API: asked for with an application's two keys, sent in the address of each call.

As qianfan 0.4.12.3 does it. Sends nothing itself: it builds the request and reads the answer.
"""

from __future__ import annotations

from typing import Final, cast
from urllib.parse import urlencode

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Secret
from llm_migrate.errors import CredentialError
from llm_migrate.wire.auth.request import Unsigned
from llm_migrate.wire.auth.token import Token

URL: Final = "https://aip.baidubce.com/oauth/2.0/token"
_SPARE_S: Final = 86_400.0  # of the 30 days that a token lasts, the last is not counted on


def token_request(client_id: str, client_secret: str, *, url: str = URL) -> Unsigned:
    """Return the request for a token."""
    # The vendor's order; the keys stand in the address, which therefore is as secret as they are.
    query = urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret})
    return Unsigned("POST", f"{url}?{query}", (("content-type", "application/json"),), b"{}")


def read_token(body: bytes, *, now_s: float) -> Token:
    """Return the token of an answer that came at a Unix time.

    Raises:
        CredentialError: the vendor gave none; repeats its words, never a key.
    """
    try:
        answer = cast("JsonValue", orjson.loads(body))
    except orjson.JSONDecodeError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    token, life = fields.get("access_token"), fields.get("expires_in")
    if not isinstance(token, str) or not token or not isinstance(life, int | float):
        reason = fields.get("error_description") or fields.get("error") or "the answer holds none"
        raise CredentialError(f"no access token: {str(reason)[:200]}")
    return Token(Secret(token), now_s + life, now_s + life - min(_SPARE_S, life / 2))
