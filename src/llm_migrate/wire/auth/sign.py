"""Headers that prove who calls, for the ways that need only the key itself."""

from __future__ import annotations

from llm_migrate.catalog.schema import Auth
from llm_migrate.config import Secret
from llm_migrate.errors import ConfigError


def sign(auth: Auth, secret: Secret) -> tuple[tuple[str, str], ...]:
    """Return the headers that carry the key.

    Args:
        auth: the way to sign.
        secret: the key, or a token that was fetched elsewhere.

    Raises:
        ConfigError: a way that this version does not know.
    """
    match auth.kind:
        case "bearer" | "entra":
            return (("authorization", f"Bearer {secret.reveal()}"),)
        case "azure-key":
            return (("api-key", secret.reveal()),)
        case _:
            raise ConfigError(f"auth: this version cannot sign {auth.kind!r}")
