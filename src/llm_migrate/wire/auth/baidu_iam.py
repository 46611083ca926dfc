"""Baidu's short bearer token for the V2 API: fetched with a call that an access key signs, as qianfan 0.4.12.3 does it.

Sends nothing itself: it builds the request and reads the answer.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, cast
from urllib.parse import urlencode, urlsplit

import orjson

from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Secret
from llm_migrate.errors import CredentialError
from llm_migrate.wire.auth import bce_v1
from llm_migrate.wire.auth.request import Unsigned
from llm_migrate.wire.auth.token import Token

URL: Final = "https://iam.bj.baidubce.com/v1/BCE-BEARER/token"
LIFE_S: Final = 43_200
_SIGNED: Final = ("content-type", "host", "x-bce-date")


def token_request(key_id: str, secret: str, *, now_s: float, life_s: int = LIFE_S, url: str = URL) -> Unsigned:
    """Return the signed request for a token that lasts `life_s` (30 days at most)."""
    query = {"expireInSeconds": str(life_s)}
    request = Unsigned("GET", f"{url}?{urlencode(query)}")
    headers = {"content-type": "application/json", "host": request.host, "x-bce-date": bce_v1.timestamp(now_s)}
    authorization = bce_v1.authorization(
        key_id,
        secret,
        method="GET",
        path=urlsplit(url).path,
        query=query,
        headers=headers,
        signed=_SIGNED,
        now_s=now_s,
    )
    return Unsigned("GET", request.url, (*headers.items(), ("authorization", authorization)))


def read_token(body: bytes, *, now_s: float, life_s: int = LIFE_S) -> Token:
    """Return the token of an answer that came at a Unix time.

    Args:
        body: the answer; its fields are token, createTime, expireTime.
        now_s: when it came.
        life_s: the life that was asked for, where the answer's own cannot be read.

    Raises:
        CredentialError: the vendor gave none; repeats its words, never a key.
    """
    try:
        answer = cast("JsonValue", orjson.loads(body))
    except orjson.JSONDecodeError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    token = fields.get("token")
    if not isinstance(token, str) or not token:
        raise CredentialError(f"no bearer token: {str(fields.get('message') or 'the answer holds none')[:200]}")
    expires_at_s = _instant(fields.get("expireTime")) or now_s + life_s
    return Token(Secret(token), expires_at_s, expires_at_s - min(3600.0, (expires_at_s - now_s) / 2))


def _instant(text: JsonValue) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
