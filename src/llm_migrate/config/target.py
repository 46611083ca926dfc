"""What a read configuration is: targets, chains, and how models are called.

`repr` and `str` of everything here show names only, never a key or an address.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from llm_migrate.catalog.load import REFERENCE
from llm_migrate.catalog.policy import asked_kind, find_model, suggest_model
from llm_migrate.catalog.schema import Api, Auth, Emulation, Endpoint, Provider
from llm_migrate.config.secret import CredentialSource, Secret, TokenProvider
from llm_migrate.errors import ConfigError, CredentialError

if TYPE_CHECKING:
    from llm_migrate.config.budgets import Budget

Adapt: TypeAlias = Literal["strict", "warn", "silent"]
Order: TypeAlias = Literal["ordered", "free-first", "cheapest", "weighted"]

BEARERS: Final = frozenset({"bearer", "entra"})  # ways to sign that take a token as it is
# Ways to sign that take an id and its secret.
PAIRED: Final = frozenset({"jwt-hs256-sensenova", "tc3-hmac-sha256", "bce-auth-v1", "baidu-iam"})


@dataclass(frozen=True, slots=True)
class Only:
    """Which calls a target is for.

    Attributes:
        models: globs of ids that programs ask for; empty for all.
        from_input_tokens: the least size of a request, roughly counted.
        up_to_input_tokens: the most.
    """

    models: tuple[str, ...] = ()
    from_input_tokens: int | None = None
    up_to_input_tokens: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """One place to send requests to.

    Attributes:
        name: as the configuration calls it.
        provider: its facts.
        endpoint: the catalog's endpoint that it is, or behaves like.
        base_url: address without a trailing slash.
        auth: how requests are signed.
        api_version: a dated version for the route with deployments; None elsewhere.
        trust_host: the configuration allows this host to see a key of the machine.
        source: where the key is found.
        token_url: where a token is asked for, if the way to sign takes one that is.
        max_concurrency: requests of this process that may be open at a time; None for any number.
        only: which calls it is for.
    """

    name: str
    provider: Provider
    endpoint: Endpoint
    base_url: str
    auth: Auth
    api_version: str | None
    trust_host: bool
    source: CredentialSource
    token_url: str = ""
    max_concurrency: int | None = None
    only: Only = Only()

    def credential(self) -> Secret:
        """Return the key, read now.

        Raises:
            CredentialError: no key, or one where two are needed; names the variable to set.
        """
        secret = self.source.read(self.name, os.environ)
        if self.auth.kind in PAIRED:
            try:
                secret.pair()
            except CredentialError as e:
                raise CredentialError(f"{self.name}: {e}") from None
        return secret

    @property
    def dialect(self) -> str:
        """Name of the dialect that this target speaks."""
        return self.endpoint.dialect or self.provider.dialect

    def __repr__(self) -> str:
        return f"Target({self.name!r}, provider={self.provider.id!r}, endpoint={self.endpoint.id!r})"


@dataclass(frozen=True, slots=True)
class Chain:
    """Targets in the order in which they are listed.

    Attributes:
        name: as the configuration calls it.
        targets: those that may be asked.
        order: how the first one is found.
        weights: target name -> its share, for "weighted".
        rates: currency -> how much one unit is worth in the one that prices are compared in, for "cheapest".
        shadow: a target that gets a copy of each call, for comparison.
        shadow_file: where both answers are recorded.
        on_cut: what to do about a stream that breaks off after its first content.
        buffer_tool_calls: hold a tool call of a stream back until it is whole.
    """

    name: str
    targets: tuple[Target, ...]
    order: Order = "ordered"
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    rates: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    shadow: Target | None = None
    shadow_file: Path | None = None
    on_cut: Literal["error", "continue"] = "error"
    buffer_tool_calls: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the books of the budgets are kept.

    Attributes:
        url: `sqlite:///PATH` or `postgresql://...`; may hold a password.
        durable: SQLite waits for the disk at every commit.
        on_error: "refuse" calls under a hard limit while the books cannot be used, or let them "pass".
    """

    url: str = field(repr=False)
    durable: bool = False
    on_error: Literal["refuse", "pass"] = "refuse"


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration, read and checked.

    Attributes:
        path: the file; None for one made from a `base_url`.
        targets: by name, in the order of the file.
        chains: by name; there is always one called "default" unless the file names others only.
        models: asked id -> target name -> the id there.
        adapt: what to do with a request that cannot be kept as it is.
        suggest: whether the catalog's proposals serve unmapped models.
        emulate: emulations that the user asked for, of those that cost more than the call itself.
        listener: a function of the program that is told of each decision about a call.
        budgets: what may be used of targets, by name; no books are opened where there are none.
        ledger: where their books are.
        rates: currency -> how much one unit is worth in the one that amounts are compared in.
    """

    path: Path | None
    targets: Mapping[str, Target]
    chains: Mapping[str, Chain]
    models: Mapping[str, Mapping[str, str]]
    adapt: Adapt = "warn"
    suggest: bool = False
    emulate: frozenset[Emulation] = frozenset()
    listener: Callable[[Any], None] | None = None
    budgets: Mapping[str, Budget] = field(default_factory=dict[str, "Budget"])
    ledger: Ledger | None = None
    rates: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    def with_listener(self, listener: Callable[[Any], None]) -> Config:
        """Return a copy whose calls tell a function of each decision: `llm_migrate.engine.events` has their types."""
        return replace(self, listener=listener)

    def with_token_provider(self, target: str, provider: TokenProvider) -> Config:
        """Return a copy in which a target's key comes from a function, asked anew for each request.

        For tokens that a library of the platform renews by itself, such as those of
        `azure.identity.get_bearer_token_provider`. An async client also takes an async function.

        Raises:
            ConfigError: no such target, or one whose way to sign takes no token.
        """
        found = self.targets.get(target)
        if found is None:
            raise ConfigError(f"{self._where()}: no target {target!r}{nearest(target, self.targets)}")
        if found.auth.kind not in BEARERS:
            ways = ", ".join(auth.id for auth in found.provider.auth if auth.kind in BEARERS)
            raise ConfigError(f"{target}: auth: {found.auth.id!r} takes no token; add  auth = ...  (one of: {ways})")
        source = CredentialSource("ask", (), provider=provider)
        targets = {**self.targets, target: replace(found, source=source)}
        chains = {
            name: replace(chain, targets=tuple(targets[member.name] for member in chain.targets))
            for name, chain in self.chains.items()
        }
        return replace(self, targets=MappingProxyType(targets), chains=MappingProxyType(chains))

    def chain(self, name: str = "default") -> Chain:
        """Return a chain.

        Raises:
            ConfigError: no such chain; names the ones there are.
        """
        found = self.chains.get(name)
        if found is None:
            known = ", ".join(self.chains)
            raise ConfigError(f"{self._where()}: no chain {name!r}{nearest(name, self.chains)}; there are: {known}")
        return found

    def model_for(self, target: Target, asked: str, *, api: Api = "chat") -> str:
        """Return what a model is called at a target.

        The mapping decides; else an id of the vendor's own serves itself; else, only with `suggest = true` and never
        for embeddings (another model's vectors do not fit the stored ones), the catalog's proposal.

        Raises:
            ConfigError: nothing says it; names the line to add.
        """
        mapped = self.models.get(asked, {}).get(target.name)
        if mapped is not None:
            return mapped
        provider = target.provider
        if provider.id == REFERENCE or asked_kind(provider, asked) == "own":
            return asked
        proposal = suggest_model(provider, asked) if api != "embeddings" else None
        if proposal is not None and _kind(provider, proposal[0]) == "embedding":
            proposal = None
        if proposal is not None and self.suggest:
            return proposal[0]
        example = proposal[0] if proposal else "NAME-THERE"
        line = f'[models.{_quoted(asked)}]  {_bare(target.name)} = "{example}"'
        raise ConfigError(f"{self._where()}: {target.name}: nothing says what {asked[:80]!r} is there: add  {line}")

    def _where(self) -> str:
        return self.path.name if self.path else "configuration"

    def __repr__(self) -> str:
        path = str(self.path) if self.path else None
        return f"Config(path={path!r}, targets={list(self.targets)!r}, chains={list(self.chains)!r})"


def nearest(word: str, known: Mapping[str, object]) -> str:
    """Return `; did you mean ...?`, or nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _kind(provider: Provider, model: str) -> str | None:
    found = find_model(provider, model)
    return found.kind if found else None


def _bare(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else _quoted(key)


def _quoted(key: str) -> str:
    return '"' + key[:80].replace("\\", "\\\\").replace('"', '\\"') + '"'
