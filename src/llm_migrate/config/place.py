"""Addresses: which endpoint of the catalog a target is, and which hosts may see a key."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import SplitResult, urlsplit

from llm_migrate.catalog.schema import Auth, Endpoint, Provider
from llm_migrate.errors import ConfigError

_DEPLOYMENTS: Final = "/deployments"


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """Where a target is.

    Attributes:
        endpoint: the catalog's endpoint that it is, or behaves like.
        base_url: address without a trailing slash.
        own_host: the host is one of the vendor's.
    """

    endpoint: Endpoint
    base_url: str
    own_host: bool


def find_place(
    provider: Provider, *, endpoint: str | None, base_url: str | None, api_version: str | None, target: str
) -> Place:
    """Return where a target is.

    Args:
        provider: whose.
        endpoint: id of an endpoint, or the customer's own address there; the default endpoint if None.
        base_url: another address that speaks as the endpoint does.
        api_version: a dated version asks for the route with deployments.
        target: name for messages.

    Raises:
        ConfigError: unknown endpoint, unsound address, or one that only the customer can name; never shows it.
    """
    address = base_url
    if endpoint is not None and "://" in endpoint:
        if base_url is not None:
            raise ConfigError(f"{target}: endpoint and base_url both give an address: keep one")
        address, endpoint = endpoint, None
    if address is None:
        chosen = _by_id(provider, endpoint, target)
        if "{" in chosen.base_url:
            raise ConfigError(
                f"{target}: endpoint: each customer of {provider.name} has an own address:"
                f' add  endpoint = "{chosen.base_url.split("}")[0].replace("{", "YOUR-")}..."'
            )
        return Place(chosen, _with_route(chosen.base_url, api_version, target), own_host=True)
    url = _split(address, target)
    chosen = _by_id(provider, endpoint, target) if endpoint else _by_address(provider, url, api_version)
    text = address.rstrip("/")
    if not url.path.strip("/") and _matches(chosen, url.hostname or ""):
        text += urlsplit(_filled(chosen.base_url)).path.rstrip("/")
    return Place(chosen, _with_route(text, api_version, target), own_host=is_own_host(provider, url.hostname or ""))


def find_token_url(provider: Provider, auth: Auth, place: Place, token_url: str | None, *, target: str) -> str:
    """Return where a target asks for tokens; "" where it asks for none.

    A server of one's own issues them at its own address, in the vendor's place, unless the configuration names another.

    Raises:
        ConfigError: an unsound address, or one where no token is asked for; never shows it.
    """
    if not auth.token_url:
        if token_url is not None:
            raise ConfigError(f"{target}: token_url: {provider.name}'s way {auth.id!r} asks for no token: remove it")
        return ""
    if token_url is not None:
        return _split(token_url, target).geturl()
    if place.own_host:
        return auth.token_url
    base, usual = urlsplit(place.base_url), urlsplit(auth.token_url)
    return f"{base.scheme}://{base.netloc}{usual.path}"


def is_own_address(provider: Provider, address: str) -> bool:
    """Say whether an address is at one of the vendor's hosts; "" is nowhere and does no harm."""
    return not address or is_own_host(provider, urlsplit(address).hostname or "")


def is_own_host(provider: Provider, host: str) -> bool:
    """Say whether a host is one of the vendor's, by its endpoints and the names that the catalog knows."""
    host = host.lower().rstrip(".")
    if any(_matches(endpoint, host) for endpoint in provider.endpoints):
        return True
    return any(fnmatchcase(host, pattern.lower()) for pattern in provider.names.hosts)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _by_id(provider: Provider, endpoint: str | None, target: str) -> Endpoint:
    if endpoint is None:
        return provider.default_endpoint
    found = next((e for e in provider.endpoints if e.id == endpoint), None)
    if found is None:
        known = ", ".join(e.id for e in provider.endpoints)
        raise ConfigError(f"{target}: endpoint: {provider.id} has no endpoint of that name; there are: {known}")
    return found


def _by_address(provider: Provider, url: SplitResult, api_version: str | None) -> Endpoint:
    """Return the endpoint that an address most likely is: by host, then by route and path, then the default."""
    same_host = [e for e in provider.endpoints if _matches(e, url.hostname or "")] or list(provider.endpoints)

    def likeness(endpoint: Endpoint) -> tuple[bool, bool, bool, bool]:
        path = urlsplit(_filled(endpoint.base_url)).path.rstrip("/")
        versioned = path.endswith("/v1")
        route = versioned != bool(api_version) if _has_routes(provider) else True
        return (route, path == url.path.rstrip("/"), endpoint.state == "current", endpoint.default)

    return max(same_host, key=likeness)


def _has_routes(provider: Provider) -> bool:
    return any(auth.kind == "azure-key" for auth in provider.auth)


def _matches(endpoint: Endpoint, host: str) -> bool:
    pattern = urlsplit(_filled(endpoint.base_url)).hostname or ""
    if "*" not in pattern:
        return pattern == host.lower().rstrip(".")
    return fnmatchcase(host.lower().rstrip("."), pattern)


def _filled(base_url: str) -> str:
    """Return a template with `*` for what the customer owns."""
    while "{" in base_url and "}" in base_url:
        head, _, rest = base_url.partition("{")
        base_url = f"{head}*{rest.partition('}')[2]}"
    return base_url


def _split(address: str, target: str) -> SplitResult:
    try:
        url = urlsplit(address)
        _ = url.port  # raises for an unsound one
    except ValueError:
        raise ConfigError(f"{target}: the address is not a sound URL") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(f"{target}: the address must begin with https:// and name a host")
    if url.username or url.password or url.query or url.fragment:
        raise ConfigError(f"{target}: the address must hold no user, password, query or fragment")
    if not address.isascii() or not address.isprintable() or " " in address:
        raise ConfigError(f"{target}: the address has a character that no URL has")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ConfigError(f"{target}: the address is http, which shows the key to the network: use https")
    return url


def _with_route(base_url: str, api_version: str | None, target: str) -> str:
    """Return the base that paths, or deployments, are appended to."""
    base_url = base_url.rstrip("/")
    if api_version is None:
        return base_url
    if base_url.endswith("/v1"):
        raise ConfigError(f"{target}: api_version: the v1 route takes no dated version: leave one of the two out")
    base_url = base_url.partition(_DEPLOYMENTS)[0]
    return base_url if base_url.endswith("/openai") else f"{base_url}/openai"
