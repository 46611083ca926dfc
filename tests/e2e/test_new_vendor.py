"""A vendor that nobody has heard of costs one TOML file: it is listed, found, judged and called."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.e2e.environments import environ

ACME = """
id = "acme"
name = "Acme AI"
dialect = "openai-chat"
[[endpoints]]
id = "main"
base_url = "https://api.acme-ai.example/v1"
region = "global"
default = true
source = "https://docs.acme-ai.example"
checked = 2026-11-22
[[auth]]
id = "key"
kind = "bearer"
env = ["ACME_AI_KEY"]
[names]
hosts = ["api.acme-ai.example"]
env_key = ["ACME_AI_KEY"]
models = ["acme-*"]
[apis.chat]
offered = true
path = "/chat/completions"
source = "https://docs.acme-ai.example"
[apis.chat.params]
temperature = [{ effect = "clamp", low = 0.1, high = 1.0, advice = "Acme takes 0.1 to 1" }]
max_tokens = [{ effect = "rename", to = "max_new_tokens" }]
response_format = [{ effect = "emulate", values = ["json_schema"], how = "schema-instruction" }]
"tools.function.strict" = [{ effect = "drop", advice = "Acme does not hold to the schema" }]
[response]
finish_reasons = { finished = "stop" }
[[errors]]
code = ["E42"]
outcome = "limited"
to_status = 429
to_type = "rate_limit_error"
to_code = "rate_limit_exceeded"
retryable = true
source = "https://docs.acme-ai.example"
[[models]]
id = "acme-large"
context_tokens = 32768
source = "https://docs.acme-ai.example"
checked = 2026-11-22
[[equivalents]]
for = ["gpt-4*"]
model = "acme-large"
confidence = "low"
"""
PROGRAM = """
import json, openai, llm_migrate
client = llm_migrate.OpenAI()
raw = client.chat.completions.with_raw_response.create(
    model="gpt-4o", messages=[{"role": "user", "content": "hi"}], temperature=2, max_tokens=5)
answer = raw.parse()
failing = [{"role": "user", "content": "fail"}]
try:
    client.with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=failing)
except openai.RateLimitError as e:
    code = e.code
print(json.dumps([answer.choices[0].message.content, answer.choices[0].finish_reason,
                  raw.headers["x-llm-migrate-adapted"], code]))
"""


class Acme(BaseHTTPRequestHandler):
    """The made-up vendor's server."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        failed = body["messages"][0]["content"] == "fail"
        if not failed:
            assert (body["temperature"], body["max_new_tokens"], body["model"]) == (1.0, 5, "acme-large")
        message = {"content": "hello from Acme"}
        good = {"id": "a", "choices": [{"message": message, "finish_reason": "finished"}]}
        raw = json.dumps({"error": {"code": "E42", "message": "slow"}} if failed else good).encode()
        self.send_response(400 if failed else 200)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which the file is there."""
    folder = tmp_path / "more-providers"
    folder.mkdir()
    (folder / "acme.toml").write_text(ACME)
    return environ(LLM_MIGRATE_PROVIDERS=str(folder))


def run(env: dict[str, str], cwd: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, *command], env=env, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_vendor_is_listed(env, tmp_path):
    """`providers` shows it with its rules, as it does the others."""
    said = run(env, tmp_path, "-m", "llm_migrate", "providers", "acme")

    assert "Acme AI" in said
    assert "Acme takes 0.1 to 1" in said


def test_a_scan_finds_and_judges_it(env, tmp_path):
    """Its host and key are found in code, and OpenAI's calls are judged against it."""
    tree = tmp_path / "app"
    tree.mkdir()
    (tree / "a.py").write_text(
        "import os, openai\n"
        'old = openai.OpenAI(base_url="https://api.acme-ai.example/v1", api_key=os.environ["ACME_AI_KEY"])\n'
        'openai.OpenAI().chat.completions.create(model="gpt-4o", messages=[], temperature=2)\n'
    )

    found = json.loads(run(env, tree, "-m", "llm_migrate", "scan", ".", "--to", "acme", "--format", "json"))

    assert {f["kind"] for f in found["findings"] if f["provider"] == "acme"} >= {"base-url", "credential"}
    (call,) = (f for f in found["findings"] if f["kind"] == "api-call")
    notes = {note["subject"]: note["effect"] for note in call["compat"][0]["notes"]}
    assert notes["temperature"] == "clamped"


def test_a_call_is_translated_both_ways(env, tmp_path):
    """Parameters, finish word and error code follow the file."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acme)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    (tmp_path / "llm-migrate.toml").write_text(
        f'[targets.a]\nprovider = "acme"\nbase_url = "http://127.0.0.1:{server.server_port}/v1"\n'
        'api_key = "plain:k-of-acme"\n[models."gpt-4o"]\na = "acme-large"\n'
    )

    said = json.loads(run(env, tmp_path, "-c", PROGRAM))
    server.shutdown()
    server.server_close()
    thread.join()

    assert said == ["hello from Acme", "stop", "max_tokens=renamed, temperature=clamped", "rate_limit_exceeded"]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    """A wrong path is an error, not an empty list."""
    env = environ(LLM_MIGRATE_PROVIDERS=str(tmp_path / "nowhere"))

    done = subprocess.run(
        [sys.executable, "-m", "llm_migrate", "providers"], env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "no such folder" in done.stderr
