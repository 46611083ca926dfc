"""What stands in for keys: tokens until they end, and how far each vendor's clock is from ours. Kept in memory only."""

from __future__ import annotations

import threading
from typing import Final, TypeAlias

from llm_migrate.config import Secret, Target
from llm_migrate.wire.exchange import Token

_CLAIM_S: Final = 10.0  # for so long one caller fetches a token for all

_Key: TypeAlias = tuple[str, str, Secret]


class Keyring:
    """Tokens by (way to sign, where they are asked for, key); safe to use from any thread. Times are Unix seconds."""

    def __init__(self) -> None:
        self._tokens: dict[_Key, Token] = {}
        self._claims: dict[_Key, float] = {}
        self._skews: dict[str, float] = {}
        self._lock = threading.Lock()

    def find(self, target: Target, secret: Secret, now_s: float) -> Token | None:
        """Return a token that the vendor still takes; None if there is none."""
        token = self._tokens.get(_key(target, secret))
        return token if token is not None and token.is_usable(now_s) else None

    def claim(self, target: Target, secret: Secret, now_s: float) -> bool:
        """Say whether the caller shall get a new token, and keep others from doing so for a while."""
        key = _key(target, secret)
        with self._lock:
            if self._claims.get(key, 0.0) > now_s:
                return False
            self._claims[key] = now_s + _CLAIM_S
            return True

    def keep(self, target: Target, secret: Secret, token: Token | None) -> None:
        """Take in what came of a claim; None if nothing did."""
        key = _key(target, secret)
        with self._lock:
            self._claims.pop(key, None)
            if token is not None:
                self._tokens[key] = token

    def drop(self, target: Target, secret: Secret) -> None:
        """Forget a token that the vendor refused."""
        self._tokens.pop(_key(target, secret), None)

    def skew_s(self, target: Target) -> float:
        """Return by how much the vendor's clock is ahead of ours, as far as it had to be learnt."""
        return self._skews.get(target.name, 0.0)

    def learn_skew(self, target: Target, skew_s: float) -> None:
        """Note by how much the vendor's clock is ahead of ours."""
        self._skews[target.name] = skew_s


def _key(target: Target, secret: Secret) -> _Key:
    return target.auth.kind, target.token_url, secret
