"""What OpenAI's SDKs look like in source code, Python and JavaScript, 0.28 to 3.x: names that several rules share.

Sources: openai-python 0.28.1, 1.109 and 3.54 and openai-node 3.3, 4.x and 6.x as published on PyPI and npm;
@azure/openai 1.0.0-beta.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.symbols import HOLE, Symbols
from llm_migrate.scan.vocabulary import Vocabulary, hosts_in

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

OPENAI: Final = "openai"
AZURE: Final = "azure-openai"
UNKNOWN_PROVIDER: Final = "unknown"

# (ecosystem, package) -> the first major version of the interface of today.
FIRST_CURRENT: Final[dict[tuple[str, str], int]] = {("pypi", "openai"): 1, ("npm", "openai"): 4}
PYTHON_CLIENTS: Final = {
    "openai.OpenAI": OPENAI,
    "openai.AsyncOpenAI": OPENAI,
    "openai.Client": OPENAI,
    "openai.AsyncClient": OPENAI,
    "openai.AzureOpenAI": AZURE,
    "openai.AsyncAzureOpenAI": AZURE,
    "openai.lib.azure.AzureOpenAI": AZURE,
    "openai.lib.azure.AsyncAzureOpenAI": AZURE,
    "openai._client.OpenAI": OPENAI,
    "openai._client.AsyncOpenAI": OPENAI,
}
SCRIPT_CLIENTS: Final = {
    "openai": OPENAI,  # const OpenAI = require("openai")
    "openai.default": OPENAI,
    "openai.OpenAI": OPENAI,
    "openai.OpenAIApi": OPENAI,
    "openai.Configuration": OPENAI,
    "openai.default.OpenAI": OPENAI,
    "openai.AzureOpenAI": AZURE,
    "openai.default.AzureOpenAI": AZURE,
    "@azure/openai.OpenAIClient": AZURE,
    "@azure/openai.AzureKeyCredential": AZURE,
    "@azure/openai.OpenAIKeyCredential": OPENAI,
}
_LEGACY: Final = {
    "ChatCompletion": "chat",
    "Completion": "completions",
    "Embedding": "embeddings",
    "Image": "images",
    "Audio": "audio",
    "File": "files",
    "FineTune": "fine_tuning",
    "FineTuningJob": "fine_tuning",
    "Moderation": "moderations",
    "Edit": "edits",
    "Model": "models",
    "Engine": "engines",
    "Deployment": "models",
}
_RESOURCES: Final = {
    "chat": "chat",
    "completions": "completions",
    "responses": "responses",
    "embeddings": "embeddings",
    "images": "images",
    "audio": "audio",
    "files": "files",
    "uploads": "files",
    "batches": "batch",
    "fine_tuning": "fine_tuning",
    "fineTuning": "fine_tuning",
    "fine_tunes": "fine_tuning",
    "assistants": "assistants",
    "threads": "assistants",
    "vector_stores": "vector_stores",
    "vectorStores": "vector_stores",
    "moderations": "moderations",
    "models": "models",
    "realtime": "realtime",
    "edits": "edits",
    "conversations": "conversations",
    "videos": "videos",
}
_OLD_METHODS: Final = {  # openai-node 3 and @azure/openai
    "createChatCompletion": "chat",
    "createCompletion": "completions",
    "createEmbedding": "embeddings",
    "createImage": "images",
    "createImageEdit": "images",
    "createImageVariation": "images",
    "createTranscription": "audio",
    "createTranslation": "audio",
    "createModeration": "moderations",
    "createEdit": "edits",
    "createFile": "files",
    "createFineTune": "fine_tuning",
    "listModels": "models",
    "listEngines": "engines",
    "getChatCompletions": "chat",
    "streamChatCompletions": "chat",
    "listChatCompletions": "chat",
    "getCompletions": "completions",
    "streamCompletions": "completions",
    "getEmbeddings": "embeddings",
    "getImages": "images",
    "getAudioTranscription": "audio",
    "getAudioTranslation": "audio",
}
# Ends of URL paths, the longest first.
_PATHS: Final = (
    ("/chat/completions", "chat"),
    ("/completions", "completions"),
    ("/responses", "responses"),
    ("/embeddings", "embeddings"),
    ("/images/", "images"),
    ("/audio/", "audio"),
    ("/files", "files"),
    ("/batches", "batch"),
    ("/fine_tuning", "fine_tuning"),
    ("/fine-tunes", "fine_tuning"),
    ("/assistants", "assistants"),
    ("/threads", "assistants"),
    ("/vector_stores", "vector_stores"),
    ("/moderations", "moderations"),
    ("/edits", "edits"),
    ("/engines", "engines"),
    ("/models", "models"),
)
# Parts of a path that change how a call is made, not which.
_PASSED_OVER: Final = frozenset(
    {
        "beta",
        "with_raw_response",
        "with_streaming_response",
        "with_options()",
        "withOptions()",
        "copy()",
        "withResponse",
    }
)
# These names for a client of unknown origin make `NAME.embeddings.create()` a call all the same.
_CLIENT_NAME: Final = re.compile(r"openai|oai|client|llm|gpt", re.I)
_TELLING: Final = re.compile(
    r"\.(?:chat\.completions\.(?:with_raw_response\.|with_streaming_response\.)?(?:create|parse|stream|runTools)"
    r"|beta\.(?:chat\.completions|threads|assistants)\.[\w.]+|createChatCompletion|createChatCompletionRequest)$"
)
_GUESSED: Final = re.compile(
    r"([\w$]+)\.(embeddings|responses|images|moderations|audio\.(?:transcriptions|translations|speech)|completions)"
    r"\.(?:create|parse|stream|generate|edit)$"
)
STATE: Final = {
    "api_key": "credential",
    "api_key_path": "credential",
    "azure_ad_token": "credential",
    "azure_ad_token_provider": "credential",
    "api_base": "base-url",
    "base_url": "base-url",
    "azure_endpoint": "base-url",
    "api_type": "client",
    "api_version": "client",
    "organization": "client",
    "project": "client",
    "proxy": "client",
    "default_headers": "client",
    "default_query": "client",
    "http_client": "client",
    "timeout": "client",
    "max_retries": "client",
    "verify_ssl_certs": "client",
    "requestssession": "client",
    "aiosession": "client",
    "log": "client",
    "debug": "client",
}
LEGACY_STATE: Final = frozenset(
    {"api_base", "api_key_path", "proxy", "verify_ssl_certs", "requestssession", "aiosession", "log", "debug"}
)
URL_ARGUMENTS: Final = ("base_url", "azure_endpoint", "api_base", "openai_api_base", "baseURL", "basePath", "endpoint")
KEY_ARGUMENTS: Final = ("api_key", "apiKey", "openai_api_key", "openAIApiKey", "azure_ad_token", "azureOpenAIApiKey")
MODEL_ARGUMENTS: Final = (
    *("model", "engine", "deployment_id", "model_name", "modelName", "azure_deployment", "deployment_name"),
    *("azureOpenAIApiDeploymentName", "deployment", "model_id"),
)
ERROR_NAME: Final = re.compile(r"(?:Error|Timeout|TryAgain)$")
LEGACY_AZURE_TYPES: Final = frozenset({"azure", "azure_ad", "azuread"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an SDK.

    Attributes:
        api: OpenAI's API family.
        provider: who answers it.
        legacy: written for the SDK before 1.0.
        sure: the client's origin is known.
    """

    api: str
    provider: str
    legacy: bool = False
    sure: bool = True


def api_of(path: str) -> tuple[str, bool] | None:
    """Return (API family, legacy) for what follows a client or module (`chat.completions.create`)."""
    parts = [part for part in path.split(".") if part not in _PASSED_OVER]
    if len(parts) < 2 and not (parts and parts[0] in _OLD_METHODS):
        return None
    first = parts[0]
    if first in _LEGACY:
        return _LEGACY[first], True
    if first in _OLD_METHODS:
        return _OLD_METHODS[first], True
    api = _RESOURCES.get(first)
    return (api, False) if api is not None and "()" not in ".".join(parts) else None


def api_of_url(url: str) -> str | None:
    """Return the API family that a URL's path names."""
    path = url.partition("://")[2].partition("?")[0]
    return next((api for part, api in _PATHS if part in path), None)


def split_client(path: str, clients: dict[str, str]) -> tuple[str, str] | None:
    """Return (class, what follows) for a path that begins with the construction of a client."""
    head, mark, rest = path.partition("()")
    if not mark or head not in clients:
        return None
    return head, rest.removeprefix(".")


def client_provider(class_path: str, call: Node | None, names: Symbols, vocabulary: Vocabulary) -> str:
    """Return who answers a client: the host of its literal base URL if it has one, else the class's own vendor.

    A literal URL of a host that the catalog does not know gives "unknown": it is some other server.
    """
    own = (PYTHON_CLIENTS | SCRIPT_CLIENTS).get(class_path, OPENAI)
    if call is None:
        return own
    given = names.arguments(call).named
    for name in URL_ARGUMENTS:
        if name in given:
            return provider_at(names.text(given[name][1]), own, vocabulary)
    return own


def provider_at(url: str | None, own: str, vocabulary: Vocabulary) -> str:
    """Return whose host a URL has; `own` when the URL is not known; "unknown" when the host is not in the catalog."""
    if url is None or not url.strip():
        return own
    known = vocabulary.url(url.replace(HOLE, "x"))
    if known is not None:
        return known
    hosts = list(hosts_in(url))
    return own if not hosts or HOLE in hosts[0] else UNKNOWN_PROVIDER


def guess_call(text: str) -> tuple[str, bool] | None:
    """Return (API family, telling) for a called name whose client is of unknown origin."""
    tail = text[-200:]
    if _TELLING.search(tail):
        return ("assistants" if ".threads." in tail or ".assistants." in tail else "chat"), True
    match = _GUESSED.search(tail)
    if match and _CLIENT_NAME.search(match[1]):
        return _RESOURCES[match[2].partition(".")[0]], False
    return None


def holds_secret(text: str | None, vocabulary: Vocabulary) -> bool:
    """Say whether a literal looks like a real key: not empty, no `<placeholder>`, no name of a variable."""
    if text is None or HOLE in text or not text:
        return False
    return vocabulary.secret(text) is not None or (len(text) >= 16 and " " not in text and text[0] not in "<{$[")
