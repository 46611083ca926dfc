"""Which way to sign puts what where."""

from __future__ import annotations

import json

import pytest

from llm_migrate.catalog.schema import Auth
from llm_migrate.config import Secret
from llm_migrate.errors import CredentialError
from llm_migrate.wire.auth import TOKENED, Unsigned, bce_v1, jwt_sensenova, jwt_zhipu, sign, tc3
from tests.wire.recorded import one

NOW = 1720483200.4
JSON = (("content-type", "application/json"),)
PAIR = Secret("ID:SECRET")


def auth(kind: str, service: str = "") -> Auth:
    return Auth.model_validate({"id": "a", "kind": kind, "service": service})


@pytest.mark.parametrize(
    ("kind", "key", "headers"),
    [
        ("bearer", "k", {"authorization": "Bearer k"}),
        ("entra", "k", {"authorization": "Bearer k"}),
        ("azure-key", "k", {"api-key": "k"}),
        (
            "jwt-hs256-zhipu",
            "id.secret",
            {"authorization": "Bearer " + jwt_zhipu.mint(Secret("id.secret"), now_s=NOW).secret.reveal()},
        ),
        (
            "jwt-hs256-sensenova",
            "ID:SECRET",
            {"authorization": "Bearer " + jwt_sensenova.mint("ID", "SECRET", now_s=NOW).secret.reveal()},
        ),
    ],
)
def test_a_key_or_token_is_one_header(kind, key, headers):
    """What needs nothing of the request is one header."""
    signed = sign(auth(kind), Secret(key), Unsigned("POST", "https://x.test/"), now_s=NOW)

    assert dict(signed.headers) == headers
    assert signed.query == ()


def test_tencents_signature_goes_with_its_time():
    """The header is the SDK's for the SDK's bytes, and the timestamp that it holds for is sent."""
    vector = one("hunyuan", "tc3", "plain utf-8")
    given, expected = vector["input"], dict(vector["expected"]["headers"])
    request = Unsigned("POST", f"https://{expected['Host']}/", JSON, vector["expected"]["body"].encode())
    key = Secret(f"{given['secret_id']}:{given['secret_key']}")

    signed = dict(sign(auth("tc3-hmac-sha256", "hunyuan"), key, request, now_s=given["timestamp"] + 0.9).headers)

    assert signed == {"authorization": expected["Authorization"], "x-tc-timestamp": expected["X-TC-Timestamp"]}


def test_baidus_signature_goes_with_its_date():
    """Content type, host and date are signed; the date is sent."""
    request = Unsigned("POST", "https://aip.baidubce.com/chat/x?a=1%2F2&b=", JSON, b"{}")

    signed = dict(sign(auth("bce-auth-v1"), PAIR, request, now_s=NOW).headers)

    date = "2024-07-09T00:00:00Z"
    assert signed["x-bce-date"] == date
    assert signed["authorization"] == bce_v1.authorization(
        "ID",
        "SECRET",
        method="POST",
        path="/chat/x",
        query={"a": "1/2", "b": ""},
        headers={"content-type": "application/json", "host": "aip.baidubce.com", "x-bce-date": date},
        signed=("content-type", "host", "x-bce-date"),
        now_s=NOW,
    )


def test_baidus_access_token_stands_in_the_address():
    """V1 takes its token nowhere else."""
    signed = sign(auth("baidu-oauth"), Secret("24.t"), Unsigned("POST", "https://x.test/"), now_s=NOW)

    assert (signed.headers, signed.query) == ((), (("access_token", "24.t"),))
    assert "24.t" not in repr(signed)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://x.test/a", "x.test"),
        ("https://X.Test:443/a", "x.test"),
        ("http://x.test:80", "x.test"),
        ("https://x.test:80/a", "x.test:80"),
        ("http://127.0.0.1:8123/", "127.0.0.1:8123"),
        ("http://[::1]:8123/", "[::1]:8123"),
    ],
)
def test_the_signed_host_is_the_one_that_is_sent(url, host):
    """An HTTP library writes a port only where it is not the usual one."""
    assert Unsigned("POST", url).host == host


def test_a_body_of_any_bytes_is_hashed_as_it_is():
    """TC3 is over the bytes, not over what they mean."""
    one_body, other = json.dumps({"a": "é"}).encode(), json.dumps({"a": "é"}, ensure_ascii=False).encode()
    signatures = {
        tc3.authorization("i", "s", service="x", host="h", body=body, now_s=NOW) for body in (one_body, other)
    }

    assert len(signatures) == 2


@pytest.mark.parametrize("kind", ["baidu-iam", "baidu-oauth"])
def test_keys_that_ask_for_a_token_never_go_out_themselves(kind):
    """Without the token that a pair of keys asks for, nothing is signed: the keys would stand in the request."""
    with pytest.raises(CredentialError, match="a token is needed"):
        sign(auth(kind), PAIR, Unsigned("GET", "https://x.test/"), now_s=NOW)


@pytest.mark.parametrize("kind", sorted(TOKENED - {"baidu-oauth"}))
def test_a_token_stands_in_for_the_key(kind):
    """What is kept from before is shown as it is; the key is not looked at."""
    signed = sign(auth(kind), Secret("any"), Unsigned("GET", "https://x.test/"), now_s=NOW, token=Secret("token"))

    assert signed.headers == (("authorization", "Bearer token"),)


@pytest.mark.parametrize("kind", ["jwt-hs256-sensenova", "tc3-hmac-sha256", "bce-auth-v1", "jwt-hs256-zhipu"])
def test_a_key_of_the_wrong_form_is_not_repeated(kind):
    """S3: the message says the form, never the key."""
    with pytest.raises(CredentialError) as caught:
        sign(auth(kind), Secret("canary"), Unsigned("POST", "https://x.test/", JSON), now_s=NOW)

    assert "canary" not in str(caught.value)
