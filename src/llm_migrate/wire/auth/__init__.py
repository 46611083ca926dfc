"""Signers: pure functions of credential, request and time."""

from __future__ import annotations

from llm_migrate.wire.auth.sign import sign

__all__ = ["sign"]
