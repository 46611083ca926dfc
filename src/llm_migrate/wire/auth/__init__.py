"""Signers: pure functions of credential, request and time."""

from __future__ import annotations

from llm_migrate.wire.auth.request import Signed, Unsigned
from llm_migrate.wire.auth.sign import SIGNERS, sign
from llm_migrate.wire.auth.token import Token
from llm_migrate.wire.auth.tokens import TOKENED, mint, read_token, token_request

__all__ = ["SIGNERS", "TOKENED", "Signed", "Token", "Unsigned", "mint", "read_token", "sign", "token_request"]
