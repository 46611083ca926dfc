"""Alibaba's Qwen (Model Studio, DashScope) in compatible mode.

Facts from: Alibaba's help pages (help.aliyun.com and alibabacloud.com/help: parameters, error codes, embeddings), PyPI
dashscope 2.0.2 and lazyllm 1.4.0, npm @ai-sdk/alibaba 1.0.61 and @lobehub/lobehub 2.1.26; issues named per rule.
What they call not supported is refused here, even where the vendor may ignore it: a request that passes does not hold
it. They name the codes of errors; that these stand in OpenAI's body is assumed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tests.fakes import shape
from tests.fakes.answers import FILTERED, Answer, answer, images, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Sample, Vendor

KEY = "sk-fake-qwen"
ROOT = "/compatible-mode/v1"
# Where "new models" begin is not documented; these are surely older.
OLD = {"qwen3-max", "qwen3-30b-a3b", "qwen-plus", "qwen-flash", "qwen-turbo", "qwen-max", "qwen-vl-max"}
NEW = {"qwen4-max-preview", "qwen3.8-max", "qwen3.8-flash", "qwen3.7-max", "qwen3.7-plus", "qwen3.7-flash"}
MODELS = OLD | NEW | {"qwen3.6-plus"}
# openclaw 2026.9.6 and @earendil-works/pi-ai 1.5.2 agree on these; and the VL line.
VISION = {"qwen3.8-max", "qwen3.8-flash", "qwen3.7-plus", "qwen-vl-max"}
# Of text alone, and of 2024: they take texts, not parts (the error page: "input content must be a string").
TEXT_ONLY = {"qwen-max", "qwen-turbo"}
NO_TOOLS = {"qwen-vl-max"}
ONE_CHOICE = {"qwen-max", "qwen-vl-max"}  # several: qwen-plus, and Qwen3 while it does not think
# These think unasked. Whether others do is not documented: they think when asked.
THINKERS = {"qwen3.8-max", "qwen3-30b-a3b"}
# The page on structured output lists these in non-thinking mode only; the error page has the words.
NO_JSON_WHILE_THINKING = {"qwen-plus", "qwen-flash", "qwen-turbo"}
WIDTHS = {  # the first is the default
    "text-embedding-v4": (1024, 2048, 1536, 768, 512, 256, 128, 64),
    "text-embedding-v3": (1024, 768, 512),
}
RANGES = {
    "temperature": (0, math.nextafter(2, 0)),  # exactly 2 is refused
    "top_p": (math.nextafter(0, 1), 1),
    "n": (1, 4),
    "presence_penalty": (-2, 2),
    "seed": (0, 2**31 - 1),
    "top_logprobs": (0, 5),
}
# apmantza/pi-free#45; logit_bias and functions: LobeHub. frequency_penalty and stream_options are let through.
REFUSED = {"store", "metadata", "service_tier", "logit_bias", "functions", "function_call"}
REFUSED_BY_OLD = {"max_completion_tokens", "reasoning_effort"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    # The right key at another region's address gives the same answer.
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "invalid_api_key", "Incorrect API key provided.")
    match request.method, request.path.removeprefix(ROOT):
        case "POST", "/chat/completions":
            return _chat(request.body)
        case "POST", "/embeddings":
            return _embeddings(request.body)
        case _:
            raise error(404, "not_found", "Not Found")  # words not documented


def error(status: int, code: str, message: str) -> RefusalError:
    return RefusalError(status, {"error": {"message": message, "type": code, "param": None, "code": code}})


def _bad(message: str) -> RefusalError:
    return error(400, "invalid_parameter_error", f"<400> InternalError.Algo.InvalidParameter: {message}")


def _no_model(model: str) -> RefusalError:
    return error(404, "model_not_found", f"The model `{model}` does not exist or you do not have access to it.")


def _chat(body: dict[str, Any]) -> Reply:
    model = body.get("model", "")
    if model not in MODELS:
        raise _no_model(model)
    asked = body.get("enable_thinking")
    thinks = model in THINKERS if asked is None else bool(asked)
    _check_fields(body, model)
    _check_thinking(body, model, thinks)
    shape.check_ranges(body, RANGES, _bad)
    _check_turns(body, model)
    tools = shape.check_tools(body, _bad)
    if tools and model in NO_TOOLS:
        raise _bad("The tool call is not supported.")
    if (body.get("n") or 1) > 1 and (tools or thinks or model in ONE_CHOICE):
        raise _bad("n must be 1 for this model, when tools are given, and in thinking mode")
    _check_form(body, model, thinks)
    _check_images(body, model)
    if FILTERED in prompt(body):
        raise error(400, "data_inspection_failed", "Input data may contain inappropriate content.")
    said = answer(body)
    reply = shape.reply(body, said, _shape(said, thinks), thinks=thinks)
    _bend(reply.events or (), model)
    return reply


def _check_fields(body: dict[str, Any], model: str) -> None:
    refused = REFUSED | (REFUSED_BY_OLD if model in OLD else set())
    for name in sorted(refused):
        if body.get(name) is not None:
            raise _bad(f"{name} is not supported")


def _check_thinking(body: dict[str, Any], model: str, thinks: bool) -> None:
    if not thinks:
        return
    # cloudwego/eino#994, can1357/oh-my-pi#886: the words.
    if body.get("tool_choice") == "required" or isinstance(body.get("tool_choice"), dict):
        raise _bad("The tool_choice parameter does not support being set to required or object in thinking mode")
    # The open-source qwen3 models.
    if model == "qwen3-30b-a3b" and not body.get("stream"):
        raise _bad("parameter.enable_thinking must be set to false for non-streaming calls")


def _check_turns(body: dict[str, Any], model: str) -> None:
    # Roles in lower case only; no developer (apmantza/pi-free#45).
    turns = shape.check_turns(body, {"system", "user", "assistant", "tool"}, _bad)
    if all(turn["role"] != "user" for turn in turns):
        raise _bad("The input messages do not contain elements with the role of user.")
    if model in TEXT_ONLY and any(isinstance(turn.get("content"), list) for turn in turns):
        raise _bad("input content must be a string.")


def _check_form(body: dict[str, Any], model: str, thinks: bool) -> None:
    form = (body.get("response_format") or {}).get("type", "text")
    if form != "text" and thinks and model in NO_JSON_WHILE_THINKING:
        raise _bad("Json mode response is not supported when enable_thinking is true")
    if form == "json_object" and "json" not in prompt(body).lower():
        raise _bad("'messages' must contain the word 'json' in some form, to use 'response_format' of 'json_object'")
    # @ai-sdk/alibaba lists 3.7 and 3.8; qwen4 came after it.
    if form not in {"text", "json_object"} and not (form == "json_schema" and model in NEW):
        raise _bad(f"response_format.type {form} is not supported by {model}")


def _check_images(body: dict[str, Any], model: str) -> None:
    urls = images(body)
    if urls and model not in VISION:
        raise _bad(f"{model} takes no images")
    if not all(url.startswith(("http://", "https://", "data:image/")) for url in urls):
        raise _bad("image_url must be a URL or a data URI")


def _shape(said: Answer, thinks: bool) -> shape.Shape:
    return replace(
        shape.Shape(),
        usage_fields={
            "prompt_tokens_details": {"cached_tokens": said.prompt_tokens // 2, "cache_creation_input_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": len(shape.THOUGHT) // 4 if thinks else 0},
        },
    )


def _bend(chunks: tuple[dict[str, Any], ...], model: str) -> None:
    """Give later pieces of a call an empty id now and then, and the VL model's deltas lists of parts (LobeHub)."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ()) if "id" not in call]
    for call in calls[::2]:
        call["id"] = ""
    for delta in deltas:
        if model == "qwen-vl-max" and delta.get("content"):
            delta["content"] = [{"type": "text", "text": delta["content"]}]


def _embeddings(body: dict[str, Any]) -> Reply:
    widths = WIDTHS.get(body.get("model", ""))
    if widths is None:
        raise _no_model(body.get("model", ""))
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input") or []
    if not 1 <= len(texts) <= 10:
        raise _bad("batch size is invalid, it should not be larger than 10")
    # At most 8,192 tokens a text; as no tokenizer is at hand, only what is surely longer is refused.
    if not all(isinstance(text, str) and 0 < len(text) <= 8192 * 4 for text in texts):
        raise _bad("each text must have 1 to 8192 tokens")
    width = body.get("dimensions") or widths[0]
    if width not in widths:
        raise _bad(f"dimensions must be one of {widths}")
    return shape.embeddings(body, width)


def _env(address: str) -> dict[str, str]:
    # dashscope 2.0.2 reads the first address, litellm 1.109.1 the second.
    addresses = dict.fromkeys(("DASHSCOPE_COMPATIBLE_BASE_URL", "DASHSCOPE_API_BASE"), address + ROOT)
    return addresses | dict.fromkeys(("DASHSCOPE_API_KEY", "QWEN_API_KEY"), KEY)


def _samples(rows: tuple[tuple[str, int, str, str | None, tuple[str, ...]], ...]) -> dict[str, Sample]:
    """Name the first sample of a kind by the kind alone, and the others by their code as well."""
    out: dict[str, Sample] = {}
    for kind, status, raises, code, vendor_codes in rows:
        for vendor_code in vendor_codes:
            key = f"{kind} {vendor_code}" if kind in out else kind
            out[key] = sample(error(status, vendor_code, "fake"), raises, code)
    return out


DEBT = ("Arrearage", "PrepaidBillOverdue", "PostpaidBillOverdue", "isv.OUT_OF_SERVICE")
THROTTLED = ("Throttling", "Throttling.RateQuota", "Throttling.BurstRate", "Throttling.Concurrency")
DENIED = ("AccessDenied", "AccessDenied.Unpurchased", "Model.AccessDenied", "Workspace.AccessDenied")
# Not here: Throttling.AllocationQuota (sources differ), AllocationQuota.FreeTierOnly (only remembered).
ERRORS = _samples(
    (
        ("request", 400, "BadRequestError", None, ("invalid_parameter_error", "InvalidParameter")),
        ("policy", 400, "BadRequestError", "content_filter", ("data_inspection_failed", "DataInspectionFailed")),
        ("credential", 401, "AuthenticationError", None, ("invalid_api_key", "InvalidApiKey")),
        ("permission", 403, "PermissionDeniedError", None, DENIED),
        ("model", 404, "NotFoundError", "model_not_found", ("model_not_found", "Model.NotExist", "ModelNotFound")),
        ("request", 404, "NotFoundError", None, ("model_not_supported", "WorkSpaceNotFound")),
        ("timeout", 408, "APIStatusError", None, ("RequestTimeOut",)),
        ("limited", 429, "RateLimitError", None, (*THROTTLED, "limit_burst_rate", "limit_requests")),
        ("quota", 429, "RateLimitError", "insufficient_quota", ("insufficient_quota",)),
        # An account in debt answers 400; for all but the first of these codes the status is not documented.
        ("quota", 400, "RateLimitError", "insufficient_quota", DEBT),
        ("server", 500, "InternalServerError", None, ("InternalError",)),
        ("overloaded", 503, "InternalServerError", None, ("ServiceUnavailable",)),
        ("server", 504, "InternalServerError", None, ("GatewayTimeout",)),
    )
)

VENDOR = Vendor("qwen", ROOT, serve, _env)
