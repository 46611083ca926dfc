"""Tencent Cloud's TC3-HMAC-SHA256: content type, host and a hash of the body are signed, bound to a UTC day.

As tencentcloud-sdk-python-common 3.1.195 signs. The bytes that are signed must be the bytes that are sent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import Final

UNSIGNED_BODY: Final = b"UNSIGNED-PAYLOAD"  # stands in for the body, with the header X-TC-Content-SHA256
_ALGORITHM: Final = "TC3-HMAC-SHA256"
_SIGNED: Final = "content-type;host"


def authorization(
    key_id: str,
    secret: str,
    *,
    service: str,
    host: str,
    path: str = "/",
    body: bytes,
    now_s: float,
    content_type: str = "application/json",
) -> str:
    """Return the Authorization header of a POST.

    Args:
        key_id: SecretId.
        secret: SecretKey.
        service: the product that is called.
        host: as the Host header has it.
        path: as it is sent.
        body: what is hashed: the body, or `UNSIGNED_BODY`.
        now_s: Unix time; must be that of the header X-TC-Timestamp.
        content_type: as the header has it.
    """
    timestamp = int(now_s)
    day = dt.datetime.fromtimestamp(timestamp, dt.UTC).strftime("%Y-%m-%d")  # of the signature, never the local one
    scope = f"{day}/{service}/tc3_request"
    headers = f"content-type:{content_type}\nhost:{host}\n"
    request = f"POST\n{path}\n\n{headers}\n{_SIGNED}\n{hashlib.sha256(body).hexdigest()}"
    to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.digest(key, to_sign.encode(), hashlib.sha256).hex()
    return f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
