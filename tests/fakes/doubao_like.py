"""ByteDance's Doubao on Volcengine Ark (`/api/v3`).

Facts from: Volcengine's documentation (volcengine.com/docs/82379, chat: 1494384, errors: 1299023), PyPI
volcengine-ark-runtime 5.0.54, litellm 1.109.1 and lazyllm 1.4.0, cloudwego/eino-ext@c9a5dc9, openclaw 2026.9.6
docs/providers/volcengine.md; issues named per rule. A field that is not in the SDK's signature, or that is to be
rewritten, is refused here, even where the vendor may ignore it: a request that passes does not hold it. The codes of
errors are documented; that they stand in OpenAI's body is assumed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes import shape
from tests.fakes.answers import FILTERED, Answer, answer, images, prompt, vector
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Sample, Vendor

KEY = "sk-fake-doubao"
ROOT = "/api/v3"
HIT = "TRIP-THE-MODERATION"  # a prompt with this word is answered, and marked
MODELS = {  # full ids with their date, or an endpoint of the account; the bare name of a family is none
    *("doubao-seed-2-1-pro-260628", "doubao-seed-2-1-pro-260915", "doubao-seed-2-1-turbo-260628"),
    *("doubao-seed-2-1-lite-260915", "doubao-seed-2-0-pro-260215", "ep-20261101000000-desk1"),
    *("doubao-seed-2-0-lite-260428", "doubao-seed-2-0-mini-260428"),
}
EMBEDDING_MODELS = {"doubao-embedding-vision-251215", "doubao-embedding-vision-250615"}
# Listed in the catalogue, and answers no more since 2026-02 (labring/FastGPT#6460).
SHUTDOWN = {"doubao-embedding-text-240715", "doubao-embedding-large-text-250515"}
# temperature: one older page has [0, 1]. max_completion_tokens: sources differ on the least.
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_completion_tokens": (0, 65536),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "top_logprobs": (0, 20),
}
# `seed` is let through: the SDK lacks it, litellm has it. functions: deprecated, to be rewritten to tools.
REFUSED = {"store", "metadata", "prediction", "modalities", "audio", "functions", "function_call"}
# Deep-thinking models, told to think or not, take none of these; what stands behind an endpoint is not known.
REFUSED_BY_THINKERS = {"stop", "logit_bias", "logprobs", "top_logprobs"}
REFUSED_BY_SEED_2_0 = {"frequency_penalty", "presence_penalty"}
CHOICES = {
    "reasoning_effort": {"minimal", "low", "medium", "high"},
    "service_tier": {"auto", "default", "fast"},
}
KEYWORDS = {"minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"}


def serve(request: Request) -> Reply:
    """Answer one request."""
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise error(401, "AuthenticationError", "The API key or AK/SK in the request is missing or invalid.")
    match request.method, request.path.removeprefix(ROOT):
        case "POST", "/chat/completions":
            return _chat(request.body)
        case "POST", "/embeddings":  # for the text models, which are gone
            raise _no_model(request.body.get("model", ""))
        case "POST", "/embeddings/multimodal":
            return _embedding(request.body)
        case "GET", "/models":
            return _models()
        case _:
            raise error(404, "NotFound", "The requested resource was not found.")  # words not documented


def error(status: int, code: str, message: str) -> RefusalError:
    return RefusalError(status, {"error": {"code": code, "message": message, "param": "", "type": code}})


def _bad(message: str) -> RefusalError:
    return error(400, "InvalidParameter", message)


def _no_model(model: str) -> RefusalError:
    text = f"The model or endpoint {model} does not exist or you do not have access to it."
    return error(404, "InvalidEndpointOrModel.NotFound", text)


def _chat(body: dict[str, Any]) -> Reply:
    if body.get("model") not in MODELS:
        raise _no_model(body.get("model", ""))
    thinks = _thinks(body)
    _check_parameters(body)
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        raise _bad("stop holds at most 4 strings")
    for tool in shape.check_tools(body, _bad):
        if found := _keywords(tool["function"].get("parameters")) & KEYWORDS:
            raise _bad(f"tools: unsupported keywords in the schema: {sorted(found)}")
    shape.check_turns(body, {"system", "user", "assistant", "tool"}, _bad)
    # The seed-2.1 models see; whether the older ones do was not read, so they may.
    if not all(url.startswith(("http://", "https://", "data:image/")) for url in images(body)):
        raise _bad("image_url must be a URL or a data URL")
    if FILTERED in prompt(body):
        text = "The request failed because the input text may contain sensitive information."
        raise error(400, "InputTextSensitiveContentDetected", text)
    # 4096 tokens is the default, and thoughts do not count.
    said = answer({**body, "max_tokens": body.get("max_tokens") or 4096})
    reply = shape.reply(body, said, _shape(said, thinks), thinks=thinks)
    _mark(reply, hit=HIT in prompt(body), thinks=thinks)
    return reply


def _thinks(body: dict[str, Any]) -> bool:
    """Seed models think unless told not to, by either of two fields."""
    kind = (body.get("thinking") or {}).get("type", "enabled")
    if kind not in {"enabled", "disabled", "auto"}:
        raise _bad("thinking.type must be one of enabled, disabled, auto")
    return kind != "disabled" and body.get("reasoning_effort") != "minimal"


def _check_parameters(body: dict[str, Any]) -> None:
    model = body["model"]
    refused = REFUSED | (REFUSED_BY_THINKERS if model.startswith("doubao-seed-") else set())
    refused |= REFUSED_BY_SEED_2_0 if model.startswith("doubao-seed-2-0-") else set()
    for name in sorted(refused):
        if body.get(name) is not None:
            raise _bad(f"{name} is not supported")
    shape.check_ranges(body, RANGES, _bad)
    for name, allowed in CHOICES.items():
        if body.get(name) is not None and body[name] not in allowed:
            raise _bad(f"{name} must be one of {sorted(allowed)}")
    if (body.get("response_format") or {}).get("type", "text") not in {"text", "json_object", "json_schema"}:
        raise _bad("response_format.type")


def _keywords(schema: Any) -> set[str]:
    """All keywords of a JSON Schema; a property that is named like one is none."""
    if isinstance(schema, list):
        return set().union(*map(_keywords, schema))
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for name, part in schema.items():
        if name in {"properties", "$defs", "definitions"} and isinstance(part, dict):
            found |= _keywords(list(part.values()))
        elif name not in {"default", "enum", "const", "examples"}:
            found |= _keywords(part)
    return found


def _shape(said: Answer, thinks: bool) -> shape.Shape:
    return replace(
        shape.Shape(),
        usage_fields={
            "prompt_tokens_details": {"cached_tokens": said.prompt_tokens // 2, "provisioned_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": len(shape.THOUGHT) // 4 if thinks else 0},
        },
    )


def _mark(reply: Reply, *, hit: bool, thinks: bool) -> None:
    """Add what only Ark says: the verdict of moderation at a choice, and thoughts a second time, encrypted."""
    last = reply.payload or next(chunk for chunk in reversed(reply.events or ()) if chunk["choices"])
    for choice in last["choices"]:
        if hit:
            choice["moderation_hit_type"] = "violence"
        if thinks and "message" in choice:
            choice["message"]["encrypted_content"] = "ZmFrZQ=="


def _models() -> Reply:
    """The catalogue with the fields of can1357/oh-my-pi#4201; it does not say what the account has opened."""
    rows = [
        {
            "id": model,
            "name": model.rpartition("-")[0],
            "version": model.rpartition("-")[2],
            "domain": "VLM",
            "task_type": ["TextGeneration"],
            "status": "Shutdown" if model in SHUTDOWN else "Active",
            "token_limits": {"context_window": 262144},
            "features": {"structured_outputs": {"json_object": True, "json_schema": True}},
        }
        for model in sorted(MODELS | EMBEDDING_MODELS | SHUTDOWN)
        if not model.startswith("ep-")
    ]
    return Reply({"object": "list", "data": rows})


def _embedding(body: dict[str, Any]) -> Reply:
    """One vector for all parts together (lazyllm 1.4.0, infiniflow/ragflow)."""
    if body.get("model") not in EMBEDDING_MODELS:
        raise _no_model(body.get("model", ""))
    parts = body.get("input")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise _bad("input must be a list of parts")
    if not all(isinstance(part.get(part.get("type", "")), str | dict) for part in parts):
        raise _bad("a part of input must hold what its type says")
    text = "\n".join(part["text"] if part["type"] == "text" else str(part[part["type"]]) for part in parts)
    # 1024 and 2048 are in use; the vendor's list was not read, so any width passes.
    found = {"object": "embedding", "embedding": vector(text, body.get("dimensions") or 2048)}
    tokens = len(text) // 4 + 1
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Reply({"id": "fake", "object": "list", "model": body["model"], "data": found, "usage": usage})


def _env(address: str) -> dict[str, str]:
    # litellm 1.109.1 reads the second key, openclaw 2026.9.6 the third; no name of an address was read.
    keys = dict.fromkeys(("ARK_API_KEY", "VOLCENGINE_API_KEY", "VOLCANO_ENGINE_API_KEY"), KEY)
    return {**keys, "ARK_BASE_URL": address + ROOT}


def _samples(rows: tuple[tuple[str, int, str, str | None, tuple[str, ...]], ...]) -> dict[str, Sample]:
    """Name the first sample of a kind by the kind alone, and the others by their code as well."""
    out: dict[str, Sample] = {}
    for kind, status, raises, code, vendor_codes in rows:
        for vendor_code in vendor_codes:
            key = f"{kind} {vendor_code}" if kind in out else kind
            out[key] = sample(error(status, vendor_code, "fake"), raises, code)
    return out


DISABLED = ("InvalidEndpointOrModel.ModelIDAccessDisabled", "ModelNotOpen", "UnsupportedModel")
INVALID = ("InvalidParameter", "MissingParameter", "InvalidEndpoint.ClosedEndpoint")
SENSITIVE = (
    *(f"SensitiveContentDetected{end}" for end in ("", ".SevereViolation", ".Violence")),
    *("InputTextSensitiveContentDetected", "InputTextSensitiveContentDetected.PolicyViolation"),
    *("InputImageSensitiveContentDetected.PrivacyInformation", "OutputTextSensitiveContentDetected"),
    *("InputTextRiskDetection", "OutputTextRiskDetection"),
)
LIMITS = (
    *(f"RateLimitExceeded.{limit}" for limit in ("EndpointRPMExceeded", "EndpointTPMExceeded")),
    *("RateLimitExceeded.FoundationModelRPMExceeded", "ModelAccountRpmRateLimitExceeded"),
    *("ModelAccountTpmRateLimitExceeded", "APIAccountRpmRateLimitExceeded", "AccountRateLimitExceeded"),
    "InflightBatchsizeExceeded",
)
QUEUED = error(429, "QuotaExceeded", "The request has exceeded the quota. Request ID: fake")
ERRORS = _samples(
    (
        ("request", 400, "BadRequestError", None, INVALID),
        ("context", 400, "BadRequestError", "context_length_exceeded", ("OutofContextError",)),
        ("policy", 400, "BadRequestError", "content_filter", SENSITIVE),
        ("credential", 401, "AuthenticationError", None, ("AuthenticationError", "InvalidAccountStatus")),
        # OperationDenied.* in the documentation: this ending is an example.
        ("permission", 403, "PermissionDeniedError", None, ("AccessDenied", "OperationDenied.Example")),
        ("model", 404, "NotFoundError", "model_not_found", ("InvalidEndpointOrModel.NotFound",)),
        ("model", 404, "NotFoundError", None, DISABLED),
        ("limited", 429, "RateLimitError", None, LIMITS),
        ("overloaded", 429, "RateLimitError", None, ("ServerOverloaded", "RequestBurstTooFast")),
        # The free quota, or a plan's; SetLimitExceeded: a guard that the account's holder set.
        ("quota", 429, "RateLimitError", "insufficient_quota", ("QuotaExceeded", "SetLimitExceeded")),
        # An account in debt answers 403.
        (
            "quota",
            403,
            "RateLimitError",
            "insufficient_quota",
            ("AccountOverdueError", "OperationDenied.ServiceOverdue"),
        ),
        ("server", 500, "InternalServerError", None, ("InternalServiceError",)),
        ("server", 503, "InternalServerError", None, ("InternalServiceError",)),
    )
) | {"limited queue": sample(QUEUED, "RateLimitError", "rate_limit_exceeded")}

VENDOR = Vendor("doubao", ROOT, serve, _env)
