"""What one answer leaves behind in a connection never reaches the next call."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import openai
import pytest

from llm_migrate.config import load_config
from llm_migrate.taps.tap import Tap
from tests.engine.script import completion
from tests.faults.case import WORLD
from tests.faults.fault import FIRST, REST, answering, ended, says, whole
from tests.faults.server import Does, Peer, serving
from tests.faults.ways import ASKED, WAYS, Way

FORGED = whole(completion("somebody else's"))
LEFT = {
    "bytes behind the end": says(whole() + b"oops", ended() + b"oops"),
    "another answer behind the end": says(whole() + FORGED, ended() + FORGED),
    "a close": says(whole(), ended(), Peer.close),
    "a reset": says(whole(), ended(), Peer.reset),
}

CASES = [
    (left, way)
    for left in LEFT
    for way in WAYS
    # The pool of httpx takes it for the next answer; who gives a transport of its own has chosen that.
    if left != "another answer behind the end" or "own" not in way.name
]


def in_turn(first: Does, then: Does) -> Does:
    came: list[Peer] = []

    def does(peer: Peer) -> None:
        came.append(peer)
        (first if len(came) == 1 else then)(peer)

    return does


def two_answers(client: Any, streamed: bool) -> list[str]:
    """Return the texts of two calls in a row."""
    if isinstance(client, openai.AsyncOpenAI):
        return asyncio.run(two_answers_async(client, streamed))
    with client:
        if not streamed:
            return [client.chat.completions.create(**ASKED).choices[0].message.content for _ in range(2)]
        streams = (client.chat.completions.create(**ASKED, stream=True) for _ in range(2))
        return ["".join(chunk.choices[0].delta.content or "" for chunk in stream) for stream in streams]


async def two_answers_async(client: openai.AsyncOpenAI, streamed: bool) -> list[str]:
    texts: list[str] = []
    async with client:
        for _ in range(2):
            answer: Any = await client.chat.completions.create(**ASKED, stream=streamed)
            if streamed:
                texts.append("".join([chunk.choices[0].delta.content or "" async for chunk in answer]))
            else:
                texts.append(answer.choices[0].message.content)
    return texts


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("left", "way"), CASES, ids=lambda value: getattr(value, "name", value))
def test_the_next_call_gets_its_own_answer(left: str, streamed: bool, way: Way) -> None:
    """R1: whatever a vendor says too much, or how it leaves, two calls give two right answers."""
    with serving(in_turn(LEFT[left], answering(FIRST, REST))) as server:
        tap = Tap(load_config(base_url=server.base_url, api_key="k"), world=WORLD)

        texts = two_answers(way.client_over(tap, httpx2.Timeout(5.0)), streamed)

    assert texts == [FIRST + REST] * 2
