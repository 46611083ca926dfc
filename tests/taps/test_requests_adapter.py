"""The session of requests that answers from a chain; what openai 0.28 makes of it is tested with the SDK itself."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import pytest
import requests

import llm_migrate
from llm_migrate.taps.tap import Tap
from tests.engine.script import ROLE, WORD, completion
from tests.taps.loopback import events, hang, loopback, refusal, reset, whole

URL = "https://api.openai.invalid/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**ASK, "stream": True}


def test_a_session_answers_from_the_chain(config):
    """Whatever host and key a request names, the target answers it with its own (S1)."""
    with loopback() as server, llm_migrate.requests_session(config=config(server)) as session:
        answer = session.post(URL, json=ASK, headers={"authorization": "Bearer sk-caller", "cookie": "leak"})

    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert (answer.status_code, answer.reason, answer.url, answer.encoding) == (200, "OK", URL, "utf-8")
    assert answer.headers["X-LLM-Migrate-Provider"] == "openai"
    assert server.requests[0].headers["authorization"] == "Bearer key-of-a"
    assert "sk-caller" not in str(server.requests) + str(answer.headers)
    assert "cookie" not in server.requests[0].headers


def test_plain_http_is_answered_too(config):
    """A program's `http://` address is as good as any: nobody connects to it."""
    with loopback() as server, llm_migrate.requests_session(config=config(server)) as session:
        answer = session.post(URL.replace("https", "http"), data='{"model": "gpt-4o", "messages": [{"role": "user"}]}')

    assert answer.status_code == 200


def test_events_come_as_they_are(config):
    """A stream is handed on event by event, though far fewer bytes are there than were asked for."""
    go_on = threading.Event()

    def wait(to):
        go_on.wait(3)
        to.piece(WORD)
        to.wait_until_gone()

    with (
        loopback(events(ROLE, WORD, then=wait)) as server,
        llm_migrate.requests_session(config=config(server)) as session,
        session.post(URL, json=STREAM, stream=True) as answer,
    ):
        lines = (line for line in answer.iter_lines() if line)
        first = [next(lines), next(lines)]
        go_on.set()
        third = next(lines)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [b'"content":"hello"' in line.replace(b" ", b"") for line in (*first, third)] == [False, True, True]


def test_a_whole_stream_ends_with_done(config):
    """The last line is `[DONE]`, and the connection is used again."""
    with loopback(events()) as server, llm_migrate.requests_session(config=config(server)) as session:
        read = [list(session.post(URL, json=STREAM, stream=True).iter_lines()) for _ in range(2)]

    assert [[line for line in lines if line][-1] for lines in read] == [b"data: [DONE]"] * 2
    assert len({got.connection for got in server.requests}) == 1


def test_a_stream_may_be_read_at_once(config):
    """Without `stream=True`, or by reading the raw body, all events come together."""
    with loopback(events()) as server, llm_migrate.requests_session(config=config(server)) as session:
        text = session.post(URL, json=STREAM).text
        raw = session.post(URL, json=STREAM, stream=True).raw.read()

    assert text.endswith("data: [DONE]\n\n")
    assert raw.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("cut", [reset, None], ids=["reset", "clean end"])
def test_a_cut_stream_ends_with_an_error_event(config, cut):
    """A break after the first content is an error event without `[DONE]` (R1)."""
    with (
        loopback(events(ROLE, WORD, then=cut)) as server,
        llm_migrate.requests_session(config=config(server)) as session,
    ):
        text = session.post(URL, json=STREAM, stream=True).text

    assert "stream_interrupted" in text
    assert "[DONE]" not in text


@pytest.mark.parametrize("how", ["close", "drop"])
def test_leaving_a_stream_ends_the_call_upstream(config, how):
    """Closing the answer hangs up on the vendor, and so does dropping it."""
    with (
        loopback(events(ROLE, WORD, then=hang)) as server,
        llm_migrate.requests_session(config=config(server)) as session,
    ):
        answer = session.post(URL, json=STREAM, stream=True)
        next(answer.iter_lines())
        if how == "close":
            answer.close()
        else:
            del answer
            gc.collect()
        assert server.gone.get(timeout=3) == "caller gone"


def test_an_error_is_an_answer(config):
    """A vendor's refusal comes in OpenAI's form, with the vendor's wait."""
    with (
        loopback(refusal(429, "rate_limit_exceeded", retry_after="90")) as server,
        llm_migrate.requests_session(config=config(server)) as session,
    ):
        answer = session.post(URL, json=ASK)

    assert (answer.status_code, answer.reason) == (429, "Too Many Requests")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert answer.headers["retry-after"] == "90"


def test_a_conflict_is_never_said(config):
    """A 409 sends openai 0.28 into a loop without end, so it becomes an error that is raised."""
    with loopback(refusal(409)) as server, llm_migrate.requests_session(config=config(server)) as session:
        assert session.post(URL, json=ASK).status_code == 500


def test_what_is_not_carried_is_a_404(config):
    """An API that no client of ours carries is answered without reading the upload."""
    with loopback() as server, llm_migrate.requests_session(config=config(server)) as session:
        answer = session.post("https://x.invalid/v1/audio/transcriptions", files={"file": b"x" * 9})
        listed = session.get("https://x.invalid/v1/models")

    assert answer.status_code == 404
    assert "gpt-4o" in listed.text
    assert server.requests == []


@pytest.mark.realtime
@pytest.mark.parametrize("timeout", [0.3, (5, 0.3), (None, 0.3)])
def test_a_time_limit_is_kept(config, timeout):
    """The caller's limit ends a call to a vendor that says nothing (R3)."""
    with loopback(hang) as server, llm_migrate.requests_session(config=config(server)) as session:
        answer = session.post(URL, json=ASK, timeout=timeout)

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")


def test_closing_a_session_does_not_end_the_calls_of_others(config):
    """Every three minutes some thread of openai 0.28 closes the session: what others are reading goes on."""
    with (
        loopback(events(), whole()) as server,
        llm_migrate.requests_session(config=config(server)) as session,
    ):
        answer = session.post(URL, json=STREAM, stream=True)
        session.close()
        text = answer.text
        session.close()
        again = session.post(URL, json=ASK)

    assert text.endswith("data: [DONE]\n\n")
    assert again.status_code == 200
    assert server.requests[0].connection != server.requests[1].connection


def test_a_fault_of_ours_is_an_answer_without_its_text(config, monkeypatch, caplog):
    """A bug in this package costs one call and shows its place, not the prompt (S3)."""

    def bug(*args):
        raise ValueError("prompt text")

    with loopback() as server, llm_migrate.requests_session(config=config(server)) as session:
        monkeypatch.setattr(Tap, "_plan", bug)
        answer = session.post(URL, json=ASK)

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "prompt text" not in answer.text + caplog.text


def test_without_requests_the_name_says_what_to_install():
    """The session is asked for where requests is not installed: the error names the command."""
    code = "import sys; sys.modules['requests'] = None\nimport llm_migrate\nllm_migrate.requests_session"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "MissingExtraError: llm_migrate.requests_session: not installed" in done.stderr
    assert "pip install 'llm-migrate[requests]'" in done.stderr


def test_threads_share_a_session(config):
    """Each of several threads gets its own answer."""

    def echo(to):
        mine = [got for got in to.server.loopback.requests if got.connection == id(to.connection)]
        whole(completion(mine[-1].body["user"]))(to)

    got = {}
    with loopback(echo) as server, llm_migrate.requests_session(config=config(server)) as session:

        def ask(i):
            answer = session.post(URL, json={**ASK, "user": f"user {i}"})
            got[i] = answer.json()["choices"][0]["message"]["content"]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert got == {i: f"user {i}" for i in range(12)}


def test_it_is_a_session_like_any_other(config):
    """It is an instance of `requests.Session`, which openai 0.28 asks for."""
    with loopback() as server:
        assert isinstance(llm_migrate.requests_session(config=config(server)), requests.Session)
