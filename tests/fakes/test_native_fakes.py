"""The fakes of native APIs are as strict as the vendors' documentation."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from llm_migrate.wire.exchange import Outgoing
from tests.fakes import ernie_v1_like, hunyuan_tc3_like, sensenova_v1_like
from tests.fakes.server import RefusalError, Request
from tests.wire.dialects.targets import ask, native

HUNYUAN = native("hunyuan", "native", key=f"{hunyuan_tc3_like.SECRET_ID}:{hunyuan_tc3_like.SECRET_KEY}")
NOVA = native("sensenova", "native", key=f"{sensenova_v1_like.KEY_ID}:{sensenova_v1_like.SECRET}")
ERNIE = native("ernie", "v1", "signed", f"{ernie_v1_like.KEY_ID}:{ernie_v1_like.SECRET}")


def refusal(vendor: Any, out: Outgoing, *, body: bytes | None = None, query: dict[str, str] | None = None) -> str:
    """Return the code by which a fake refuses a request."""
    url = out.url.split("/", 3)
    headers = {**dict(out.headers), "host": url[2]}
    request = Request(out.method, f"/{url[3].partition('?')[0]}", query or {}, headers, body or out.body)
    with pytest.raises(RefusalError) as caught:
        vendor.serve(request)
    payload = caught.value.reply.payload
    error = payload.get("Response", payload).get("Error", payload)
    error = error.get("error", error) if isinstance(error.get("error", error), dict) else error
    return str(error.get("Code") or error.get("code") or error.get("error_code"))


def test_tencents_signature_is_over_the_body():
    """A changed body, another key and an old signature are refused by their own names."""
    out = ask(HUNYUAN, "hunyuan-pro", now_s=time.time())
    changed = json.dumps({**json.loads(out.body), "Temperature": 1}).encode()

    assert refusal(hunyuan_tc3_like, out, body=changed) == "AuthFailure.SignatureFailure"
    other = native("hunyuan", "native", key="AKIDother:secret")
    assert refusal(hunyuan_tc3_like, ask(other, "hunyuan-pro")) == "AuthFailure.SecretIdNotFound"
    old = ask(HUNYUAN, "hunyuan-pro", now_s=time.time() - 301)
    assert refusal(hunyuan_tc3_like, old) == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize("age_s", [1801, -60])
def test_sensenovas_token_holds_for_its_time_only(age_s):
    """A token that ended, or that begins later, is refused."""
    assert refusal(sensenova_v1_like, ask(NOVA, "SenseChat-5", now_s=time.time() - age_s)) == "16"


def test_baidus_signature_ends():
    """A signature that is older than it says, or of another secret, is refused."""
    old = ask(ERNIE, "ernie-4.0-8k", now_s=time.time() - 1801)
    other = native("ernie", "v1", "signed", f"{ernie_v1_like.KEY_ID}:other")

    assert refusal(ernie_v1_like, old) == "SignatureDoesNotMatch"
    assert refusal(ernie_v1_like, ask(other, "ernie-4.0-8k", now_s=time.time())) == "SignatureDoesNotMatch"


def test_baidus_token_is_asked_for():
    """Without a token, or with another one, the code is the one that means: fetch a new one."""
    out = ask(native("ernie", "v1", key="24.other"), "ernie-4.0-8k")

    assert refusal(ernie_v1_like, out, query={"access_token": "24.other"}) == "110"
    assert refusal(ernie_v1_like, out) == "110"


TURN = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"messages": [TURN, TURN]}, "336003"),
        ({"messages": [{"role": "system", "content": "x"}]}, "336003"),
        ({"messages": [{"role": "user", "content": ""}]}, "336003"),
        ({"messages": [{"role": "user", "content": "x" * 20001}]}, "336007"),
        ({"messages": [TURN], "temperature": 0}, "336003"),
        ({"messages": [TURN], "stop": "END"}, "336003"),
        ({"messages": [TURN], "max_output_tokens": 5000}, "336003"),
        ({"messages": [TURN], "tool_choice": "auto"}, "336003"),
        ({"messages": [TURN], "tools": []}, "336001"),
    ],
)
def test_v1_refuses_by_its_own_numbers(body, code):
    """What V1 does not take has its number, with HTTP 200."""
    out = ask(native("ernie", "v1", key=ernie_v1_like.TOKEN), "ernie-4.0-8k")

    token = {"access_token": ernie_v1_like.TOKEN}
    assert refusal(ernie_v1_like, out, body=json.dumps(body).encode(), query=token) == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"temperature": 0}, "3"),
        ({"top_p": 1}, "3"),
        ({"temperature": 0.1234567}, "3"),
        ({"tool_choice": "auto"}, "3"),
        ({"max_tokens": 5}, "3"),
        ({"model": "gpt-4o"}, "5"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "3"),
    ],
)
def test_sensenova_refuses_by_grpcs_numbers(body, code):
    """The ranges are open where the page says so, and OpenAI's name of the limit is not known."""
    out = ask(NOVA, "SenseChat-5", now_s=time.time())
    whole = {"model": "SenseChat-5", "messages": [TURN], **body}

    assert refusal(sensenova_v1_like, out, body=json.dumps(whole).encode()) == code
