"""The drop-in clients."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys

import httpx
import httpx2
import openai
import pytest

import llm_migrate
from llm_migrate import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from llm_migrate.errors import ConfigError, UsageError
from llm_migrate.taps import quick
from tests.engine.script import ROLE, event
from tests.taps.loopback import events, loopback, refusal, whole

MESSAGES = [{"role": "user", "content": "hi"}]
CLASSES = [OpenAI, AzureOpenAI]
ASYNC_CLASSES = [AsyncOpenAI, AsyncAzureOpenAI]


def ask(client):
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content


@pytest.mark.parametrize("kind", CLASSES)
def test_a_drop_in_needs_nothing_but_the_configuration(config, kind):
    """No key, address or version is asked for; the target's own key is sent (S1)."""
    with loopback() as server, kind(config=config(server)) as client:
        assert ask(client) == "hello"

    assert server.requests[0].headers["authorization"] == "Bearer key-of-a"


@pytest.mark.parametrize("kind", ASYNC_CLASSES)
def test_an_async_drop_in_needs_nothing_but_the_configuration(config, kind):
    """The same for the async classes, whole and streamed."""

    async def main(file):
        async with kind(config=file) as client:
            answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
            stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            return answer.choices[0].message.content, [c.choices[0].delta.content async for c in stream]

    with loopback(whole(), events()) as server:
        assert asyncio.run(main(config(server))) == ("hello", ["", "hello", "hello", None])


def test_the_configuration_is_found_in_the_working_folder(config):
    """Without `config` the file in the working folder is read."""
    with loopback() as server:
        config(server)
        with OpenAI() as client:
            assert ask(client) == "hello"


def test_a_chain_is_chosen_by_name(config):
    """`chain` picks the targets; an unknown one is an error that names the known."""
    with loopback() as first, loopback() as second:
        file = config(first, second, extra='[chains.other]\ntargets = ["b"]\n')
        with OpenAI(config=file, chain="other") as client:
            ask(client)
        with pytest.raises(ConfigError, match="other"):
            OpenAI(config=file, chain="nope")

    assert (len(first.requests), len(second.requests)) == (0, 1)


def test_no_configuration_is_an_error_that_says_where_it_looked():
    """Nothing found is a `ConfigError`, at construction."""
    with pytest.raises(ConfigError, match=r"llm-migrate\.toml"):
        OpenAI()


def test_an_address_in_the_program_makes_a_chain_of_one():
    """`base_url` and `api_key` count where there is no configuration."""
    with loopback() as server, OpenAI(base_url=server.base_url, api_key="sk-mine") as client:
        ask(client)

    assert server.requests[0].headers["authorization"] == "Bearer sk-mine"


def test_unused_settings_are_warned_of_once(config, caplog, monkeypatch):
    """Keys and addresses of the program are not used, and one warning names them without their values (S3)."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1")
    with loopback() as server:
        for _ in range(2):
            with OpenAI(config=config(server), api_key="sk-canary-2", base_url="https://canary.example") as client:
                ask(client)

    warnings = [r.getMessage() for r in caplog.records if r.name == "llm_migrate"]
    assert len(warnings) == 1
    assert warnings[0].endswith("api_key, base_url, OPENAI_API_KEY")
    assert "canary" not in caplog.text + str(server.requests)


def test_a_variable_that_a_target_reads_is_not_called_unused(config, caplog, monkeypatch, tmp_path):
    """A key that the chain itself takes from the environment is used."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-used")
    file = tmp_path / "own.toml"
    with loopback() as server:
        file.write_text(f'[targets.a]\nprovider = "openai"\nbase_url = "{server.base_url}"\ntrust_host = true\n')
        with OpenAI(config=file) as client:
            ask(client)

    assert server.requests[0].headers["authorization"] == "Bearer sk-used"
    assert not caplog.records


@pytest.mark.parametrize("kind", CLASSES)
def test_copies_share_the_chain(config, kind):
    """`with_options` and `copy` go on over the same client, without reading or warning again [10]."""
    with loopback() as server, kind(config=config(server)) as client:
        copied = client.with_options(timeout=3, max_retries=0)

        assert ask(copied.copy()) == "hello"
        assert copied._client is client._client
        assert (copied.timeout, copied.max_retries) == (3, 0)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_copy_over_another_client_keeps_the_chain(config, kind, tmp_path, caplog):
    """`copy(http_client=...)` goes the other way to the same targets, and finds no configuration anew [10]."""
    with loopback() as used, loopback() as found:
        chosen = config(used, extra='[chains.mine]\ntargets = ["a"]\n').rename(tmp_path / "chosen.toml")
        config(found)
        with kind(config=chosen, chain="mine") as client, client.copy(http_client=httpx2.Client()) as copied:
            assert ask(copied) == "hello"

    assert (len(used.requests), len(found.requests)) == (1, 0)
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "client"), [(OpenAI, httpx2.AsyncClient), (AsyncOpenAI, httpx2.Client), (AsyncOpenAI, httpx.Client)]
)
def test_a_client_of_the_wrong_kind_is_refused_at_once(config, kind, client):
    """A sync client below an async SDK, or the reverse, is the SDK's own error at construction."""
    with loopback() as server, pytest.raises(TypeError, match="http_client"):
        kind(config=config(server), http_client=client())


def test_no_retries_means_one_attempt_for_each_target(config):
    """`max_retries=0` is kept below the SDK too, also when a copy says it."""
    with (
        loopback(refusal(500)) as first,
        loopback(refusal(500)) as second,
        OpenAI(config=config(first, second), max_retries=0) as client,
    ):
        with pytest.raises(openai.InternalServerError):
            ask(client)
        with pytest.raises(openai.InternalServerError):
            ask(client.with_options(max_retries=2))

    assert (len(first.requests), len(second.requests)) == (1 + 2, 1 + 2)


def test_a_deployment_counts_as_the_model(config):
    """`azure_deployment` says what is asked for, as at Azure."""
    extra = '[models.my-deployment]\na = "gpt-4o-mini"\n'
    with (
        loopback() as server,
        AzureOpenAI(config=config(server, extra=extra), azure_deployment="my-deployment") as client,
    ):
        client.chat.completions.create(model="ignored", messages=MESSAGES)

    assert server.requests[0].body["model"] == "gpt-4o-mini"


def test_a_client_of_the_caller_carries_the_call(config):
    """The caller's `http_client` is used for the way to the vendor, and closed with the SDK's client [13]."""
    seen = []
    own = httpx2.Client(event_hooks={"request": [seen.append]}, timeout=7)
    with loopback() as server, OpenAI(config=config(server), http_client=own) as client:
        assert ask(client) == "hello"
        assert client.timeout == httpx2.Timeout(7)

    assert len(seen) == 1
    assert own.is_closed


def test_a_configuration_is_given_once(config):
    """A client made by `http_client()` has a configuration already."""
    with loopback() as server:
        file = config(server)
        with pytest.raises(UsageError, match="not to both"):
            OpenAI(config=file, http_client=llm_migrate.http_client(config=file))


def test_a_closed_client_says_so(config):
    """After `close` the SDK's own error comes [10]."""
    with loopback() as server:
        client = OpenAI(config=config(server))
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            ask(client)


@pytest.mark.parametrize("name", ["OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"])
def test_signatures_are_the_sdks_with_two_keywords_more(name):
    """The drop-in takes what the installed SDK's class takes, and `config` and `chain`."""
    ours = inspect.signature(getattr(llm_migrate, name)).parameters
    theirs = inspect.signature(getattr(openai, name)).parameters

    assert list(ours) == ["config", "chain", *theirs]
    assert issubclass(getattr(llm_migrate, name), getattr(openai, name))


def sdk_built(kind, body):
    from openai._models import construct_type

    return construct_type(type_=kind, value=body)


TOOL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "hi", "refusal": None},
        {"role": "assistant", "content": None, "tool_calls": [TOOL]},
        {"role": "assistant", "content": "hi", "reasoning_content": "because", "odd": {"a": [1]}},
    ],
)
def test_validated_objects_equal_the_sdks_own(config, message):
    """The fast way gives the same objects as the SDK's, unknown fields kept [15]."""
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cached": 1}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    before = quick.share.fallen_back
    with loopback(whole(json.dumps(body).encode())) as server, OpenAI(config=config(server)) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
    expected = sdk_built(type(answer), json.loads(raw.content))

    assert answer == expected
    assert answer.model_dump() == expected.model_dump()
    assert answer.model_fields_set == expected.model_fields_set
    assert type(answer.choices[0].message) is type(expected.choices[0].message)
    assert quick.share.fallen_back == before


def test_streamed_tool_calls_validate(config):
    """Chunks with pieces of tool calls are built by validation, none falls back (R11)."""
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    then = {"index": 0, "function": {"arguments": "{}"}}
    before = quick.share.validated, quick.share.fallen_back
    pieces = (ROLE, event({"tool_calls": [first]}), event({"tool_calls": [then]}), event(finish="tool_calls"))
    with loopback(events(*pieces)) as server, OpenAI(config=config(server)) as client:
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))

    assert (quick.share.validated, quick.share.fallen_back) == (before[0] + len(chunks), before[1])


def test_what_does_not_validate_is_built_the_sdks_way(monkeypatch):
    """A body that breaks the types gives what the SDK would give, not an error [14]."""
    client = object.__new__(OpenAI)
    built = openai.OpenAI(api_key="x")._process_response_data(
        data={"id": 5}, cast_to=openai.types.CreateEmbeddingResponse, response=None
    )
    client._strict_response_validation = False

    assert (
        client._process_response_data(data={"id": 5}, cast_to=openai.types.CreateEmbeddingResponse, response=None)
        == built
    )


def test_another_hook_is_left_alone(monkeypatch):
    """Where the SDK's private hook looks otherwise, the SDK's own way is taken."""
    quick.hook_is_known.cache_clear()
    monkeypatch.setattr("openai._base_client.BaseClient._process_response_data", lambda self, data: None)

    assert not quick.hook_is_known()
    quick.hook_is_known.cache_clear()


def test_a_missing_sdk_names_the_command():
    """Without openai the drop-in says which command installs it."""
    code = (
        "import sys; sys.modules['openai'] = None\n"
        "from llm_migrate.errors import MissingExtraError\n"
        "for name in ('OpenAI', 'http_client'):\n"
        "    try: getattr(__import__('llm_migrate'), name)(config=None)\n"
        "    except MissingExtraError as e: print(e)\n"
        "    except Exception as e: print(type(e).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "pip install 'llm-migrate[openai]'" in done.stdout.splitlines()[0]


def test_importing_the_package_loads_nothing_heavy():
    """`import llm_migrate` loads no SDK, HTTP client or model library."""
    code = "import llm_migrate, sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"openai", "pydantic", "httpx2", "httpx", "aiohttp", "orjson", "tenacity", "asyncio"} & set(loaded)
