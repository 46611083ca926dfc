"""The support desk over llm_migrate, run by `test_matrix.py` under several versions of the openai SDK.

Prints one JSON object: name of the behaviour -> what came, or {"error": ...}. Imports nothing of the test suite: only
the SDK, llm_migrate and the example are there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pydantic
from app import desk, index, orders

import llm_migrate

TICKET = {"id": "7", "customer": "customer-118", "text": "Where is my order LN-2041?"}
RETURN = {"id": "8", "customer": "customer-9", "text": "I want to return LN-2042, the stove came broken."}
ASK = [{"role": "user", "content": "how do I wash the tent?"}]
ORDER = [{"role": "user", "content": TICKET["text"]}]
FOLDER = Path(tempfile.mkdtemp())


class Verdict(pydantic.BaseModel):
    """What `.parse()` has to return."""

    category: str
    urgency: int


def main() -> None:
    """Run every behaviour and print what came."""
    warnings.simplefilter("always", ResourceWarning)
    warnings.filterwarnings("error", module="llm_migrate")  # the SDKs of two years have warnings of their own
    results: dict[str, Any] = {"version": openai.__version__}
    for name, behaviour in BEHAVIOURS.items():
        try:
            results[name] = behaviour()
        except Exception as e:
            results[name] = {"error": f"{type(e).__module__}.{type(e).__name__}: {e}", "trace": traceback.format_exc()}
    json.dump(results, sys.stdout)


def tapped() -> openai.OpenAI:
    """The program's own client, with our HTTP client below it."""
    return openai.OpenAI(api_key="unused", http_client=llm_migrate.http_client())


def tapped_async() -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="unused", http_client=llm_migrate.async_http_client())


def with_tapped(act: Callable[[openai.OpenAI], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with tapped() as client:
            return act(client)

    return run


def with_drop_in(act: Callable[[openai.OpenAI], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with llm_migrate.OpenAI() as client:
            return act(client)

    return run


def with_tapped_async(act: Callable[[openai.AsyncOpenAI], Any]) -> Callable[[], Any]:
    async def run() -> Any:
        async with tapped_async() as client:
            return await act(client)

    return lambda: asyncio.run(run())


def with_drop_in_async(act: Callable[[openai.AsyncOpenAI], Any]) -> Callable[[], Any]:
    async def run() -> Any:
        async with llm_migrate.AsyncOpenAI() as client:
            return await act(client)

    return lambda: asyncio.run(run())


def file_return() -> Any:
    """A forced tool, at the vendor alone: what it refuses must not go to a target that is dead."""
    with openai.OpenAI(api_key="unused", http_client=llm_migrate.http_client(chain="alone")) as client:
        try:
            return desk.file_return(client, RETURN)
        except openai.BadRequestError as e:
            return {"refused": str(e), "param": e.param}


def headers(client: openai.OpenAI) -> dict[str, str]:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK, temperature=1.3)
    return {k.lower(): v for k, v in raw.headers.items() if k.lower().startswith("x-")}


def stream(client: openai.OpenAI) -> dict[str, Any]:
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    return collect(chunks)


def streamed_tools(client: openai.OpenAI) -> dict[str, Any]:
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ORDER, tools=orders.TOOLS, stream=True))
    return collect(chunks)


def collect(chunks: list[Any]) -> dict[str, Any]:
    """Add up a stream as a program would."""
    out: dict[str, Any] = {"text": "", "calls": [], "finish": None, "usage": None, "objects": []}
    for chunk in chunks:
        out["objects"] = sorted({*out["objects"], chunk.object})
        if chunk.usage:
            out["usage"] = chunk.usage.total_tokens
        for choice in chunk.choices:
            out["text"] += choice.delta.content or ""
            out["finish"] = choice.finish_reason or out["finish"]
            for part in choice.delta.tool_calls or []:
                if part.index == len(out["calls"]):
                    out["calls"].append({"id": part.id, "name": part.function.name, "arguments": ""})
                out["calls"][part.index]["arguments"] += part.function.arguments or ""
    return out


def parse(client: openai.OpenAI) -> Any:
    completions = getattr(client.beta, "chat", client.chat).completions
    parser = getattr(client.chat.completions, "parse", None) or getattr(completions, "parse", None)
    if parser is None:
        return "not in this version"
    ask = [{"role": "user", "content": "Sort it: the parcel is 3 days late."}]
    found = parser(model="gpt-4o", messages=ask, response_format=Verdict).choices[0].message.parsed
    return [type(found).__name__, found.urgency]


def search(client: openai.OpenAI) -> dict[str, Any]:
    path = FOLDER / "index.json"
    index.rebuild(client, path)
    built = json.loads(path.read_text())
    return {"dimensions": built["dimensions"], "first": index.search(client, "how do I wash the tent", path)[0]}


def type_reply(client: openai.OpenAI) -> list[str]:
    path = FOLDER / "index.json"
    index.rebuild(client, path)
    return list(desk.type_reply(client, ASK[0]["content"], path))


async def plain_async(client: openai.AsyncOpenAI) -> list[str]:
    """Ten at once, each with its own answer."""

    async def one(i: int) -> str:
        ask = [{"role": "user", "content": f"number {i}"}]
        response = await client.chat.completions.create(model="gpt-4o", messages=ask)
        return response.choices[0].message.content or ""

    return await asyncio.gather(*[one(i) for i in range(10)])


async def stream_async(client: openai.AsyncOpenAI) -> dict[str, Any]:
    events = await client.chat.completions.create(
        model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    return collect([chunk async for chunk in events])


async def streamed_tools_async(client: openai.AsyncOpenAI) -> dict[str, Any]:
    events = await client.chat.completions.create(model="gpt-4o", messages=ORDER, tools=orders.TOOLS, stream=True)
    return collect([chunk async for chunk in events])


async def embeddings_async(client: openai.AsyncOpenAI) -> int:
    response = await client.embeddings.create(model="text-embedding-3-small", input=["tent", "stove"])
    return len(response.data[1].embedding)


BEHAVIOURS: dict[str, Callable[[], Any]] = {
    "triage": with_tapped(lambda c: desk.triage(c, TICKET)),
    "reply": with_tapped(lambda c: desk.reply(c, TICKET)),
    "handle": with_tapped(lambda c: sorted(desk.handle(c, TICKET))),
    "file_return": file_return,
    "type_reply": with_tapped(type_reply),
    "read_screenshot": with_tapped(lambda c: desk.read_screenshot(c, b"\x89PNG" + bytes(20))),
    "summarise": with_tapped(lambda c: desk.summarise(c, ["The pole broke."])),
    "search": with_tapped(search),
    "headers": with_tapped(headers),
    "stream": with_tapped(stream),
    "streamed_tools": with_tapped(streamed_tools),
    "parse": with_tapped(parse),
    "plain_async": with_tapped_async(plain_async),
    "stream_async": with_tapped_async(stream_async),
    "streamed_tools_async": with_tapped_async(streamed_tools_async),
    "embeddings_async": with_tapped_async(embeddings_async),
    "drop_in_reply": with_drop_in(lambda c: desk.reply(c, TICKET)),
    "drop_in_stream": with_drop_in(stream),
    "drop_in_parse": with_drop_in(parse),
    "drop_in_async": with_drop_in_async(plain_async),
    "drop_in_stream_async": with_drop_in_async(stream_async),
}

if __name__ == "__main__":
    main()
