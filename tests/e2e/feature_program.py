"""What an OpenAI program does, at every vendor, over the unmodified SDK; run by `features.py` under several versions.

Reads a job from standard input, {"vendors": {name: {"config", "models": {feature or "": model}, "errors": [...]}}}, and
prints {vendor: {feature: what came}}. Imports nothing of the test suite: only the SDK and llm_migrate are there.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import openai
import pydantic

import llm_migrate

HELLO = [{"role": "user", "content": "hello"}]
WEATHER = [{"role": "user", "content": "what is the weather in Paris?"}]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
NAMED = {"type": "function", "function": {"name": "get_weather"}}
SAID = "收到: hello"


class Verdict(pydantic.BaseModel):
    """What `.parse()` has to return."""

    answer: Literal["yes", "no"]


@dataclass
class At:
    """One vendor: its configuration, and the model that a feature is asked of."""

    config: str
    model: str

    def client(self, chain: str = "default") -> openai.OpenAI:
        http_client = llm_migrate.http_client(config=self.config, chain=chain)
        return openai.OpenAI(api_key="unused", http_client=http_client, max_retries=0)

    def async_client(self) -> openai.AsyncOpenAI:
        http_client = llm_migrate.async_http_client(config=self.config)
        return openai.AsyncOpenAI(api_key="unused", http_client=http_client, max_retries=0)

    def ask(self, messages: Any = HELLO, **more: Any) -> tuple[Any, str]:
        """Return the answer and what was adapted on its way."""
        with self.client() as client:
            raw = client.chat.completions.with_raw_response.create(model=self.model, messages=messages, **more)
            return raw.parse(), raw.headers.get("x-llm-migrate-adapted", "")

    def stream(self, messages: Any = HELLO, **more: Any) -> tuple[list[Any], str]:
        """Return the chunks and what was adapted on the way."""
        with self.client() as client:
            raw = client.chat.completions.with_raw_response.create(
                model=self.model, messages=messages, stream=True, **more
            )
            return list(raw.parse()), raw.headers.get("x-llm-migrate-adapted", "")


def create(at: At) -> str:
    answer, adapted = at.ask(temperature=0.7, max_tokens=100)
    check(answer.choices[0].message.content, SAID)
    check(answer.choices[0].finish_reason, "stop")
    check(answer.usage.total_tokens > 0, True)
    return adapted


def stream(at: At) -> str:
    chunks, adapted = at.stream(stream_options={"include_usage": True})
    check(text_of(chunks), SAID)
    check([c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason], ["stop"])
    check(sum(chunk.usage is not None for chunk in chunks), 1)
    return adapted


def in_async(at: At) -> str:
    async def both() -> None:
        async with at.async_client() as client:
            whole = await client.chat.completions.create(model=at.model, messages=HELLO)
            check(whole.choices[0].message.content, SAID)
            streamed = await client.chat.completions.create(model=at.model, messages=HELLO, stream=True)
            check(text_of([chunk async for chunk in streamed]), SAID)

    asyncio.run(both())
    return ""


def instructions(at: At) -> str:
    turns = [
        {"role": "developer", "content": "be brief"},
        HELLO[0],
        {"role": "system", "content": "and kind"},
        HELLO[0],
    ]
    answer, adapted = at.ask(turns)
    check(SAID in answer.choices[0].message.content or "hello" in answer.choices[0].message.content, True)
    return adapted


def tools(at: At) -> str:
    answer, adapted = at.ask(WEATHER, tools=TOOLS)
    message = answer.choices[0].message
    check([call.function.name for call in message.tool_calls], ["get_weather"])
    check(answer.choices[0].finish_reason, "tool_calls")
    json.loads(message.tool_calls[0].function.arguments)
    # As programs do it, by hand: what the model thought is not copied.
    turn = {"role": "assistant", "content": message.content, "tool_calls": [c.model_dump() for c in message.tool_calls]}
    results = [{"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"celsius": 21}'}]
    done, more = at.ask([*WEATHER, turn, *results], tools=TOOLS)
    check("21" in done.choices[0].message.content, True)
    return ", ".join(filter(None, (adapted, more)))


def streamed_tools(at: At) -> str:
    chunks, adapted = at.stream(WEATHER, tools=TOOLS)
    calls: dict[int, dict[str, str]] = {}
    for piece in (p for chunk in chunks for c in chunk.choices for p in c.delta.tool_calls or []):
        call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
        call["id"] += piece.id or ""
        call["name"] += piece.function.name or ""
        call["arguments"] += piece.function.arguments or ""
    check([call["name"] for call in calls.values()], ["get_weather"])
    check(all(call["id"] for call in calls.values()), True)
    json.loads(calls[0]["arguments"])
    return adapted


def forced_tool(at: At) -> str:
    answer, adapted = at.ask(WEATHER, tools=TOOLS, tool_choice=NAMED)
    check([call.function.name for call in answer.choices[0].message.tool_calls], ["get_weather"])
    return adapted


def json_mode(at: At) -> str:
    asked = [{"role": "user", "content": 'Answer in JSON, like {"answer": "yes"}'}]
    answer, adapted = at.ask(asked, response_format={"type": "json_object"})
    check(json.loads(answer.choices[0].message.content), {"answer": "yes"})
    return adapted


def parse(at: At) -> str:
    asked = [{"role": "user", "content": 'Is water wet? Like {"answer": "yes"}'}]
    with at.client() as client:
        completions = (
            client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
        )
        answer = completions.parse(model=at.model, messages=asked, response_format=Verdict)
    check(answer.choices[0].message.parsed, Verdict(answer="yes"))
    return ""


def vision(at: At) -> str:
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer, adapted = at.ask([{"role": "user", "content": parts}])
    check("1 image" in answer.choices[0].message.content, True)
    return adapted


def several_choices(at: At) -> str:
    answer, adapted = at.ask(n=2)
    check([c.index for c in answer.choices], [0, 1])
    return adapted


def embeddings(at: At) -> str:
    with at.client() as client:
        raw = client.embeddings.with_raw_response.create(model=at.model, input=["a", "b"])
    rows = raw.parse().data
    check([row.index for row in rows], [0, 1])
    check(len(rows[0].embedding) > 100, True)
    return raw.headers.get("x-llm-migrate-adapted", "")


def models(at: At) -> str:
    with at.client() as client:
        check(at.model in [model.id for model in client.models.list()], True)
    return ""


FEATURES: dict[str, Callable[[At], str]] = {
    "create": create,
    "stream": stream,
    "async": in_async,
    "instructions": instructions,
    "tools": tools,
    "streamed tools": streamed_tools,
    "forced tool": forced_tool,
    "JSON mode": json_mode,
    "parse": parse,
    "vision": vision,
    "n": several_choices,
    "embeddings": embeddings,
    "models": models,
}


def main() -> None:
    job = json.load(sys.stdin)
    print(json.dumps({name: {**features(vendor), **errors(vendor)} for name, vendor in job["vendors"].items()}))


def features(vendor: dict[str, Any]) -> dict[str, str]:
    """Return feature -> "yes", "yes: what was adapted", "no: what was refused", or "broken: ..."."""
    found: dict[str, str] = {}
    for name, behave in FEATURES.items():
        at = At(vendor["config"], vendor["models"].get(name, vendor["models"][""]))
        try:
            adapted = behave(at)
            found[name] = f"yes: {adapted}" if adapted else "yes"
        except (openai.BadRequestError, openai.NotFoundError) as e:
            ours = e.response.headers.get("x-llm-migrate-attempts") == "0"  # refused before anybody was asked
            found[name] = f"no: {e.body['param'] if isinstance(e.body, dict) else e}" if ours else f"broken: {e}"
        except Exception as e:
            found[name] = f"broken: {type(e).__name__}: {e}"
    return found


def errors(vendor: dict[str, Any]) -> dict[str, str]:
    """Return error -> class and code that the SDK raises, the same whole and streamed."""
    found: dict[str, str] = {}
    for name in vendor["errors"]:
        at = At(vendor["config"], vendor["models"][""])
        seen = set()
        for streamed in (False, True):
            try:
                with at.client(chain=name) as client:
                    client.chat.completions.create(model=at.model, messages=HELLO, stream=streamed)
                seen.add("no error")
            except openai.APIStatusError as e:
                seen.add(f"{type(e).__name__} {e.code or ''}".strip())
            except Exception as e:
                seen.add(f"broken: {type(e).__name__}: {e}")
        found[f"error {name}"] = seen.pop() if len(seen) == 1 else f"broken: {sorted(seen)}"
    return found


def text_of(chunks: list[Any]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def check(seen: Any, wanted: Any) -> None:
    if seen != wanted:
        raise AssertionError(f"{seen!r} instead of {wanted!r}")


if __name__ == "__main__":
    main()
