"""What a program does with instructor: an answer as an object, from the tool call that instructor asks for."""

from __future__ import annotations

import asyncio
import json

import instructor
import openai
from pydantic import BaseModel

import llm_migrate


class Order(BaseModel):
    """Find an order."""

    number: str


ASK = [{"role": "user", "content": "Where is my order LN-2041?"}]

with llm_migrate.http_client() as http:
    client = instructor.from_openai(openai.OpenAI(api_key="unused", http_client=http))
    plain = client.chat.completions.create(model="gpt-4o", response_model=Order, messages=ASK)
    pieces = list(client.chat.completions.create_partial(model="gpt-4o", response_model=Order, messages=ASK))

with llm_migrate.OpenAI() as dropped:
    dropped_in = instructor.from_openai(dropped).chat.completions.create(
        model="gpt-4o", response_model=Order, messages=ASK
    )


async def asynchronous() -> Order:
    """Ask with the asynchronous client."""
    async with llm_migrate.async_http_client() as http:
        client = instructor.from_openai(openai.AsyncOpenAI(api_key="unused", http_client=http))
        return await client.chat.completions.create(model="gpt-4o", response_model=Order, messages=ASK)


said = {"plain": plain, "streamed": pieces[-1], "drop-in": dropped_in, "async": asyncio.run(asynchronous())}
print(json.dumps({name: order.number for name, order in said.items()}))
