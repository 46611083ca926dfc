"""The JSON that the light clients take and give, as type checkers see it: plain dictionaries at run time.

Of an answer these keys are always there (those of `NotRequired` may be missing), whatever vendor gave it. Vendors add
keys of their own, which stay in the dictionary and are not listed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class ChatParams(TypedDict, total=False):
    """What may be said about a chat beside model and messages; each vendor's rules decide what becomes of it."""

    audio: Mapping[str, object]
    frequency_penalty: float | None
    function_call: str | Mapping[str, object]
    functions: Sequence[Mapping[str, object]]
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    metadata: Mapping[str, str] | None
    modalities: Sequence[str] | None
    n: int | None
    parallel_tool_calls: bool
    prediction: Mapping[str, object] | None
    presence_penalty: float | None
    prompt_cache_key: str
    reasoning_effort: str | None
    response_format: Mapping[str, object]
    safety_identifier: str
    seed: int | None
    service_tier: str | None
    stop: str | Sequence[str] | None
    store: bool | None
    stream_options: Mapping[str, bool] | None
    temperature: float | None
    tool_choice: str | Mapping[str, object]
    tools: Sequence[Mapping[str, object]]
    top_logprobs: int | None
    top_p: float | None
    user: str
    verbosity: str | None
    web_search_options: Mapping[str, object]


class EmbeddingParams(TypedDict, total=False):
    """What may be said about embeddings beside model and input."""

    dimensions: int
    user: str


class Function(TypedDict):
    """A function that the model calls; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """A call that the model asks for."""

    id: str
    type: Literal["function"]
    function: Function


class Message(TypedDict):
    """What the model said. It can go back into `messages` as it is."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: NotRequired[list[ToolCall]]
    function_call: NotRequired[Function]
    reasoning_content: NotRequired[str | None]


class TopLogprob(TypedDict):
    """A token that was likely at a place."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(TopLogprob):
    """A token of the answer, with others that were likely in its place."""

    top_logprobs: list[TopLogprob]


class Logprobs(TypedDict):
    """How likely the tokens were."""

    content: list[TokenLogprob] | None
    refusal: list[TokenLogprob] | None


class Choice(TypedDict):
    """One of the answers."""

    index: int
    message: Message
    finish_reason: FinishReason
    logprobs: Logprobs | None


class PromptDetails(TypedDict, total=False):
    """Parts of the prompt's tokens."""

    cached_tokens: int
    audio_tokens: int


class CompletionDetails(TypedDict, total=False):
    """Parts of the answer's tokens."""

    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class Usage(TypedDict):
    """Tokens that the vendor counted; `x_missing` says that it counted none and the zeros mean nothing."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: NotRequired[PromptDetails]
    completion_tokens_details: NotRequired[CompletionDetails]
    x_missing: NotRequired[bool]


class ChatCompletion(TypedDict):
    """A whole answer. `created` is in Unix seconds."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    service_tier: NotRequired[str | None]
    system_fingerprint: NotRequired[str]


class FunctionDelta(TypedDict, total=False):
    """A piece of a function call: the name comes once, the arguments bit by bit."""

    name: str
    arguments: str


class ToolCallDelta(TypedDict):
    """A piece of a tool call; pieces of one call share their `index`."""

    index: int
    id: NotRequired[str]
    type: NotRequired[Literal["function"]]
    function: NotRequired[FunctionDelta]


class Delta(TypedDict, total=False):
    """What a chunk adds to the message."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[ToolCallDelta]
    function_call: FunctionDelta
    reasoning_content: str | None


class ChunkChoice(TypedDict):
    """What a chunk adds to one of the answers."""

    index: int
    delta: Delta
    finish_reason: FinishReason | None
    logprobs: Logprobs | None


class ChatCompletionChunk(TypedDict):
    """A piece of a streamed answer; the one with the usage, if it was asked for, has no choices."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: NotRequired[Usage | None]
    service_tier: NotRequired[str | None]
    system_fingerprint: NotRequired[str]


class Embedding(TypedDict):
    """The vector of one input."""

    object: Literal["embedding"]
    index: int
    embedding: list[float]


class EmbeddingUsage(TypedDict):
    """Tokens that the vendor counted."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(TypedDict):
    """One vector for each input, in their order."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


class Model(TypedDict):
    """A model that the chain serves."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Models(TypedDict):
    """All models that the chain serves."""

    object: Literal["list"]
    data: list[Model]
