"""Tencent's native API beside what its SDK sends and reads; where ours differs, the test says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llm_migrate.wire.exchange import RefusedError
from tests.wire.dialects.targets import KEY, ask, body_of, native, told
from tests.wire.openai_schema import problems
from tests.wire.recorded import load_vectors, one

TC3 = native("hunyuan", "native")
MODEL = "hunyuan-pro"
TOOL = {
    "type": "function",
    "function": {
        "name": "w",
        "description": "d",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
HI = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "你好，1+1=?"}]


def vector(name: str) -> dict[str, Any]:
    return one("hunyuan", "tc3", name)


def theirs(name: str) -> dict[str, Any]:
    """Return the SDK's body; a false `Stream` says nothing."""
    return {k: v for k, v in json.loads(vector(name)["expected"]["body"]).items() if v is not False}


def test_a_plain_call_is_its_sdks():
    """Body, action, version and address are the SDK's, whose headers that only name itself we leave out."""
    out = ask(TC3, "hunyuan-pro", HI, temperature=0.5, top_p=0.9)

    headers, expected = dict(out.headers), dict(vector("plain utf-8")["expected"]["headers"])
    assert json.loads(out.body) == theirs("plain utf-8")
    assert out.url == f"https://{expected['Host']}/"
    for name in ("Content-Type", "X-TC-Action", "X-TC-Version", "X-TC-Timestamp"):
        assert headers[name.lower()] == expected[name]


def test_the_signature_is_over_the_bytes_that_are_sent():
    """Credential, day and signed headers are the SDK's; the bytes differ (no spaces, no escapes), so the rest does."""
    given = vector("plain utf-8")["input"]
    target = native("hunyuan", "native", key=f"{given['secret_id']}:{given['secret_key']}")

    authorization = dict(ask(target, "hunyuan-pro", HI, temperature=0.5, top_p=0.9).headers)["authorization"]

    expected = dict(vector("plain utf-8")["expected"]["headers"])["Authorization"]
    assert authorization.rpartition("=")[0] == expected.rpartition("=")[0]
    assert authorization != expected


def test_tools_are_its_sdks():
    """Calls, results and tools are written as the SDK writes them: parameters are a JSON text."""
    call = {"id": "call_1", "type": "function", "function": {"name": "w", "arguments": '{"city":"北京"}'}}
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]

    body = body_of(TC3, "hunyuan-functioncall", messages, tools=[TOOL], tool_choice="auto")

    assert body == theirs("tools")


def test_images_are_its_sdks():
    """Parts stand in Contents, with the whole data URL; how closely to look has no name there."""
    parts = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
    ]

    body = body_of(TC3, "hunyuan-vision", [{"role": "user", "content": parts}], stop="END", seed=1)

    assert body == theirs("vision")


def test_images_need_a_text():
    """A turn of images only is refused by name, as the API would refuse it."""
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}

    with pytest.raises(RefusedError, match="text") as caught:
        ask(TC3, "hunyuan-vision", [{"role": "user", "content": [image]}])

    assert caught.value.error.param == "messages"


def test_what_has_no_name_there_is_dropped_and_said():
    """Author, detail and strictness leave; nothing else does."""
    parts = [
        {"type": "text", "text": "t"},
        {"type": "image_url", "image_url": {"url": "https://x.test", "detail": "low"}},
    ]
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}

    vision = ask(TC3, "hunyuan-vision", [{"role": "user", "name": "ann", "content": parts}])
    tooled = ask(TC3, "hunyuan-functioncall", tools=[strict])

    (turn,) = json.loads(vision.body)["Messages"]
    assert turn == {
        "Role": "user",
        "Contents": [{"Type": "text", "Text": "t"}, {"Type": "image_url", "ImageUrl": {"Url": "https://x.test"}}],
    }
    assert json.loads(tooled.body)["Tools"] == body_of(TC3, "hunyuan-functioncall", tools=[TOOL])["Tools"]
    assert vision.adapted == "messages.name=dropped, messages.content.image_url.detail=dropped"
    assert tooled.adapted == "tools.function.strict=dropped"


@pytest.mark.parametrize(("choice", "told"), [("auto", True), ("none", False)])
def test_where_no_choice_is_taken_none_is_said_by_naming_no_tool(choice, told):
    """The SDK's words name the models that take a choice; the others may call what they are told of."""
    body = body_of(TC3, "hunyuan-turbos-latest", tools=[TOOL], tool_choice=choice)

    assert ("Tools" in body, "ToolChoice" in body) == (told, False)


def test_a_named_tool_is_a_custom_choice():
    """The whole tool stands beside the choice."""
    choice = {"type": "function", "function": {"name": "w"}}

    body = body_of(TC3, "hunyuan-functioncall", tools=[TOOL], tool_choice=choice)

    assert body["ToolChoice"] == "custom"
    assert body["CustomTool"] == body["Tools"][0]


def test_a_named_tool_must_be_offered():
    """A choice of a tool that is not there is refused."""
    choice = {"type": "function", "function": {"name": "other"}}

    with pytest.raises(RefusedError, match="not in tools"):
        ask(TC3, "hunyuan-functioncall", tools=[TOOL], tool_choice=choice)


def test_the_vendors_own_fields_pass():
    """A field of `extra_body` may be written as the API or as the old compatible address has it."""
    body = body_of(TC3, MODEL, enable_enhancement=True, StreamModeration=False)

    assert (body["EnableEnhancement"], body["StreamModeration"]) == (True, False)


def test_earlier_thoughts_are_not_sent_back():
    """The API refuses them."""
    turn = {"role": "assistant", "content": "x", "reasoning_content": "hm"}

    body = body_of(TC3, MODEL, [*HI, turn, HI[1]])

    assert body["Messages"][2] == {"Role": "assistant", "Content": "x"}


def answer(**message: Any) -> dict[str, Any]:
    finish = message.pop("finish", "stop")
    usage = {"PromptTokens": 5, "CompletionTokens": 2, "TotalTokens": 7, "PromptTokensDetails": {"CachedTokens": 3}}
    choice = {"Index": 0, "FinishReason": finish, "Message": {"Role": "assistant", **message}}
    head = {"RequestId": "rq", "Id": "id-1", "Created": 1720483200, "Note": "n", "ModerationLevel": "1"}
    return {"Response": {**head, "Choices": [choice], "Usage": usage}}


def test_an_answer_is_openais():
    """Names and places are OpenAI's; what OpenAI does not know is kept."""
    found = told(TC3, MODEL, 200, answer(Content="2", ReasoningContent="hm"))

    assert problems("CreateChatCompletionResponse", found) == []
    assert (found["id"], found["created"], found["model"]) == ("id-1", 1720483200, MODEL)
    assert found["choices"][0]["message"]["reasoning_content"] == "hm"
    assert found["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert (found["request_id"], found["note"], found["moderation_level"]) == ("rq", "n", "1")


def test_calls_are_openais():
    """A call keeps its id and its arguments as the text that the model wrote."""
    call = {"Id": "c1", "Type": "function", "Index": 0, "Function": {"Name": "w", "Arguments": '{"CityName": 1}'}}

    found = told(TC3, MODEL, 200, answer(Content="", ToolCalls=[call], finish="tool_calls"))

    (read,) = found["choices"][0]["message"]["tool_calls"]
    assert problems("CreateChatCompletionResponse", found) == []
    assert (read["id"], read["function"]) == ("c1", {"name": "w", "arguments": '{"CityName": 1}'})


def test_a_filtered_end_is_said_so():
    """`sensitive` is content_filter, and the vendor's word stays beside."""
    found = told(TC3, MODEL, 200, answer(Content="2", finish="sensitive"))

    assert found["choices"][0]["finish_reason"] == "content_filter"
    assert found["choices"][0]["x_finish_reason"] == "sensitive"


CODES = {
    "AuthFailure": (401, "credential"),
    "FailedOperation.FreeResourcePackExhausted": (429, "quota"),
    "FailedOperation.EngineServerLimitExceeded": (429, "limited"),
    "RequestLimitExceeded": (429, "limited"),
    "LimitExceeded": (429, "limited"),
    "InvalidParameterValue.Model": (404, "request"),
    "InvalidParameterValue": (400, "request"),
    "InternalError": (500, "ambiguous"),
    "OperationDenied.TextIllegalDetected": (400, "policy"),
    "ResourceUnavailable.InArrears": (429, "quota"),
    "FailedOperation.ServiceNotActivated": (403, "credential"),
}
SAMPLES = [v for v in load_vectors("hunyuan", "error") if "body" in v["input"]]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda v: v["name"])
def test_an_error_with_status_200_is_one(sample):
    """Each of the SDK's sample errors has the status and class that a program and the engine expect."""
    code = sample["input"]["body"]["Response"]["Error"]["Code"]
    expected = next(found for name, found in CODES.items() if code == name or code.startswith(f"{name}."))

    error = told(TC3, MODEL, 200, sample["input"]["body"])

    assert (error.status, error.outcome) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"Response": {"ErrorMsg": {"Code": 4001, "Msg": "time"}, "RequestId": "r"}},
        {"Response": {"RequestId": "r"}},
        {"Response": {"Choices": [], "RequestId": "r"}},
        {"Response": []},
        {"Choices": 1},
        b"<html>",
        b'{"Response":' + b"[" * 600 + b"]" * 600 + b"}",
        b'{"Response":{"Choices":[{"Message":' + b'{"A":' * 600 + b"1" + b"}" * 600 + b"}]}}",
    ],
)
def test_what_is_no_answer_is_an_error(body):
    """R1: nothing half is taken for an answer, and nothing odd crashes the reader."""
    error = told(TC3, MODEL, 200, body)

    assert error.status in {500, 502}
    assert error.outcome == "ambiguous"


def test_neither_key_is_in_anything_that_is_shown():
    """S3: not in the request's repr, and not in a vendor's text that repeats the id."""
    key_id, secret = KEY.split(":")
    error = {"Code": "AuthFailure.SecretIdNotFound", "Message": f"The SecretId {key_id} is not found."}

    shown = repr(ask(TC3, MODEL)) + repr(told(TC3, MODEL, 200, {"Response": {"Error": error}}))

    assert key_id not in shown
    assert secret not in shown
