"""Tokens in place of keys: made, asked for, kept, renewed; and clocks that differ."""

from __future__ import annotations

import email.utils
import json
from pathlib import Path

import pytest

from llm_migrate.config import Config, Secret, load_config
from llm_migrate.engine.keyring import Keyring
from llm_migrate.engine.steps import Failure, Head, Send
from llm_migrate.wire.exchange import Token
from tests.engine.script import JSON, Play, completion, refusal

OAUTH = """
[targets.a]
provider = "ernie"
endpoint = "v1"
base_url = "http://127.0.0.1:9/rpc"
api_key = "plain:client-id:client-secret"
[models."gpt-4o"]
a = "ernie-4.0-8k"
"""
MINTED = """
[targets.a]
provider = "zhipu"
base_url = "http://127.0.0.1:9/v4"
auth = "jwt"
api_key = "plain:id.secret"
[models."gpt-4o"]
a = "glm-5.2"
"""
STALE = json.dumps({"error_code": 111, "error_msg": "Access token expired"}).encode()
RESULT = json.dumps({"id": "x", "result": "hello", "is_end": True, "finish_reason": "normal", "usage": {}}).encode()


def config(folder: Path, text: str) -> Config:
    path = folder / "llm-migrate.toml"
    path.write_text(text)
    return load_config(path)


def token(name: str, life_s: int = 2_592_000) -> list:
    return [JSON, json.dumps({"access_token": name, "expires_in": life_s}).encode()]


def shown(send: Send) -> str:
    """Return the token that a request shows."""
    return send.outgoing.url.partition("access_token=")[2] or dict(send.outgoing.headers)["authorization"]


def test_a_token_is_asked_for_before_the_call_and_kept(tmp_path):
    """The first call asks with the two keys; the next one does not, and no key stands in a call."""
    made, keyring = config(tmp_path, OAUTH), Keyring()

    first = Play(made, keyring=keyring).against(token("T1"), [JSON, RESULT])
    second = Play(made, keyring=keyring).against([JSON, RESULT])

    assert first.sent[0].outgoing.url == (
        "http://127.0.0.1:9/oauth/2.0/token?grant_type=client_credentials&client_id=client-id&client_secret=client-secret"
    )
    assert [shown(send) for send in (*first.sent[1:], *second.sent)] == ["T1", "T1"]
    assert first.headers["x-llm-migrate-attempts"] == "1"


def test_a_stale_token_is_renewed_once(tmp_path):
    """The vendor's "expired" takes a new token and one more try; a second refusal is final."""
    made, keyring = config(tmp_path, OAUTH), Keyring()
    Play(made, keyring=keyring).against(token("T1"), [JSON, RESULT])

    renewed = Play(made, keyring=keyring).against([JSON, STALE], token("T2"), [JSON, RESULT])
    refused = Play(made, keyring=keyring).against([JSON, STALE], token("T3"), [JSON, STALE])

    assert [shown(send) for send in (renewed.sent[0], renewed.sent[2])] == ["T1", "T2"]
    assert renewed.reply is not None and renewed.reply.status == 200
    assert refused.reply is not None and refused.reply.status == 401


def test_a_token_that_is_new_is_not_asked_for_again(tmp_path):
    """A vendor that refuses a token just made would refuse the next one, too."""
    play = Play(config(tmp_path, OAUTH)).against(token("T1"), [JSON, STALE])

    assert play.reply is not None and play.reply.status == 401


def test_wrong_keys_are_a_credential_error_that_repeats_none(tmp_path):
    """S3: the token service's words are passed on, the keys are not."""
    answer = [Head(401, {}), json.dumps({"error": "invalid_client", "error_description": "unknown client id"}).encode()]

    play = Play(config(tmp_path, OAUTH)).against(answer)

    assert play.reply is not None and play.reply.status == 401
    assert "unknown client id" in play.error["message"]
    assert "client-secret" not in str(play.reply)


@pytest.mark.parametrize("answer", [Failure("unsent", "the connection was refused"), [Head(500, {}), b"oops"]])
def test_a_dead_token_service_is_a_dead_target(tmp_path, answer):
    """It is tried again like any unreachable target, and the chain goes on."""
    text = OAUTH + '[targets.b]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "plain:key-of-b"\n'
    chain = '[chains.default]\ntargets = ["a", "b"]\n'

    play = Play(config(tmp_path, text + chain)).against(answer, answer, [JSON, completion()])

    assert play.reply is not None and play.reply.status == 200
    assert play.headers["x-llm-migrate-fallback-reason"] == "unsent"


def test_one_caller_fetches_for_all(tmp_path):
    """While somebody asks for the first token the others wait for it instead of asking, too."""
    made, keyring = config(tmp_path, OAUTH), Keyring()
    target = made.targets["a"]
    assert keyring.claim(target, target.credential(), 1.7e9 + 1000)
    play = Play(made, keyring=keyring)

    def bring(seconds: float) -> None:
        if len(play.slept) == 3:
            keyring.keep(target, target.credential(), Token(Secret("T9"), 4e9, 4e9))

    play.on_sleep = bring
    play.against([JSON, RESULT])

    assert [shown(send) for send in play.sent] == ["T9"]
    assert len(play.slept) == 3


def test_an_old_token_serves_while_another_caller_renews(tmp_path):
    """A token that is due but good is used by all but the one who fetches; if that fails, by him as well."""
    made, keyring = config(tmp_path, OAUTH), Keyring()
    target = made.targets["a"]
    keyring.keep(target, target.credential(), Token(Secret("OLD"), 4e9, 1e9))

    fetches = Play(made, keyring=keyring).against(Failure("unsent", "refused"), [JSON, RESULT])
    keyring.claim(target, target.credential(), 1.7e9 + 1000)
    waits = Play(made, keyring=keyring).against([JSON, RESULT])

    assert [shown(send) for send in (fetches.sent[1], waits.sent[0])] == ["OLD", "OLD"]
    assert waits.slept == []


def test_a_made_token_is_kept_until_it_is_due(tmp_path):
    """A JSON web token is signed once and shown until its renewal."""
    made, keyring = config(tmp_path, MINTED), Keyring()

    plays = [Play(made, keyring=keyring).against([JSON, completion()]) for _ in range(2)]

    assert shown(plays[0].sent[0]) == shown(plays[1].sent[0])
    assert shown(plays[0].sent[0]).count(".") == 2


def test_a_clock_that_is_wrong_is_learnt_from_the_vendor(tmp_path):
    """A refused signature with another time in the answer is made again by that time; later calls start with it."""
    made, keyring = config(tmp_path, MINTED), Keyring()
    date = email.utils.formatdate(1.7e9 + 1000 + 3600, usegmt=True)

    first = Play(made, keyring=keyring).against(refusal(401, date=date), [JSON, completion()])
    second = Play(made, keyring=keyring).against([JSON, completion()])

    assert first.reply is not None and first.reply.status == 200
    assert shown(first.sent[0]) != shown(first.sent[1]) == shown(second.sent[0])
    assert keyring.skew_s(made.targets["a"]) == pytest.approx(3600)


def test_a_clock_that_agrees_is_not_to_blame(tmp_path):
    """With the same time on both sides a refused key is refused."""
    date = email.utils.formatdate(1.7e9 + 1000 + 2, usegmt=True)

    play = Play(config(tmp_path, MINTED)).against(refusal(401, date=date))

    assert play.reply is not None and play.reply.status == 401


def test_a_function_of_the_program_gives_the_key(tmp_path):
    """It is asked for each request; what it raises is told by name only."""
    text = '[targets.a]\nprovider = "azure-openai"\nendpoint = "https://res.openai.azure.com"\nauth = "entra"\n'
    made = config(tmp_path, text + 'api_key = "plain:unused"\n[models."gpt-4o"]\na = "dep"\n')
    made = made.with_token_provider("a", lambda: "never called here")

    good = Play(made).against([JSON, completion()], asked="fresh-token")
    bad = Play(made).against(asked=Failure("unsent", "ClientAuthenticationError"))

    assert shown(good.sent[0]) == "Bearer fresh-token"
    assert bad.reply is not None and bad.reply.status == 401
    assert "ClientAuthenticationError" in bad.error["message"]
