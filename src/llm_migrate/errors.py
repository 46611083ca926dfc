"""Every exception of the package, as one tree.

    MigrateError                 the root: `except MigrateError` catches all of ours
    +-- CatalogError             fix a provider file
    +-- ConfigError              fix llm-migrate.toml or the environment
    |   +-- CredentialError      set a key, or trust a host
    +-- UsageError               fix the command line or the argument
    +-- WireError                fix the payload: it cannot be said to this vendor
    +-- UpstreamError            a call failed: wait, pay, or take another provider
    |   +-- RequestRefusedError  fix the request: asking again is of no use
    |   +-- StreamCutError       an answer broke off after its first words: what came is not whole
    +-- LedgerError              the books of the budgets cannot be read or written
    |   +-- LedgerConflictError  what was said contradicts them; they stay as they are
    +-- RewriteError             nothing was changed; the message says why
    +-- MissingExtraError        install an extra

A message reads `subject: place: problem`, then what to do. No message holds a key, a prompt or an address.
"""

from __future__ import annotations

from collections.abc import Mapping


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
    """A call failed at a vendor or on the way there, and no other target could serve it.

    Attributes:
        message: what went wrong.
        status: HTTP status in OpenAI's terms; 0 without a response.
        type: OpenAI's type, such as "rate_limit_error".
        code: OpenAI's code, such as "insufficient_quota", or the vendor's own as text.
        param: the field that is to blame.
        headers: of the answer, names in lower case.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        kind: str = "upstream_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = kind
        self.code = code
        self.param = param
        self.headers: Mapping[str, str] = headers or {}

    @property
    def provider(self) -> str:
        """Id of the provider that was asked last; "" if none was."""
        return self.headers.get("x-llm-migrate-provider", "")

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait, when the vendor said so."""
        seconds = self.headers.get("retry-after", "")
        return float(seconds) if seconds.isdecimal() else None

    def __str__(self) -> str:
        subject = f"{self.provider}: " if self.provider else ""
        return f"{subject}{self.status or 'no response'}: {self.message}"


class RequestRefusedError(UpstreamError):
    """The request is wrong or cannot be served as it is: a parameter, a model, its size, its content."""


class StreamCutError(UpstreamError):
    """A stream broke off after its first content; the chunks that came are part of an answer, not a whole one."""


class LedgerError(MigrateError):
    """The books of the budgets cannot be opened, read or written."""


class LedgerConflictError(LedgerError):
    """What was said contradicts the books, which stay as they are: an attempt ends once, at one amount."""


class RewriteError(MigrateError):
    """A plan could not be applied or undone; what was done is in the journal."""


class MissingExtraError(MigrateError):
    """A feature needs packages that are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature}: not installed: run  pip install 'llm-migrate[{extra}]'")
        self.extra = extra
