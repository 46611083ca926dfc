"""The token service beside the fake of Baidu's V1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import ernie_v1_like as ernie
from tests.fakes.server import RefusalError, Reply, Request

KEYS = {"grant_type": "client_credentials", "client_id": ernie.APP_KEY, "client_secret": ernie.APP_SECRET}


def issue(method: str = "POST", **query: str) -> Reply:
    """Ask for an access token."""
    return ernie.serve(Request(method, "/oauth/2.0/token", {**KEYS, **query}, {}, b"{}"))


def chat(token: str) -> Reply:
    """Ask a question with a token."""
    body = json.dumps({"messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"content-type": "application/json"}
    path = f"{ernie.ROOT}/chat/completions_pro"
    return ernie.serve(Request("POST", path, {"access_token": token}, headers, body))


def refused(token: str) -> int:
    """The number by which a token is refused."""
    with pytest.raises(RefusalError) as caught:
        chat(token)
    return caught.value.reply.payload["error_code"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_issued_token_opens_the_chat(method: str) -> None:
    """Qianfan asks by POST, erniebot by GET; the token holds for 30 days."""
    issued = issue(method).payload

    assert issued["expires_in"] == 2592000
    assert chat(issued["access_token"]).payload["result"] == "收到: hello"


def test_a_stale_token_is_told_from_an_unknown_one() -> None:
    """After they were declared stale, the number of all issued ones is 111; a new one is good again."""
    old = issue().payload["access_token"]

    ernie.expire_tokens()

    assert (refused(old), refused("24.other")) == (111, 110)
    assert chat(issue().payload["access_token"]).status == 200


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ({"client_id": "other"}, (401, "invalid_client", "unknown client id")),
        ({"client_secret": "other"}, (401, "invalid_client", "Client authentication failed")),
        ({"grant_type": "code"}, (400, "unsupported_grant_type", "The authorization grant type is not supported")),
    ],
)
def test_wrong_keys_get_oauths_errors(query: dict[str, Any], answer: tuple[int, str, str]) -> None:
    """The two halves of the pair have words of their own."""
    with pytest.raises(RefusalError) as caught:
        issue(**query)

    reply = caught.value.reply
    assert (reply.status, reply.payload["error"], reply.payload["error_description"]) == answer
