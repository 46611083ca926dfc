"""Every provider file says only what the wire can do."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.catalog.load import all_providers, provider_ids
from llm_migrate.catalog.schema import Endpoint, Provider
from llm_migrate.config import Target
from llm_migrate.config.load import AUTH_KINDS
from llm_migrate.config.secret import CredentialSource
from llm_migrate.wire.complete import FINISHES
from llm_migrate.wire.exchange import Answer, Done, StreamReader, read_answer
from tests.wire.openai_schema import problems
from tests.wire.streams import TEXT, sse
from tests.wire.vendors import KEY, make_call, send

SHAPE = "openai-chat"  # the other dialects have tests of their own


def spoken(provider: Provider) -> list[Target]:
    """Return a target for each endpoint of OpenAI's shape that this version can sign for."""
    return [target for endpoint in provider.endpoints if (target := _target(provider, endpoint)) is not None]


def _target(provider: Provider, endpoint: Endpoint) -> Target | None:
    auth = next(a for a in provider.auth if endpoint.auth in (None, a.id))
    if (endpoint.dialect or provider.dialect) != SHAPE or auth.kind not in AUTH_KINDS:
        return None
    source = CredentialSource("plain", (KEY,))
    return Target("main", provider, endpoint, endpoint.base_url.replace("{resource}", "r"), auth, None, False, source)


TARGETS = [target for provider in all_providers() for target in spoken(provider)]


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.provider.id}-{t.endpoint.id}")
@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_chat_can_be_said_to_every_endpoint(target, stream):
    """A greeting is refused nowhere, goes to the endpoint's own address, and is sent as a stream if asked."""
    out = send(target, make_call(stream=stream))

    body = orjson.loads(out.body)
    assert out.url.startswith(target.base_url + "/")
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert body.get("stream", False) is stream


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.provider.id}-{t.endpoint.id}")
def test_every_endpoints_answers_come_out_by_openais_schema(target):
    """R11: with each vendor's facts a bare answer is completed and a plain stream ends well."""
    call = make_call(stream=True)
    out = send(target, call)

    answer = read_answer(target, call, out, 200, {}, b'{"choices":[{"message":{"content":"x"}}]}')

    assert isinstance(answer, Answer)
    assert problems("CreateChatCompletionResponse", orjson.loads(answer.body)) == []
    assert isinstance(StreamReader(target, call, out).feed(sse(*TEXT))[-1], Done)


@pytest.mark.parametrize("provider", all_providers(), ids=provider_ids())
def test_finish_reasons_become_openais_or_an_error(provider):
    """A provider file maps a vendor's word to one of OpenAI's five, or says that it means failure."""
    assert set(provider.response.finish_reasons.values()) <= FINISHES | {"error"}


@pytest.mark.parametrize("provider", all_providers(), ids=provider_ids())
def test_error_rows_are_errors(provider):
    """A row's status is an HTTP error that the SDK raises on."""
    assert all(400 <= row.to_status < 600 for row in provider.errors)
