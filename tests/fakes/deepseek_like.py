"""DeepSeek's API, V4 line.

Facts from: api-docs.deepseek.com (prices, thinking mode, tool calls, errors), npm @ai-sdk/deepseek 2.0.69, PyPI litellm
1.109.1; issues named per rule. What they call unsupported, or what is not documented, is refused here, even where the
vendor may ignore it: a request that passes does not hold it. The statuses of errors are documented; their bodies are
not, so OpenAI's is assumed. Keep-alive lines while a request waits are only remembered, so there are none.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tests.fakes import shape
from tests.fakes.answers import FILTERED, Answer, answer, images, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

KEY = "sk-fake-deepseek"
EXHAUSTED = "TRIP-THE-RESOURCES"  # a prompt with this word ends for want of resources
MODELS = {"deepseek-flash", "deepseek-v4-pro"}  # deepseek-chat and deepseek-reasoner ended on 2026-07-24
LEGACY = {"deepseek-v4-flash", "deepseek-v4-flash-vision-exp"}  # flash answers under these names
# Accepted: penalties and, while thinking, temperature, both without effect. stop: a limit of 16 is only remembered.
RANGES = {"temperature": (0, 2), "max_tokens": (1, 384 * 1024)}
# @ai-sdk/deepseek: seed, n, logit_bias. The rest is not documented; `user` is `user_id` here.
REFUSED = {"seed", "n", "logit_bias", "max_completion_tokens", "parallel_tool_calls", "user"}
# low, high and max; the others are taken for one of them.
EFFORTS = {"minimal", "low", "medium", "high", "xhigh", "max", "ultra"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "Authentication Fails")
    # The same with /v1 and without; /beta takes more.
    root = next((root for root in ("/v1", "/beta") if request.path.startswith(f"{root}/")), "")
    path = request.path.removeprefix(root)
    match request.method, path:
        case "POST", "/chat/completions":
            return _chat(request.body, beta=root == "/beta")
        case "GET", "/models":
            rows = [{"id": model, "object": "model", "owned_by": "deepseek"} for model in sorted(MODELS)]
            return Reply({"object": "list", "data": rows})
        case _:  # there are no embeddings
            raise error(404, "Not Found")


def error(status: int, message: str) -> RefusalError:
    """No codes are documented."""
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return RefusalError(status, {"error": body})


def _malformed(message: str) -> RefusalError:
    return error(400, message)


def _bad(message: str) -> RefusalError:
    return error(422, f"Invalid Parameters: {message}")


def _chat(body: dict[str, Any], *, beta: bool) -> Reply:
    model = body.get("model", "")
    if model not in MODELS | LEGACY:
        raise _malformed("Model Not Exist")  # neither status nor words are documented
    kind = (body.get("thinking") or {}).get("type", "enabled")
    if kind not in {"enabled", "disabled"}:
        raise _bad("thinking.type must be enabled or disabled")
    thinks = kind == "enabled"
    _check_parameters(body)
    _check_tools(body, thinks=thinks, beta=beta)
    _check_messages(body, thinks=thinks, beta=beta)
    if images(body) and model == "deepseek-v4-pro":
        raise _malformed("unknown variant `image_url`, expected `text`")
    said = _said(body)
    return shape.reply(body, said, _shape(said, thinks), thinks=thinks)


def _check_parameters(body: dict[str, Any]) -> None:
    for name in sorted(REFUSED):
        if body.get(name) is not None:
            raise _bad(f"{name} is not supported")
    shape.check_ranges(body, RANGES, _bad)
    form = (body.get("response_format") or {}).get("type", "text")
    if form not in {"text", "json_object"}:
        raise _bad(f"response_format.type {form} is not available")
    if body.get("reasoning_effort") not in {None, *EFFORTS}:
        raise _bad("reasoning_effort")
    user = body.get("user_id")
    if user is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,512}", user):
        raise _bad("user_id must match ^[A-Za-z0-9_-]{1,512}$")


def _check_tools(body: dict[str, Any], *, thinks: bool, beta: bool) -> None:
    for tool in body.get("tools") or []:
        if tool.get("type") != "function":
            raise _malformed(f"tools: unknown variant `{tool.get('type')}`, expected `function`")
    for tool in shape.check_tools(body, _malformed):
        if tool["function"].get("strict") and not beta:
            raise _malformed("strict tools are available at /beta only")
    choice = body.get("tool_choice")
    # deepseek-ai/DeepSeek-V3#1376, BerriAI/litellm#37470, mozilla-ai/any-llm#1384. Some saw auto refused as well.
    if thinks and (choice == "required" or isinstance(choice, dict)):
        raise _malformed("Thinking mode does not support this tool_choice")


def _check_messages(body: dict[str, Any], *, thinks: bool, beta: bool) -> None:
    # developer is none of the roles. Two turns of one role in a row pass: only the reasoner of 2025 refused them.
    for message in shape.check_turns(body, {"system", "user", "assistant", "tool"}, _malformed):
        # anomalyco/opencode#24083, crewAIInc/crewAI#5878: the words.
        if thinks and message.get("tool_calls") and message.get("reasoning_content") is None:
            raise _malformed("The reasoning_content in the thinking mode must be passed back to the API.")
        if message.get("prefix") and not beta:
            raise _malformed("prefix is available at /beta only")


def _said(body: dict[str, Any]) -> Answer:
    """What is cut off for a reason says so in `finish_reason`; there is no error for either."""
    said = answer(body)
    if FILTERED in prompt(body):
        return replace(said, text="", calls=(), finish="content_filter")
    if EXHAUSTED in prompt(body):
        return replace(said, text=said.text[:5], calls=(), finish="insufficient_system_resource")
    return said


def _shape(said: Answer, thinks: bool) -> shape.Shape:
    hit = said.prompt_tokens // 2
    return replace(
        shape.Shape(),
        usage_fields={
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": said.prompt_tokens - hit,
            "completion_tokens_details": {"reasoning_tokens": len(shape.THOUGHT) // 4 if thinks else 0},
        },
    )


def _env(address: str) -> dict[str, str]:
    return {"DEEPSEEK_API_KEY": KEY, "DEEPSEEK_API_BASE": address}  # the address: litellm 1.109.1


ERRORS = {
    "request": sample(error(400, "Invalid Format"), "BadRequestError"),
    "credential": sample(error(401, "Authentication Fails"), "AuthenticationError"),
    "quota": sample(error(402, "Insufficient Balance"), "RateLimitError", "insufficient_quota"),
    "request 422": sample(error(422, "Invalid Parameters"), "UnprocessableEntityError"),
    "limited": sample(error(429, "Rate Limit Reached"), "RateLimitError"),
    "server": sample(error(500, "Server Error"), "InternalServerError"),
    "overloaded": sample(error(503, "Server Overloaded"), "InternalServerError"),
}

VENDOR = Vendor("deepseek", "", serve, _env)
