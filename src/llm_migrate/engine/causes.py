"""Say why a connection failed, in words that name no host, address or key."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

from llm_migrate.engine.routes import RouteError

# OpenSSL's X509_V_ERR codes.
_CERTIFICATE: Final = {
    10: "its TLS certificate has expired",
    18: "its TLS certificate is self-signed",
    19: "its TLS certificate chain is self-signed",
    20: "the issuer of its TLS certificate is not trusted",
    62: "its TLS certificate is for another host name",
    64: "its TLS certificate is for another address",
}


def plain_cause(error: BaseException) -> str:
    """Return a short cause for an exception of any HTTP client."""
    for inner in _chain(error):
        if isinstance(inner, RouteError):
            return str(inner)
        if isinstance(inner, ssl.SSLCertVerificationError):
            return _CERTIFICATE.get(inner.verify_code, "its TLS certificate is not valid")
        if isinstance(inner, ssl.SSLError):
            return "the TLS handshake failed"
        if isinstance(inner, socket.gaierror):
            return "its host name cannot be resolved"
        if isinstance(inner, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(inner, ConnectionResetError | BrokenPipeError):
            return "the connection was reset"
    # Clients of all three families name it so: ...ProtocolError, ServerDisconnectedError, ClientPayloadError, and
    # ClientResponseError for what is no HTTP.
    broke = ("ProtocolError", "DisconnectedError", "PayloadError", "ResponseError")
    return "the answer broke off" if type(error).__name__.endswith(broke) else "the connection failed"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        one = todo.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__]
        # aiohttp keeps the operating system's error in attributes of its own, anyio one error for each address.
        todo += [getattr(one, "os_error", None), getattr(one, "certificate_error", None)]
        todo += getattr(one, "exceptions", ())
