"""OpenAI's API, as strict as its reference is, for the models of July 2024: they knew no reasoning.

Facts from: OpenAI's API reference as it stands in the docstrings of openai-python 3.54.0 (parameters, ranges, roles,
stream order), its guides on error codes (statuses, codes) and predicted outputs, and what that package decodes (base64
vectors); what only came out by trying is named beside its rule. Models that have ended since are served all the same,
for programs of that time ask for them.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

from tests.fakes.answers import Answer, answer, prompt, text_pieces, vector
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Vendor

CHAT_MODELS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-2024-08-06": "gpt-4o-2024-08-06",
    "gpt-4o-2024-05-13": "gpt-4o-2024-05-13",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4": "gpt-4-0613",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-0125": "gpt-3.5-turbo-0125",
}
EMBEDDING_MODELS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
# The longest answer in tokens; gpt-4 is bound by its context alone.
LONGEST = {
    **dict.fromkeys(("gpt-4o", "gpt-4o-2024-08-06"), 16384),
    **dict.fromkeys(("gpt-4o-2024-05-13", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo-0125"), 4096),
}
ROLES = {"developer", "system", "user", "assistant", "tool", "function"}
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "n": (1, 128),
    "top_logprobs": (0, 20),
}
FIELDS = {
    *(
        "messages",
        "model",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "n",
    ),
    *("parallel_tool_calls", "presence_penalty", "response_format", "seed", "service_tier", "stop", "stream"),
    *("stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user"),
    # Later than July 2024. Missing: reasoning_effort, which a model that does not reason does not know
    # (generative-computing/mellea#270), and prompt_cache_options, which is for gpt-5.6 and later.
    *("audio", "max_completion_tokens", "metadata", "modalities", "moderation", "prediction", "prompt_cache_key"),
    *("prompt_cache_retention", "safety_identifier", "store", "verbosity", "web_search_options"),
}
CREATED = 1720000000


def serve(request: Request) -> Reply:
    """Answer one request."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not key:
        raise error(401, "You didn't provide an API key.", code="invalid_api_key")
    if key == "wrong":
        raise error(401, "Incorrect API key provided: wrong.", code="invalid_api_key")
    match request.method, request.path:
        case "POST", "/v1/chat/completions":
            body = read_body(request)
            check_chat(body)
            return chat(body, CHAT_MODELS[body["model"]])
        case "POST", "/v1/embeddings":
            return embeddings(read_body(request))
        case "GET", "/v1/models":
            models = [{"id": m, "object": "model", "created": CREATED, "owned_by": "openai"} for m in CHAT_MODELS]
            return Reply({"object": "list", "data": models})
        case _:
            raise error(404, f"Invalid URL ({request.method} {request.path})")


def read_body(request: Request) -> dict[str, Any]:
    if not request.body:
        raise error(400, "We could not parse the JSON body of your request.")
    return request.body


def check_chat(body: dict[str, Any]) -> None:
    """Raise what OpenAI would raise for a request."""
    if body.get("model") not in CHAT_MODELS:
        message = f"The model `{body.get('model')}` does not exist or you do not have access to it."
        raise error(404, message, code="model_not_found")
    for name in body.keys() - FIELDS:
        raise error(400, f"Unrecognized request argument supplied: {name}")
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        if value is not None and not low <= value <= high:
            raise error(400, f"{value} is not between {low} and {high} - '{name}'", param=name)
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        raise error(400, "Invalid 'stop': array too long. Expected at most 4 items", param="stop")
    check_lengths(body)
    check_companions(body)
    check_prediction(body)
    check_messages(body)
    if (body.get("response_format") or {}).get("type") == "json_object" and "json" not in prompt(body).lower():
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise error(400, message, param="messages")


def check_lengths(body: dict[str, Any]) -> None:
    """Limits of tokens: one of the two names, and no more than the model can write."""
    limits = [name for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    if len(limits) == 2:  # langchain-ai/langgraph#5943
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise error(400, message, param="max_tokens", code="invalid_parameter_combination")
    longest = LONGEST.get(body["model"])
    for name in limits:
        if longest is not None and body[name] > longest:  # openai/openai-python#687, charmbracelet/catwalk#41
            text = f"{name} is too large: {body[name]}. This model supports at most {longest} completion tokens, "
            raise error(400, f"{text}whereas you provided {body[name]}.", param=name, code="invalid_value")
    if len(body.get("safety_identifier") or "") > 128:
        message = "Invalid 'safety_identifier': string too long. Expected a string with maximum length 128."
        raise error(400, message, param="safety_identifier", code="string_above_max_length")


def check_companions(body: dict[str, Any]) -> None:
    """What is only allowed beside something else, and the one verbosity of a model that knows no other."""
    if body.get("stream_options") and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise error(400, message, param="stream_options")
    for name in ("tool_choice", "parallel_tool_calls"):  # the second: openai/swarm#30
        if body.get(name) is not None and not body.get("tools"):
            raise error(400, f"'{name}' is only allowed when 'tools' are specified.", param=name)
    if body.get("metadata") is not None and not body.get("store"):  # tmc/langchaingo#1484
        message = "The 'metadata' parameter is only allowed when 'store' is enabled."
        raise error(400, message, param="metadata")
    if body.get("verbosity") not in (None, "medium"):  # google-deepmind/concordia#164
        message = f"Unsupported value: 'verbosity' does not support '{body['verbosity']}' with this model."
        raise error(400, message, param="verbosity", code="unsupported_value")


def check_prediction(body: dict[str, Any]) -> None:
    """The guide on predicted outputs lists what they do not go with; the words are made up."""
    if body.get("prediction") is None:
        return
    against = [name for name in ("tools", "functions", "logprobs", "max_completion_tokens") if body.get(name)]
    against += [name for name in ("presence_penalty", "frequency_penalty") if (body.get(name) or 0) > 0]
    against += ["n"] if (body.get("n") or 1) > 1 else []
    if against:
        raise error(400, f"'{against[0]}' is not supported with 'prediction'", param="prediction")


def check_messages(body: dict[str, Any]) -> None:
    """Roles are known, and each tool call has its answer directly after it."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise error(400, "Invalid 'messages': empty array.", param="messages")
    waiting: set[str] = set()
    for i, message in enumerate(messages):
        role = message.get("role")
        if role not in ROLES:
            raise error(400, f"'{role}' is not one of {sorted(ROLES)} - 'messages.{i}.role'", param="messages")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise error(400, "Invalid parameter: " + text, param=f"messages.[{i}].role")
            waiting.discard(message["tool_call_id"])
        elif waiting:
            break
        waiting |= {call["id"] for call in message.get("tool_calls") or []}
    if waiting:
        text = "An assistant message with 'tool_calls' must be followed by tool messages"
        raise error(400, text, param="messages")


def chat(body: dict[str, Any], model: str) -> Reply:
    said = answer(body)
    if not body.get("stream"):
        return Reply(completion(body, model, said), headers=request_id())
    return Reply(events=tuple(chunks(body, model, said)), headers=request_id())


def completion(body: dict[str, Any], model: str, said: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.calls:
        message["tool_calls"] = [_call(i, name, arguments) for i, (name, arguments) in enumerate(said.calls)]
    count = body.get("n") or 1
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [
            {"index": i, "message": message, "logprobs": None, "finish_reason": said.finish} for i in range(count)
        ],
        "usage": usage(said),
        "system_fingerprint": "fp_fake",
    }


def chunks(body: dict[str, Any], model: str, said: Answer) -> list[dict[str, Any]]:
    """The stream in OpenAI's order: role, content or tool-call pieces, finish, usage if asked for."""
    head = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": CREATED, "model": model}
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    head |= {"system_fingerprint": "fp_fake"} | ({"usage": None} if asked else {})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if said.calls else ""}]
    deltas += [{"content": piece} for piece in text_pieces(said.text)]
    for i, (name, arguments) in enumerate(said.calls):
        deltas.append({"tool_calls": [{"index": i, **_call(i, name, "")}]})
        deltas += [{"tool_calls": [{"index": i, "function": {"arguments": piece}}]} for piece in text_pieces(arguments)]
    out = [{**head, "choices": [_choice(delta, None)]} for delta in deltas]
    out.append({**head, "choices": [_choice({}, said.finish)]})
    if asked:
        out.append({**head, "choices": [], "usage": usage(said)})
    return out


def embeddings(body: dict[str, Any]) -> Reply:
    size = EMBEDDING_MODELS.get(body.get("model", ""))
    if size is None:
        raise error(404, f"The model `{body.get('model')}` does not exist.", code="model_not_found")
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input") or []
    if not texts or not all(texts):
        raise error(400, "'$.input' is invalid. Please check the API reference.")
    vectors = [vector(text, body.get("dimensions") or size) for text in texts]
    tokens = sum(len(t) for t in texts) // 4 + 1
    encoded = [_base64(v) if body.get("encoding_format") == "base64" else v for v in vectors]
    rows = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(encoded)]
    counted = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Reply({"object": "list", "data": rows, "model": body["model"], "usage": counted}, headers=request_id())


def usage(said: Answer) -> dict[str, int]:
    total = said.prompt_tokens + said.completion_tokens
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": total,
    }


def error(
    status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str = "invalid_request_error"
) -> RefusalError:
    body = {"message": message, "type": kind, "param": param, "code": code}
    return RefusalError(status, {"error": body}, x_request_id="req_fake")


def request_id() -> dict[str, str]:
    return {"x-request-id": "req_fake", "openai-processing-ms": "7"}


def _call(i: int, name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_fake{i}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _choice(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


REGION = "unsupported_country_region_territory"
ERRORS = {
    "limited": sample(
        error(429, "Rate limit reached for gpt-4o", code="rate_limit_exceeded", kind="tokens"),
        "RateLimitError",
        "rate_limit_exceeded",
    ),
    "quota": sample(
        error(429, "You exceeded your current quota", code="insufficient_quota", kind="insufficient_quota"),
        "RateLimitError",
        "insufficient_quota",
    ),
    # No money either, though by other codes.
    "quota hard limit": sample(
        error(429, "Billing limit reached", code="billing_hard_limit_reached"), "RateLimitError"
    ),
    "quota not active": sample(error(429, "Billing is not active", code="billing_not_active"), "RateLimitError"),
    "credential": sample(error(401, "Incorrect API key provided", code="invalid_api_key"), "AuthenticationError"),
    "credential organization": sample(
        error(401, "No such organization", code="invalid_organization"), "AuthenticationError"
    ),
    "permission": sample(error(403, "You do not have access", code="permission_denied"), "PermissionDeniedError"),
    "permission region": sample(
        error(403, "Country, region, or territory not supported", code=REGION, kind="request_forbidden"),
        "PermissionDeniedError",
        REGION,
    ),
    "policy": sample(error(400, "Rejected by the safety system", code="content_policy_violation"), "BadRequestError"),
    "context": sample(
        error(400, "This model's maximum context length is 128000 tokens.", code="context_length_exceeded"),
        "BadRequestError",
        "context_length_exceeded",
    ),
    "model": sample(error(404, "The model does not exist", code="model_not_found"), "NotFoundError", "model_not_found"),
    # Which code goes with it is not known: these words are the mark of a model that was shut down.
    "model shut down": sample(error(404, "The model `gpt-4-0314` has been deprecated"), "NotFoundError"),
    "server": sample(error(500, "The server had an error", kind="server_error"), "InternalServerError"),
    "overloaded": sample(error(503, "The engine is overloaded", kind="server_error"), "InternalServerError"),
    "request": sample(error(400, "Invalid value", code="invalid_value"), "BadRequestError"),
    "request unprocessable": sample(error(422, "Unprocessable"), "UnprocessableEntityError"),
    "request conflict": sample(error(409, "Conflict"), "ConflictError"),
}


def _env(address: str) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "sk-fake-openai",
        "OPENAI_BASE_URL": address + "/v1",
        "OPENAI_API_BASE": address + "/v1",  # what the SDK read before 1.0
    }


VENDOR = Vendor("openai", "/v1", serve, _env)
