"""Zhipu's GLM API (`/api/paas/v4`).

Facts from: the API reference of docs.bigmodel.cn and docs.z.ai (OpenAPI copy at github.com/api-evangelist/zhipu-ai,
2026-08-22), docs.bigmodel.cn/cn/api/api-code (errors), zhipuai 2.1.5 and zai-sdk 0.2.3; probes named per rule. A
parameter of OpenAI's that the reference does not list is refused, though the real API lets many pass: so a test shows
that none was sent.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.answers import FILTERED, Answer, answer, images, prompt, text_pieces, vector
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

# docs.bigmodel.cn/cn/guide/start/pricing.md and model pages, 2026: id -> longest answer in tokens.
MODELS = {
    **dict.fromkeys(("glm-5.3", "glm-5.3-flash", "glm-5.2", "glm-5.1", "glm-5", "glm-5v-turbo"), 131072),
    **dict.fromkeys(("glm-4.7", "glm-4.7-flash", "glm-4.6"), 131072),
    **dict.fromkeys(("glm-4.5", "glm-4.5-air", "glm-4.5-flash"), 98304),
    **dict.fromkeys(("glm-4.6v", "glm-4.6v-flash"), 32768),
    "glm-4.5v": 16384,
}
VISION = {"glm-5.3-flash", "glm-5v-turbo", "glm-4.6v", "glm-4.6v-flash", "glm-4.5v"}
WIDTHS = {"embedding-2": (1024,), "embedding-3": (2048, 1024, 512, 256)}  # the first is the default
NOT_LISTED = (
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens"),
    *("metadata", "modalities", "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier"),
    *("store", "top_logprobs", "user", "verbosity", "web_search_options"),
)
RANGES = {"temperature": (0, 1), "top_p": (0.01, 1), "max_tokens": (1, 131072)}
CREATED = 1763700000


def serve(request: Request) -> Reply:
    """Answer one request."""
    if not request.headers.get("authorization"):
        raise error(401, "1001", "Authentication parameter not received in Header")
    if request.headers["authorization"].removeprefix("Bearer ").strip() in {"", "wrong"}:
        raise error(401, "1002", "Authentication Token is invalid")
    match request.method, request.path:
        case "POST", "/api/paas/v4/chat/completions":
            return _chat(request.body)
        case "POST", "/api/paas/v4/embeddings":
            return _embeddings(request.body)
        case _:
            raise error(404, "1222", "API does not exist")


def error(status: int, code: str, message: str, **more: Any) -> RefusalError:
    """Codes are strings of digits."""
    return RefusalError(status, {"error": {"code": code, "message": message}, **more})


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise error(400, "1211", "Model does not exist, please check the model code.")
    _check_parameters(body, model)
    _check_thinking(body, model)
    _check_tools(body)
    _check_messages(body, model)
    if FILTERED in prompt(body):
        text = "System detected potentially unsafe or sensitive content in input or generation."
        raise error(400, "1301", text, contentFilter=[{"role": "user", "level": 1}])
    said, thinks = answer(body), (body.get("thinking") or {}).get("type") != "disabled"
    if body.get("stream"):
        return Reply(events=tuple(_chunks(body, said, thinks)))
    return Reply(_completion(body, said, thinks))


def _check_parameters(body: dict[str, Any], model: str) -> None:
    for name in NOT_LISTED:
        if body.get(name) is not None:  # both SDKs send nulls
            raise error(400, "1210", f"API call parameter error: {name} is not listed")
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        # Out of range is refused, not clamped: probed on the standard route, mnfst/modelparams.dev#301.
        if value is not None and not low <= value <= high:
            raise error(400, "1210", f"API call parameter error: {name} must be between {low} and {high}")
    if (body.get("max_tokens") or 0) > MODELS[model]:
        raise error(400, "1210", f"API call parameter error: max_tokens must be at most {MODELS[model]}")
    stop = body.get("stop")
    if stop is not None and (not isinstance(stop, list) or len(stop) > 1):
        raise error(400, "1210", "API call parameter error: stop must be an array of at most 1 string")
    form = (body.get("response_format") or {}).get("type", "text")
    # The schema names text and json_object; litellm 1.109.1 lists json_schema as native for glm-5.3 and -flash.
    if form not in {"text", "json_object"} and not (form == "json_schema" and model.startswith("glm-5.3")):
        raise error(400, "1210", "API call parameter error: response_format.type")
    user = body.get("user_id")
    if user is not None and not 6 <= len(user) <= 128:
        raise error(400, "1210", "API call parameter error: user_id must have 6 to 128 characters")


def _check_thinking(body: dict[str, Any], model: str) -> None:
    if not model.startswith(("glm-5.2", "glm-5.3")) and body.get("reasoning_effort") is not None:
        raise error(400, "1210", "API call parameter error: reasoning_effort is not listed for this model")
    if not model.startswith("glm-5.3"):
        return
    # NousResearch/hermes-agent#85890, #96373, #97286: probed on the pay-as-you-go route.
    if (body.get("thinking") or {}).get("type") == "disabled":
        raise error(400, "1210", f"API call parameter error: {model} always engages in thinking")
    if body.get("reasoning_effort") not in {None, "low", "high", "max"}:
        raise error(400, "1210", "API call parameter error: reasoning_effort must be low, high or max")


def _check_tools(body: dict[str, Any]) -> None:
    # vectorize-io/hindsight#4246: anything but "auto" is refused with these words.
    if body.get("tool_choice") not in (None, "auto"):  # a named tool is an object
        raise error(400, "1210", "Tool choice must be auto")
    tools = body.get("tools") or []
    names = [t["function"]["name"] for t in tools if t.get("type") == "function"]
    if len(tools) > 128 or not all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", n) for n in names):
        raise error(400, "1210", "API call parameter error: tools")
    if any(t.get("type") == "custom" or "strict" in t.get("function", {}) for t in tools):
        raise error(400, "1210", "API call parameter error: tools hold what is not listed")


def _check_messages(body: dict[str, Any], model: str) -> None:
    messages = body.get("messages") or []
    if not any(m.get("role") == "user" for m in messages):
        raise error(400, "1214", "The messages parameter is illegal: at least one user message is needed")
    for i, message in enumerate(messages):
        if message.get("role") not in {"system", "user", "assistant", "tool"}:
            raise error(400, "1214", f"messages[{i}].role is incorrect")
        # Text models take a string; a list of parts belongs to the vision models.
        if isinstance(message.get("content"), list) and model not in VISION:
            raise error(400, "1214", f"messages[{i}].content must be a string for {model}")
    # Documented: an http(s) address or bare base64. A whole data URL is reported to work, so it is let through.
    if any(not url for url in images(body)):
        raise error(400, "1210", "API call parameter error: image_url")


def _completion(body: dict[str, Any], said: Answer, thinks: bool) -> dict[str, Any]:
    """As reported for glm-4.5 (drupal ai_provider_zhipuai): there is no `object`."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if thinks:
        message["reasoning_content"] = _thought()
    if said.calls:
        message["tool_calls"] = [_call(i, n, a) for i, (n, a) in enumerate(said.calls)]
    return {
        **_head(body),
        "request_id": "20261122000000fake",
        "choices": [{"index": 0, "finish_reason": said.finish, "message": message}],
        "usage": _usage(said),
    }


def _chunks(body: dict[str, Any], said: Answer, thinks: bool) -> list[dict[str, Any]]:
    """No `object`; `role` in every delta; `finish_reason` only in the last chunk, which brings the usage unasked."""
    deltas: list[dict[str, Any]] = [{"reasoning_content": p} for p in text_pieces(_thought())] if thinks else []
    deltas += [{"content": piece} for piece in text_pieces(said.text)]
    for i, (name, arguments) in enumerate(said.calls):
        # Without `tool_stream` a call comes whole in one delta.
        pieces = text_pieces(arguments) if body.get("tool_stream") else [arguments]
        deltas.append({"tool_calls": [{**_call(i, name, pieces[0]), "index": i}]})
        deltas += [{"tool_calls": [{"index": i, "function": {"arguments": piece}}]} for piece in pieces[1:]]
    out = [{**_head(body), "choices": [{"index": 0, "delta": {"role": "assistant", **d}}]} for d in deltas]
    last = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": said.finish}
    out.append({**_head(body), "choices": [last], "usage": _usage(said)})
    return out


def _embeddings(body: dict[str, Any]) -> Reply:
    widths = WIDTHS.get(body.get("model", ""))
    if widths is None:
        raise error(400, "1211", "Model does not exist, please check the model code.")
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input") or []
    # docs.bigmodel.cn guide/models/embedding/embedding-3: at most 64 texts a call, and only these widths.
    if not texts or len(texts) > 64 or not all(isinstance(t, str) and t for t in texts):
        raise error(400, "1214", "The input parameter is illegal")
    width = body.get("dimensions") or widths[0]
    if width not in widths:
        raise error(400, "1210", "API call parameter error: dimensions")
    rows = [{"object": "embedding", "index": i, "embedding": vector(t, width)} for i, t in enumerate(texts)]
    tokens = sum(len(t) for t in texts) // 4 + 1
    counted = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    return Reply({"model": body["model"], "object": "list", "data": rows, "usage": counted})


def _head(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": "20261122000000123456789", "created": CREATED, "model": body["model"]}


def _call(i: int, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_-90{i}",
        "index": i,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _usage(said: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _thought() -> str:
    return "想一想。"


# Our name, status, the SDK's class, its code, codes with the plainest first. Statuses of the page where it was read,
# else the likely ones: a reader goes by the code, for 429 means three things.
_ROWS: tuple[tuple[str, int, str, str | None, tuple[int, ...]], ...] = (
    ("limited", 429, "RateLimitError", None, (1302, 1303)),
    ("quota", 429, "RateLimitError", "insufficient_quota", (1113, 1304, 1308, 1310, 1314, *range(1316, 1322))),
    ("limited plan", 429, "RateLimitError", None, (1309, 1311, 1313)),
    ("credential", 401, "AuthenticationError", None, (1002, 1000, 1001, 1003, 1004, 1005)),
    ("permission", 403, "PermissionDeniedError", None, (1220, 1300, 1315)),
    ("permission account", 429, "PermissionDeniedError", None, (1110, 1111, 1112, 1121)),
    ("policy", 400, "BadRequestError", "content_filter", (1301,)),
    ("context", 400, "BadRequestError", "context_length_exceeded", (1261,)),
    ("model", 400, "NotFoundError", "model_not_found", (1211,)),
    ("path", 400, "NotFoundError", None, (1222,)),
    ("path offline", 404, "NotFoundError", None, (1221,)),
    ("server", 500, "InternalServerError", None, (1234, 1120, 1200, 1230)),
    ("overloaded", 429, "RateLimitError", None, (1305, 1312)),
    ("overloaded as 503", 503, "RateLimitError", None, (1305,)),
    ("request", 400, "BadRequestError", None, (1210, 1212, 1213, 1214, 1215)),
    # A conflict by its meaning, but openai 0.28 would repeat that for ever, and with the same id each time in vain.
    ("request duplicate", 400, "BadRequestError", None, (1231,)),
)
ERRORS = {
    name if at == 0 else f"{name} {number}": sample(error(status, str(number), "fake"), raises, code)
    for name, status, raises, code, numbers in _ROWS
    for at, number in enumerate(numbers)
}


def _env(address: str) -> dict[str, str]:
    root = address + "/api/paas/v4"
    names = {"ZAI_BASE_URL": root, "ZHIPUAI_BASE_URL": root}  # zai-sdk 0.2.3, zhipuai 2.1.5
    return names | dict.fromkeys(("ZAI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY"), "fakeid.fakesecret")


VENDOR = Vendor("zhipu", "/api/paas/v4", serve, _env)
