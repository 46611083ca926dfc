"""The dialect that most vendors share: OpenAI's own, changed only where the provider file says so.

Covers the addresses of OpenAI-shaped servers and both routes of Azure: the dated one with a deployment in the path,
and v1. Destination and credential come from the target alone; no header of the caller goes on (S1).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Policy, judge
from llm_migrate.config import Target
from llm_migrate.wire.call import Call
from llm_migrate.wire.complete import Table

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


def write_body(target: Target, call: Call, out: Table, policy: Policy) -> Table:
    """Return the request's JSON: it is in this shape already."""
    if call.stream and _counts_when_asked(target, call, policy):
        # The ledger needs the count even if the caller does not; the stream reader takes it out again.
        options = out.get("stream_options")
        out["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return out


def _counts_when_asked(target: Target, call: Call, policy: Policy) -> bool:
    """Say whether a wish for usage, which the caller did not have, is to be added."""
    if call.wants_usage or target.provider.stream.usage != "when-asked":
        return False
    if target.api_version is not None and target.api_version < _USAGE_SINCE:
        return False
    return not judge(policy, {"stream_options": {"include_usage": True}})
