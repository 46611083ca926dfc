"""What a signer is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request before it carries any proof of who sends it.

    Attributes:
        method: HTTP method.
        url: whole address.
        headers: lower-case names.
        body: exactly the bytes that will be sent.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    @property
    def host(self) -> str:
        """The Host header that an HTTP library writes for the address: a port only where it is not the usual one."""
        url = urlsplit(self.url)
        usual = {"https": 443, "http": 80}.get(url.scheme)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
        return host if url.port in (None, usual) else f"{host}:{url.port}"

    @property
    def path(self) -> str:
        """The path as it is sent, "/" for none."""
        return urlsplit(self.url).path or "/"


@dataclass(frozen=True, slots=True)
class Signed:
    """The proof: headers to add, or parameters to add to the address."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
