"""Baidu's V2 API (Qianfan), and the service that issues short bearer tokens for it.

Facts from: cloud.baidu.com/doc/qianfan-api/s/Om9b4yj3w (errors, 2026-07-29) and /3m7of64lb (parameters),
cloud.baidu.com/doc/WENXINWORKSHOP/s/Fm2vrveyu (messages, bearer token), /doc/qianfan/s/rmse4vxp8 (addresses), npm
model-bank 1.0.20260927 (models), qianfan 0.4.12.3 (requests captured on loopback), infiniflow/ragflow
conf/models/baidu.json (embeddings).

Stricter than the vendor on purpose: fields of OpenAI that its table lacks are refused, so that a client which still
sends them is found; `max_tokens` is one, `max_completion_tokens` is the documented name.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, images, prompt, text_of
from tests.fakes.ernie_v1_like import check_signature
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_fields, check_ranges, check_tools, embeddings, reply

KEY = "sk-fake-ernie"
# Id -> context and longest answer in tokens.
MODELS = {
    "ernie-5.1": (131072, 65536),
    **dict.fromkeys(("ernie-4.5-turbo-20260402", "ernie-4.5-turbo-latest"), (131072, 12288)),
    "ernie-4.5-turbo-vl": (131072, 16384),  # whether it left with its -32k and -128k versions is not said
    "ernie-x1.1": (65536, 65536),
    **dict.fromkeys(("ernie-char-fiction-8k", "ernie-novel-8k"), (8192, 2048)),
    **dict.fromkeys(("deepseek-v4-pro", "glm-5.1", "glm-5.2"), (202752, 393216)),
}
RETIRED = {"ernie-5.0", "ernie-4.5-turbo-128k", "ernie-4.5-turbo-32k", "ernie-4.5-turbo-vl-32k"}  # 2026-10-29
VISION = {"ernie-4.5-turbo-vl"}
THINKING = {"ernie-x1.1", "deepseek-v4-pro", "glm-5.1", "glm-5.2"}  # ernie-5.1: the sources disagree
TOOLLESS = {"ernie-char-fiction-8k", "ernie-novel-8k"}
SCHEMAS = {"deepseek-v4-pro", "glm-5.1", "glm-5.2"}  # the table names the first two as examples
WIDTHS = {"embedding-v1": 384, "bge-large-zh": 1024}  # from memory; nothing is refused by them
FIELDS = {
    *("model", "messages", "stream", "stream_options", "temperature", "top_p", "max_completion_tokens", "stop", "seed"),
    *("presence_penalty", "frequency_penalty", "penalty_score", "repetition_penalty", "response_format", "tools"),
    *("tool_choice", "user", "metadata", "web_search", "reasoning_effort"),
    *("thinking", "enable_thinking", "thinking_budget", "thinking_strategy"),  # which model takes which is not clear
    "extra_parameters",  # qianfan sends it
    *("logit_bias", "parallel_tool_calls"),  # one third party lists the first; the second is neither listed nor denied
}
RANGES = {
    "temperature": (0, 2),  # a third party's; the vendor's own was not seen
    "top_p": (0, 1),
    "seed": (1, 2147483646),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "penalty_score": (1, 2),
}
SHAPE = Shape()
LIMITS = {
    "X-Ratelimit-Limit-Requests": "60",
    "X-Ratelimit-Limit-Tokens": "150000",
    "X-Ratelimit-Remaining-Requests": "59",
    "X-Ratelimit-Remaining-Tokens": "149000",
}
LONGEST_LIFE_S = 2592000
_issued: dict[str, dt.datetime] = {}  # bearer token -> when it ends
_numbers = itertools.count(1)
INVALID, UNSAFE, DENIED, LIMITED = "invalid_request_error", "unsafe_request", "access_denied", "rate_limit_exceeded"
# The page's table: code -> status, type, message. invalid_model has a second row: 400, "model is empty".
TABLE = {
    "malformed_json": (400, INVALID, "Invalid Argument"),
    "invalid_messages": (400, INVALID, "messages is empty"),
    "invalid_argument": (400, INVALID, "invalid argument"),
    "invalid_image_url": (400, INVALID, "the image width and height are not within the allowed range"),
    "characters_too_long": (400, INVALID, "the max input characters is 516096"),
    "tokens_too_long": (400, INVALID, "Prompt tokens too long"),
    "image_url_unsafe": (400, UNSAFE, "the content of image_url.url field is unsafe"),
    "invalid_model": (401, INVALID, "The model does not exist or you do not have access to it."),
    "invalid_appid": (401, INVALID, "No permission to use the appid"),
    "invalid_iam_token": (401, INVALID, "IAM Certification failed"),
    "no_parameter_permission": (401, DENIED, "No permission to use the parameter"),
    "system_unsafe": (403, UNSAFE, "the content of system field is invalid"),
    "user_setting_unsafe": (403, UNSAFE, "the content of user field is invalid"),
    "functions_unsafe": (403, UNSAFE, "the content of functions field is invalid"),
    "account_overdue": (403, DENIED, "Access denied due to overdue account"),
    "model_offline": (403, DENIED, "The model is offline"),
    "AccessDenied": (403, DENIED, "Access denied"),  # of the list of models only
    "not_found": (404, INVALID, "The requested path does not exist"),  # not in the table
    "method_not_supported": (405, INVALID, "Only POST requests are accepted"),
    "rpm_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for RPM"),
    "tpm_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for TPM"),
    "input_tpm_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for Input TPM"),
    "output_tpm_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for Output TPM"),
    "Offline_batch_reasoning_refused": (429, LIMITED, "Rate limit reached for offline batch reasoning"),
    "preemptible_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for preemptible resource"),
    "user_rate_limit_exceeded": (429, LIMITED, "qps request limit by APP ID reached"),
    "cluster_rate_limit_exceeded": (429, LIMITED, "request limit by resouce cluster reached"),
    "cluster_rpm_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for Cluster RPM"),
    "cluster_tpm_rate_limit_exceeded": (429, LIMITED, "Rate limit reached for Cluster TPM"),
    "internal_error": (500, "Internal_error", "Internal error"),
    "dispatch_internal_error": (500, "Internal_error", "Internal error"),
}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.path == "/v1/BCE-BEARER/token":
        return _bearer(request)
    known = _is_known(request.headers.get("authorization", ""))
    if request.path == "/v2/models" and request.method == "GET":
        if not known:
            raise error("AccessDenied")
        models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "baidu"} for m in MODELS]
        return Reply({"object": "list", "data": models})
    if not known:
        raise error("invalid_iam_token")
    if request.path not in {"/v2/chat/completions", "/v2/embeddings"}:
        raise error("not_found")
    if request.method != "POST":
        raise error("method_not_supported")
    if not request.body:
        raise error("malformed_json")
    return _chat(request.body) if request.path == "/v2/chat/completions" else _embeddings(request.body)


def error(code: str, message: str = "", *, status: int = 0) -> RefusalError:
    """A row of the table, or one with other words."""
    usual, kind, words = TABLE[code]
    body = {"error": {"code": code, "message": message or words, "type": kind}, "id": "as-fake"}
    return RefusalError(status or usual, body)


def _bad(message: str) -> RefusalError:
    return error("invalid_argument", message)


def _messages(message: str) -> RefusalError:
    return error("invalid_messages", message)


def _bearer(request: Request) -> Reply:
    """Issue a bearer token to who signs with a key pair; its life is asked for, and at most 30 days."""
    check_signature(request)
    life = request.query.get("expireInSeconds", "")
    if request.method != "GET" or not life.isdigit() or not 1 <= int(life) <= LONGEST_LIFE_S:
        raise RefusalError(400, {"requestId": "fake", "code": "InvalidArgument", "message": "expireInSeconds"})
    now = dt.datetime.now(dt.UTC)
    token, end = f"bce-v3/ALTAK-fake/{next(_numbers)}", now + dt.timedelta(seconds=int(life))
    _issued[token] = end
    # The names are those that qianfan reads; the form of the moments is what it can parse.
    return Reply(
        {"userId": "fake", "token": token, "status": "enable", "createTime": _zulu(now), "expireTime": _zulu(end)}
    )


def _zulu(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_known(authorization: str) -> bool:
    token = authorization.removeprefix("Bearer ")
    if token == authorization:  # the scheme is missing: documented as a reason to refuse
        return False
    return token == KEY or (token in _issued and dt.datetime.now(dt.UTC) < _issued[token])


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model")
    if not model:
        raise error("invalid_model", "model is empty", status=400)
    if model in RETIRED:
        raise error("model_offline")
    if model not in MODELS:
        raise error("invalid_model")
    check_fields(body, FIELDS, _bad)
    _check_parameters(body, model)
    check_tools(body, _bad)
    _check_messages(body, model)
    said = answer(body)
    if said.prompt_tokens > MODELS[model][0]:
        raise error("tokens_too_long")
    thinks = model in THINKING and body.get("enable_thinking") is not False
    thinks = thinks and (body.get("thinking") or {}).get("type") != "disabled"
    answered = reply(body, _moderated(body, said), SHAPE, thinks=thinks)
    return replace(answered, headers=LIMITS)


def _moderated(body: dict[str, Any], said: Answer) -> Answer:
    """An error is documented for a system message, tools and pictures only; else the answer ends for this reason."""
    if any(FILTERED in text_of(m) for m in body["messages"] if m["role"] == "system"):
        raise error("system_unsafe")
    if FILTERED in prompt(body):
        return replace(said, text="", calls=(), finish="content_filter")
    return said


def _check_parameters(body: dict[str, Any], model: str) -> None:
    check_ranges(body, {**RANGES, "max_completion_tokens": (1, MODELS[model][1])}, _bad)
    stop = body.get("stop")
    if stop is not None and (not isinstance(stop, list) or len(stop) > 4 or any(len(s) > 20 for s in stop)):
        raise _bad("stop must be a list of at most 4 texts of at most 20 characters")
    form = body.get("response_format", {"type": "text"})
    known = {"text", "json_object"} | ({"json_schema"} if model in SCHEMAS else set())
    if not isinstance(form, dict) or form.get("type") not in known:
        raise _bad(f"response_format.type must be one of {sorted(known)}")
    metadata = body.get("metadata") or {}
    if len(metadata) > 16 or not all(isinstance(value, str) for value in metadata.values()):
        raise _bad("metadata must hold at most 16 texts")
    if body.get("tools") and model in TOOLLESS:
        raise _bad(f"tools is not supported by {model}")


def _check_messages(body: dict[str, Any], model: str) -> None:
    """User or system first, user or tool last, and turns that alternate.

    The page allows only user as the last of ERNIE 4.5 and X1 Turbo, though these take tools: not enforced. Empty
    content is said to be refused by V1 only, and passes.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _messages("messages is empty")
    if messages[0].get("role") not in {"user", "system"} or messages[-1].get("role") not in {"user", "tool"}:
        raise _messages("the first message must be of user or system, the last of user or tool")
    # With several results, tool follows tool; a user after a tool is not denied.
    follows = {
        "system": {""},
        "user": {"", "system", "assistant", "tool"},
        "assistant": {"user", "tool"},
        "tool": {"assistant", "tool"},
    }
    before = ""
    for i, message in enumerate(messages):
        role = message.get("role")
        if role not in follows or before not in follows[role]:
            raise _messages(f"messages[{i}]: role {role} can not stand after {before or 'nothing'}")
        if role == "tool" and not message.get("tool_call_id"):
            raise _messages(f"messages[{i}]: tool_call_id is empty")
        before = role
    if images(body) and model not in VISION:
        raise _messages(f"image_url is not supported by {model}")


def _embeddings(body: dict[str, Any]) -> Reply:
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input") or []
    if body.get("model") not in WIDTHS:
        raise error("invalid_model")
    if not 1 <= len(texts) <= 16 or not all(isinstance(text, str) and text for text in texts):
        raise _bad("input must be 1 to 16 texts")
    if any(len(text) > 384 * 4 for text in texts):  # four characters a token, as the answers count
        raise error("tokens_too_long")
    return embeddings(body, WIDTHS[body["model"]])


ERRORS = {
    **{f"limited {c}": sample(error(c), "RateLimitError") for c, row in TABLE.items() if row[0] == 429},
    "limited": sample(error("rpm_rate_limit_exceeded"), "RateLimitError"),
    # Seen with plug-ins: no `error` around it, and HTTP 200.
    "limited as 200": sample(RefusalError(200, {"code": "rpm_rate_limit_exceeded"}), "RateLimitError"),
    "quota": sample(error("account_overdue"), "RateLimitError", "insufficient_quota"),
    "credential": sample(error("invalid_iam_token"), "AuthenticationError"),
    "permission": sample(error("no_parameter_permission"), "PermissionDeniedError"),
    "permission invalid_appid": sample(error("invalid_appid"), "PermissionDeniedError"),
    **{f"policy {c}": sample(error(c), "BadRequestError", "content_filter") for c in TABLE if c.endswith("_unsafe")},
    "policy": sample(error("system_unsafe"), "BadRequestError", "content_filter"),
    "context": sample(error("tokens_too_long"), "BadRequestError", "context_length_exceeded"),
    "context characters": sample(error("characters_too_long"), "BadRequestError", "context_length_exceeded"),
    "model": sample(error("invalid_model"), "NotFoundError", "model_not_found"),  # a 401 that is none
    "model offline": sample(error("model_offline"), "NotFoundError", "model_not_found"),
    "server": sample(error("internal_error"), "InternalServerError"),
    "server dispatch": sample(error("dispatch_internal_error"), "InternalServerError"),
    "request": sample(error("invalid_argument"), "BadRequestError"),
    "request malformed_json": sample(error("malformed_json"), "BadRequestError"),
    "request invalid_model": sample(error("invalid_model", "model is empty", status=400), "BadRequestError"),
    "request invalid_messages": sample(error("invalid_messages"), "BadRequestError"),
    "request invalid_image_url": sample(error("invalid_image_url"), "BadRequestError"),
    "request method": sample(error("method_not_supported"), "BadRequestError"),
}


def _env(address: str) -> dict[str, str]:
    keys = dict.fromkeys(("QIANFAN_API_KEY", "BAIDU_QIANFAN_API_KEY", "QIANFAN_BEARER_TOKEN"), KEY)
    return keys | {"QIANFAN_BASE_URL": address, "QIANFAN_IAM_BASE_URL": address}  # qianfan adds /v2 itself


VENDOR = Vendor("ernie", "/v2", serve, _env)
