"""openai 0.28.1, unmodified, over `requests_session()`, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environments import EXAMPLE, environ, python_with
from tests.fakes import Fault, Server, fake
from tests.taps.loopback import loopback, whole

pytestmark = pytest.mark.matrix

PROGRAM = Path(__file__).with_name("legacy_program.py")
TENT = "收到: how do I wash the tent?"
MODELS = {"gpt-4o": "glm-5.3-flash", "gpt-3.5-turbo": "glm-5.3-flash", "text-embedding-ada-002": "embedding-3"}


@pytest.fixture(scope="module")
def zhipu() -> Iterator[Server]:
    with fake("zhipu") as server:
        yield server


@pytest.fixture
def openai_like() -> Iterator[Server]:
    with fake("openai") as server:
        yield server


def run(folder: Path, target: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program over a chain of one target."""
    models = [f'[models."{asked}"]\nhere = "{there}"' for asked, there in MODELS.items() if "zhipu" in target]
    path = folder / "llm-migrate.toml"
    path.write_text(f"[targets.here]\n{target}\n" + "\n".join(models), encoding="utf-8")
    done = subprocess.run(
        [str(python_with("0.28.1 beside us")), str(PROGRAM), *words],
        env=environ(LLM_MIGRATE_CONFIG=str(path), **env),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def ran(zhipu: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the behaviours of the program gave at Zhipu."""
    target = f'provider = "zhipu"\nbase_url = "{zhipu.base_url}"\napi_key = "plain:id.secret"'
    done = run(tmp_path_factory.mktemp("legacy"), target, "behaviours")
    came: dict[str, Any] = json.loads(done.stdout)
    return {**came, "stderr": done.stderr}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("version", "0.28.1"),
        ("create", [TENT, "stop", True]),
        ("stream", [True, TENT, "stop"]),
        ("left_stream", "chat.completion.chunk"),
        ("tools", ["find_order", {"number": "LN-2041"}, 'According to our records: {"carrier": "DHL"}']),
        ("functions", ["InvalidRequestError", "functions"]),
        ("streamed_tools", {"number": "LN-2041"}),
        ("embeddings", [[0, 2048, "float"], [1, 2048, "float"]]),
        ("engine", [1, TENT]),
        ("azure", TENT),
        ("models", True),
        ("images", 404),
    ],
)
def test_the_sdk_works_at_another_vendor(ran: dict[str, Any], behaviour: str, expected: object) -> None:
    """Calls of the old SDK, its `engine` and its Azure addresses among them, are answered by Zhipu (R9)."""
    assert ran[behaviour] == expected


def test_nothing_is_left_open(ran: dict[str, Any]) -> None:
    """No socket is left to the collector, not even that of a stream that was left."""
    assert "ResourceWarning" not in ran["stderr"]


def test_nothing_of_the_sdk_reaches_the_vendor(ran: dict[str, Any], zhipu: Server) -> None:
    """No key, name of a machine or account that the SDK sends to OpenAI leaves (S1)."""
    assert {request.headers["authorization"] for request in zhipu.requests} == {"Bearer id.secret"}
    assert not [name for r in zhipu.requests for name in r.headers if name.startswith(("x-openai", "openai-"))]


def test_functions_reach_a_vendor_that_has_them(tmp_path: Path) -> None:
    """The old form of a tool call passes in both directions where the vendor knows it."""
    called = {"name": "find_order", "arguments": '{"number": "LN-2041"}'}
    message = {"role": "assistant", "content": None, "function_call": called}
    body = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "function_call"}]}
    ask = {"role": "user", "content": "find order LN-2041"}
    functions = [{"name": "find_order", "parameters": {"type": "object"}}]
    program = tmp_path / "functions.py"
    program.write_text(
        "import openai\n"
        f"answer = openai.ChatCompletion.create(model='gpt-4o', messages=[{ask}], functions={functions})\n"
        "print(answer.choices[0].finish_reason, answer.choices[0].message.function_call.arguments)\n"
    )
    with loopback(whole(json.dumps(body).encode())) as server:
        target = f'provider = "openai"\nbase_url = "{server.base_url}"\napi_key = "plain:sk-here"'
        done = run(tmp_path, target, "run", str(program))

    assert done.stdout == 'function_call {"number": "LN-2041"}\n'
    assert server.requests[0].body["functions"] == functions


def failure(status: int, code: str | None, kind: str = "t") -> Fault:
    # No try is repeated when the vendor asks for such a wait.
    error = {"message": "no", "type": kind, "param": None, "code": code}
    return Fault(status=status, body={"error": error}, headers=(("retry-after", "90"),))


ERRORS = [
    (failure(400, "invalid_value"), "InvalidRequestError", 400),
    (failure(404, "model_not_found"), "InvalidRequestError", 404),
    (failure(401, "invalid_api_key"), "AuthenticationError", 401),
    (failure(403, "unsupported_country_region_territory"), "PermissionError", 403),
    (failure(429, "insufficient_quota"), "RateLimitError", 429),
    (failure(429, "rate_limit_exceeded"), "RateLimitError", 429),
    (failure(409, "conflict"), "APIError", 500),
    (failure(500, None), "APIError", 500),
    (failure(503, None), "ServiceUnavailableError", 503),
]


def test_errors_are_the_sdks_own(openai_like: Server, tmp_path: Path) -> None:
    """Each of the vendor's refusals raises the class that programs of the time catch; a 409 does not loop."""
    openai_like.script(*(fault for fault, _, _ in ERRORS))
    target = f'provider = "openai"\nbase_url = "{openai_like.base_url}"\napi_key = "plain:sk-here"'

    came = json.loads(run(tmp_path, target, "errors", str(len(ERRORS))).stdout)

    assert [(one["class"], one["status"]) for one in came] == [(name, status) for _, name, status in ERRORS]
    assert len(openai_like.requests) == len(ERRORS)
    told = [one for one in came if one["class"] != "ServiceUnavailableError"]  # which has a text of its own
    assert all(one["text"].startswith("no [here") for one in told)


def test_a_cut_stream_raises(openai_like: Server, tmp_path: Path) -> None:
    """A stream that breaks off after its first words is the SDK's error, not a short answer (R1)."""
    openai_like.script(Fault(cut_after=900))
    target = f'provider = "openai"\nbase_url = "{openai_like.base_url}"\napi_key = "plain:sk-here"'
    program = tmp_path / "cut.py"
    program.write_text(
        "import openai\n"
        "try:\n"
        "    ask = [{'role': 'user', 'content': 'how do I wash the tent?'}]\n"
        "    print(len(list(openai.ChatCompletion.create(model='gpt-4o', messages=ask, stream=True))))\n"
        "except openai.error.APIError as e:\n"
        "    print(type(e).__name__, e.json_body['error']['code'])\n"
    )

    assert run(tmp_path, target, "run", str(program)).stdout == "APIError stream_interrupted\n"


def test_the_mail_of_the_old_desk_is_sorted_by_another_vendor(zhipu: Server, tmp_path: Path) -> None:
    """The unmodified example of openai 0.28 sorts its mail at Zhipu as it does at OpenAI."""
    mail = tmp_path / "mail.csv"
    mail.write_text("id,text\n1,where is my parcel\n2,the stove came broken and I want a refund\n", encoding="utf-8")
    program = str(EXAMPLE / "legacy" / "classify.py")
    key = {"OPENAI_API_KEY": "sk-of-openai"}
    target = f'provider = "zhipu"\nbase_url = "{zhipu.base_url}"\napi_key = "plain:id.secret"'

    moved = run(tmp_path, target, "run", program, str(mail), **key)
    with fake("openai") as server:
        straight = subprocess.run(
            [str(python_with("0.28.1")), program, str(mail)],
            env=environ(**server.env),
            capture_output=True,
            text=True,
            check=True,
        )

    assert moved.stdout == straight.stdout == "1,delivery\n2,returns\n"
    assert {request.headers["authorization"] for request in zhipu.requests} == {"Bearer id.secret"}
