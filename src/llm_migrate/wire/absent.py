"""Answer a call to an API that is not carried: who offers it, who does not, and what to do instead."""

from __future__ import annotations

from collections.abc import Sequence

from llm_migrate.catalog.load import all_providers
from llm_migrate.catalog.schema import Provider
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.failure import OpenAIError


def absent(call: Call, targets: Sequence[Target]) -> OpenAIError:
    """Return the error for a call to an API that no target is asked for.

    Args:
        call: to that API.
        targets: those of the chain.
    """
    name = call.api.replace("_", " ")
    said = [f"The {name} API is not carried by llm-migrate", *(_at(call, target) for target in targets)]
    if not any(_offers(call, target.provider) for target in targets):
        others = ", ".join(provider.name for provider in all_providers() if _offers(call, provider))
        said += [f"Offered by {others}: call one of them beside this chain"] if others else []
    return OpenAIError(404, ". ".join(said), code="unsupported_api")


def _at(call: Call, target: Target) -> str:
    provider = target.provider
    facts = provider.apis.get(call.api)
    if facts is None:
        return f"{target.name}: whether {provider.name} offers it is not known"
    if facts.offered:
        return f"{target.name}: {provider.name} offers it: call its own address. {facts.advice}".rstrip(". ")
    return f"{target.name}: not offered by {provider.name}. {facts.advice}".rstrip(". ")


def _offers(call: Call, provider: Provider) -> bool:
    facts = provider.apis.get(call.api)
    return facts is not None and facts.offered
