"""Tencent's TokenHub, which took Hunyuan's place: the dialect of OpenAI's chat.

Facts from: cloud.tencent.com/document/product/1823 pages 130079 and 131208 (chat), 131595 (errors, as of 2026-07-22),
133515 (embeddings), npm model-bank 1.0.20260927 (models), lobehub 2.1.26 (which fields it strips), openclaw#99076
(probe of the efforts).

Stricter than the vendor on purpose: the two penalties, which clients strip as unsupported, are refused. What the pages
say nothing of (n, seed, stop, logprobs, user, metadata, store) passes.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.answers import FILTERED, answer, images, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor
from tests.fakes.shape import CREATED, Shape, check_ranges, check_tools, check_turns, embeddings, reply

KEY = "sk-fake-hunyuan"
# Id -> longest answer in tokens. The ids hunyuan-* ended on 2026-06-22, but for the role player.
MODELS = {
    **dict.fromkeys(("hy4", "hy4-preview", "hy4-flash"), 65536),
    **dict.fromkeys(("hy3", "hy3-preview"), 131072),
    **dict.fromkeys(("hunyuan-role-latest", "hy-mt2-pro", "hy-mt2-plus", "hy-mt2-lite"), 4096),
}
CONTEXT = {"hy4": 1048576, "hy4-preview": 1048576, "hy4-flash": 1048576, "hy3": 262144, "hy3-preview": 262144}
VISION = {"hy4", "hy4-flash"}
THINKING = set(CONTEXT)  # so are tools and schemas flagged, though not for each of them
WIDTHS = {"kinfra-text-embedding-0.6b": 1024, "kinfra-text-embedding-4b": 2560}
ROLES = {"system", "developer", "user", "assistant", "tool"}  # the second is neither listed nor denied
SHAPE = Shape(usage_fields={"prompt_tokens_details": {"cached_tokens": 0}})
CLIENT, DENIED, LIMITED = "invalid_request_error", "permission_error", "rate_limit_error"
# Code -> status, type, message. What is refused before the model is asked has the type "gateway_error".
TABLE = {
    "400001": (400, CLIENT, "The request is invalid"),
    "400002": (400, "gateway_error", "The request parameter messages is invalid or missing."),
    "400003": (400, CLIENT, "The input tokens exceed the context of the model."),
    "400004": (400, "gateway_error", "The model or service ID gpt-17 does not exist."),
    "400005": (400, CLIENT, "The model does not support the requested ability."),
    "400006": (400, CLIENT, "The model does not support the requested response_format."),
    "401001": (401, "gateway_error", "No authentication information was sent."),
    "401002": (401, "gateway_error", "The API Key does not exist or signature verification failed."),
    "401003": (401, "gateway_error", "The API Key has expired."),
    "401004": (401, "gateway_error", "The API Key is disabled."),
    "401007": (402, DENIED, "The service has no free quota, and pay-as-you-go is off."),
    "401008": (402, DENIED, "The free quota is exhausted, and pay-as-you-go is off."),
    "403004": (402, DENIED, "endpoint is inactive: FREE_QUOTA_EXHAUSTED"),
    "403001": (403, DENIED, "The plan is disabled or lacks permission."),
    "403002": (403, DENIED, "The API Key may not use the model."),
    "403005": (403, DENIED, "The source address is not in the list of the API Key."),
    "429001": (429, LIMITED, "The request rate exceeds the current model hy3 limit 60. dimension: rpm"),
    "429003": (429, LIMITED, "The tokens per minute exceed the limit."),
    "429005": (429, LIMITED, "The concurrency exceeds the limit."),
    "429006": (429, LIMITED, "The upstream service is busy."),
    "451001": (451, "content_filter_error", "The input or output triggered the content policy."),
    "500001": (500, "internal_error", "Internal error, please retry."),
    "502001": (502, "upstream_error", "The upstream model service is abnormal or unreachable."),
    "503001": (503, "internal_error", "The service is temporarily unavailable."),
    "504001": (504, "upstream_error", "The upstream model service timed out."),
}


def serve(request: Request) -> Reply:
    """Answer one request."""
    bearer = request.headers.get("authorization", "")
    if bearer != f"Bearer {KEY}":
        raise error("401002" if bearer else "401001")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            return _chat(request.body)
        case "POST", "/v1/embeddings":
            return _embeddings(request.body)
        case "GET", "/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "tencent"} for m in MODELS]
            return Reply({"object": "list", "data": models})
        case _:  # not in the table; /responses and /messages exist, and are not played here
            raise RefusalError(404, {"error": {"message": "Not Found", "type": "gateway_error", "code": "404"}})


def error(code: str, message: str = "") -> RefusalError:
    """A row of the table, or one with other words. Only what the model's side refuses names its source."""
    status, kind, words = TABLE[code]
    body: dict[str, Any] = {"message": message or words, "code": code, "type": kind, "request_id": "fake"}
    if kind == "upstream_error":
        body |= {"source": "upstream", "upstream_status": status}
    elif kind != "gateway_error":
        body["source"] = "client"
    return RefusalError(status, {"error": body})


def _bad(message: str) -> RefusalError:
    return error("400001", f"The request is invalid: {message}.")


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise error("400004", f"The model or service ID {model} does not exist. Please check the service ID.")
    _check_parameters(body, model)
    check_tools(body, _bad)
    check_turns(body, ROLES, lambda _: error("400002"))
    if images(body) and model not in VISION:
        raise error("400005")
    if FILTERED in prompt(body):
        raise error("451001")
    said = answer(body)
    if said.prompt_tokens > CONTEXT.get(model, 32768):
        raise error("400003")
    return reply(body, said, SHAPE, thinks=model in THINKING and _thinks(body))


def _check_parameters(body: dict[str, Any], model: str) -> None:
    limits = dict.fromkeys(("max_tokens", "max_completion_tokens"), (1, MODELS[model]))
    check_ranges(body, {"temperature": (0, 2), "top_p": (0, 1), **limits}, _bad)
    for name in ("presence_penalty", "frequency_penalty"):
        if name in body:
            raise _bad(f"{name} is not supported")
    form = (body.get("response_format") or {}).get("type", "text")
    known = {"text", "json_object"} | ({"json_schema"} if model in CONTEXT else set())
    if form not in known:
        raise error("400006")


def _thinks(body: dict[str, Any]) -> bool:
    """Only if asked to; any effort but "none" asks for it. Which of the two fields wins is not said."""
    asked = (body.get("thinking") or {}).get("type")
    if asked not in {None, "enabled", "disabled"}:
        raise _bad("thinking.type must be enabled or disabled")
    return asked == "enabled" or (asked is None and body.get("reasoning_effort") not in {None, "none"})


def _embeddings(body: dict[str, Any]) -> Reply:
    """Of one width each; no limit of texts a call is known."""
    width = WIDTHS.get(body.get("model", ""))
    if width is None:
        raise error("400004", f"The model or service ID {body.get('model')} does not exist.")
    if not body.get("input"):
        raise error("400002", "The request parameter input is invalid or missing.")
    return embeddings(body, width)


ERRORS = {
    # The page's own sample of a limit has a number for the code, and no type.
    "limited": sample(
        RefusalError(429, {"error": {"code": 429001, "message": TABLE["429001"][2], "request_id": "fake"}}),
        "RateLimitError",
    ),
    **{f"limited {c}": sample(error(c), "RateLimitError") for c, row in TABLE.items() if row[0] == 429},
    # 402 has no class of its own: a caller that waits for RateLimitError finds it so.
    "quota": sample(error("403004"), "RateLimitError", "insufficient_quota"),
    **{f"quota {c}": sample(error(c), "RateLimitError", "insufficient_quota") for c in ("401007", "401008")},
    "credential": sample(error("401002"), "AuthenticationError"),
    **{f"credential {c}": sample(error(c), "AuthenticationError") for c in ("401001", "401003", "401004")},
    "permission": sample(error("403001"), "PermissionDeniedError"),
    **{f"permission {c}": sample(error(c), "PermissionDeniedError") for c in ("403002", "403005")},
    "policy": sample(error("451001"), "BadRequestError", "content_filter"),
    "context": sample(error("400003"), "BadRequestError", "context_length_exceeded"),
    "model": sample(error("400004"), "NotFoundError", "model_not_found"),
    "server": sample(error("500001"), "InternalServerError"),
    **{f"server {c}": sample(error(c), "InternalServerError") for c in ("502001", "504001")},
    "overloaded": sample(error("503001"), "InternalServerError"),
    "request": sample(error("400001"), "BadRequestError"),
    **{f"request {c}": sample(error(c), "BadRequestError") for c in ("400002", "400005", "400006")},
}


def _env(address: str) -> dict[str, str]:
    keys = dict.fromkeys(("TOKENHUB_API_KEY", "TENCENT_TOKENHUB_API_KEY", "TENCENT_API_KEY"), KEY)
    return keys | {"TENCENT_API_BASE": address + "/v1"}


VENDOR = Vendor("hunyuan", "/v1", serve, _env)
