"""Signatures and tokens, byte for byte as the vendors' own SDKs make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from llm_migrate.config import Secret
from llm_migrate.errors import CredentialError
from llm_migrate.wire.auth import baidu_iam, baidu_oauth, bce_v1, jwt_sensenova, jwt_zhipu, tc3
from tests.wire.recorded import load_vectors, one

NOW = 1720483200


def ids(vectors: list[dict]) -> list[str]:
    return [f"{i}-{v['name']}" for i, v in enumerate(vectors)]


SENSENOVA = load_vectors("sensenova", "jwt-hs256")
TC3 = load_vectors("hunyuan", "tc3")
BCE = load_vectors("ernie", "bce-auth-v1")
ZHIPU = [
    v
    for v in json.loads((Path(__file__).parents[2] / "data" / "vectors" / "zhipu.json").read_text())["vectors"]
    if "jwt_decoded" in v
]


@pytest.mark.parametrize("vector", SENSENOVA, ids=ids(SENSENOVA))
def test_sensenovas_token_is_its_sdks(vector):
    """Header, claims, escapes and signature equal the SDK's, also for keys beyond ASCII and at odd times."""
    given = vector["input"]

    token = jwt_sensenova.mint(given["access_key_id"], given["secret_access_key"], now_s=given["timestamp"] + 0.9)

    assert f"Bearer {token.secret.reveal()}" == vector["expected"]["authorization"]
    assert token.expires_at_s == given["timestamp"] + given["exp_offset"]


@pytest.mark.parametrize("vector", ZHIPU, ids=[v["sdk"] for v in ZHIPU])
def test_zhipus_token_says_what_its_sdks_says(vector):
    """Header and claims equal the SDK's, in milliseconds; the signature is made with the part after the dot."""
    claims = vector["jwt_decoded"]["payload"]
    key = Secret(f"{claims['api_key']}.SECRETSECRET16ch")

    token = jwt_zhipu.mint(key, now_s=claims["timestamp"] / 1000)

    header, payload, signature = token.secret.reveal().split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload)]
    assert decoded == [vector["jwt_decoded"]["header"], claims]
    assert list(decoded[0]) == list(vector["jwt_decoded"]["header"])
    expected = hmac.digest(b"SECRETSECRET16ch", f"{header}.{payload}".encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(signature + "==") == expected


@pytest.mark.parametrize("key", ["nodot", ".secret", "id.", ""])
def test_zhipus_key_must_have_two_parts(key):
    """A key without a secret signs nothing, and the message does not show it."""
    with pytest.raises(CredentialError) as caught:
        jwt_zhipu.mint(Secret(key), now_s=NOW)

    assert "nodot" not in str(caught.value)


def test_a_token_is_renewed_before_it_ends():
    """Zhipu's token serves 210 s and is renewed after 180; a clock that is ahead is allowed for."""
    token = jwt_zhipu.mint(Secret("id.secret"), now_s=NOW)

    assert [token.is_fresh(NOW + s) for s in (0, 179.9, 180)] == [True, True, False]
    assert [token.is_usable(NOW + s) for s in (209.9, 210)] == [True, False]
    assert not token.is_usable(NOW + 200, skew_s=10)
    assert "secret" not in repr(token).replace("secret=Secret('***')", "")


@pytest.mark.parametrize("vector", TC3, ids=ids(TC3))
def test_tencents_signature_is_its_sdks(vector):
    """TC3 equals the SDK's for any body, at the last second of a UTC day, and for a body that is not signed."""
    given, expected = vector["input"], vector["expected"]
    headers = dict(expected["headers"])
    body = tc3.UNSIGNED_BODY if given.get("unsigned") else expected["body"].encode()

    authorization = tc3.authorization(
        given["secret_id"],
        given["secret_key"],
        service="hunyuan",
        host=headers["Host"],
        body=body,
        now_s=given["timestamp"],
    )

    assert authorization == headers["Authorization"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="zones are set so on POSIX only")
def test_tencents_day_is_utcs_wherever_the_machine_stands(monkeypatch):
    """In Beijing the last second of a UTC day lies in the next morning."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        authorization = tc3.authorization("i", "s", service="x", host="h", body=b"", now_s=1720569599)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert "Credential=i/2024-07-09/x/tc3_request" in authorization


@pytest.mark.parametrize("vector", BCE, ids=ids(BCE))
def test_baidus_signature_is_its_sdks(vector):
    """Canonical request and signature equal the SDK's: sorted, encoded, without empty headers, with all x-bce-*."""
    given, expected = vector["input"], vector["expected"]
    signed = given["headers_to_sign"] or []

    request = bce_v1.canonical_request(given["method"], given["path"], given["query"], given["headers"], signed)
    authorization = bce_v1.authorization(
        given["access_key_id"],
        given["secret_access_key"],
        method=given["method"],
        path=given["path"],
        query=given["query"],
        headers=given["headers"],
        signed=signed,
        now_s=given["timestamp"],
        life_s=given["expiration_seconds"],
    )

    assert request == expected.get("canonical_request", request)
    assert authorization == (expected.get("authorization") or expected["headers"]["Authorization"])


@pytest.mark.parametrize(("kind", "method"), [("chat-v1-bce-auth-v1", "POST"), ("iam-bearer-token-request", "GET")])
def test_baidus_signature_is_that_of_real_calls(kind, method):
    """The SDK's own requests are reproduced; the order of signed names is theirs, which a hash seed chose."""
    vector = one("ernie", kind)
    given, signature = vector["input"], vector["signature"]
    names = dict(vector["expected"]["headers"])["Authorization"].split("/")[4].split(";")

    authorization = bce_v1.authorization(
        given["access_key_id"],
        given["secret_access_key"],
        method=method,
        path=urlsplit(vector["expected"]["request_line"].split()[1]).path,
        query=signature["params_in"],
        headers=signature["headers_in"],
        signed=names,
        now_s=given["timestamp"],
        life_s=300,
    )

    assert authorization == dict(vector["expected"]["headers"])["Authorization"]


def test_baidus_oauth_request_is_its_sdks():
    """The token is asked for with the same line and body."""
    vector = one("ernie", "oauth-token-request")
    given, expected = vector["input"], vector["expected"]

    request = baidu_oauth.token_request(given["api_key"], given["secret_key"])

    target = request.url.removeprefix(f"https://{expected['host']}")
    assert f"{request.method} {target} HTTP/1.1" == expected["request_line"]
    assert request.body.decode() == expected["body"]
    assert given["secret_key"] not in repr(request)


def test_baidus_oauth_answer_gives_a_token_and_its_life():
    """The token lasts as long as the answer says, and is renewed a day before."""
    example = one("ernie", "oauth-token-request")["response_example"]

    token = baidu_oauth.read_token(json.dumps(example).encode(), now_s=NOW)

    assert token.secret.reveal() == example["access_token"]
    assert token.expires_at_s == NOW + 2592000
    assert [token.is_fresh(NOW + s) for s in (2592000 - 86401, 2592000 - 86399)] == [True, False]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"invalid_client","error_description":"unknown client id"}', "unknown client id"),
        (b"<html>", "holds none"),
        (b'{"access_token":"t"}', "holds none"),
        (b"[]", "holds none"),
    ],
)
def test_an_answer_without_a_token_is_an_error(body, words):
    """What Baidu says instead of a token is repeated."""
    with pytest.raises(CredentialError, match=words):
        baidu_oauth.read_token(body, now_s=NOW)


def test_baidus_bearer_token_is_asked_for_with_a_signature():
    """Line, host, date and key are the SDK's; the SDK signs one more header, which names itself."""
    vector = one("ernie", "iam-bearer-token-request")
    given, expected = vector["input"], vector["expected"]

    request = baidu_iam.token_request(given["access_key_id"], given["secret_access_key"], now_s=given["timestamp"])

    url, theirs, ours = urlsplit(request.url), dict(expected["headers"]), dict(request.headers)
    assert f"{request.method} {url.path}?{url.query} HTTP/1.1" == expected["request_line"]
    assert parse_qs(url.query) == {"expireInSeconds": [str(given["expire_in_seconds"])]}
    assert (ours["host"], ours["x-bce-date"]) == (theirs["Host"], theirs["x-bce-date"])
    assert ours["authorization"] == bce_v1.authorization(
        given["access_key_id"],
        given["secret_access_key"],
        method="GET",
        path=url.path,
        query=vector["signature"]["params_in"],
        headers=ours,
        signed=("content-type", "host", "x-bce-date"),
        now_s=given["timestamp"],
    )


@pytest.mark.parametrize(
    ("fields", "expires_at_s"),
    [
        ({"expireTime": "2024-07-09T12:00:00Z"}, NOW + 43200),
        ({"expireTime": "2024-07-09T12:00:00"}, NOW + 43200),
        ({"expireTime": "later"}, NOW + 43200),
        ({}, NOW + 43200),
        ({"expireTime": "2024-07-09T02:00:00Z"}, NOW + 7200),
    ],
)
def test_baidus_bearer_token_lasts_as_long_as_it_says(fields, expires_at_s):
    """Where the end cannot be read, the life that was asked for counts."""
    token = baidu_iam.read_token(json.dumps({"token": "bce-v3/x", **fields}).encode(), now_s=NOW)

    assert token.secret.reveal() == "bce-v3/x"
    assert token.expires_at_s == expires_at_s
    assert token.is_fresh(NOW)
    assert not token.is_fresh(expires_at_s - 1)


@pytest.mark.parametrize("body", [b"", b'{"code":"AccessDenied","message":"denied"}', b'{"token":""}'])
def test_no_bearer_token_is_an_error(body):
    """An answer that holds no token is no token."""
    with pytest.raises(CredentialError, match="no bearer token"):
        baidu_iam.read_token(body, now_s=NOW)
