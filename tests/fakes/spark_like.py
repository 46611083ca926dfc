"""iFlytek's Spark over HTTP. The address says which model answers: `spark-x` is another one on each of three.

Facts from: xfyun.cn/doc/spark (HTTP page; X1http.html of 2025-11-03; X2-Flash.html; Spark-X2.5.html; error codes of
Web.html), iFLYTEK-OP/websdk-java (fields of v1), npm @lobehub/lobehub 2.1.26 (addresses, tool calls, usage), npm
model-bank (sizes), WEIFENG2333/VideoCaptioner#165 (the 401). That refusals of parameters are 400 and others 500, with
these bodies, and that answers of v1 are as bare as here, was seen on the live route in 2025 and 2026.

Stricter than the vendor on purpose: fields that its pages do not list are refused, so that a client which still sends
them is found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.answers import FILTERED, answer, prompt
from tests.fakes.samples import sample
from tests.fakes.server import RefusalError, Reply, Request, Sample, Vendor
from tests.fakes.shape import Shape, check_fields, check_ranges, check_tools, check_turns, reply

KEY = "sk-fake-spark"  # an APIPassword; the vendor gives one to each version, here one opens all
PAIR = "fakeApiKey:fakeApiSecret"  # the other form


@dataclass(frozen=True, slots=True)
class Line:
    """A model: its size in tokens, and whether it knows system messages and tools."""

    name: str
    context: int
    most: int
    able: bool = True


ULTRA = Line("4.0Ultra", 32768, 32768)
# Address -> model -> what answers. Max (generalv3.5, max-32k) ended on 2026-03-10. The page allows 8192 tokens on v1,
# where the models' own sizes differ: the larger number holds.
MODELS = {
    "/v1": {
        **{name: Line(name, 8192, 8192, able=False) for name in ("lite", "general", "generalv3")},
        "pro-128k": Line("pro-128k", 131072, 8192, able=False),
        "4.0Ultra": ULTRA,
    },
    "/v2": {"spark-x": Line("x1.5", 65536, 65536)},
    "/x2": {"spark-x": Line("x2", 65536, 131072)},
    "/agent/v1": {"spark-x": Line("x2-flash", 262144, 262144)},
}
FIELDS = {
    *("model", "messages", "stream", "temperature", "top_p", "top_k", "max_tokens"),
    *("presence_penalty", "frequency_penalty"),
    *("tools", "tool_choice", "tool_calls_switch", "response_format", "user", "thinking"),
}
RANGES = {
    "temperature": (0, 2),
    "top_p": (math.nextafter(0, 1), 1),
    "top_k": (1, 6),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
V1_SHAPE = Shape(usage="finish", tool_calls="whole")
X_SHAPE = Shape(usage="always")
INVALID = ("10163", "10003", "10004", "10005")  # format, schema, parameter


def serve(request: Request) -> Reply:
    """Answer one request."""
    base, _, end = request.path.partition("/chat/completions")
    if base not in MODELS or end or request.method != "POST" or base == request.path:
        raise RefusalError(404, b"404 page not found", content_type="text/plain")  # there is no /models either
    bearer = request.headers.get("authorization", "")
    if bearer not in {f"Bearer {KEY}", f"Bearer {PAIR}"}:
        raise _unauthorized()
    body = request.body
    line = MODELS[base].get(body.get("model", ""))
    if line is None:
        raise error("10005", f"invalid param model:{body.get('model')}")
    _check_parameters(body, line, v1=base == "/v1")
    _check_messages(body, line, v1=base == "/v1")
    if FILTERED in prompt(body):
        raise error("10013", "input content audit failed")
    said = answer(body)
    if said.prompt_tokens > line.context:
        raise error("10907", "token count exceeds the limit")
    head = {"code": 0, "message": "Success", "sid": f"cha-fake@{line.name}"}
    if base == "/v1":
        return _bare(reply(body, said, replace(V1_SHAPE, head=head)), listed=body.get("tool_calls_switch") is True)
    thinks = (body.get("thinking") or {}).get("type") != "disabled"
    return reply(body, said, replace(X_SHAPE, head=head), thinks=thinks)


def error(code: str, message: str) -> RefusalError:
    """How HTTP wraps a code."""
    status, kind = (400, "invalid_request_error") if code in INVALID else (500, "api_error")
    body = {"message": f"{message} (sid: cha-fake)", "type": kind, "param": None, "code": code}
    return RefusalError(status, {"error": body})


def _plain(code: str, message: str) -> RefusalError:
    """How the page has it: the envelope of an answer, whose code is not 0, with HTTP 200."""
    return RefusalError(200, {"code": int(code), "message": message, "sid": "cha-fake"})


def _unauthorized() -> RefusalError:
    """The gateway's own words, without a code."""
    text = "HMAC signature cannot be verified:enforced header 'host' not used for signature creation"
    return RefusalError(401, {"message": text})


def _bad(message: str) -> RefusalError:
    return error("10163", message)


def _check_parameters(body: dict[str, Any], line: Line, *, v1: bool) -> None:
    check_fields(body, FIELDS, _bad)
    check_ranges(body, {**RANGES, "max_tokens": (1, line.most)}, _bad)
    if len(body.get("user") or "") > 512:
        raise _bad("user must have at most 512 characters")
    if body.get("tools") and not line.able:
        raise _bad(f"tools is not supported by {line.name}")
    check_tools(body, _bad)
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, str) and choice not in {"auto", "none", "required"}:
        raise _bad("tool_choice must be auto, none, required or name a function")
    if v1 and (body.get("response_format") or {}).get("type", "text") not in {"text", "json_object"}:
        raise _bad("response_format.type must be text or json_object")


def _check_messages(body: dict[str, Any], line: Line, *, v1: bool) -> None:
    """Text only. How a result names its call on v1, whose calls have no id, is not documented: not checked."""
    messages = body.get("messages") or []
    roles = {"user", "assistant", "tool"} | ({"system"} if line.able else set())
    if not messages or any(message.get("role") not in roles for message in messages):
        raise error("10003", "invalid data")
    if not v1:
        check_turns(body, roles, lambda _: error("10003", "invalid data"))
    if any(isinstance(message.get("content"), list) for message in messages):  # the pages have a string
        raise error("10003", "invalid data")


def _bare(answered: Reply, *, listed: bool) -> Reply:
    """An answer of v1: no model, object or reason to finish, and a call that is an object, without id and index.

    In a stream each delta has its role, the last has the usage, and no space stands behind "data:". Calls are `listed`
    where `tool_calls_switch` asks for it; whether they have ids then is not documented.
    """
    if answered.events is None:
        return Reply(_stripped(answered.payload, "message", ("object", "model", "id", "created"), listed=listed))
    events = (_stripped(event, "delta", ("object", "model"), listed=listed) for event in answered.events)
    return Reply(events=tuple(events), space=False)


def _stripped(event: dict[str, Any], part: str, dropped: Iterable[str], *, listed: bool) -> dict[str, Any]:
    said = {"role": "assistant", "content": "", **event["choices"][0][part]}
    if said.get("tool_calls"):
        calls = [{"type": "function", "function": call["function"]} for call in said["tool_calls"]]
        said["tool_calls"] = calls if listed else calls[0]
    kept = {name: value for name, value in event.items() if name not in dropped}
    return kept | {"choices": [{part: said, "index": 0}]}


# Our name, class, code, the vendor's codes with the plainest first. Left out: 10016 and 11200, which may mean a missing
# licence or used up tokens (only their words tell), and 11203, which is remembered only.
_ROWS: tuple[tuple[str, str, str | None, tuple[str, ...]], ...] = (
    ("limited", "RateLimitError", None, ("11202", "10006", "10007")),
    ("quota", "RateLimitError", "insufficient_quota", ("11201",)),
    ("permission", "PermissionDeniedError", None, ("10015",)),
    ("policy", "BadRequestError", "content_filter", ("10013", "10014", "10019")),
    ("context", "BadRequestError", "context_length_exceeded", ("10907",)),
    ("server", "InternalServerError", None, ("10012", "10000", "10001", "10002", "10009", "10010", "10011", "10222")),
    ("overloaded", "InternalServerError", None, ("10110", "10008")),
    ("request", "BadRequestError", None, INVALID),
)


def _samples() -> dict[str, Sample]:
    """Each code in both forms."""
    out = {"credential": sample(_unauthorized(), "AuthenticationError")}
    for name, raises, code, numbers in _ROWS:
        out[name] = sample(error(numbers[0], "fake"), raises, code)
        out |= {f"{name} {number}": sample(error(number, "fake"), raises, code) for number in numbers}
        out |= {f"{name} {number} as 200": sample(_plain(number, "fake"), raises, code) for number in numbers}
    return out


ERRORS = _samples()


def _env(address: str) -> dict[str, str]:
    return {"SPARK_API_PASSWORD": KEY, "SPARK_BASE_URL": address + "/v1"}


VENDOR = Vendor("spark", "/v1", serve, _env)
