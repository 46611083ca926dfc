"""Asks many things at once under a budget: `python budget_program.py CONFIG CALLS AT_ONCE`; prints what came."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import llm_migrate
from llm_migrate.errors import UpstreamError


async def main(config: str, calls: int, at_once: int) -> None:
    came: Counter[str] = Counter()
    places = asyncio.Semaphore(at_once)
    client = llm_migrate.AsyncClient(config=config)

    async def ask(number: int) -> None:
        async with places:
            headers: dict[str, str] = {}
            try:
                await client.chat(
                    model="gpt-4o",
                    messages=[{"role": "user", "content": f"question {number}"}],
                    max_tokens=20,
                    answer_headers=headers,
                )
                came["served"] += 1
            except UpstreamError as e:
                came[e.code or "error"] += 1

    await asyncio.gather(*(ask(number) for number in range(calls)))
    await client.close()
    print(json.dumps(came))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
