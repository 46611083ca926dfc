"""Tencent Cloud's native Hunyuan API (TC3), as announced to end on 2026-09-30.

Facts from: tencentcloud-sdk-python-hunyuan 3.1.180 (models.py, requests captured on loopback) and
tencentcloud-sdk-python-common 3.1.195 (signature). Errors come with HTTP 200, also to a request for a stream.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, prompt, text_pieces
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

SECRET_ID, SECRET_KEY = "AKIDfakeSecretId000000", "fakeSecretKey0000000000"
MODELS = {"hunyuan-lite", "hunyuan-pro", "hunyuan-standard", "hunyuan-functioncall", "hunyuan-vision", "hunyuan-turbo"}
TOOLS = {"hunyuan-functioncall", "hunyuan-pro", "hunyuan-turbo"}
FIELDS = {
    *("Model", "Messages", "Stream", "Temperature", "TopP", "Stop", "Seed", "Tools", "ToolChoice", "CustomTool"),
    *("EnableEnhancement", "StreamModeration", "SearchInfo", "Citation", "EnableSpeedSearch", "EnableMultimedia"),
    *("EnableDeepSearch", "ForceSearchEnhancement", "EnableRecommendedQuestions", "EnableDeepRead"),
    *("WebSearchOptions", "TopicChoice", "EnableThinking"),
}
TURN = {"Role", "Content", "Contents", "ToolCallId", "ToolCalls", "FileIDs"}
CREATED = 1720483200


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.method != "POST" or request.path != "/":
        raise error("InvalidAction", "The request path is not supported.")
    _check_signature(request)
    if request.headers.get("x-tc-action") != "ChatCompletions":
        raise error("InvalidAction", "The action is invalid.")
    if request.headers.get("x-tc-version") != "2023-09-01":
        raise error("NoSuchVersion", "The version is invalid.")
    body = request.body
    if body.get("Model") not in MODELS:
        raise error("InvalidParameterValue.Model", f"Model {body.get('Model')} does not exist")
    _check_parameters(body)
    _check_tools(body)
    _check_messages(body)
    plain = _as_openai(body)
    if FILTERED in prompt(plain):
        raise error("OperationDenied.TextIllegalDetected", "text illegal")
    said = answer(plain)
    text = _with_stop(said.text, body, plain)
    if body.get("Stream"):
        return Reply(events=tuple(_events(said, text)), done=False, headers={"x-tc-requestid": "rq-fake"})
    message = {"Role": "assistant", "Content": text, **_calls(said)}
    choice = {"Index": 0, "FinishReason": said.finish, "Message": message}
    return Reply({"Response": {"RequestId": "rq-fake", **_head(), "Choices": [choice], "Usage": _usage(said)}})


def error(code: str, message: str) -> RefusalError:
    """HTTP 200, with a dotted name inside the wrapper."""
    return RefusalError(200, {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "rq-fake"}})


def _check_signature(request: Request) -> None:
    """Independent of our signer: content type, host and body are signed, for a UTC day."""
    headers = request.headers
    found = re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=(.+?)/(\d{4}-\d\d-\d\d)/hunyuan/tc3_request, "
        r"SignedHeaders=content-type;host, Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not found:
        raise error("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")
    secret_id, day, signature = found.groups()
    if secret_id != SECRET_ID:
        raise error("AuthFailure.SecretIdNotFound", f"The SecretId {secret_id} is not found.")
    sent_at = int(headers.get("x-tc-timestamp", "0"))
    now = dt.datetime.now(dt.UTC)
    if abs(now.timestamp() - sent_at) > 300:
        raise error("AuthFailure.SignatureExpire", "The provided credentials are expired.")
    hashed = hashlib.sha256(request.raw).hexdigest()
    signed = f"content-type:{headers['content-type']}\nhost:{headers['host']}\n"
    canonical = f"POST\n/\n\n{signed}\ncontent-type;host\n{hashed}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{sent_at}\n{day}/hunyuan/tc3_request\n{digest}"
    key = ("TC3" + SECRET_KEY).encode()
    for part in (day, "hunyuan", "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    utc_day = dt.datetime.fromtimestamp(sent_at, dt.UTC).strftime("%Y-%m-%d")
    if day != utc_day or hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != signature:
        raise error("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")


def _bad(message: str) -> RefusalError:
    return error("InvalidParameterValue", message)


def _check_parameters(body: dict[str, Any]) -> None:
    for name in body.keys() - FIELDS:
        raise error("InvalidParameter", f"The parameter `{name}` is not recognized.")
    if not 0 <= body.get("Temperature", 1) <= 2 or not 0 <= body.get("TopP", 1) <= 1:
        raise _bad("Temperature must be in [0, 2] and TopP in [0, 1]")
    if not 1 <= body.get("Seed", 1) <= 10000:
        raise _bad("Seed must be in [1, 10000]")
    if not isinstance(body.get("Stop", []), list):
        raise _bad("Stop must be an array")


def _check_tools(body: dict[str, Any]) -> None:
    tools = body.get("Tools", [])
    if tools and body["Model"] not in TOOLS:
        raise _bad("Tools are not supported by this model")
    for tool in [*tools, *([body["CustomTool"]] if "CustomTool" in body else [])]:
        function = tool.get("Function", {})
        if tool.get("Type") != "function" or function.keys() - {"Name", "Description", "Parameters"}:
            raise _bad("Tools: unknown member")
        if not isinstance(function.get("Parameters"), str) or not isinstance(json.loads(function["Parameters"]), dict):
            raise _bad("Tools.Function.Parameters must be a JSON string")
    choice = body.get("ToolChoice", "auto")
    if choice not in ("none", "auto", "custom") or (choice == "custom") != ("CustomTool" in body):
        raise _bad("ToolChoice must be none, auto or custom, the last with CustomTool")


def _check_messages(body: dict[str, Any]) -> None:
    messages = body.get("Messages") or []
    if not 1 <= len(messages) <= 40:
        raise _bad("Messages must have 1 to 40 items")
    before = "system"
    for i, message in enumerate(messages):
        role = message.get("Role")
        if message.keys() - TURN or role not in ("system", "user", "assistant", "tool"):
            raise _bad(f"Messages.{i}: unknown member or role")
        if role == "system" and i > 0:
            raise _bad("Role system may only be the first")
        follows = {
            "user": ("system", "assistant", "tool"),
            "assistant": ("user", "tool"),
            "tool": ("assistant", "tool"),
        }
        if role != "system" and before not in follows[role]:
            raise _bad("Roles user (tool) and assistant must alternate")
        if not message.get("Content") and not message.get("Contents") and not message.get("ToolCalls"):
            raise _bad(f"Messages.{i}.Content must not be empty")
        before = role
    if before not in ("user", "tool"):
        raise _bad("The last message must be of role user or tool")


def _as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """What the canned answers understand."""
    messages = []
    for turn in body["Messages"]:
        content: Any = turn.get("Content")
        if "Contents" in turn:
            parts = turn["Contents"]
            if not any(p["Type"] == "text" for p in parts):
                raise _bad("Contents needs at least one text")
            content = [
                {"type": "text", "text": p["Text"]}
                if p["Type"] == "text"
                else {"type": "image_url", "image_url": {"url": p["ImageUrl"]["Url"]}}
                for p in parts
            ]
        messages.append({"role": turn["Role"], "content": content})
    tools = [
        {"type": "function", "function": {"name": f["Name"], "parameters": json.loads(f["Parameters"])}}
        for f in (tool["Function"] for tool in body.get("Tools", []))
    ]
    choice: Any = body.get("ToolChoice", "auto")
    if choice == "custom":
        choice = {"type": "function", "function": {"name": body["CustomTool"]["Function"]["Name"]}}
    return {"messages": messages, "tools": tools, "tool_choice": choice, "stop": body.get("Stop")}


def _with_stop(text: str, body: dict[str, Any], plain: dict[str, Any]) -> str:
    """The stop text stays in the output."""
    whole = answer({**plain, "stop": None}).text
    return text + next((stop for stop in body.get("Stop", []) if whole.startswith(text + stop)), "")


def _calls(said: Answer) -> dict[str, Any]:
    calls = [
        {"Id": f"call_fake{i}", "Type": "function", "Index": i, "Function": {"Name": name, "Arguments": arguments}}
        for i, (name, arguments) in enumerate(said.calls)
    ]
    return {"ToolCalls": calls} if calls else {}


def _events(said: Answer, text: str) -> list[dict[str, Any]]:
    """No wrapper; usage in every event; FinishReason is empty until the end; each piece of a call names it by Id."""
    deltas: list[dict[str, Any]] = [{"Content": piece} for piece in text_pieces(text)]
    for i, (name, arguments) in enumerate(said.calls):
        for piece in text_pieces(arguments):
            function = {"Name": name, "Arguments": piece}
            call = {"Id": f"call_fake{i}", "Type": "function", "Index": i, "Function": function}
            deltas.append({"Content": "", "ToolCalls": [call]})
    deltas.append({"Content": ""})
    out: list[dict[str, Any]] = []
    for i, delta in enumerate(deltas):
        finish = said.finish if i == len(deltas) - 1 else ""
        choice = {"Index": 0, "Delta": {"Role": "assistant", **delta}, "FinishReason": finish}
        out.append({**_head(), "Choices": [choice], "Usage": _usage(said)})
    return out


def _head() -> dict[str, Any]:
    return {"Note": "以上内容为AI生成，不代表开发者立场，请勿删除或修改本标记", "Created": CREATED, "Id": "rq-fake"}


def _usage(said: Answer) -> dict[str, int]:
    total = said.prompt_tokens + said.completion_tokens
    return {"PromptTokens": said.prompt_tokens, "CompletionTokens": said.completion_tokens, "TotalTokens": total}


# Our name, the SDK's class, its code, Tencent's codes with the plainest first. There is none for a long input, which is
# cut, and none has a status but 200.
_ROWS: tuple[tuple[str, str, str | None, tuple[str, ...]], ...] = (
    (
        "limited",
        "RateLimitError",
        None,
        ("LimitExceeded", "RequestLimitExceeded", "FailedOperation.EngineServerLimitExceeded"),
    ),
    (
        "quota",
        "RateLimitError",
        "insufficient_quota",
        (
            "FailedOperation.ResourcePackExhausted",
            "FailedOperation.FreeResourcePackExhausted",
            "ResourceInsufficient.ChargeResourceExhaust",
            "ResourceUnavailable.InArrears",
            "ResourceUnavailable.LowBalance",
            "ResourceUnavailable.StopUsing",
            "FailedOperation.ServiceStop",
            "FailedOperation.ServiceStopArrears",
        ),
    ),
    (
        "credential",
        "AuthenticationError",
        None,
        (
            "AuthFailure.SignatureFailure",
            "AuthFailure.SecretIdNotFound",
            "AuthFailure.SignatureExpire",
            "AuthFailure.TokenFailure",
        ),
    ),
    (
        "permission",
        "PermissionDeniedError",
        None,
        (
            "AuthFailure.UnauthorizedOperation",
            "FailedOperation.ServiceNotActivated",
            "FailedOperation.UserUnAuthError",
            "FailedOperation.PartnerAccountUnSupport",
            "ResourceUnavailable.NotExist",
        ),
    ),
    (
        "policy",
        "BadRequestError",
        "content_filter",
        ("OperationDenied.TextIllegalDetected", "OperationDenied.ImageIllegalDetected"),
    ),
    ("model", "NotFoundError", "model_not_found", ("InvalidParameterValue.Model", "ResourceNotFound")),
    (
        "server",
        "InternalServerError",
        None,
        (
            "InternalError",
            "FailedOperation.EngineServerError",
            "FailedOperation.ConsoleServerError",
            "FailedOperation.EngineRequestTimeout",
        ),
    ),
    ("request", "BadRequestError", None, ("InvalidParameter", "InvalidParameterValue")),
)
ERRORS = {
    name if at == 0 else f"{name} {number}": sample(error(number, "fake"), raises, code)
    for name, raises, code, numbers in _ROWS
    for at, number in enumerate(numbers)
} | {"server 502": sample(RefusalError(502, b""), "InternalServerError")}


def _env(_address: str) -> dict[str, str]:
    return {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}


VENDOR = Vendor("hunyuan_tc3", "", serve, _env)
