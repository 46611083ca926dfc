"""Tokens that a platform's own library gives: of a managed identity, a command-line login, a service principal."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

from llm_migrate.config.secret import TokenProvider


def platform_tokens(scope: str) -> TokenProvider | None:
    """Return a function that gives a token for a scope, by `azure-identity`; None where that is not installed.

    Its default credential looks at the environment, the managed identity and the developer tools in turn, only when it
    is asked, and keeps a token until shortly before its end.
    """
    if importlib.util.find_spec("azure") is None or importlib.util.find_spec("azure.identity") is None:
        return None

    @cache
    def provider() -> Callable[[], str]:
        library: Any = importlib.import_module("azure.identity")
        get_token: Callable[[], str] = library.get_bearer_token_provider(library.DefaultAzureCredential(), scope)
        return get_token

    return lambda: provider()()
