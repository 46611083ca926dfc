"""What a program asks for: an OpenAI request, read from its HTTP form.

Every tap parses here, so a malformed request gets the same OpenAI-shaped answer wherever it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import unquote

import orjson

from llm_migrate.catalog.schema import Api, JsonValue
from llm_migrate.wire.failure import refuse

MAX_BODY_BYTES: Final = 32 * 1024 * 1024

_POSTS: Final[tuple[tuple[str, Api], ...]] = (("/chat/completions", "chat"), ("/embeddings", "embeddings"))
_NAMING: Final = ("/deployments/", "/engines/")  # what stands before a model in a path: at Azure, and before openai 1.0
CARRIED: Final = frozenset[Api]({"chat", "embeddings", "models"})
# First word of the path of every other API -> its name.
_OTHERS: Final[Mapping[str, Api]] = {
    "assistants": "assistants",
    "audio": "audio",
    "batches": "batch",
    "completions": "completions",
    "conversations": "conversations",
    "edits": "edits",
    "engines": "engines",
    "files": "files",
    "fine-tunes": "fine_tuning",
    "fine_tuning": "fine_tuning",
    "images": "images",
    "moderations": "moderations",
    "realtime": "realtime",
    "responses": "responses",
    "threads": "assistants",
    "uploads": "files",
    "vector_stores": "vector_stores",
    "videos": "videos",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One OpenAI request.

    Attributes:
        api: which API.
        path: below `/v1`, e.g. "/chat/completions".
        body: the JSON body; empty for GET.
        model: the id that was asked for; "" where the API names none.
        stream: whether events are wanted.
        wants_usage: whether the stream shall end with a usage chunk.
    """

    api: Api
    path: str
    body: dict[str, JsonValue] = field(repr=False)
    model: str
    stream: bool = False
    wants_usage: bool = False


def parse_call(method: str, path: str, content: bytes) -> Call:
    """Read a request as an SDK sends it.

    Args:
        method: HTTP method.
        path: URL path below any base: ".../v1/chat/completions", ".../embeddings", ".../models",
            "/openai/deployments/NAME/chat/completions", "/v1/engines/NAME/embeddings"; percent-encoded or not; a query
            is ignored.
        content: the body.

    Returns:
        The call; of an API that is not `CARRIED`, its name and path only.

    Raises:
        RefusedError: no API of OpenAI's (404), another method (405), too large (413), or not a sound request
            (400); `.error` is the answer to give.
    """
    path = path.partition("?")[0].rstrip("/")
    for suffix, api in _POSTS:
        if path.endswith(suffix):
            _require_method(method, "POST")
            return _read_post(api, suffix, path[: -len(suffix)], content)
    models = path.rfind("/models")
    if models >= 0 and (path.endswith("/models") or path.count("/", models) == 2):
        _require_method(method, "GET")
        return Call("models", path[models:], {}, "")
    for at, word in enumerate(words := path.split("/")):
        if word in _OTHERS:
            return Call(_OTHERS[word], "/" + "/".join(words[at:]), {}, "")
    raise refuse(404, f"Unknown request URL: {method} {path[-80:]}", code="unknown_url")


def _require_method(method: str, wanted: str) -> None:
    if method.upper() != wanted:
        raise refuse(405, f"Not allowed to {method} here: use {wanted}", code="method_not_allowed")


def _read_post(api: Api, path: str, prefix: str, content: bytes) -> Call:
    body = _read_json(content)
    model = body.get("model")
    for word in _NAMING:
        if word in prefix:
            # A deployment in the path decides at Azure, whatever the body says.
            model = unquote(prefix.partition(word)[2])
    if not isinstance(model, str) or not model:
        raise refuse(400, "you must provide a model parameter", param="model")
    if api == "embeddings":
        if body.get("input") in (None, ""):
            raise refuse(400, "'input' is a required property", param="input")
        return Call(api, path, body, model)
    _check_messages(body.get("messages"))
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise refuse(400, "'stream' must be true or false", param="stream")
    options = body.get("stream_options")
    wants_usage = isinstance(options, dict) and options.get("include_usage") is True
    return Call(api, path, body, model, stream is True, wants_usage)


def _read_json(content: bytes) -> dict[str, JsonValue]:
    if len(content) > MAX_BODY_BYTES:
        raise refuse(413, f"The request is larger than {MAX_BODY_BYTES >> 20} MiB", code="request_too_large")
    try:
        body = cast("JsonValue", orjson.loads(content))
    except orjson.JSONDecodeError as e:
        # The parser's own text repeats a piece of the body; its position is enough.
        raise refuse(400, f"The body is not valid JSON (character {e.pos})", code="invalid_json") from None
    if not isinstance(body, dict):
        raise refuse(400, "The body must be a JSON object", code="invalid_json")
    return body


def _check_messages(messages: JsonValue) -> None:
    if not isinstance(messages, list) or not messages:
        raise refuse(400, "'messages' must be a list with at least one message", param="messages")
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise refuse(400, "a message must be an object with a 'role'", param=f"messages[{i}]")
