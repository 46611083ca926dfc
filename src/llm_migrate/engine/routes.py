"""Ways out of this machine: proxies from the environment and the trust store, the same for every client."""

from __future__ import annotations

import ssl
import urllib.request
from functools import cache
from urllib.parse import urlsplit


class RouteError(OSError):
    """The environment names a way out that cannot be taken; the message says which, without an address."""


def http_proxy_for(url: str) -> str | None:
    """Return the proxy through which a request goes, None for the direct way.

    Raises:
        RouteError: it is not an HTTP proxy.
    """
    proxy = proxy_for(url)
    if proxy is not None and not proxy.startswith(("http://", "https://")):
        raise RouteError("the environment names a SOCKS proxy: only HTTP proxies can be used, in HTTPS_PROXY")
    return proxy


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, None for the direct way.

    `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in either case, read once for each host. A `.netrc` is
    never read: credentials come from the configuration alone.
    """
    parts = urlsplit(url)
    return _proxy(parts.scheme, parts.hostname or "")


@cache
def tls() -> ssl.SSLContext:
    """Return the context that verifies certificates; `SSL_CERT_FILE` or `SSL_CERT_DIR` replace what is trusted.

    Raises:
        RouteError: those certificates cannot be read.
    """
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as e:
        raise RouteError("the certificates that SSL_CERT_FILE or SSL_CERT_DIR name cannot be read") from e


@cache  # reading the environment takes longer than all the rest of a call's way out
def _proxy(scheme: str, host: str) -> str | None:
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
