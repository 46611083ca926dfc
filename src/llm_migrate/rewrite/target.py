"""Where a rewrite leads: address, key variable and model names of the new provider, and which old ones they replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llm_migrate.catalog.load import find_provider, load_provider
from llm_migrate.catalog.policy import Policy, Unknown, find_model, require_model, suggest_model
from llm_migrate.catalog.schema import Api, Endpoint, Provider
from llm_migrate.errors import UsageError

# Programs are written for this provider's SDK, which the `endpoint` strategy keeps.
SDK_PROVIDER: Final = "openai"


@dataclass(frozen=True, slots=True)
class Move:
    """One migration: from one provider to another, by one strategy.

    Attributes:
        source: the provider that the program uses.
        target: the one it shall use.
        endpoint: of the target.
        key_env: variable that holds the target's key.
        url_env: variable that overrides the target's address.
        model: serves every chat model, if given.
        mapped: what the user decided: old model id -> new one.
        replace: change in place; otherwise the old provider stays behind the switch.
    """

    source: Provider
    target: Provider
    endpoint: Endpoint
    key_env: str
    url_env: str
    model: str | None
    mapped: Mapping[str, str]
    replace: bool

    @property
    def base_url(self) -> str:
        """Address for the SDK's `base_url`."""
        return self.endpoint.base_url

    def new_model(self, old: str) -> str | None:
        """Return what serves a model at the target; None if nobody decided.

        Embedding models are only switched by an explicit mapping: vectors of two models do not mix.
        """
        if old in self.mapped:
            return self.mapped[old]
        if self.is_embedding(old) or not self.is_chat(old):
            return None
        if self.model is not None:
            return self.model
        suggested = suggest_model(self.target, old)
        return suggested[0] if suggested else None

    def is_embedding(self, model: str) -> bool:
        """Say whether a model of the source makes vectors."""
        known = find_model(self.source, model)
        return known.kind == "embedding" if known else "embedding" in model.lower()

    def is_chat(self, model: str) -> bool:
        """Say whether a model of the source chats; unlisted ones are taken to."""
        known = find_model(self.source, model)
        return known is None or known.kind == "chat"

    def policy(self, api: Api, model: str | Unknown, asked: str | None = None) -> Policy:
        """Return the target's rules for one model, in place of the one that the program names."""
        return Policy(self.target, self.endpoint.id, api, model, asked=asked)


def parse_move(to: str, *, source: str = SDK_PROVIDER, replace: bool = False, pairs: Sequence[str] = ()) -> Move:
    """Read the command line's words for a move.

    Args:
        to: `PROVIDER` or `PROVIDER:MODEL`.
        source: id of the provider to leave.
        replace: change in place.
        pairs: `OLD=NEW` model names.

    Raises:
        UsageError: an unknown provider or model, a pair that is none, or a target that the strategy cannot reach.
    """
    name, _, model = to.partition(":")
    target = find_provider(name)
    endpoint = _endpoint(target)
    auth = next((a for a in target.auth if a.id == endpoint.auth), target.auth[0])
    names = (*auth.env, *target.names.env_key)
    if not names:
        raise UsageError(f"{target.id}: the catalog names no variable for its key")
    prefix = names[0].removesuffix("_API_KEY").removesuffix("_KEY")
    if model:
        require_model(target, model)
    return Move(
        source=load_provider(find_provider(source).id),
        target=target,
        endpoint=endpoint,
        key_env=names[0],
        url_env=target.names.env_url[0] if target.names.env_url else f"{prefix}_BASE_URL",
        model=model or None,
        mapped=dict(_pair(target, text) for text in pairs),
        replace=replace,
    )


def _endpoint(target: Provider) -> Endpoint:
    """Choose an address that the SDK can call by itself: OpenAI's shape, and a key that is sent as it is."""
    bearer = {a.id for a in target.auth if a.kind == "bearer"}
    first = target.auth[0].id
    default = target.default_endpoint
    for endpoint in (default, *target.endpoints):
        plain = endpoint.state == "current" and endpoint.plan is None and "{" not in endpoint.base_url
        if plain and (endpoint.dialect or target.dialect) == "openai-chat" and (endpoint.auth or first) in bearer:
            return endpoint
    raise UsageError(
        f"{target.id}: no address that the openai SDK can call with a plain key: "
        "this target needs a client of its own, which the strategy `endpoint` does not write"
    )


def _pair(target: Provider, text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not (old and sign and new):
        raise UsageError(f"--map {text}: must read OLD=NEW, such as text-embedding-3-small=embedding-3")
    require_model(target, new)
    return old, new
