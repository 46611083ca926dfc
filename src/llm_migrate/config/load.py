"""Find and read the configuration."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final

from llm_migrate.catalog.load import REFERENCE, find_provider, provider_ids
from llm_migrate.catalog.schema import Auth, Emulation, Endpoint, Provider
from llm_migrate.catalog.strict import load_toml
from llm_migrate.config.budgets import read_budgets
from llm_migrate.config.file import ChainTable, ConfigFile, LedgerTable, TargetTable
from llm_migrate.config.identity import platform_tokens
from llm_migrate.config.place import find_place, find_token_url, is_own_address
from llm_migrate.config.secret import CredentialSource, parse_source
from llm_migrate.config.target import PAIRED, Chain, Config, Ledger, Only, Target, nearest
from llm_migrate.errors import ConfigError, CredentialError, UsageError

FILE_NAME: Final = "llm-migrate.toml"
VARIABLE: Final = "LLM_MIGRATE_CONFIG"
DIALECTS: Final = frozenset({"openai-chat", "ernie-v1", "hunyuan-tc3", "sensenova-v1"})  # those that the wire speaks
# Those that the wire signs.
AUTH_KINDS: Final = frozenset({"bearer", "azure-key", "entra", "jwt-hs256-zhipu", "baidu-oauth", *PAIRED})

_MINIMAL: Final = """\
    [targets.main]
    provider = "..."                    # one of: {providers}
    [models."gpt-4o"]                   # what the program asks for
    main = "..."                        # what it is called there"""

_log = logging.getLogger(__name__)


def load_config(
    source: str | Path | Config | None = None, *, base_url: str | None = None, api_key: str | None = None
) -> Config:
    """Return the configuration.

    Looked for in this order: `source`, the file that `LLM_MIGRATE_CONFIG` names, `./llm-migrate.toml`, and
    `llm-migrate/llm-migrate.toml` in the user's configuration folder. Where none is found, `base_url` makes a chain
    of one target that takes every model as it is.

    Args:
        source: a path, or a configuration that is used as it is.
        base_url: an OpenAI-shaped address, given in the program itself.
        api_key: its key; by default the one that the environment holds.

    Raises:
        ConfigError: none found, or one that is wrong; says where it looked and how to mend it.
    """
    if isinstance(source, Config):
        return source
    looked: list[str] = []
    path = _find(source, looked)
    if path is not None:
        _log.info("configuration: %s", path)
        return _build(load_toml(path, ConfigFile, ConfigError, label=str(path)), path)
    if base_url is not None:
        return _of_one(base_url, api_key)
    places = "".join(f"\n  {place}" for place in looked)
    minimal = _MINIMAL.format(providers=", ".join(provider_ids()))
    raise ConfigError(f"no configuration found; looked at:{places}\nA small {FILE_NAME} is:\n{minimal}")


def find_config(source: str | Path | None = None) -> Path | None:
    """Return the file that `load_config` would read; None if there is none.

    Raises:
        ConfigError: a file that is named does not exist.
    """
    return _find(source, [])


def user_folder() -> Path:
    """Return the user's configuration folder for this platform; it need not exist."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "llm-migrate"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "llm-migrate"
    xdg = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG rules say to ignore a relative path.
    return (Path(xdg) if xdg.startswith("/") else Path.home() / ".config") / "llm-migrate"


def state_folder() -> Path:
    """Return the user's folder for what programs keep, on this platform; it need not exist."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "llm-migrate"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "llm-migrate"
    xdg = os.environ.get("XDG_STATE_HOME", "")
    return (Path(xdg) if xdg.startswith("/") else Path.home() / ".local" / "state") / "llm-migrate"


def _find(source: str | Path | None, looked: list[str]) -> Path | None:
    if source is not None:
        return _must_exist(Path(source), "config")
    named = os.environ.get(VARIABLE, "")
    if named:
        return _must_exist(Path(named), VARIABLE)
    looked.append(f"${VARIABLE} (not set)")
    for path in (Path.cwd() / FILE_NAME, user_folder() / FILE_NAME):
        if path.is_file():
            return path
        looked.append(str(path))
    return None


def _must_exist(path: Path, origin: str) -> Path:
    path = path.expanduser()
    if not path.is_file():
        raise ConfigError(f"{origin}: {path}: no such file")
    return path


def _of_one(base_url: str, api_key: str | None) -> Config:
    # The address stands in the program, so whoever wrote it may also read the environment: the host is trusted.
    table = TargetTable(provider=REFERENCE, base_url=base_url, trust_host=True)
    target = _target("default", table, CredentialSource("plain", (api_key,)) if api_key else None)
    targets = {"default": target}
    chains = {"default": Chain("default", (target,))}
    return Config(None, MappingProxyType(targets), MappingProxyType(chains), MappingProxyType({}))


def _build(file: ConfigFile, path: Path) -> Config:
    label = str(path)
    try:
        targets = {name: _target(name, table) for name, table in file.targets.items()}
    except (ConfigError, UsageError) as e:
        kind = CredentialError if isinstance(e, CredentialError) else ConfigError
        raise kind(f"{label}: targets.{e}") from None
    for asked, row in file.models.items():
        for name in row:
            if name not in targets:
                raise ConfigError(f"{label}: models.{asked!r}.{name}: no such target{nearest(name, targets)}")
    chains = {name: _chain(label, name, table, targets, file) for name, table in file.chains.items()}
    if not chains:
        chains = {"default": Chain("default", tuple(targets.values()))}
    try:
        budgets = read_budgets(file.budgets, targets)
        ledger = _ledger(file.ledger or LedgerTable()) if budgets else None
    except ConfigError as e:
        raise ConfigError(f"{label}: {e}") from None
    return Config(
        path,
        MappingProxyType(targets),
        MappingProxyType(chains),
        MappingProxyType({asked: MappingProxyType(row) for asked, row in file.models.items()}),
        file.adapt.policy,
        file.suggest,
        frozenset[Emulation]({"n-calls"} if file.adapt.n == "calls" else ()),
        budgets=MappingProxyType(budgets),
        ledger=ledger,
        rates=MappingProxyType(dict(_rates(file))),
    )


def _ledger(table: LedgerTable) -> Ledger:
    url = table.url or f"sqlite:///{state_folder() / 'ledger.db'}"
    if url.startswith("env:"):
        name = url.removeprefix("env:")
        url = os.environ.get(name, "")
        if not url:
            raise ConfigError(f"ledger.url: the variable {name} is not set")
    return Ledger(url, table.durable, table.on_ledger_error)


def _chain(label: str, name: str, table: ChainTable, targets: dict[str, Target], file: ConfigFile) -> Chain:
    if table.order == "free-first" and not file.budgets:
        raise ConfigError(f"{label}: chains.{name}.order: free-first needs [budgets] that say what is free")
    for i, member in enumerate(table.targets):
        if member not in targets:
            raise ConfigError(f"{label}: chains.{name}.targets[{i}]: no such target{nearest(member, targets)}")
        if member in table.targets[:i]:
            raise ConfigError(f"{label}: chains.{name}.targets[{i}]: {member!r} stands there twice")
    rates = _rates(file)
    _check_order(f"{label}: chains.{name}", table, targets, rates)
    return Chain(
        name,
        tuple(targets[member] for member in table.targets),
        table.order,
        MappingProxyType(table.weights),
        MappingProxyType(dict(rates)),
        targets[table.shadow] if table.shadow else None,
        Path(table.shadow_file).expanduser() if table.shadow_file else None,
        table.on_cut,
        table.buffer_tool_calls,
    )


def _rates(file: ConfigFile) -> Mapping[str, Decimal]:
    return {str(currency): rate for currency, rate in file.rates.items()}


def _check_order(place: str, table: ChainTable, targets: dict[str, Target], rates: Mapping[str, Decimal]) -> None:
    if table.order == "weighted" and not sum(table.weights.get(member, 0) for member in table.targets):
        raise ConfigError(f"{place}.weights: weighted needs a share for each target: weights = {{ a = 90, b = 10 }}")
    for member in table.weights:
        if member not in table.targets:
            raise ConfigError(f"{place}.weights.{member}: not a target of this chain")
    if table.order == "cheapest":
        listed = (model for member in table.targets for model in targets[member].provider.models)
        billed = {price.currency for model in listed for price in model.prices}
        lacking = sorted(billed - rates.keys())
        if len(billed) > 1 and lacking:
            example = ", ".join(f"{currency} = {7 if currency == 'USD' else 1}" for currency in sorted(billed))
            raise ConfigError(f"{place}.order: prices are in {' and '.join(sorted(billed))}: add  [rates]  {example}")
    if table.shadow is not None and table.shadow not in targets:
        raise ConfigError(f"{place}.shadow: no such target{nearest(table.shadow, targets)}")
    if table.shadow is not None and table.shadow_file is None:
        raise ConfigError(f"{place}.shadow_file: name the file in which both answers are recorded")


def _target(name: str, table: TargetTable, source: CredentialSource | None = None) -> Target:
    try:
        provider = find_provider(table.provider)
    except UsageError as e:
        raise ConfigError(f"{name}: provider: {e}") from None
    version = _dated(name, provider, table.api_version)
    place = find_place(provider, endpoint=table.endpoint, base_url=table.base_url, api_version=version, target=name)
    _require_dialect(name, provider, place.endpoint)
    auth = _auth(name, provider, place.endpoint, table.auth)
    if source is None:
        source = parse_source(table.api_key) if table.api_key else _usual_source(auth)
    token_url = find_token_url(provider, auth, place, table.token_url, target=name)
    if source.is_ambient and not table.trust_host and not (place.own_host and is_own_address(provider, token_url)):
        # A file out of a cloned repository must not send a key of this machine to a host of its own choice.
        raise CredentialError(
            f"{name}: the address is not one of {provider.name}'s, so no key of this machine is sent there:"
            " add  trust_host = true  if you know the host, or give it a key of its own with  plain:..."
        )
    return Target(
        name,
        provider,
        place.endpoint,
        place.base_url,
        auth,
        version,
        table.trust_host,
        source,
        token_url,
        table.max_concurrency,
        Only(table.only.models, table.only.from_input_tokens, table.only.up_to_input_tokens),
    )


def _usual_source(auth: Auth) -> CredentialSource:
    """Return where the key is when the configuration does not say: the platform's own library, else the environment."""
    if auth.token_scope and not any(os.environ.get(name) for name in auth.env):
        provider = platform_tokens(auth.token_scope)
        if provider is not None:
            return CredentialSource("ask", (), provider=provider)
    return CredentialSource("env", auth.env, auth.pair_env)


def _require_dialect(name: str, provider: Provider, endpoint: Endpoint) -> None:
    dialect = endpoint.dialect or provider.dialect
    if dialect in DIALECTS:
        return
    spoken = [e.id for e in provider.endpoints if (e.dialect or provider.dialect) in DIALECTS]
    hint = f"; endpoints that it can: {', '.join(spoken)}" if spoken else ""
    raise ConfigError(f"{name}: endpoint: this version cannot speak {dialect!r}{hint}")


def _dated(name: str, provider: Provider, api_version: str | None) -> str | None:
    if api_version is None:
        return None
    if not any(auth.kind == "azure-key" for auth in provider.auth):
        raise ConfigError(f"{name}: api_version: {provider.name} has no versions of its API: remove it")
    if not api_version.replace("-", "").isalnum() or not api_version.isascii():
        raise ConfigError(f'{name}: api_version: must look like "2024-10-21" or "2025-04-01-preview"')
    # "v1" and its preview are the route without versions.
    return api_version if api_version[:2] == "20" else None


def _auth(name: str, provider: Provider, endpoint: Endpoint, wanted: str | None) -> Auth:
    by_id = {auth.id: auth for auth in provider.auth}
    if wanted is not None:
        auth = by_id.get(wanted)
        if auth is None:
            known = ", ".join(by_id)
            raise ConfigError(f"{name}: auth: {provider.id} has no auth of that name; there are: {known}")
    else:
        auth = by_id[endpoint.auth] if endpoint.auth else provider.auth[0]
    if auth.kind not in AUTH_KINDS:
        raise ConfigError(f"{name}: auth: this version cannot sign {auth.kind!r}")
    return auth
