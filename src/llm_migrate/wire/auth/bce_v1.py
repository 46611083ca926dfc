"""Baidu Cloud's bce-auth-v1: method, path, query and some headers are signed; the body is not.

As bce-python-sdk 0.9.79 signs, whose rules qianfan 0.4.12.3 and erniebot 0.5.9 share.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

_DEFAULT: Final = ("host", "content-md5", "content-length", "content-type")
_UNRESERVED: Final = "-_.~"


def authorization(
    key_id: str,
    secret: str,
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    signed: Sequence[str],
    now_s: float,
    life_s: int = 1800,
) -> str:
    """Return the Authorization header of a request.

    Args:
        key_id: access key id.
        secret: secret access key.
        method: HTTP method.
        path: as it is sent, so encoded already.
        query: names and values, not encoded.
        headers: those of the request; names in any case.
        signed: names of the headers to sign, in the order in which they are listed; none means the usual ones. Headers
            `x-bce-*` are signed in any case.
        now_s: Unix time.
        life_s: seconds for which the signature holds.
    """
    prefix = f"bce-auth-v1/{key_id}/{timestamp(now_s)}/{life_s}"
    key = hmac.digest(secret.encode(), prefix.encode(), hashlib.sha256).hex()  # used as text, not as bytes
    request = canonical_request(method, path, query, headers, signed)
    signature = hmac.digest(key.encode(), request.encode(), hashlib.sha256).hex()
    return f"{prefix}/{';'.join(name.lower() for name in signed)}/{signature}"


def canonical_request(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], signed: Sequence[str]
) -> str:
    """Return the text that stands for a request in its signature."""
    names = {name.lower() for name in signed or _DEFAULT}
    kept = {name.lower(): value.strip() for name, value in headers.items() if value.strip()}
    lines = sorted(
        f"{_encode(name)}:{_encode(value)}"
        for name, value in kept.items()
        if name in names or name.startswith("x-bce-")
    )
    pairs = sorted(f"{_encode(name)}={_encode(value)}" for name, value in query.items())
    return "\n".join((method.upper(), path, "&".join(pairs), *lines))


def timestamp(now_s: float) -> str:
    """Return a Unix time as the header `x-bce-date` has it."""
    return dt.datetime.fromtimestamp(int(now_s), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED)
