"""The dialect that most vendors share: OpenAI's own, changed only where the provider file says so.

Covers the addresses of OpenAI-shaped servers and both routes of Azure: the dated one with a deployment in the path,
and v1. Destination and credential come from the target alone; no header of the caller goes on (S1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import quote

import orjson

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Policy, Ruling, apply, judge
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.conversation import Turn, to_vendor
from llm_migrate.wire.failure import refuse

_USER_AGENT: Final = f"llm-migrate/{__version__}"
# Dated versions before this one answer 400 to stream_options, so it is not added for them.
_USAGE_SINCE: Final = "2024-09-01"


def write_url(target: Target, call: Call, *, model: str) -> str:
    """Return the whole address for a call."""
    facts = target.provider.apis.get(call.api)
    path = facts.path if facts and facts.path and call.api != "models" else call.path
    if target.api_version is None:
        return target.base_url + path
    deployment = f"/deployments/{quote(model, safe='')}" if call.api != "models" else ""
    return f"{target.base_url}{deployment}{path}?api-version={target.api_version}"


def write_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """Return all headers but the proof of who calls; none comes from the caller."""
    common = (("accept", "application/json"), ("user-agent", _USER_AGENT))
    return common if call.api == "models" else (("content-type", "application/json"), *common)


def write_body(target: Target, call: Call, rulings: Sequence[Ruling], policy: Policy) -> bytes:
    """Return the request's JSON with every ruling applied.

    Raises:
        RefusedError: nested too deeply to be written.
    """
    out = apply(call.body, rulings)
    out["model"] = cast("str", policy.model)
    facts = policy.facts
    if facts is not None and "messages" in out:
        turns = cast("list[Turn]", out["messages"])
        out["messages"] = cast("JsonValue", to_vendor(turns, facts.messages_for(policy.endpoint), rulings, policy))
    if call.stream:
        if _counts_when_asked(target, call, policy):
            # The ledger needs the count even if the caller does not; the stream reader takes it out again.
            options = out.get("stream_options")
            out["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    else:
        # An explicit false says nothing, and not every vendor knows the word.
        out.pop("stream", None)
    try:
        return orjson.dumps(out)
    except orjson.JSONEncodeError:
        raise refuse(400, "The body is nested too deeply", code="invalid_json") from None


def _counts_when_asked(target: Target, call: Call, policy: Policy) -> bool:
    """Say whether a wish for usage, which the caller did not have, is to be added."""
    if call.wants_usage or target.provider.stream.usage != "when-asked":
        return False
    if target.api_version is not None and target.api_version < _USAGE_SINCE:
        return False
    return not judge(policy, {"stream_options": {"include_usage": True}})
