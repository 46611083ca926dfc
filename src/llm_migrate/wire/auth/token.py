"""Tokens that stand in for a key until they run out, and JSON web tokens made with nothing but the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from llm_migrate.config import Secret


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its life; it is pure data, so whoever keeps it decides where.

    Attributes:
        secret: the token itself.
        expires_at_s: Unix time from which on the vendor refuses it.
        renew_at_s: Unix time from which on a new one is to be taken, though this one still serves.
    """

    secret: Secret
    expires_at_s: float
    renew_at_s: float

    def is_fresh(self, now_s: float) -> bool:
        """Say whether the token may be used without a thought of a new one."""
        return now_s < self.renew_at_s

    def is_usable(self, now_s: float, *, skew_s: float = 0.0) -> bool:
        """Say whether the vendor still takes the token when its clock is ahead by `skew_s`."""
        return now_s + skew_s < self.expires_at_s


def encode_hs256(header: Mapping[str, str], payload: Mapping[str, str | int], key: str) -> str:
    """Return a JSON web token signed by HMAC-SHA256.

    Args:
        header: in the order in which it is written.
        payload: likewise; characters beyond ASCII are escaped.
        key: signs as UTF-8.
    """
    signed = f"{_encoded(header)}.{_encoded(payload)}"
    signature = hmac.digest(key.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64(signature)}"


def _encoded(table: Mapping[str, str | int]) -> str:
    return _base64(json.dumps(table, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
