"""Any request that OpenAI's API takes, as Hypothesis draws it: all parameters of a chat, and whole conversations."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.sampled_from(["hello", "你好", "what is the weather in Paris?", "answer as JSON", "x" * 300, "🙂"])
PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
BARE = {"type": "function", "function": {"name": "ping"}}
STRICT = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}  # type: ignore[dict-item]
SIZED = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "maxItems": {"type": "string", "minLength": 1, "default": {"minLength": 2}},
                "days": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 9}},
            },
        },
    },
}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.sampled_from([0, 0.0, 0.3, 0.7, 1, 1.0, 1.5, 2]),
    "top_p": st.sampled_from([0.01, 0.5, 0.95, 1, 1.0]),
    "presence_penalty": st.sampled_from([-2, -0.5, 0, 0.5, 2]),
    "frequency_penalty": st.sampled_from([-2.0, 0, 0.5, 2]),
    "max_tokens": st.sampled_from([1, 100, 5000, 200_000]),
    "max_completion_tokens": st.sampled_from([1, 100, 5000, 200_000]),
    "stop": st.sampled_from(["END", ["a"], ["a", "b", "c", "d"], ["y" * 40], None]),
    "n": st.sampled_from([1, 2, 3]),
    "seed": st.sampled_from([-1, 0, 7, 70_000]),
    "user": st.sampled_from(["someone", "u" * 200, "名"]),
    "safety_identifier": st.just("hashed-user"),
    "prompt_cache_key": st.just("key"),
    "logprobs": st.booleans(),
    "top_logprobs": st.sampled_from([0, 2, 20]),
    "logit_bias": st.sampled_from([{"50256": -100}, {}]),
    "parallel_tool_calls": st.booleans(),
    "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}, JSON_SCHEMA]),
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
    "verbosity": st.sampled_from(["low", "medium", "high"]),
    "modalities": st.just(["text"]),
    "metadata": st.just({"team": "desk"}),
    "store": st.booleans(),
    "service_tier": st.sampled_from(["auto", "default", "flex"]),
    "prediction": st.just({"type": "content", "content": "hello"}),
    "web_search_options": st.just({}),
    "stream": st.booleans(),
}
TOOLED: dict[str, st.SearchStrategy[Any]] = {
    "tools": st.sampled_from([[WEATHER], [WEATHER, BARE], [STRICT], [SIZED]]),
    "tool_choice": st.sampled_from(["auto", "none", "required", NAMED]),
}
# As older programs say it.
FUNCTIONS: dict[str, st.SearchStrategy[Any]] = {
    "functions": st.just([WEATHER["function"]]),
    "function_call": st.sampled_from(["auto", "none", {"name": "get_weather"}]),
}
PARTS = st.lists(
    st.sampled_from(
        [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": PIXEL}},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ]
    ),
    min_size=1,
    max_size=3,
)
_CALL = {"type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A conversation that OpenAI accepts: results follow their calls; the rest stands in any order."""
    turns: list[dict[str, Any]] = []
    for i in range(draw(st.integers(0, 3))):
        turns += draw(st.one_of(_instructions(), _questions(), _replies(), _rounds(i)))
    if draw(st.integers(0, 3)):
        turns.append({"role": "user", "content": draw(TEXT | PARTS)})
    return turns or [{"role": "user", "content": draw(TEXT)}]


def _instructions() -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.builds(
        lambda role, text: [{"role": role, "content": text}], st.sampled_from(["system", "developer"]), TEXT
    )


def _questions() -> st.SearchStrategy[list[dict[str, Any]]]:
    texts = st.builds(lambda text: [{"type": "text", "text": text}], TEXT)
    return st.builds(
        lambda content, name: [{"role": "user", "content": content, **({"name": name} if name else {})}],
        TEXT | texts | PARTS,
        st.sampled_from([None, None, "ann"]),
    )


def _replies() -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.builds(
        lambda text, extra: [{"role": "assistant", "content": text, **extra}],
        TEXT,
        st.sampled_from([{}, {}, {"refusal": None}, {"name": "bot"}]),
    )


@st.composite
def _rounds(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """A question, one or two tool calls, and their results."""
    calls = [{"id": f"call_{number}{i}", **_CALL} for i in range(draw(st.integers(1, 2)))]
    said = draw(st.sampled_from([None, "", "let me look"]))
    results = [{"role": "tool", "tool_call_id": call["id"], "content": '{"celsius": 21}'} for call in calls]
    asked = {"role": "user", "content": draw(TEXT)}
    return [asked, {"role": "assistant", "content": said, "tool_calls": calls}, *results]


@st.composite
def chat_requests(draw: st.DrawFn) -> dict[str, Any]:
    """A chat request with few or many parameters."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=8))
    body: dict[str, Any] = {name: draw(FIELDS[name]) for name in names}
    kind = draw(st.sampled_from(["plain", "plain", "tools", "tools", "functions"]))
    if kind == "tools":
        body |= draw(st.fixed_dictionaries({"tools": TOOLED["tools"]}, optional={"tool_choice": TOOLED["tool_choice"]}))
    elif kind == "functions":
        optional = {"function_call": FUNCTIONS["function_call"]}
        body |= draw(st.fixed_dictionaries({"functions": FUNCTIONS["functions"]}, optional=optional))
    if "top_logprobs" in body:
        body["logprobs"] = True
    if body.get("stream"):
        body |= draw(st.sampled_from([{}, {"stream_options": {"include_usage": True}}]))
    messages = draw(conversations())
    if body.get("response_format") == {"type": "json_object"} and "json" not in str(messages).lower():
        messages.insert(0, {"role": "system", "content": "answer as JSON"})  # OpenAI refuses JSON mode without the word
    return {"model": "gpt-4o", "messages": messages, **body}
