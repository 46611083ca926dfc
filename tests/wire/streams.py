"""Streams as vendors send them, for tests that cut and split them.

The shapes are OpenAI's documented one and those of `response_samples` in tests/data/vectors; values are invented.
"""

from __future__ import annotations

import orjson

USAGE = {"prompt_tokens": 39, "completion_tokens": 4, "total_tokens": 43}
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "acme-1-0101"}


def chunk(delta: dict | None = None, finish: str | None = None, index: int = 0, **extra) -> dict:
    """Return a chunk that is complete."""
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {**HEAD, "choices": [choice], **extra}


def sse(*chunks: dict | str, done: bool = True, end: str = "\n\n") -> bytes:
    """Return chunks as a stream's bytes."""
    events = [c.encode() if isinstance(c, str) else orjson.dumps(c) for c in chunks]
    return b"".join(b"data: " + event + end.encode() for event in [*events, *([b"[DONE]"] if done else [])])


def _piece(index: int, **function) -> dict:
    return {"tool_calls": [{"index": index, "function": function}]}


def _call(index: int, call_id: str, name: str) -> dict:
    return {
        "tool_calls": [{"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}]
    }


TEXT = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "你"}),
    chunk({"content": "好🙂"}),
    chunk(None, "stop"),
]
TOOLS = [
    chunk({"role": "assistant", "content": None, **_call(0, "c1", "f")}),
    chunk(_piece(0, arguments='{"x":')),
    chunk(_piece(0, arguments='"1"}')),
    chunk(_call(1, "c2", "g")),
    chunk(_piece(1, arguments="{}")),
    chunk(None, "tool_calls"),
]
AZURE = [
    {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    *TEXT,
    {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 44}}],
        "usage": None,
    },
]
ZHIPU = [
    {
        "id": "83",
        "created": 17,
        "model": "glm",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}],
    },
    {
        "id": "83",
        "created": 17,
        "model": "glm",
        "choices": [{"index": 0, "finish_reason": "sensitive", "delta": {"role": "assistant", "content": ""}}],
        "usage": USAGE,
    },
]
KIMI = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "hm"}),
    chunk({"content": "x"}),
    {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]},
]
TWO_CHOICES = [
    chunk({"role": "assistant", "content": "a"}, index=0),
    chunk({"role": "assistant", "content": "b"}, index=1),
    chunk(None, "stop", index=0),
    chunk(None, "length", index=1),
]
REPEATED = [
    *TEXT[:3],
    {**HEAD, "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "你好🙂"}}], "usage": USAGE},
]
ASKED = [*[{**c, "usage": None} for c in TEXT], {**HEAD, "choices": [], "usage": USAGE}]

RECORDED = {
    "text": TEXT,
    "tools": TOOLS,
    "azure": AZURE,
    "zhipu": ZHIPU,
    "kimi": KIMI,
    "two choices": TWO_CHOICES,
    "repeated message": REPEATED,
    "usage asked": ASKED,
}
