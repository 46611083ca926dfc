"""What surrounds the calls of this environment: packages, proxies, certificates."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from llm_migrate.catalog.packages import files_of, find_troubles, load_troubles, packages_of
from llm_migrate.config import Target
from llm_migrate.engine import routes
from llm_migrate.engine.check.finding import Finding

# Variables that name trusted certificates, the first of which counts.
_CERTIFICATES: Final[Mapping[str, Callable[[Path], bool]]] = {
    "SSL_CERT_FILE": Path.is_file,
    "SSL_CERT_DIR": Path.is_dir,
}
_PROXIED: Final = ("http", "https")  # ways to a proxy that both HTTP clients know


def surroundings(targets: Sequence[Target]) -> list[Finding]:
    """Return what is to be said of packages, proxies and certificates here."""
    return [*_packages(), *proxies(targets, os.environ), *certificates(os.environ)]


def judge_packages(installed: Mapping[str, str], files: frozenset[str], *, where: str) -> list[Finding]:
    """Return what is to be said of packages.

    Args:
        installed: package -> version, of those that the table speaks of.
        files: names of files beside the packages.
        where: the environment.
    """
    troubles = find_troubles(load_troubles(), installed, files)
    said = (
        ", ".join(f"{name} {version}" for name, version in installed.items()) or "none of those that are known to clash"
    )
    out = [Finding("good", "package", where, said)] if all(t.severity == "note" for t in troubles) else []
    for trouble in troubles:
        named = [c.package for c in trouble.when if c.package in installed]
        versions = ", ".join(f"{name} {installed[name]}" for name in named if name is not None)
        what = f"{versions}: {trouble.problem}" if versions else trouble.problem
        out.append(Finding(trouble.severity, "package", where, what, trouble.advice, source=trouble.source))
    return out


def proxies(targets: Sequence[Target], environ: Mapping[str, str]) -> list[Finding]:
    """Return through which proxy each target is asked, if through any; a proxy's user and password are not shown."""
    out: list[Finding] = []
    names = sorted(name for name in environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy"))
    for target in targets:
        proxy = routes.proxy_for(target.base_url)
        if proxy is None:
            continue
        where = " and ".join(names) or "the system's settings"
        shown = shown_proxy(proxy)
        if urlsplit(proxy).scheme in _PROXIED:
            out.append(Finding("note", "proxy", where, f"asked through {shown}", target=target.name))
        else:
            what = f"{shown} is no HTTP proxy, and no other kind can be used: every call fails"
            advice = "set HTTPS_PROXY to the http:// address of the same proxy, or name the host in NO_PROXY"
            out.append(Finding("wrong", "proxy", where, what, advice, target.name))
    return out


def shown_proxy(proxy: str) -> str:
    """Return a proxy's address without user and password."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def certificates(environ: Mapping[str, str]) -> list[Finding]:
    """Return what is to be said of certificates that the environment puts in place of the system's."""
    for name, is_there in _CERTIFICATES.items():
        path = environ.get(name, "")
        if path and is_there(Path(path)):
            what = f"the certificates of {path} are trusted, and no others"
            return [Finding("note", "certificates", name, what)]
        if path:
            what = f"{path} is not there: every call over TLS fails"
            return [Finding("wrong", "certificates", name, what, "unset it, or name what is there")]
    return []


def _packages() -> list[Finding]:
    troubles = load_troubles()
    installed = {name: version for name in packages_of(troubles) if (version := _version(name)) is not None}
    folders = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    files = frozenset(name for name in files_of(troubles) if any((folder / name).exists() for folder in folders))
    return judge_packages(installed, files, where=sys.prefix)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
