"""Signers: pure functions of credential, request and time."""

from __future__ import annotations

from llm_migrate.wire.auth.request import Signed, Unsigned
from llm_migrate.wire.auth.sign import SIGNERS, sign

__all__ = ["SIGNERS", "Signed", "Unsigned", "sign"]
