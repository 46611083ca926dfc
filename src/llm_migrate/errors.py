"""Every exception of the package, as one tree.

    MigrateError                 the root: `except MigrateError` catches all of ours
    +-- CatalogError             fix a provider file
    +-- ConfigError              fix llm-migrate.toml or the environment
    |   +-- CredentialError      set a key, or trust a host
    +-- UsageError               fix the command line or the argument
    +-- WireError                fix the payload: it cannot be said to this vendor
    +-- UpstreamError            wait, pay, or take another provider
    +-- RewriteError             nothing was changed; the message says why
    +-- MissingExtraError        install an extra

A message reads `subject: place: problem`, then what to do. No message holds a key, a prompt or an address.
"""

from __future__ import annotations


class MigrateError(Exception):
    """Root of all errors raised by llm_migrate."""


class CatalogError(MigrateError):
    """A provider file is missing, malformed or contradicts itself."""


class ConfigError(MigrateError):
    """`llm-migrate.toml` or the environment does not say what is needed."""


class CredentialError(ConfigError):
    """A key is absent, or would leave for a host that the target does not trust."""


class UsageError(MigrateError):
    """A command or call was given arguments that cannot be followed."""


class WireError(MigrateError):
    """A request cannot be expressed for a vendor.

    Attributes:
        provider: id of the provider.
        path: place in the request, as a JSON path (`$.messages[2].content`).
    """

    def __init__(self, problem: str, *, provider: str, path: str = "$") -> None:
        super().__init__(f"{provider}: {path}: {problem}")
        self.provider = provider
        self.path = path


class UpstreamError(MigrateError):
    """A vendor or the network failed.

    Attributes:
        provider: id of the provider.
        status: HTTP status in OpenAI's terms, 0 without a response.
        code: OpenAI error code, or the vendor's own as a string.
        retry_after_s: seconds to wait, when the vendor said so.
    """

    def __init__(
        self,
        problem: str,
        *,
        provider: str,
        status: int = 0,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{provider}: {status or 'no response'}: {problem}")
        self.provider = provider
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class RewriteError(MigrateError):
    """A plan could not be applied or undone; what was done is in the journal."""


class MissingExtraError(MigrateError):
    """A feature needs packages that are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature}: not installed: run  pip install 'llm-migrate[{extra}]'")
        self.extra = extra
