"""openai 0.28 over `requests_session()`, run by `test_legacy_sdk.py`; the SDK and its example are not changed.

    python legacy_program.py behaviours      print one JSON object: name -> what came
    python legacy_program.py errors N        make N calls and print, as JSON, what each raised
    python legacy_program.py run FILE WORD...   run a program of the time with the session set

Imports nothing of the test suite: only the SDK and llm_migrate are there.
"""

from __future__ import annotations

import json
import runpy
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import openai

import llm_migrate

ASK = [{"role": "user", "content": "how do I wash the tent?"}]
ORDER = [{"role": "user", "content": "find order LN-2041"}]
FIND = {
    "name": "find_order",
    "description": "find an order",
    "parameters": {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
}


def main() -> None:
    warnings.simplefilter("always", ResourceWarning)
    verb, *words = sys.argv[1:]
    openai.api_key = "unused"
    if verb == "run":
        openai.requestssession = llm_migrate.requests_session()
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")
    elif verb == "errors":
        json.dump([apart(error) for _ in range(int(words[0]))], sys.stdout)
    else:
        json.dump({name: apart(behaviour) for name, behaviour in BEHAVIOURS.items()}, sys.stdout)


def apart(act: Callable[[], Any]) -> Any:
    """Act in a thread of its own with a session of its own: the SDK keeps one for each thread."""
    came: list[Any] = []

    def run() -> None:
        with llm_migrate.requests_session() as session:
            openai.requestssession = session
            try:
                came.append(act())
            except Exception as e:
                came.append({"error": f"{type(e).__name__}: {e}", "trace": traceback.format_exc()})

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return came[0]


def error() -> dict[str, Any]:
    try:
        return {"answer": create()}
    except openai.error.OpenAIError as e:
        said = (e.json_body or {}).get("error", {})
        return {"class": type(e).__name__, "status": e.http_status, "code": said.get("code"), "text": str(e)}


def create() -> Any:
    answer = openai.ChatCompletion.create(model="gpt-4o", messages=ASK, temperature=1.3, logit_bias={"1": 1})
    return [answer["choices"][0]["message"]["content"], answer.choices[0].finish_reason, answer.usage.total_tokens > 0]


def stream() -> Any:
    chunks = list(openai.ChatCompletion.create(model="gpt-4o", messages=ASK, stream=True))
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    return [len(chunks) > 3, text, chunks[-1].choices[0].finish_reason]


def left_stream() -> Any:
    for chunk in openai.ChatCompletion.create(model="gpt-4o", messages=ASK, stream=True):
        return chunk["object"]
    return None


def tools() -> Any:
    tool = {"type": "function", "function": FIND}
    said = openai.ChatCompletion.create(model="gpt-4o", messages=ORDER, tools=[tool]).choices[0].message
    call = said.tool_calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"carrier": "DHL"}'}
    messages = [*ORDER, said.to_dict_recursive(), result]
    last = openai.ChatCompletion.create(model="gpt-4o", messages=messages, tools=[tool])
    return [call.function.name, json.loads(call.function.arguments), last.choices[0].message.content]


def streamed_tools() -> Any:
    tool = {"type": "function", "function": FIND}
    text = ""
    for chunk in openai.ChatCompletion.create(model="gpt-4o", messages=ORDER, tools=[tool], stream=True):
        for piece in chunk.choices[0].delta.get("tool_calls") or []:
            text += piece.function.get("arguments") or ""
    return json.loads(text)


def functions() -> Any:
    try:
        said = openai.ChatCompletion.create(model="gpt-4o", messages=ORDER, functions=[FIND]).choices[0].message
    except openai.error.InvalidRequestError as e:
        return [type(e).__name__, e.param]
    return [said.function_call.name, json.loads(said.function_call.arguments)]


def embeddings() -> Any:
    rows = openai.Embedding.create(model="text-embedding-ada-002", input=["tent", "stove"])["data"]
    return [[row["index"], len(row["embedding"]), type(row["embedding"][0]).__name__] for row in rows]


def engine() -> Any:
    rows = openai.Embedding.create(engine="text-embedding-ada-002", input="tent")["data"]
    answer = openai.ChatCompletion.create(engine="gpt-4o", messages=ASK)
    return [len(rows), answer.choices[0].message.content]


def azure() -> Any:
    here = {"api_type": "azure", "api_base": "https://x.invalid", "api_version": "2023-05-15"}
    return openai.ChatCompletion.create(deployment_id="gpt-4o", messages=ASK, **here).choices[0].message.content


def models() -> Any:
    return "gpt-4o" in [model.id for model in openai.Model.list().data]


def images() -> Any:
    try:
        return openai.Image.create(prompt="a tent")
    except openai.error.InvalidRequestError as e:
        return e.http_status


BEHAVIOURS: dict[str, Callable[[], Any]] = {
    "version": lambda: openai.VERSION,
    "create": create,
    "stream": stream,
    "left_stream": left_stream,
    "tools": tools,
    "streamed_tools": streamed_tools,
    "functions": functions,
    "embeddings": embeddings,
    "engine": engine,
    "azure": azure,
    "models": models,
    "images": images,
}

if __name__ == "__main__":
    main()
