"""What a program does with pydantic-ai: an agent that answers, streams and calls its tool."""

from __future__ import annotations

import asyncio
import json

import openai
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import llm_migrate

looked_up: list[str] = []


def find_order(number: str) -> str:
    """Look up an order by its number."""
    looked_up.append(number)
    return f"{number} was shipped"


async def ask(client: openai.AsyncOpenAI) -> dict[str, object]:
    """Run an agent over a client of the SDK."""
    model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
    agent = Agent(model, instructions="Be brief.")
    plain = await agent.run("how do I wash the tent?")
    async with agent.run_stream("how do I wash the tent?") as run:
        pieces = [piece async for piece in run.stream_text(delta=True)]
    helped = await Agent(model, tools=[find_order]).run("Where is my order LN-2041?")
    return {
        "plain": plain.output,
        "streamed": "".join(pieces),
        "tokens": plain.usage.total_tokens,
        "helped": bool(helped.output),
        "looked_up": list(looked_up),
    }


async def main() -> None:
    """Ask over the transport, then with the drop-in."""
    async with llm_migrate.async_http_client() as http:
        transport = await ask(openai.AsyncOpenAI(api_key="unused", http_client=http))
    looked_up.clear()
    async with llm_migrate.AsyncOpenAI() as client:
        dropped_in = await ask(client)
    print(json.dumps({"transport": transport, "drop-in": dropped_in}))


asyncio.run(main())
