"""Every vector is reproduced, or said not to be ours: what we send beside what the SDKs sent, what we read of answers.

A vector is what a vendor's own SDK sent to a loopback server, or an answer in a vendor's form. Where ours differs from
an SDK on purpose, a row of vector_rows.py says why. A new vector fails here until it is reproduced or has its row.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import orjson
import pytest

from llm_migrate._version import __version__
from llm_migrate.catalog.policy import Effect
from llm_migrate.config import Config, Secret, Target, load_config
from llm_migrate.wire.auth import Unsigned, baidu_iam, baidu_oauth, bce_v1, jwt_sensenova, tc3
from llm_migrate.wire.auth.token import encode_hs256
from llm_migrate.wire.exchange import (
    CARRIED,
    Answer,
    Call,
    Chunk,
    Done,
    Fault,
    Manner,
    OpenAIError,
    Outgoing,
    RefusedError,
    StreamReader,
    parse_call,
    prepare,
    read_answer,
)
from tests.wire.openai_schema import problems
from tests.wire.vector_rows import (
    ANSWERS,
    ASKED,
    CONFIG,
    DIFFERENCES,
    ERRORS,
    EVERY,
    MODELS,
    NOT_OURS,
    OLD_SDKS,
    RESIGNED,
    SIGNATURE_ONLY,
    STREAMED,
    WHOLE,
    ZHIPU_SECRET,
    Asked,
    Key,
    Told,
    Vector,
)

NOW = 1720483200.0
WORDS = re.compile(r'"(?:message|Message|Msg|error_msg)":\s*"([^"]*)"')
TENCENT_HOST = "hunyuan.tencentcloudapi.com"

# Headers that only name the SDK or belong to its HTTP library; we name ourselves, and draw no random ids.
SDK_HEADERS = (
    "*user-agent",
    "x-stainless-*",
    "accept-language",
    "content-length",
    "zhipuai-sdk-ver",
    "zai-sdk-ver",
    "source_type",
    "x-request-sdk",
    "x-source-channel",
    "request_id",
    "request-source",
    "x-tc-requestclient",
    "x-tc-language",
)


@dataclass(frozen=True)
class Request:
    """What is compared of a request: no word in it is only the name of an SDK."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """A request of ours with what is needed to read its answer."""

    target: Target
    call: Call
    out: Outgoing

    def read(self, status: int, raw: bytes) -> Any:
        """Return the JSON that a program gets for an answer, or the error."""
        found = read_answer(self.target, self.call, self.out, status, {}, raw)
        return orjson.loads(found.body) if isinstance(found, Answer) else found

    def read_stream(self, raw: bytes) -> tuple[list[Any], StreamReader]:
        """Return the events that a stream holds, and its reader."""
        reader = StreamReader(self.target, self.call, self.out)
        return [*reader.feed(raw), *reader.finish()], reader


def send(key: Key, vector: Vector, config: Config, *, i: int = 0, now_s: float = NOW) -> Sent:
    """Return what we send when a program asks for what the SDK was asked for in its i-th request."""
    asked = ASKED.get(key, Asked())
    target = config.targets[asked.target or key[0]]
    method, path, body = asked_request(key, vector, i)
    call = parse_call(method, path, orjson.dumps(body))
    with patch.dict(os.environ, asked.environments[i] if asked.environments else {}):
        secret = target.credential()
    out = prepare(target, call, model=call.model, manner=Manner(), secret=secret, now_s=now_s)
    return Sent(target, call, out)


def asked_request(key: Key, vector: Vector, i: int) -> tuple[str, str, Mapping[str, Any]]:
    """Return method, path and body of a program's request to us."""
    plain = {"model": MODELS[key[0]], "messages": [{"role": "user", "content": "hi"}]}
    given = ASKED.get(key, Asked()).body
    if "requests" not in vector:
        return "POST", "/v1/chat/completions", given or plain
    recorded = vector["requests"][i]
    if given is None and vector["sdk"] != "openai":
        given = next((v for name, v in vector["input"].items() if name.endswith(".create")), None)
        given = given and {**{k: v for k, v in given.items() if k != "extra_body"}, **given.get("extra_body", {})}
    # The openai SDK is what stands above us, so what it sends is what we are asked.
    return recorded["method"], recorded["target"], given or _without_nulls(recorded["body"] or {})


def ours(out: Outgoing | Unsigned) -> Request:
    """Return what is compared of our request, without what the catalog added on purpose."""
    url = urlsplit(out.url)
    rulings = out.rulings if isinstance(out, Outgoing) else ()
    added = {name for ruling in rulings if ruling.effect is Effect.ADDED for name in ruling.set}
    body = {k: v for k, v in orjson.loads(out.body or b"{}").items() if k not in added}
    target = f"{url.path}?{url.query}" if url.query else url.path
    return Request(out.method, target, _headers({**dict(out.headers), "host": url.netloc}), body)


def theirs(recorded: Mapping[str, Any]) -> Request:
    """Return what is compared of an SDK's request, captured in either of two forms."""
    if "request_line" not in recorded:
        method, target, body = recorded["method"], recorded["target"], recorded["body"] or {}
    else:
        method, target, _ = recorded["request_line"].split()
        body = json.loads(recorded["body"])
    return Request(method, target, _headers(dict(recorded["headers"])), _said(body))


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    if "content-type" in lower:
        lower["content-type"] = lower["content-type"].partition(";")[0]  # JSON has one charset
    return {name: value for name, value in lower.items() if not _is_sdks(name)}


def _is_sdks(header: str) -> bool:
    return any(fnmatchcase(header, pattern) for pattern in SDK_HEADERS)


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without words that say nothing: nulls, a false stream, and the mark of Baidu's SDK."""
    said = {k: v for k, v in body.items() if k != "extra_parameters"}
    return {k: v for k, v in _without_nulls(said).items() if not (k.lower() == "stream" and v is False)}


def _without_nulls(table: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in table.items() if v is not None}


def differing(key: Key, expected: Request, version: str = "") -> Request:
    """Return an SDK's request with the differences that its row names; each must be one."""
    row = OLD_SDKS.get((*key, version), DIFFERENCES.get(key))
    if row is None:
        return expected
    changed = Request(
        expected.method,
        row.target or expected.target,
        _without_nulls({**expected.headers, **row.headers}),
        _without_nulls({**expected.body, **row.body}),
    )
    assert changed != expected, f"no difference: {row.why}"
    return changed


def compare(
    key: Key, out: Outgoing | Unsigned, recorded: Mapping[str, Any], *, proof: str = "", version: str = ""
) -> None:
    """Require our request to be the SDK's but for its row; `proof` stands in for one that is over other bytes."""
    expected, kind = theirs(recorded), key[1].partition(": ")[0]
    assert bool(proof) == (kind in RESIGNED)
    if proof:
        assert proof != expected.headers["authorization"], f"no difference: {RESIGNED[kind]}"
        expected = replace(expected, headers={**expected.headers, "authorization": proof})
    expected, found = differing(key, expected, version), ours(out)
    # Left out by the captures: the host where it was the loopback's, and what an HTTP library accepts.
    unsaid = {"host", "accept"} - expected.headers.keys()
    assert replace(found, headers={k: v for k, v in found.headers.items() if k not in unsaid}) == expected
    # S1: nothing of the SDK that asked goes on; a request for a token names nobody.
    own = [f"llm-migrate/{__version__}"] if isinstance(out, Outgoing) else []
    assert [value for name, value in out.headers if _is_sdks(name)] == own


def expect_error(key: Key, found: Any, raw: bytes) -> None:
    """Require an error to mean what its row says, in the words of the vendor."""
    assert isinstance(found, OpenAIError)
    assert (found.status, found.code, found.outcome) == ERRORS[key]
    words = WORDS.search(raw.decode())
    assert words is None or words[1] in found.message


def expect_answer(key: Key, answer: Any) -> None:
    """Require a whole answer to be OpenAI's and to tell what its row says."""
    choice, usage = answer["choices"][0], answer["usage"]
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens")
    assert problems("CreateChatCompletionResponse", answer) == []
    assert Told(choice["message"]["content"], choice["finish_reason"], tokens(usage), cached) == ANSWERS[key]


def expect_stream(key: Key, sent: Sent, raw: bytes) -> None:
    """Require a stream to be OpenAI's and to tell what its row says, or to end in the error of its row."""
    events, reader = sent.read_stream(raw)
    if key in ERRORS:
        assert isinstance(events[-1], Fault)
        expect_error(key, events[-1].error, raw)
        return
    chunks = [orjson.loads(event.payload) for event in events if isinstance(event, Chunk)]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    (finish,) = (choice["finish_reason"] for choice in choices if choice["finish_reason"])
    assert isinstance(events[-1], Done)
    assert [p for chunk in chunks for p in problems("CreateChatCompletionStreamResponse", chunk)] == []
    assert Told(text, finish, tokens(reader.usage)) == ANSWERS[key]


def tokens(usage: Mapping[str, Any] | None) -> tuple[int, int, int] | None:
    """Return the counts of prompt, completion and both; None if the vendor counted nothing."""
    return usage and (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"])


def check_requests(key: Key, vector: Vector, config: Config) -> None:
    """Compare each request that the SDK sent, and read the error that it raised."""
    if key in DIFFERENCES and DIFFERENCES[key].refused:
        expect_refusal(key, vector, config)
        return
    said = vector.get("jwt_decoded")
    now_s = said["payload"]["timestamp"] / 1000 if said else NOW
    proof = f"Bearer {encode_hs256(said['header'], said['payload'], ZHIPU_SECRET)}" if said else ""
    for i, recorded in enumerate(vector["requests"]):
        sent = send(key, vector, config, i=i, now_s=now_s)
        compare(key, sent.out, recorded, proof=proof, version=vector["sdk_version"])
        if "sdk_error" in vector:
            status, raw = raised(vector["sdk_error"])
            expect_error(key, sent.read(status, raw), raw)


def raised(error: Any) -> tuple[int, bytes]:
    """Return status and body of the answer for which an SDK raised."""
    text = error if isinstance(error, str) else error["str"]
    found = re.search(r"Error code: (\d+)(?: - |, with error text )(.*)", text)
    assert found
    if isinstance(error, str):
        return int(found[1]), found[2].encode()
    return int(found[1]), orjson.dumps({"error": error.get("body") or {"message": found[2], "type": error["type"]}})


def expect_refusal(key: Key, vector: Vector, config: Config) -> None:
    """Require that nothing is sent, and that the refusal names the field of the row."""
    with pytest.raises(RefusedError) as caught:
        send(key, vector, config)
    assert (caught.value.error.status, caught.value.error.param) == (400, DIFFERENCES[key].refused)


def check_sample(key: Key, vector: Vector, config: Config) -> None:
    """Read a sample as what it is: an error, a piece of a stream, or of an answer."""
    sample, sent = vector["sample"], send(key, vector, config)
    if key in ERRORS:
        raw = orjson.dumps(sample.get("body", sample))
        expect_error(key, sent.read(sample.get("status", 400), raw), raw)
    elif key in STREAMED:
        expect_stream(key, sent, STREAMED[key](sample))
    else:
        expect_answer(key, sent.read(200, orjson.dumps(WHOLE[key](sample))))


def check_error(key: Key, vector: Vector, config: Config) -> None:
    """Read an error, also as the answer to a call that asked for a stream."""
    given, sent = vector["input"], send(key, vector, config)
    raw = given["sse"].encode() if "sse" in given else orjson.dumps(given["body"]) if "body" in given else b""
    if "sse" in given or key[1].endswith("stream=True"):
        expect_stream(key, sent, raw)
    else:
        expect_error(key, sent.read(given["http_status"], raw), raw)


def check_stream(key: Key, vector: Vector, config: Config) -> None:
    """Read a stream, and compare the body that asked for it."""
    sent = send(key, vector, config)
    if "request" in vector:
        assert ours(sent.out).body == _said(vector["request"])
    expect_stream(key, sent, vector["input"]["sse"].encode())


def check_chat(key: Key, vector: Vector, config: Config) -> None:
    """Compare a request whose proof is bound to no bytes: key, access token or JSON web token."""
    sent = send(key, vector, config)
    compare(key, sent.out, vector["expected"])
    if "response_body_used" in vector:
        expect_answer(key, sent.read(200, orjson.dumps(vector["response_body_used"])))


def check_tc3(key: Key, vector: Vector, config: Config) -> None:
    """Sign the SDK's bytes as it did, and ours likewise."""
    given, expected = vector["input"], vector["expected"]
    signed = tc3.UNSIGNED_BODY if given.get("unsigned") else expected["body"].encode()
    assert tencent_signature(given, signed) == dict(expected["headers"])["Authorization"]
    if key not in SIGNATURE_ONLY:
        out = send(key, vector, config, now_s=given["timestamp"]).out
        compare(key, out, expected, proof=tencent_signature(given, out.body))


def tencent_signature(given: Mapping[str, Any], body: bytes) -> str:
    """Return the signature of a body with a vector's keys at its time."""
    keys = given["secret_id"], given["secret_key"]
    return tc3.authorization(*keys, service="hunyuan", host=TENCENT_HOST, body=body, now_s=given["timestamp"])


def check_bce(key: Key, vector: Vector, config: Config) -> None:
    """Sign what Baidu's signer was given, canonical text included where it was captured."""
    given, expected = vector["input"], vector["expected"]
    method, path, query, headers = (given[name] for name in ("method", "path", "query", "headers"))
    signed = given["headers_to_sign"] or ()
    canonical = bce_v1.canonical_request(method, path, query, headers, signed)
    assert canonical == expected.get("canonical_request", canonical)
    proof = baidu_signature(
        given, method, path, query=query, headers=headers, signed=signed, life_s=given["expiration_seconds"]
    )
    assert proof == (expected.get("authorization") or expected["headers"]["Authorization"])


def check_bce_chat(key: Key, vector: Vector, config: Config) -> None:
    """Compare a signed chat."""
    compare_signed(key, vector, send(key, vector, config).out)


def check_iam(key: Key, vector: Vector, config: Config) -> None:
    """Compare the signed request for a bearer token."""
    given = vector["input"]
    out = baidu_iam.token_request(given["access_key_id"], given["secret_access_key"], now_s=given["timestamp"])
    compare_signed(key, vector, out)


def compare_signed(key: Key, vector: Vector, out: Outgoing | Unsigned) -> None:
    """Sign what the SDK signed as it did, and our request with the headers that it has."""
    given, signature, recorded = vector["input"], vector["signature"], vector["expected"]
    request, proof = theirs(recorded), dict(recorded["headers"])["Authorization"]
    line, query = (request.method, urlsplit(request.target).path), signature["params_in"]
    names = proof.split("/")[4].split(";")
    again = baidu_signature(given, *line, query=query, headers=signature["headers_in"], signed=names, life_s=300)
    assert again == proof
    steady = ("content-type", "host", "x-bce-date")
    headers = {name: value for name, value in ours(out).headers.items() if name in steady}
    mine = baidu_signature(given, *line, query=query, headers=headers, signed=steady, life_s=1800)
    compare(key, out, recorded, proof=mine)


def baidu_signature(given: Mapping[str, Any], method: str, path: str, **what: Any) -> str:
    """Return the signature of a request with a vector's keys at its time."""
    keys = given["access_key_id"], given["secret_access_key"]
    return bce_v1.authorization(*keys, method=method, path=path, now_s=given["timestamp"], **what)


def check_oauth(key: Key, vector: Vector, config: Config) -> None:
    """Compare the request for an access token, whose captured form has a host for its headers, and read its answer."""
    given, expected, answer = vector["input"], vector["expected"], vector["response_example"]
    headers = {"Host": expected["host"], "Content-Type": "application/json"}
    compare(key, baidu_oauth.token_request(given["api_key"], given["secret_key"]), {**expected, "headers": headers})
    token = baidu_oauth.read_token(orjson.dumps(answer), now_s=NOW)
    assert (token.secret, token.expires_at_s) == (Secret(answer["access_token"]), NOW + answer["expires_in"])


def check_jwt(key: Key, vector: Vector, config: Config) -> None:
    """Make SenseNova's token byte for byte."""
    given = vector["input"]
    token = jwt_sensenova.mint(given["access_key_id"], given["secret_access_key"], now_s=given["timestamp"])
    assert f"Bearer {token.secret.reveal()}" == vector["expected"]["authorization"]


def check_adapted_body(key: Key, vector: Vector, config: Config) -> None:
    """Compare a body of V1 with what the vendor's own adapter makes of OpenAI's."""
    if DIFFERENCES[key].refused:
        expect_refusal(key, vector, config)
        return
    expected = Request("POST", "", {}, _said(vector["expected"]))
    assert ours(send(key, vector, config).out).body == differing(key, expected).body


def check_adapted_answer(key: Key, vector: Vector, config: Config) -> None:
    """Compare an answer with the vendor's adapter's, which forgets that `normal` is `stop` and takes names for ids."""
    found = send(key, vector, config).read(200, orjson.dumps(vector["input"]))
    expected = vector["expected"]
    expect_answer(key, found)
    same = ("id", "object", "created", "usage")
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}
    assert called(found) == called(expected)


def called(answer: Any) -> list[tuple[str, str]]:
    """Return name and arguments of each function that an answer calls."""
    functions = [call["function"] for call in answer["choices"][0]["message"].get("tool_calls", [])]
    return [(function["name"], function["arguments"]) for function in functions]


CHECKS: dict[str, Callable[[Key, Vector, Config], None]] = {
    "requests": check_requests,
    "sample": check_sample,
    "bce-auth-v1": check_bce,
    "chat-native": check_chat,
    "chat-native-stream": check_stream,
    "chat-v1-access-token": check_chat,
    "chat-v1-bce-auth-v1": check_bce_chat,
    "chat-v1-stream": check_stream,
    "chat-v2-bearer": check_chat,
    "error": check_error,
    "error-v1": check_error,
    "error-v2": check_error,
    "iam-bearer-token-request": check_iam,
    "jwt-hs256": check_jwt,
    "oauth-token-request": check_oauth,
    "openai-to-v1-body": check_adapted_body,
    "stream": check_stream,
    "tc3": check_tc3,
    "v1-response-to-openai": check_adapted_answer,
}
REPRODUCED = [(key, vector) for key, vector in EVERY if key not in NOT_OURS]
# The address of Zhipu's chat for later ends as that of every chat does, so it is taken for one.
UNSERVED = [
    request
    for key, vector in EVERY
    if key in NOT_OURS and key != ("zhipu", "async_create")
    for request in vector.get("requests", ())
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "llm-migrate.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize(("key", "vector"), REPRODUCED, ids=["-".join(key) for key, _ in REPRODUCED])
def test_a_vector_is_reproduced(key: Key, vector: Vector, config: Config):
    """We send what the SDK sent and read what the vendor said, but for the differences that have a reason."""
    CHECKS[vector["kind"]](key, vector, config)


def test_every_vector_is_in_exactly_one_set():
    """Each vector is reproduced or not ours; none is of a kind that nothing checks."""
    reproduced = {key for key, _ in REPRODUCED}

    assert [key for key, _ in EVERY if sum(key in keys for keys in (reproduced, NOT_OURS)) != 1] == []
    assert {vector["kind"] for _, vector in REPRODUCED} == CHECKS.keys()
    assert {vendor for (vendor, _), _ in EVERY} == MODELS.keys()


@pytest.mark.parametrize("table", [ASKED, DIFFERENCES, SIGNATURE_ONLY, ANSWERS, ERRORS, NOT_OURS, STREAMED, WHOLE])
def test_every_row_is_of_a_vector(table: Mapping[Key, object]):
    """A vector that went takes its rows with it, and what is not ours has no row about how we do it."""
    assert table.keys() <= {key for key, _ in EVERY}
    assert table is NOT_OURS or not table.keys() & NOT_OURS.keys()


def test_every_difference_has_a_reason():
    """No row stands without a word on why."""
    tables = (RESIGNED, SIGNATURE_ONLY, NOT_OURS)

    assert all(row.why for row in DIFFERENCES.values())
    assert all(reason for table in tables for reason in table.values())


@pytest.mark.parametrize("request_", UNSERVED, ids=[request["target"] for request in UNSERVED])
def test_what_is_not_ours_goes_nowhere(request_: Mapping[str, Any]):
    """An API that is not carried is OpenAI's 404, and nothing is sent to the vendor."""
    try:
        call = parse_call(request_["method"], request_["target"], orjson.dumps(request_["body"]))
    except RefusedError as refused:
        assert (refused.error.status, refused.error.code) == (404, "unknown_url")
    else:
        assert call.api not in CARRIED
