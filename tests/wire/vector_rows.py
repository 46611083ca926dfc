"""What is asked for each recorded vector, what is told of its answer, and why ours differs where it does.

Rows only; how they are compared stands in test_every_vector.py. An OpenAI request is the same for all vendors, so what
a vendor's own SDK was asked for in its own words stands here in OpenAI's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.wire.streams import HEAD, TEXT, sse

Vector: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]  # vendor; name, after its kind where a file has kinds

FOLDER = Path(__file__).parent.parent / "data" / "vectors"
ZHIPU_SECRET = "SECRETSECRET16ch"

CONFIG = f"""
[targets.azure]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_version = "2024-10-21"
api_key = "plain:AZKEY"
[targets.azure-entra]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_version = "2024-10-21"
auth = "entra"
api_key = "env:AZURE_OPENAI_AD_TOKEN"
[targets.azure-v1]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_key = "plain:AZKEY"
[targets.azure-v1-entra]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
auth = "entra"
api_key = "env:AZURE_OPENAI_AD_TOKEN"
[targets.azure-preview]
provider = "azure-openai"
base_url = "https://RES.openai.azure.com/openai/v1/"
api_version = "preview"
api_key = "plain:AZKEY"
[targets.azure-env]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_version = "2024-06-01"
[targets.azure-env-entra]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_version = "2024-06-01"
auth = "entra"
api_key = "env:AZURE_OPENAI_AD_TOKEN"
[targets.zhipu]
provider = "zhipu"
api_key = "plain:0123456789abcdef0123456789abcdef.{ZHIPU_SECRET}"
[targets.zhipu-jwt]
provider = "zhipu"
auth = "jwt"
api_key = "plain:0123456789abcdef0123456789abcdef.{ZHIPU_SECRET}"
[targets.kimi]
provider = "kimi"
api_key = "plain:sk-KIMI"
[targets.ernie]
provider = "ernie"
endpoint = "v1"
api_key = "plain:24.exampletoken.2592000.1723075200.282335-12345678"
[targets.ernie-signed]
provider = "ernie"
endpoint = "v1"
auth = "signed"
api_key = "plain:ALTAKexampleAccessKeyId0:exampleSecretAccessKey0000000000"
[targets.ernie-v2]
provider = "ernie"
api_key = "plain:bce-v3/ALTAK-exampleid000000000000/examplesecret0000000000000000000000000000"
[targets.hunyuan]
provider = "hunyuan"
endpoint = "native"
api_key = "plain:AKIDexampleSecretId000000000000000000:exampleSecretKey0000000000000000"
[targets.sensenova]
provider = "sensenova"
endpoint = "native"
api_key = "plain:2EXAMPLEaccessKeyId000000000:exampleSecretAccessKey00000000000"
"""


@dataclass(frozen=True)
class Asked:
    """How a program asks us for what an SDK was asked for.

    Attributes:
        body: OpenAI's request; None for the one that the SDK was given.
        target: of CONFIG; "" for the one that is called like the vendor.
        environments: one for each request, for keys that are read at each call.
    """

    body: Mapping[str, Any] | None = None
    target: str = ""
    environments: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Differs:
    """What we send otherwise than an SDK, on purpose.

    Attributes:
        why: the reason.
        target: our path and query; "" for the SDK's.
        headers: ours; None for one that we do not send.
        body: our fields; None for one that we do not send.
        refused: the field for which we refuse the whole request.
    """

    why: str
    target: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True)
class Told:
    """What an answer or stream tells a program; tokens are those of prompt, completion and both."""

    text: str | None
    finish: str
    tokens: tuple[int, int, int] | None
    cached_tokens: int | None = None


USER = {"role": "user", "content": "你好，1+1=?"}
BRIEF = [{"role": "system", "content": "be brief"}, USER]
CALL = {"id": "call_1", "type": "function", "function": {"name": "w", "arguments": '{"city":"北京"}'}}
TOOL = {
    "type": "function",
    "function": {
        "name": "w",
        "description": "d",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
WEATHER = [
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TENCENT = Asked({"model": "hunyuan-pro", "messages": BRIEF, "temperature": 0.5, "top_p": 0.9})
ERNIE_4 = "ernie-4.0-8k"
MODELS = {
    "azure": "d",
    "ernie": ERNIE_4,
    "hunyuan": "hunyuan-pro",
    "kimi": "moonshot-v1-8k",
    "sensenova": "SenseChat-5",
    "zhipu": "glm-4.7",
}


def asked_of_adapter(model: str, number: int) -> Asked:
    """Return what the vendor's adapter was asked for, at the model that it takes in place of OpenAI's."""
    (vector,) = (v for k, v in EVERY if k == ("ernie", f"openai-to-v1-body: adapter-{number}"))
    return Asked({**vector["input"], "model": model})


def every_vector() -> Iterator[tuple[Key, Vector]]:
    """Yield all that the files hold: vectors, and samples of answers as vectors of a kind of their own."""
    for path in sorted(FOLDER.glob("*.json")):
        file = json.loads(path.read_text(encoding="utf-8"))
        for vector in file["vectors"]:
            kind = vector.get("kind")
            yield (path.stem, f"{kind}: {vector['name']}" if kind else vector["name"]), {"kind": "requests", **vector}
        for name, sample in file.get("response_samples", {}).items():
            if name == "errors":
                yield from (((path.stem, f"sample: errors[{i}]"), _sample(s)) for i, s in enumerate(sample))
            elif name != "note":
                yield (path.stem, f"sample: {name}"), _sample(sample)


def _sample(sample: Any) -> Vector:
    return {"kind": "sample", "input": {}, "sample": sample}


EVERY = list(every_vector())

ASKED: dict[Key, Asked] = {
    ("azure", "classic azure_ad_token"): Asked(
        target="azure-entra", environments=({"AZURE_OPENAI_AD_TOKEN": "ENTRA"},)
    ),
    ("azure", "classic azure_ad_token_provider x2"): Asked(
        target="azure-entra",
        environments=({"AZURE_OPENAI_AD_TOKEN": "TOKEN1"}, {"AZURE_OPENAI_AD_TOKEN": "TOKEN2"}),
    ),
    ("azure", "v1 OpenAI client with api key"): Asked(target="azure-v1"),
    ("azure", "v1 OpenAI client with callable api_key"): Asked(
        target="azure-v1-entra", environments=({"AZURE_OPENAI_AD_TOKEN": "ENTRA-FN"},)
    ),
    ("azure", "AzureOpenAI with base_url v1 + api_version=preview"): Asked(target="azure-preview"),
    ("azure", "env only"): Asked(target="azure-env", environments=({"AZURE_OPENAI_API_KEY": "ENVKEY"},)),
    # The SDK takes the token where both are set; here the target says which.
    ("azure", "env api key and AD token"): Asked(
        target="azure-env-entra",
        environments=({"AZURE_OPENAI_API_KEY": "ENVKEY", "AZURE_OPENAI_AD_TOKEN": "ENVAD"},),
    ),
    ("zhipu", "plain_jwt"): Asked(target="zhipu-jwt"),
    ("ernie", "chat-v1-access-token: non-stream"): Asked(
        {"model": "ERNIE-3.5-8K", "messages": BRIEF, "temperature": 0.5}
    ),
    ("ernie", "chat-v1-bce-auth-v1: non-stream signed"): Asked(
        {"model": "ERNIE-4.0-8K", "messages": [USER]}, "ernie-signed"
    ),
    ("ernie", "chat-v1-stream: two events, no [DONE]"): Asked({"model": ERNIE_4, "messages": [USER], "stream": True}),
    ("ernie", "chat-v2-bearer: token from IAM"): Asked({"model": ERNIE_4, "messages": [USER]}, "ernie-v2"),
    ("ernie", "chat-v2-bearer: permanent key + appid"): Asked(
        {"model": "ernie-speed-128k", "messages": [USER], "temperature": 0.8}, "ernie-v2"
    ),
    ("ernie", "error-v2: 429"): Asked(target="ernie-v2"),
    ("ernie", "openai-to-v1-body: adapter-0"): asked_of_adapter(ERNIE_4, 0),
    ("ernie", "openai-to-v1-body: adapter-1"): asked_of_adapter("ernie-3.5-8k", 1),
    ("ernie", "openai-to-v1-body: adapter-2"): asked_of_adapter(ERNIE_4, 2),
    ("ernie", "v1-response-to-openai: adapter-1"): asked_of_adapter("ernie-3.5-8k", 1),
    ("hunyuan", "tc3: plain utf-8"): TENCENT,
    ("hunyuan", "tc3: with region, session token, language"): TENCENT,
    ("hunyuan", "tc3: unsigned payload"): TENCENT,
    ("hunyuan", "tc3: last second of the UTC day 2024-07-09 (a local-date bug shows here)"): TENCENT,
    ("hunyuan", "tc3: tools"): Asked(
        {"model": "hunyuan-functioncall", "messages": WEATHER, "tools": [TOOL], "tool_choice": "auto"}
    ),
    ("hunyuan", "tc3: vision"): Asked(
        {
            "model": "hunyuan-vision",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, IMAGE]}],
            "stop": "END",
            "seed": 1,
        }
    ),
    ("sensenova", "chat-native: non-stream"): Asked(
        {
            "model": "SenseChat-5",
            "messages": BRIEF,
            "max_tokens": 1024,
            "temperature": 0.8,
            "top_p": 0.7,
            "repetition_penalty": 1.05,
            "n": 1,
            "user": "u1",
        }
    ),
    ("sensenova", "chat-native: tools are passed through untouched by the SDK"): Asked(
        {
            "model": "SenseChat-5",
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [TOOL],
            "tool_choice": "auto",
        }
    ),
    ("sensenova", "chat-native-stream: 'data:' without a space, ends with data:[DONE]"): Asked(
        {"model": "SenseChat-5", "messages": BRIEF, "stream": True}
    ),
}

ADAPTER = "the vendor's adapter to OpenAI is a reference, not a truth"
DIFFERENCES: dict[Key, Differs] = {
    ("azure", "classic azure_deployment"): Differs(
        "the deployment in the address decides, so the body does not name another model beside it",
        body={"model": "dep1"},
    ),
    ("azure", "v1 OpenAI client with api key"): Differs(
        "the plain client says Bearer, which is all it can; we say api-key on both routes, which both take",
        headers={"authorization": None, "api-key": "AZKEY"},
    ),
    ("azure", "AzureOpenAI with base_url v1 + api_version=preview"): Differs(
        "AzureOpenAI puts a deployment below v1, where there is none; v1 takes the deployment as the model",
        target="/openai/v1/chat/completions",
    ),
    ("kimi", "tool turn with reasoning_content"): Differs(
        "the SDK sends content as the program has it; the vendor refuses an empty one, so it is left out",
        body={
            "messages": [
                {"role": "system", "content": "你是 Kimi"},
                {"role": "user", "content": "你好"},
                {
                    "role": "assistant",
                    "reasoning_content": "think",
                    "tool_calls": [
                        {"id": "f:0", "type": "function", "function": {"name": "f", "arguments": '{"x":"1"}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "f:0", "name": "f", "content": "ok"},
            ]
        },
    ),
    ("kimi", "2024 context cache header"): Differs(
        "no header of the caller goes on, for it may be meant for another host; the vendor caches by itself today",
        headers={"x-msh-context-cache": None, "x-msh-context-cache-reset-ttl": None},
    ),
    ("zhipu", "sampling_edge_high"): Differs(
        "the SDK sends 0.99 for 1 and more; the reference allows 1, so 1 stays and 1.5 becomes 1",
        body={"temperature": 1.0, "top_p": 1.0},
    ),
    ("zhipu", "extra_body"): Differs(
        "the SDK passes n = 2 on; the vendor gives one choice a call, so a program that counts on two is told",
        refused="n",
    ),
    ("zhipu", "err429"): Differs(
        "the capture's address for failures, which the SDK asks a second time by itself",
        target="/api/paas/v4/chat/completions",
    ),
    ("ernie", "chat-v2-bearer: permanent key + appid"): Differs(
        "the application's id is optional, and a target has no place for it", headers={"appid": None}
    ),
    ("ernie", "openai-to-v1-body: adapter-0"): Differs(
        f"{ADAPTER}: the address names the model, and no penalty of 1.5 was asked for",
        body={"model": None, "penalty_score": None},
    ),
    ("ernie", "openai-to-v1-body: adapter-1"): Differs(
        f"{ADAPTER}: it leaves OpenAI's tools, calls and ids beside the functions, forgets the name that V1 demands of"
        " a result, halves the temperature, and takes OpenAI's penalty of 2 for V1's, which has another scale",
        body={
            "model": None,
            "tools": None,
            "penalty_score": None,
            "temperature": 1.0,
            "messages": [
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": None, "function_call": CALL["function"]},
                {"role": "function", "name": "w", "content": '{"result":"sunny"}'},
            ],
        },
    ),
    ("ernie", "openai-to-v1-body: adapter-2"): Differs(
        f'{ADAPTER}: it sends "/" for an empty turn, which the user never said', refused="messages.empty"
    ),
    ("hunyuan", "tc3: with region, session token, language"): Differs(
        "a region is optional, and a temporary key's token has no place in a target; neither is signed",
        headers={"x-tc-region": None, "x-tc-token": None},
    ),
    ("hunyuan", "tc3: unsigned payload"): Differs(
        "we have the whole body before we send it, so it is always signed", headers={"x-tc-content-sha256": None}
    ),
    ("sensenova", "chat-native: tools are passed through untouched by the SDK"): Differs(
        'the page wants an object for tool_choice; "auto" is what happens anyway', body={"tool_choice": None}
    ),
}

# The same for versions of an SDK that send otherwise than its newest: vendor, name, version.
BOTH_PROOFS = "the old SDK sends the key a second time as a bearer, which a later version mended"
SLASH = "the old SDK leaves a slash in a deployment's name, which leads to another address; a later version mended it"
SLASH_TARGET = "/openai/deployments/my%20dep%2Fa/chat/completions?api-version=2024-10-21"
OLD_SDKS: dict[tuple[str, str, str], Differs] = {
    ("azure", "classic model with slash/space", "2.54.0"): Differs(SLASH, target=SLASH_TARGET),
    ("azure", "classic model with slash/space", "1.109.1"): Differs(
        f"{SLASH}; {BOTH_PROOFS}", target=SLASH_TARGET, headers={"authorization": None}
    ),
    ("azure", "classic model-as-deployment", "1.109.1"): Differs(BOTH_PROOFS, headers={"authorization": None}),
    ("azure", "content filter on prompt", "1.109.1"): Differs(BOTH_PROOFS, headers={"authorization": None}),
}

# Kinds whose proof holds for other bytes than the SDK's: it is made again for those and for ours, with the reason.
RESIGNED: dict[str, str] = {
    "tc3": "the SDK writes JSON with spaces and all beyond ASCII escaped; we sign what we send",
    "chat-v1-bce-auth-v1": (
        "the SDK signs its random id too, for 300 s, and lists the names in the order of a Python set, which each start"
        " of Python changes; our order and life are those of erniebot, the vendor's other SDK"
    ),
    "iam-bearer-token-request": "the SDK signs its own name too, for 300 s, and lists the names of a Python set",
    "plain_jwt": "the capture holds what the token says in place of the token",
}

# Requests of which only the signature is made again, with the reason.
SIGNATURE_ONLY: dict[Key, str] = {
    ("hunyuan", "tc3: GetTokenCount"): "OpenAI has no API that counts tokens",
    ("hunyuan", "tc3: GetEmbedding"): "embeddings are offered at the vendor's endpoint of OpenAI's shape alone",
}

HELLO = Told("你好", "stop", (5, 2, 7))
ANSWERS: dict[Key, Told] = {
    ("azure", "sample: first_stream_chunk"): Told("你好🙂", "stop", None),
    ("azure", "sample: async_filter_chunk_without_delta"): Told("你好🙂", "stop", None),
    ("kimi", "sample: stream_last_chunk_usage_in_choice"): Told("你好🙂", "stop", (39, 211, 250)),
    ("kimi", "sample: usage_cached_top_level"): Told("x", "stop", (19, 3, 22), 10),
    ("zhipu", "sample: stream"): Told("a", "length", (60, 100, 160)),
    ("zhipu", "sample: completion_without_object"): Told("x", "stop", (1, 1, 2), 0),
    ("ernie", "chat-v1-stream: two events, no [DONE]"): HELLO,
    ("ernie", "v1-response-to-openai: adapter-0"): Told("2", "stop", (5, 1, 6)),
    ("ernie", "v1-response-to-openai: adapter-1"): Told(None, "tool_calls", (5, 1, 6)),
    ("hunyuan", "stream: two events, no Response wrapper, no [DONE]"): HELLO,
    ("sensenova", "chat-native: non-stream"): Told("2", "stop", (5, 1, 6)),
    ("sensenova", "chat-native-stream: 'data:' without a space, ends with data:[DONE]"): HELLO,
    ("sensenova", "chat-native-stream: with a space after data:"): HELLO,
    # The SDK takes this end for JSON and raises; the standard for events allows the space.
    ("sensenova", "chat-native-stream: terminator 'data: [DONE]' with a space"): HELLO,
}

# Status, code and outcome. Tencent's come twice: asked for a stream or not, the answer is the same JSON.
TENCENT_ERRORS: dict[str, tuple[int, str, str]] = {
    "AuthFailure.SignatureFailure": (401, "invalid_api_key", "credential"),
    "AuthFailure.SecretIdNotFound": (401, "invalid_api_key", "credential"),
    "LimitExceeded": (429, "rate_limit_exceeded", "limited"),
    "RequestLimitExceeded": (429, "rate_limit_exceeded", "limited"),
    "FailedOperation.EngineServerLimitExceeded": (429, "rate_limit_exceeded", "limited"),
    "FailedOperation.FreeResourcePackExhausted": (429, "insufficient_quota", "quota"),
    "OperationDenied.TextIllegalDetected": (400, "content_filter", "policy"),
    "InvalidParameterValue.Model": (404, "model_not_found", "request"),
    "InternalError": (500, "InternalError", "ambiguous"),
}
ERRORS: dict[Key, tuple[int, str | None, str]] = {
    ("azure", "content filter on prompt"): (400, "content_filter", "policy"),
    ("azure", "429 with x-should-retry false, max_retries=2"): (429, "rate_limit_exceeded", "limited"),
    ("azure", "sample: prompt_blocked_400"): (400, "content_filter", "policy"),
    ("kimi", "quota error"): (429, "insufficient_quota", "quota"),
    ("kimi", "sample: errors[0]"): (400, "content_filter", "policy"),
    ("kimi", "sample: errors[1]"): (400, None, "request"),
    ("kimi", "sample: errors[2]"): (400, "context_length_exceeded", "request"),
    ("kimi", "sample: errors[3]"): (429, "insufficient_quota", "quota"),
    ("zhipu", "err429"): (429, "rate_limit_exceeded", "limited"),
    ("zhipu", "sample: errors[0]"): (429, "rate_limit_exceeded", "limited"),
    ("zhipu", "sample: errors[1]"): (429, "insufficient_quota", "quota"),
    ("zhipu", "sample: errors[2]"): (400, "1210", "request"),
    ("zhipu", "sample: errors[3]"): (400, "content_filter", "policy"),
    ("ernie", "error-v1: 336007"): (400, "context_length_exceeded", "request"),
    ("ernie", "error-v1: 18"): (429, "rate_limit_exceeded", "limited"),
    ("ernie", "error-v1: 17"): (429, "insufficient_quota", "quota"),
    ("ernie", "error-v1: 336003"): (400, "336003", "request"),
    ("ernie", "error-v1: 6"): (403, "permission_denied", "credential"),
    ("ernie", "error-v1: 3"): (404, "model_not_found", "request"),
    ("ernie", "error-v2: 429"): (429, "rate_limit_exceeded", "limited"),
    **{("hunyuan", f"error: {code} stream=False"): found for code, found in TENCENT_ERRORS.items()},
    **{("hunyuan", f"error: {code} stream=True"): found for code, found in TENCENT_ERRORS.items()},
    ("hunyuan", "error: HTTP 502"): (502, None, "ambiguous"),
    # The SDK hands this event on as if it were an answer.
    ("hunyuan", "stream: in-stream ErrorMsg (SDK raises nothing, the caller must look)"): (500, "4000", "ambiguous"),
    ("sensenova", "error: error event inside an HTTP 200 stream"): (504, "4", "ambiguous"),
    ("sensenova", "error: HTTP 400"): (400, "3", "request"),
    ("sensenova", "error: HTTP 401"): (401, "invalid_api_key", "credential"),
    ("sensenova", "error: HTTP 403"): (403, "permission_denied", "credential"),
    ("sensenova", "error: HTTP 404"): (404, "model_not_found", "request"),
    # The SDK has a class TryAgain for 409; to a program of OpenAI's that is a limit.
    ("sensenova", "error: HTTP 409"): (429, "10", "limited"),
    ("sensenova", "error: HTTP 415"): (400, "3", "request"),
    ("sensenova", "error: HTTP 429"): (429, "rate_limit_exceeded", "limited"),
    ("sensenova", "error: HTTP 500"): (500, "2", "ambiguous"),
    ("sensenova", "error: HTTP 503"): (503, "14", "limited"),
    ("sensenova", "error: HTTP 504"): (504, "4", "ambiguous"),
}

NOT_OURS: dict[Key, str] = {
    ("azure", "classic responses"): "Responses is an API of its own, which is not carried",
    ("azure", "classic images"): "images are not carried",
    **{
        ("azure", f"managed identity (App Service form) token for {scope}"): "azure-identity fetches it, not we"
        for scope in ("https://cognitiveservices.azure.com/.default", "https://ai.azure.com/.default")
    },
    ("kimi", "file-extract upload"): "files are not carried",
    ("kimi", "estimate-token-count"): "OpenAI has no API that counts tokens",
    ("kimi", "balance"): "OpenAI has no API for the account",
    ("kimi", "file content"): "files are not carried",
    ("kimi", "sample: estimate_token_count"): "an answer of an API that is not carried",
    ("kimi", "sample: balance"): "an answer of an API that is not carried",
    ("zhipu", "async_create"): "OpenAI has no chat whose answer is fetched later",
    ("zhipu", "async_retrieve"): "OpenAI has no chat whose answer is fetched later",
    ("zhipu", "images"): "images are not carried",
    ("zhipu", "files"): "files are not carried",
    ("zhipu", "speech"): "speech is not carried",
    ("zhipu", "transcription"): "speech is not carried",
    ("zhipu", "batch"): "batches are not carried",
    ("zhipu", "moderations"): "moderations are not carried",
    ("zhipu", "web_search_api"): "OpenAI has no API that only searches",
    ("hunyuan", "stream: content type with charset parameter"): (
        "the SDK takes a stream for JSON unless its content type is bare; our reader is given no header that could err"
    ),
    ("sensenova", "embeddings: request"): "its embeddings have a shape of their own, which is not spoken",
}

# What our code gets wrong today, with the reason; each row goes when its bug does.
# Samples that are a piece of a stream or of an answer, and what they are read in.
STREAMED: dict[Key, Callable[[Any], bytes]] = {
    ("azure", "sample: first_stream_chunk"): lambda chunk: sse(chunk, *TEXT),
    ("azure", "sample: async_filter_chunk_without_delta"): lambda chunk: sse(*TEXT, chunk),
    ("kimi", "sample: stream_last_chunk_usage_in_choice"): lambda chunk: sse(*TEXT[:3], chunk),
    ("zhipu", "sample: stream"): lambda chunks: sse(*chunks),
}
WHOLE: dict[Key, Callable[[Any], Any]] = {
    ("kimi", "sample: usage_cached_top_level"): lambda usage: {
        **HEAD,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "usage": usage,
    },
    ("zhipu", "sample: completion_without_object"): lambda answer: answer,
}
