"""Baidu's V1 API ("wenxinworkshop"), as it was until 2026-08-31.

Facts from: qianfan 0.4.12.3 and erniebot 0.5.9 (requests captured on loopback, parsers, error tables), bce-python-sdk
0.9.79 (signature), the vendor's page on ERNIE-4.0-8K (cloud.baidu.com/doc/WENXINWORKSHOP/s/clntwmv7t) and its error
codes (ai.baidu.com/ai-doc/WENXINWORKSHOP/tlmyncueh). Errors come with HTTP 200. The token service's errors are those of
Baidu's OAuth ("invalid_client"; qianfan reads both descriptions); that their status is 401 is OAuth's rule, not seen.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import itertools
import re
from typing import Any
from urllib.parse import quote

from tests.fakes.answers import FILTERED, Answer, answer, prompt, text_pieces
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

ROOT = "/rpc/2.0/ai_custom/v1/wenxinworkshop"
TOKEN = "24.fake-access-token.2592000"
KEY_ID, SECRET = "ALTAKfakeAccessKeyId", "fakeSecretAccessKey"  # of the account: they sign
APP_KEY, APP_SECRET = "fakeAppApiKey", "fakeAppSecretKey"  # of an app: the token service takes them
LIFE_S = 2592000
SIGNED = "host;content-md5;content-length;content-type"  # if a signature names no header
# End of the address -> longest answer.
MODELS = {"completions": 2048, "completions_pro": 2048, "ernie_speed": 2048, "ernie-speed-128k": 4096}
FUNCTIONS = {"completions", "completions_pro"}  # the 3.5 and 4.0 family
PENALTIES = {"presence_penalty", "frequency_penalty"}  # OpenAI's; the Speed, Lite and Tiny models take them
RANGES = {"top_p": (0, 1), "penalty_score": (1, 2), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
FIELDS = {
    *("messages", "system", "stream", "temperature", "top_p", "penalty_score", "stop", "user_id", "functions"),
    *("tool_choice", "response_format", "max_output_tokens", "min_output_tokens", "disable_search", "enable_citation"),
    *("enable_trace", "enable_system_memory", "system_memory_id", "user_setting", "user_ip", "extra_parameters"),
}
CREATED = 1720483200
_tokens: dict[str, bool] = {}  # issued -> still valid
_numbers = itertools.count(1)


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.path == "/oauth/2.0/token":
        return _token(request.query)
    suffix = request.path.removeprefix(f"{ROOT}/chat/")
    _check_proof(request)
    if request.method != "POST":
        raise error(336101, "Only HTTP POST is allowed")
    if suffix not in MODELS:
        raise error(3, "Unsupported openapi method")
    if request.headers.get("content-type") != "application/json" or not request.body:
        raise error(336002, "Invalid JSON")
    body = request.body
    _check_parameters(body, suffix)
    _check_messages(body)
    if FILTERED in prompt(body):
        said = Answer("作为一个人工智能语言模型，我还没学习如何回答这个问题。", (), "normal", 5, 5)
        return Reply({**_result(said, said.text), "need_clear_history": True, "ban_round": -1, "flag": 1})
    said = answer(_as_openai(body))
    if body.get("stream"):
        return Reply(events=tuple(_events(said)), done=False)
    return Reply(_result(said, said.text))


def error(code: int, message: str) -> RefusalError:
    """HTTP 200, with a number."""
    return RefusalError(200, {"error_code": code, "error_msg": message, "id": "as-fake"})


def expire_tokens() -> None:
    """Declare all tokens stale that the token service has issued up to now."""
    _tokens.update(dict.fromkeys(_tokens, False))


def _token(query: dict[str, str]) -> Reply:
    """Issue an access token, to POST (qianfan) and GET (erniebot) alike."""
    if query.get("grant_type") != "client_credentials":
        text = "The authorization grant type is not supported"
        raise RefusalError(400, {"error": "unsupported_grant_type", "error_description": text})
    if (query.get("client_id"), query.get("client_secret")) != (APP_KEY, APP_SECRET):
        text = "Client authentication failed" if query.get("client_id") == APP_KEY else "unknown client id"
        raise RefusalError(401, {"error": "invalid_client", "error_description": text})
    token = f"24.fake-issued-{next(_numbers)}.{LIFE_S}"
    _tokens[token] = True
    return Reply({"access_token": token, "expires_in": LIFE_S})


def _check_proof(request: Request) -> None:
    authorization = request.headers.get("authorization", "")
    token = request.query.get("access_token", "")
    if authorization.startswith("bce-auth-v1/"):
        check_signature(request)
    elif authorization:
        raise error(14, "IAM Certification failed")
    elif _tokens.get(token) is False:
        raise error(111, "Access token expired")
    elif token != TOKEN and token not in _tokens:
        raise error(110, "Access token invalid or no longer valid")


def check_signature(request: Request) -> None:
    """Independent of our signer: the prefix, the query, the named headers and those of x-bce- must fit."""
    authorization = request.headers.get("authorization", "")
    if authorization.count("/") != 5 or not authorization.startswith("bce-auth-v1/"):
        raise _unsigned()
    _, key_id, moment, life, names, signature = authorization.split("/")
    signed = (names or SIGNED).split(";")
    began = dt.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    age = (dt.datetime.now(dt.UTC) - began).total_seconds()
    headers = request.headers
    lines = [
        f"{quote(name, safe='-_.~')}:{quote(value.strip(), safe='-_.~')}"
        for name, value in headers.items()
        if (name in signed or name.startswith("x-bce-")) and value.strip()
    ]
    query = "&".join(sorted(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in request.query.items()))
    canonical = "\n".join((request.method, request.path, query, *sorted(lines)))
    key = hmac.new(SECRET.encode(), f"bce-auth-v1/{key_id}/{moment}/{life}".encode(), hashlib.sha256).hexdigest()
    expected = hmac.new(key.encode(), canonical.encode(), hashlib.sha256).hexdigest()
    if key_id != KEY_ID or signature != expected or not -300 <= age <= int(life) or "host" not in signed:
        raise _unsigned()


def _unsigned() -> RefusalError:
    body = {"requestId": "fake", "code": "SignatureDoesNotMatch", "message": "The signature does not match."}
    return RefusalError(400, body, x_bce_error_code="SignatureDoesNotMatch")


def _check_parameters(body: dict[str, Any], suffix: str) -> None:
    known = FIELDS if suffix in FUNCTIONS else FIELDS | PENALTIES
    for name in body.keys() - known:  # stricter than documented: what V1 does not list says nothing to it
        raise error(336001, f"Invalid argument: {name}")
    temperature = body.get("temperature")
    if temperature is not None and not 0 < temperature <= 1:
        raise error(336003, "temperature must be in (0, 1.0]")
    for name, (low, high) in RANGES.items():
        if name in body and not low <= body[name] <= high:
            raise error(336003, f"{name} must be in [{low}, {high}]")
    if not 2 <= body.get("max_output_tokens", 2) <= MODELS[suffix]:
        raise error(336003, f"max_output_tokens must be in [2, {MODELS[suffix]}]")
    stop = body.get("stop", [])
    if not isinstance(stop, list) or len(stop) > 4 or any(len(text) > 20 for text in stop):
        raise error(336003, "stop must be at most 4 texts of at most 20 characters")
    if body.get("response_format", "text") not in ("text", "json_object"):
        raise error(336003, "response_format must be text or json_object")
    _check_functions(body, suffix)


def _check_functions(body: dict[str, Any], suffix: str) -> None:
    functions = body.get("functions")
    if functions is not None and suffix not in FUNCTIONS:
        raise error(336003, "functions is not supported by this model")
    for function in functions or []:
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function.get("name", "")) or "parameters" not in function:
            raise error(336003, "functions: name and parameters are needed")
    choice = body.get("tool_choice")
    if choice is not None and not (isinstance(choice, dict) and choice.get("type") == "function"):
        raise error(336003, "tool_choice must be an object")


def _check_messages(body: dict[str, Any]) -> None:
    messages = body.get("messages") or []
    if len(messages) % 2 == 0:
        raise error(336003, "the length of messages must be an odd number")
    if not isinstance(body.get("system", ""), str):
        raise error(336003, "system must be a string")
    for i, message in enumerate(messages):
        wanted = ("user", "function") if i % 2 == 0 else ("assistant",)
        if message.get("role") not in wanted or (i == 0 and message["role"] != "user"):
            raise error(336003, f"the role of message with {'even' if i % 2 else 'odd'} index must be {wanted}")
        content, called = message.get("content"), message.get("function_call")
        if not (isinstance(content, str) and content) and not (called and content in (None, "")):
            raise error(336003, "message content can not be empty")
        if message["role"] == "function":
            if messages[i - 1].get("function_call", {}).get("name") != message.get("name"):
                raise error(336003, "function name does not match the call before")
            if not content.startswith("{"):
                raise error(336003, "function content must be JSON")
    if sum(len(m.get("content") or "") for m in messages) + len(body.get("system", "")) > 20000:
        raise error(336007, "the max input characters is 20000")


def _as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """What the canned answers understand."""
    roles = {"function": "tool"}
    return {
        "messages": [{**m, "role": roles.get(m["role"], m["role"])} for m in body["messages"]],
        "tools": [{"type": "function", "function": f} for f in body.get("functions", [])],
        "tool_choice": body.get("tool_choice", "auto"),
        "stop": body.get("stop"),
        "max_tokens": body.get("max_output_tokens"),
        "response_format": {"type": body.get("response_format", "text")},
    }


def _result(said: Answer, text: str) -> dict[str, Any]:
    total = said.prompt_tokens + said.completion_tokens
    counts = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens, "total_tokens": total}
    out: dict[str, Any] = {
        "id": "as-fake",
        "object": "chat.completion",
        "created": CREATED,
        "result": text,
        "is_truncated": said.finish == "length",
        "need_clear_history": False,
        "finish_reason": "normal",
        "usage": counts,
    }
    for name, arguments in said.calls:
        out |= {"finish_reason": "function_call", "result": ""}
        out["function_call"] = {"name": name, "thoughts": "I look it up.", "arguments": arguments}
    return out


def _events(said: Answer) -> list[dict[str, Any]]:
    """Each event brings its number, the usage so far, and a finish word; `is_end` marks the last."""
    pieces = text_pieces(said.text) or [""]
    out = [{**_result(said, piece), "sentence_id": i, "is_end": False} for i, piece in enumerate(pieces)]
    out[-1]["is_end"] = True
    return out


ERRORS = {
    "limited": sample(error(18, "Open api qps request limit reached"), "RateLimitError"),
    "limited 4": sample(error(4, "Open api request limit reached"), "RateLimitError"),
    "limited 336501": sample(error(336501, "Rate limit reached for RPM"), "RateLimitError"),
    "limited 336502": sample(error(336502, "Rate limit reached for TPM"), "RateLimitError"),
    "quota": sample(error(17, "Open api daily request limit reached"), "RateLimitError", "insufficient_quota"),
    "quota 19": sample(error(19, "Open api total request limit reached"), "RateLimitError", "insufficient_quota"),
    "credential": sample(error(110, "Access token invalid or no longer valid"), "AuthenticationError"),
    "credential 111": sample(error(111, "Access token expired"), "AuthenticationError"),
    **{f"credential {c}": sample(error(c, "authentication failed"), "AuthenticationError") for c in (13, 14, 100)},
    "permission": sample(error(6, "No permission to access data"), "PermissionDeniedError"),
    "permission 336004": sample(error(336004, "No permission"), "PermissionDeniedError"),
    "context": sample(error(336007, "the max input characters is 20000"), "BadRequestError", "context_length_exceeded"),
    # The model is the end of the address.
    "model": sample(error(3, "Unsupported openapi method"), "NotFoundError", "model_not_found"),
    "model 336005": sample(error(336005, "The API does not exist"), "NotFoundError", "model_not_found"),
    "server": sample(error(336000, "Internal error"), "InternalServerError"),
    **{f"server {c}": sample(error(c, "internal error"), "InternalServerError") for c in (1, 2, 15, 500000)},
    "overloaded": sample(error(336100, "Try again"), "InternalServerError"),
    "request": sample(error(336003, "the length of messages must be an odd number"), "BadRequestError"),
    **{
        f"request {c}": sample(error(c, "invalid argument"), "BadRequestError")
        for c in (336001, 336002, 336006, 336101, 336102, 336104, 336105)
    },
}


def _env(address: str) -> dict[str, str]:
    return {
        "QIANFAN_BASE_URL": address,
        "QIANFAN_ACCESS_TOKEN": TOKEN,
        "QIANFAN_AK": APP_KEY,
        "QIANFAN_SK": APP_SECRET,
        "QIANFAN_ACCESS_KEY": KEY_ID,
        "QIANFAN_SECRET_KEY": SECRET,
    }


VENDOR = Vendor("ernie_v1", ROOT, serve, _env)
