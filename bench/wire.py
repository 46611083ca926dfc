"""What translation costs: processor time to encode a call, to decode its answer, and for one event of its stream.

    python bench/wire.py [--rounds 9] [--calls 300] [--only NAME]

One row a provider, its dialect beside it: a plain chat with five parameters, then one with two tools and their history.
The answers and streams are those of the fakes in tests/fakes. Each figure is the least over rounds in which all take
turns, in microseconds of this process; the first row is JSON alone (parse, write, parse), the ratio is to OpenAI's own
shape, where nothing must change. A stream passes through untouched there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from llm_migrate.config import Secret
from llm_migrate.wire.exchange import Outgoing, RefusedError, StreamReader, parse_call, prepare, read_answer
from tests.fakes.served import SERVED, Served
from tests.fakes.server import Reply, Request

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
PLAIN = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": "Say something short about the weather in Hangzhou. " * 4},
    ],
    "temperature": 0.7,
    "top_p": 0.9,
    "max_tokens": 200,
    "user": "customer-118",
}
TOOLED = {
    "model": "gpt-4o",
    "messages": [
        *PLAIN["messages"],
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21}'},
    ],
    "tools": [WEATHER],
}
LONG = {**PLAIN, "messages": [{"role": "user", "content": "word " * 300}]}
STREAM = b'{"stream":true,'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--only", help="a fake's name")
    args = parser.parse_args()
    served = [s for s in SERVED.values() if args.only is None or s.fake in (args.only, "openai")]
    jobs = {s.fake: jobs_of(s) for s in served}
    best: dict[str, dict[str, float]] = {name: {} for name in ("json", *jobs)}
    for _ in range(args.rounds):
        best["json"]["encode"] = min(best["json"].get("encode", 1e9), timed(json_alone, args.calls))
        for name, table in jobs.items():
            for what, (work, units) in table.items():
                calls = max(1, args.calls // units)
                best[name][what] = min(best[name].get(what, 1e9), timed(work, calls) / units)
    print(f"{'':14}{'dialect':14}" + "".join(f"{c:>16}" for c in COLUMNS))
    print(f"{'JSON alone':28}{best['json']['encode']:16.1f}")
    for s in served:
        cells = [cell(best[s.fake].get(c), best["openai"][c]) for c in COLUMNS]
        print(f"{s.fake:14}{s.target().dialect:14}" + "".join(f"{c:>16}" for c in cells))


COLUMNS = ("encode", "encode tools", "decode", "stream event")


def cell(value: float | None, base: float) -> str:
    return "-" if value is None else f"{value:.1f} ({value / base:.2f})"


def timed(work: Callable[[], object], calls: int) -> float:
    """Return microseconds of processor time for one call of a function."""
    begin = time.process_time_ns()
    for _ in range(calls):
        work()
    return (time.process_time_ns() - begin) / calls / 1000


def json_alone() -> object:
    return orjson.loads(orjson.dumps(orjson.loads(BODY)))


BODY = orjson.dumps(PLAIN)


def jobs_of(served: Served) -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is measured: a function without arguments, and how many units it does at a time."""
    target, secret, model = served.target(), Secret(served.key), served.models[0]

    def encode(raw: bytes) -> Outgoing:
        call = parse_call("POST", "/v1/chat/completions", raw)
        return prepare(target, call, model=model, secret=secret, now_s=time.time())

    def answer(raw: bytes) -> Reply:
        out = encode(raw)
        url = urlsplit(out.url)
        query = {k: v[-1] for k, v in parse_qs(url.query).items()}
        request = Request("POST", url.path, query, {**dict(out.headers), "host": url.netloc}, out.body)
        return served.module.serve(request)

    jobs: dict[str, tuple[Callable[[], object], int]] = {"encode": (lambda: encode(BODY), 1)}
    tooled = orjson.dumps(TOOLED)
    try:
        encode(tooled)
        jobs["encode tools"] = (lambda: encode(tooled), 1)
    except RefusedError:
        pass  # this model calls no tools
    call, out = parse_call("POST", "/v1/chat/completions", BODY), encode(BODY)
    whole = json.dumps(answer(BODY).payload, ensure_ascii=False).encode()
    jobs["decode"] = (lambda: read_answer(target, call, out, 200, {}, whole), 1)
    asked = orjson.dumps({**LONG, "stream": True})
    streamed, sent = parse_call("POST", "/v1/chat/completions", asked), encode(asked)
    reply = answer(asked)
    events = [json.dumps(e, ensure_ascii=False).encode() for e in reply.events or ()] + [b"[DONE]"] * reply.done
    lines = [b"data: " + event + b"\n\n" for event in events]

    def stream() -> object:
        reader = StreamReader(target, streamed, sent)
        return [event for line in lines for event in reader.feed(line)]

    jobs["stream event"] = (stream, len(lines))
    return jobs


if __name__ == "__main__":
    main()
