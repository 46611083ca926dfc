"""Answer `/models` from the configuration and the catalog: what this chain serves, without asking anybody."""

from __future__ import annotations

import datetime as dt
from urllib.parse import unquote

import orjson

from llm_migrate.catalog.policy import is_retired
from llm_migrate.config import Chain, Config
from llm_migrate.engine.steps import Reply
from llm_migrate.wire.exchange import OpenAIError

_JSON = (("content-type", "application/json"),)


def list_models(config: Config, chain: Chain, path: str) -> Reply:
    """Return the list of models, or the one that a path names.

    Args:
        config: whose mapping counts.
        chain: whose targets count.
        path: "/models" or "/models/ID".
    """
    served = _served(config, chain)
    wanted = unquote(path.removeprefix("/models").lstrip("/"))
    if not wanted:
        models = [_entry(model, owner) for model, owner in served.items()]
        return Reply(200, _JSON, orjson.dumps({"object": "list", "data": models}))
    if wanted in served:
        return Reply(200, _JSON, orjson.dumps(_entry(wanted, served[wanted])))
    text = f"The model {wanted[:80]!r} is not served by this chain"
    error = OpenAIError(404, text, param="model", code="model_not_found")
    return Reply(404, (*_JSON, ("x-should-retry", "false")), error.body())


def _served(config: Config, chain: Chain) -> dict[str, str]:
    """Return model id -> provider id; mapped names first, then what the vendors list and have not retired."""
    served: dict[str, str] = {}
    for asked, row in config.models.items():
        first = next((target for target in chain.targets if target.name in row), None)
        if first is not None:
            served[asked] = first.provider.id
    today = dt.datetime.now(dt.UTC).date()
    for target in chain.targets:
        for model in target.provider.models:
            if model.kind in ("chat", "embedding") and not is_retired(model, today):
                served.setdefault(model.id, target.provider.id)
    return served


def _entry(model: str, owner: str) -> dict[str, str | int]:
    return {"id": model, "object": "model", "created": 0, "owned_by": owner}
