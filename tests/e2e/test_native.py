"""APIs of a shape of their own behind the unmodified openai SDK: Baidu's V1, Tencent's TC3, SenseNova's classic one.

The fakes check signatures and parameters by the vendors' documentation, so what is served here is right in both.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

import llm_migrate
from tests.fakes import FILTERED, Fault, Server, fake
from tests.fakes.ernie_v1_like import KEY_ID as BAIDU_ID
from tests.fakes.ernie_v1_like import SECRET as BAIDU_SECRET
from tests.fakes.ernie_v1_like import TOKEN
from tests.fakes.sensenova_v1_like import API_KEY

ASK = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "d",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
WEATHER = [{"role": "user", "content": "what is the weather?"}]


@dataclass(frozen=True)
class Kind:
    """One way to speak to one fake."""

    fake: str
    provider: str
    endpoint: str
    model: str
    extra: str = ""


KINDS = {
    "ernie-token": Kind("ernie_v1", "ernie", "v1", "ernie-4.0-8k"),
    "ernie-signed": Kind("ernie_v1", "ernie", "v1", "ernie-3.5-8k", 'auth = "signed"'),
    "hunyuan": Kind("hunyuan_tc3", "hunyuan", "native", "hunyuan-functioncall"),
    "sensenova-jwt": Kind("sensenova_v1", "sensenova", "native", "SenseChat-5"),
    "sensenova-key": Kind(
        "sensenova_v1", "sensenova", "native", "SenseChat-5", f'auth = "classic-key"\napi_key = "plain:{API_KEY}"'
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def server(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with fake(kind.fake) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def write(folder: Path, server: Server, kind: Kind, extra: str | None = None) -> Path:
    path = folder / "llm-migrate.toml"
    path.write_text(
        f'[targets.t]\nprovider = "{kind.provider}"\nendpoint = "{kind.endpoint}"\nbase_url = "{server.base_url}"\n'
        f"trust_host = true\n{kind.extra if extra is None else extra}\n"
        f'[models."gpt-4o"]\nt = "{kind.model}"\n',
        encoding="utf-8",
    )
    return path


Make = Callable[..., openai.OpenAI]


@pytest.fixture
def make(server: Server, kind: Kind, tmp_path: Path) -> Iterator[Make]:
    made: list[openai.OpenAI] = []

    def client(extra: str | None = None, model: str | None = None) -> openai.OpenAI:
        one = kind if model is None else Kind(kind.fake, kind.provider, kind.endpoint, model, kind.extra)
        http = llm_migrate.http_client(config=write(tmp_path, server, one, extra))
        made.append(openai.OpenAI(api_key="unused", http_client=http, max_retries=0))
        return made[-1]

    yield client
    for one in made:
        one.close()


def create(client: openai.OpenAI, messages: Any = ASK, **fields: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=messages, **fields)


def streamed(client: openai.OpenAI, messages: Any = ASK, **fields: Any) -> list[Any]:
    return list(create(client, messages, stream=True, **fields))


def test_an_answer_is_whole(make: Make, kind: Kind) -> None:
    """R11: id, model, finish, text and count come back, whatever the vendor calls them."""
    found = create(make())

    choice = found.choices[0]
    assert (choice.message.content, choice.message.role, choice.finish_reason) == ("收到: hello", "assistant", "stop")
    assert (found.object, found.model, choice.index) == ("chat.completion", kind.model, 0)
    assert found.id
    assert found.created > 1_700_000_000
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens > 0


def test_a_stream_adds_up_to_the_answer(make: Make) -> None:
    """Events of another shape become chunks, with one finish at the end."""
    chunks = streamed(make())

    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "收到: hello"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert {c.object for c in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({c.id for c in chunks}) == 1
    assert not any(c.usage for c in chunks)


def test_the_count_comes_only_to_whoever_asked(make: Make) -> None:
    """Usage on every event becomes one chunk at the end."""
    chunks = streamed(make(), stream_options={"include_usage": True})

    assert [bool(c.usage) for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_a_whole_conversation_fits(make: Make) -> None:
    """System turns, neighbours of one role, text parts and sampling are said as the vendor wants them."""
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "yes"},
        {"role": "developer", "content": "in English"},
        {"role": "user", "content": "hello"},
    ]

    found = create(make(), messages, temperature=0, top_p=1, stop="END", max_tokens=100, seed=7, user="someone")

    assert found.choices[0].message.content == "收到: hello"


def test_a_tool_is_called_and_its_result_read(make: Make, kind: Kind) -> None:
    """A call has an id, JSON arguments and its finish; the conversation with the result is taken back."""
    client = make()
    called = create(client, WEATHER, tools=[TOOL], tool_choice="auto", parallel_tool_calls=False)

    (call,) = called.choices[0].message.tool_calls
    assert (call.type, call.function.name, json.loads(call.function.arguments)) == (
        "function",
        "get_weather",
        {"city": "example"},
    )
    assert call.id
    assert called.choices[0].finish_reason == "tool_calls"
    assert not called.choices[0].message.content
    turn = called.choices[0].message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    told = create(client, [*WEATHER, turn, result], tools=[TOOL])
    assert "sunny" in told.choices[0].message.content


def test_streamed_calls_are_those_of_the_model(make: Make) -> None:
    """R5: pieces join to one call, named once."""
    chunks = streamed(make(), WEATHER, tools=[TOOL])

    pieces = [p for c in chunks for p in c.choices[0].delta.tool_calls or []]
    assert [p.function.name for p in pieces if p.function.name] == ["get_weather"]
    assert len([p.id for p in pieces if p.id]) == 1
    assert json.loads("".join(p.function.arguments or "" for p in pieces)) == {"city": "example"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_two_calls_of_one_turn_are_taken_back(make: Make) -> None:
    """Calls side by side reach a vendor of one call at a time one after the other."""
    calls = [
        {"id": i, "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "A"}'}}
        for i in ("c1", "c2")
    ]
    results = [{"role": "tool", "tool_call_id": i, "content": f"sun {i}"} for i in ("c1", "c2")]
    messages = [*WEATHER, {"role": "assistant", "content": None, "tool_calls": calls}, *results]

    assert "sun c2" in create(make(), messages, tools=[TOOL]).choices[0].message.content


def test_a_choice_of_no_tool_is_kept(make: Make) -> None:
    """`tool_choice="none"` calls nothing."""
    found = create(make(), WEATHER, tools=[TOOL], tool_choice="none")

    assert found.choices[0].message.content == "收到: what is the weather?"
    assert not found.choices[0].message.tool_calls


def test_an_unknown_model_is_not_found(make: Make) -> None:
    """An error with HTTP 200 is the SDK's NotFoundError where it means that."""
    with pytest.raises(openai.NotFoundError) as caught:
        create(make(model="no-such-model"))

    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_secret_is_an_authentication_error(make: Make, kind: Kind, stream: bool) -> None:
    """S3: whether plain or streamed, the SDK's 401 comes, and the keys are in no message."""
    extra = kind.extra if 'auth = "signed"' in kind.extra else ""
    key = "plain:canary-id-00:canary-secret" if kind.model != "ernie-4.0-8k" else "plain:canary-secret"

    with pytest.raises(openai.APIStatusError) as caught:
        list(create(make(f'{extra}\napi_key = "{key}"'), stream=stream) or [])

    assert caught.value.status_code in {400, 401} if extra else caught.value.status_code == 401
    assert "canary" not in str(caught.value) + repr(caught.value.response.headers)


def test_a_filtered_prompt_is_said_so(make: Make) -> None:
    """What the vendor refuses as unsafe is content_filter, as an error or as the finish of an answer."""
    try:
        found = create(make(), [{"role": "user", "content": FILTERED}])
    except openai.BadRequestError as e:
        assert e.code == "content_filter"
    else:
        assert found.choices[0].finish_reason == "content_filter"


def test_a_cut_stream_is_an_error(make: Make, server: Server) -> None:
    """R1: a stream that ends without its vendor's sign of the end is never whole."""
    client = make()
    whole = sum(len(json.dumps(c.model_dump())) for c in streamed(client))
    server.script(Fault(cut_after=min(700, whole // 3)), Fault(cut_after=min(700, whole // 3)))

    with pytest.raises((openai.APIError, openai.APIConnectionError)):
        streamed(client)


def test_no_vectors_are_offered(make: Make, server: Server) -> None:
    """Embeddings of these APIs are not spoken: the SDK's 400 says so, and nothing is sent."""
    with pytest.raises(openai.BadRequestError, match=r"not spoken|not offer"):
        make().embeddings.create(model="gpt-4o", input="x", encoding_format="float")

    assert server.requests == []


LIMITED: dict[str, tuple[int, Any, type[Exception], str | None]] = {
    "ernie_v1": (200, {"error_code": 18, "error_msg": "qps"}, openai.RateLimitError, "rate_limit_exceeded"),
    "hunyuan_tc3": (
        200,
        {"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "m"}, "RequestId": "r"}},
        openai.RateLimitError,
        "rate_limit_exceeded",
    ),
    "sensenova_v1": (429, {"error": {"code": 8, "message": "rpm"}}, openai.RateLimitError, "rate_limit_exceeded"),
}
SPENT: dict[str, tuple[int, Any, type[Exception], str | None]] = {
    "ernie_v1": (200, {"error_code": 17, "error_msg": "daily"}, openai.RateLimitError, "insufficient_quota"),
    "hunyuan_tc3": (
        200,
        {"Response": {"Error": {"Code": "ResourceUnavailable.InArrears", "Message": "m"}, "RequestId": "r"}},
        openai.RateLimitError,
        "insufficient_quota",
    ),
    "sensenova_v1": (403, {"error": {"code": 7, "message": "no"}}, openai.PermissionDeniedError, "permission_denied"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("table", [LIMITED, SPENT], ids=["limited", "spent"])
def test_a_vendors_number_or_name_is_the_sdks_class(
    make: Make, server: Server, kind: Kind, table: Any, stream: bool
) -> None:
    """Errors, with HTTP 200 too, raise what a program expects, with its code."""
    status, body, error, code = table[kind.fake]
    server.script(*[Fault(status=status, body=body)] * 3)

    with pytest.raises(error) as caught:
        create(make(), stream=stream)

    assert getattr(caught.value, "code", None) == code


EVENTS = {
    "ernie_v1": b'data: {"error_code":336100,"error_msg":"busy"}\n\n',
    "hunyuan_tc3": b'data: {"ErrorMsg":{"Msg":"m","Code":4000},"Note":"n","Choices":[],"Created":1,"Id":"r"}\n\n',
    "sensenova_v1": b'data:{"error":{"code":13,"message":"m","details":[]}}\n\n',
}


def test_an_error_inside_a_stream_is_raised(make: Make, server: Server, kind: Kind) -> None:
    """An event that means failure, which the vendors' SDKs may miss, is an error of the SDK."""
    sse = (("content-type", "text/event-stream"),)
    server.script(*[Fault(status=200, body=EVENTS[kind.fake], headers=sse)] * 3)

    with pytest.raises(openai.InternalServerError):
        streamed(make())


@pytest.mark.parametrize("kind", ["ernie-token", "ernie-signed"], indirect=True)
def test_the_baidu_token_stands_in_the_address_alone(make: Make, server: Server, kind: Kind) -> None:
    """A token goes as V1 wants it, and a signature leaves the address clean."""
    create(make())

    (request,) = server.requests
    if "signed" in kind.extra:
        assert request.headers["authorization"].startswith(f"bce-auth-v1/{BAIDU_ID}/")
        assert request.query == {}
        assert BAIDU_SECRET not in str(request)
    else:
        assert request.query == {"access_token": TOKEN}
        assert "authorization" not in request.headers


def test_what_was_changed_is_said(make: Make, kind: Kind) -> None:
    """The header names what the vendor cannot keep."""
    raw = make().chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK, temperature=0, seed=70000)

    adapted = raw.headers.get("x-llm-migrate-adapted", "")
    assert ("seed=clamped" if kind.provider == "hunyuan" else "seed=dropped") in adapted
    assert ("temperature=clamped" in adapted) == (kind.provider != "hunyuan")


@pytest.mark.parametrize("kind", ["ernie-token", "hunyuan"], indirect=True)
def test_no_key_is_logged(make: Make, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """S3: with every logger at its loudest, neither a token in an address nor a secret is written."""
    caplog.set_level(logging.DEBUG)

    create(make())

    assert server.requests
    for secret in server.env.values():
        assert secret.startswith("http") or secret not in caplog.text


def test_a_zhipu_token_is_signed_for_each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `auth = "jwt"` the secret part of the key stays here, and what it signed holds now."""
    monkeypatch.setenv("ZHIPUAI_API_KEY", "fakeid.fakesecret")
    with fake("zhipu") as server:
        path = tmp_path / "llm-migrate.toml"
        path.write_text(
            f'[targets.t]\nprovider = "zhipu"\nbase_url = "{server.base_url}"\ntrust_host = true\nauth = "jwt"\n'
            '[models."gpt-4o"]\nt = "glm-4.6"\n',
            encoding="utf-8",
        )
        with openai.OpenAI(api_key="unused", http_client=llm_migrate.http_client(config=path)) as client:
            create(client)

    token = server.requests[0].headers["authorization"].removeprefix("Bearer ")
    signed, _, signature = token.rpartition(".")
    claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    expected = hmac.digest(b"fakesecret", signed.encode(), "sha256")
    assert base64.urlsafe_b64decode(signature + "==") == expected
    assert claims["api_key"] == "fakeid"
    assert claims["timestamp"] <= time.time() * 1000 < claims["exp"]
