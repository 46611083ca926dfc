"""What a program does with llama-index's class for OpenAI-like servers: chat, stream, async, tools."""

from __future__ import annotations

import asyncio
import json

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

import llm_migrate

ASK = [ChatMessage(role="user", content="how do I wash the tent?")]


def find_order(number: str) -> str:
    """Look up an order by its number."""
    return f"{number} was shipped"


async def asynchronous(model: OpenAILike) -> str:
    """Ask with the asynchronous client."""
    return (await model.achat(ASK)).message.content or ""


with llm_migrate.http_client() as http:
    async_http = llm_migrate.async_http_client()
    model = OpenAILike(
        model="gpt-4o",
        api_base="https://api.openai.com/v1",
        api_key="unused",
        is_chat_model=True,
        is_function_calling_model=True,
        http_client=http,
        async_http_client=async_http,
    )
    called = model.chat_with_tools([FunctionTool.from_defaults(find_order)], user_msg="Where is my order LN-2041?")
    calls = model.get_tool_calls_from_response(called)
    said = {
        "plain": model.chat(ASK).message.content,
        "streamed": "".join(piece.delta or "" for piece in model.stream_chat(ASK)),
        "async": asyncio.run(asynchronous(model)),
        "calls": [[call.tool_name, call.tool_kwargs] for call in calls],
    }
print(json.dumps(said))
