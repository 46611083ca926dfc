"""What a child process has of its parent's connections: nothing (P1)."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

from tests.engine.script import completion
from tests.taps.loopback import loopback, whole

SYNC = """
    import os, sys
    import llm_migrate

    client = llm_migrate.OpenAI(base_url=sys.argv[1], api_key="k")

    def ask(word):
        messages = [{"role": "user", "content": word}]
        return client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content

    ask("warm")
    children = []
    for child in range(2):
        pid = os.fork()
        if pid == 0:
            words = [f"{child}-{number}" for number in range(200)]
            os._exit(sum(ask(word) != word for word in words))
        children.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children], ask("parent"))
"""

ASYNC = """
    import asyncio, os, sys
    import llm_migrate
    from llm_migrate.engine import async_pooled_upstream

    async def main():
        client = llm_migrate.AsyncOpenAI(base_url=sys.argv[1], api_key="k")

        async def ask(word):
            messages = [{"role": "user", "content": word}]
            answer = await client.chat.completions.create(model="gpt-4o", messages=messages)
            return answer.choices[0].message.content

        await ask("warm")
        pid = os.fork()
        if pid == 0:
            os._exit(len(async_pooled_upstream._pools))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), await ask("parent"))

    asyncio.run(main())
"""


def echo(to):
    """Say back what was asked."""
    asked = to.server.loopback
    body = next(got.body for got in reversed(asked.requests) if got.connection == id(to.connection))
    whole(completion(body["messages"][-1]["content"]))(to)


def run(code, base_url):
    command = [sys.executable, "-c", textwrap.dedent(code), base_url]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_forked_workers_get_their_own_answers():
    """Two workers forked from a warm client get 200 answers each, none of them another's (P1)."""
    with loopback(echo) as server:
        assert run(SYNC, server.base_url) == "[0, 0] parent"

    assert len({got.connection for got in server.requests}) >= 3
    assert json.dumps(server.requests[0].body["messages"][-1]["content"]) == '"warm"'


def test_a_forked_child_forgets_the_sessions_of_its_parent():
    """The child has no session, and the parent's goes on (P1)."""
    with loopback(echo) as server:
        assert run(ASYNC, server.base_url) == "0 parent"
