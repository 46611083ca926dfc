"""The unmodified support desk under openai 0.28, 1.x, 2.x and 3.x, each in an environment of its own (R9)."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environments import EXAMPLE, environ, python_with
from tests.fakes import fake

pytestmark = pytest.mark.matrix

TAPPED = ("1.35.7", "1.109.1", "2.54.0", "3.54.0")
PROGRAM = Path(__file__).with_name("desk_program.py")
TENT = "收到: how do I wash the tent?"
CALL = {"name": "find_order", "arguments": '{"number": "LN-2041"}'}
# What the desk asks for -> what the vendor serves. Kimi has no embeddings: the next target of the chain has.
MODELS = {
    "zhipu": {"gpt-4o": "glm-5.3-flash", "gpt-3.5-turbo": "glm-5.3-flash", "text-embedding-3-small": "embedding-3"},
    "kimi": {"gpt-4o": "kimi-k2.6", "gpt-3.5-turbo": "kimi-k2.6"},
}


@pytest.fixture(scope="module", params=[(sdk, vendor) for sdk in TAPPED for vendor in MODELS], ids="-".join)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the program did under one SDK version against one vendor, the first target of its chain being dead."""
    sdk, vendor = request.param
    names = ["zhipu"] if vendor == "zhipu" else [vendor, "zhipu"]
    folder = tmp_path_factory.mktemp(f"{sdk}-{vendor}")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(fake(name)) for name in names}
        path = folder / "llm-migrate.toml"
        path.write_text(configuration({n: s.base_url for n, s in servers.items()}), encoding="utf-8")
        env = environ(LLM_MIGRATE_CONFIG=str(path))
        env["PYTHONPATH"] += f":{EXAMPLE}"
        done = subprocess.run(
            [str(python_with(sdk)), str(PROGRAM)],
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield {**json.loads(done.stdout), "sdk": sdk, "vendor": vendor, "servers": servers, "stderr": done.stderr}


def configuration(addresses: dict[str, str]) -> str:
    """A chain whose first target refuses the connection."""
    lines = [f'[targets.dead]\nprovider = "openai"\nbase_url = "http://127.0.0.1:{closed_port()}/v1"']
    lines.append('api_key = "plain:unused"')
    for name, address in addresses.items():
        lines.append(f'[targets.{name}]\nprovider = "{name}"\nbase_url = "{address}"\napi_key = "plain:id.secret"')
    asked = sorted({model for name in addresses for model in MODELS[name]})
    for model in asked:
        lines.append(f'[models."{model}"]\ndead = "{model}"')
        lines += [f'{name} = "{MODELS[name][model]}"' for name in addresses if model in MODELS[name]]
    lines.append(f"[chains.default]\ntargets = {json.dumps(['dead', *addresses])}")
    lines.append(f'[chains.alone]\ntargets = ["{next(iter(addresses))}"]')
    return "\n".join(lines) + "\n"


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
    return port


def came(ran: dict[str, Any], behaviour: str) -> Any:
    found = ran[behaviour]
    if isinstance(found, dict) and "trace" in found:
        pytest.fail(f"{behaviour} under openai {ran['sdk']} at {ran['vendor']}: {found['trace']}")
    return found


def test_the_environment_holds_the_version_asked_for(ran: dict[str, Any]) -> None:
    """Each cell of the matrix runs the SDK version it names."""
    assert ran["version"] == ran["sdk"]


def test_nothing_is_left_open(ran: dict[str, Any]) -> None:
    """Twenty clients were opened and closed: no socket, session or coroutine is left behind."""
    assert not [line for line in ran["stderr"].splitlines() if "ResourceWarning" in line or "Unclosed" in line]
    assert "never awaited" not in ran["stderr"]


def test_triage_gets_its_json(ran: dict[str, Any]) -> None:
    """JSON mode survives the move."""
    assert came(ran, "triage") == {"category": "delivery", "urgency": 3, "language": "en"}


@pytest.mark.parametrize("behaviour", ["reply", "drop_in_reply"])
def test_a_tool_round_trip_ends_in_an_answer(ran: dict[str, Any], behaviour: str) -> None:
    """A tool call, its result and the answer pass in both directions (R5)."""
    assert "DHL" in came(ran, behaviour)


def test_a_forced_tool_is_kept_or_refused_by_name(ran: dict[str, Any]) -> None:
    """Kimi can be forced to a tool; Zhipu cannot, so the call is refused and the parameter named."""
    found = came(ran, "file_return")

    if ran["vendor"] == "kimi":
        assert found == {"return": "RT-2042", "reason": "broken"}
    else:
        assert found["param"] == "tool_choice"
        assert "tool_choice cannot be sent" in found["refused"]


def test_a_whole_ticket_is_handled(ran: dict[str, Any]) -> None:
    """The program's own error handling sees no error."""
    assert came(ran, "handle") == ["reply", "triage"]


def test_the_typed_reply_comes_in_pieces(ran: dict[str, Any]) -> None:
    """A stream with sampling that the vendor refuses, and with two stops, is answered."""
    pieces = came(ran, "type_reply")

    assert len(pieces) > 1
    assert "".join(pieces) == TENT


def test_a_screenshot_reaches_the_model(ran: dict[str, Any]) -> None:
    """A vision part given as a data URL arrives as an image."""
    assert "1 image" in came(ran, "read_screenshot")


def test_a_summary_comes(ran: dict[str, Any]) -> None:
    """A model named in the configuration of the program is mapped like one in its code."""
    assert "The pole broke." in came(ran, "summarise")


def test_embeddings_go_to_the_mapped_model(ran: dict[str, Any]) -> None:
    """Vectors come from the mapped model, in its own width, and the search works with them."""
    found = came(ran, "search")

    assert found["dimensions"] == 2048
    assert "mild soap" in found["first"]
    assert came(ran, "embeddings_async") == 2048


def test_the_dead_target_shows_in_the_headers_only(ran: dict[str, Any]) -> None:
    """The second target answers, and the response says so without an address (R4)."""
    headers = came(ran, "headers")

    assert headers["x-llm-migrate-provider"] == ran["vendor"]
    assert headers["x-llm-migrate-model"] == MODELS[ran["vendor"]]["gpt-4o"]
    assert "temperature" in headers["x-llm-migrate-adapted"]
    assert "127.0.0.1" not in json.dumps(headers)


@pytest.mark.parametrize("behaviour", ["stream", "stream_async", "drop_in_stream", "drop_in_stream_async"])
def test_a_stream_is_whole_and_shaped(ran: dict[str, Any], behaviour: str) -> None:
    """Text, finish, usage and `object` are all there, whatever the vendor leaves out (R11)."""
    found = came(ran, behaviour)

    assert (found["text"], found["finish"]) == (TENT, "stop")
    assert found["usage"] > 0
    assert found["objects"] == ["chat.completion.chunk"]


@pytest.mark.parametrize("behaviour", ["streamed_tools", "streamed_tools_async"])
def test_a_streamed_tool_call_adds_up(ran: dict[str, Any], behaviour: str) -> None:
    """The pieces of a tool call add up to what the model sent (R5)."""
    found = came(ran, behaviour)

    assert [{k: call[k] for k in CALL} for call in found["calls"]] == [CALL]
    assert found["finish"] == "tool_calls"
    assert found["calls"][0]["id"]


@pytest.mark.parametrize("behaviour", ["parse", "drop_in_parse"])
def test_parse_gives_the_program_s_own_class(ran: dict[str, Any], behaviour: str) -> None:
    """`.parse()` returns the pydantic class where the SDK has it."""
    expected = "not in this version" if ran["sdk"] == "1.35.7" else ["Verdict", 3]

    assert came(ran, behaviour) == expected


@pytest.mark.parametrize("behaviour", ["plain_async", "drop_in_async"])
def test_ten_calls_at_once_keep_their_answers(ran: dict[str, Any], behaviour: str) -> None:
    """Concurrent calls are not mixed."""
    assert came(ran, behaviour) == [f"收到: number {i}" for i in range(10)]


def test_nothing_of_the_sdk_reaches_the_vendor(ran: dict[str, Any]) -> None:
    """No OpenAI header and no key of the program goes to another vendor (S1)."""
    sent = [r.headers for s in ran["servers"].values() for r in s.requests]

    assert sent
    assert not [n for h in sent for n in h if n.startswith(("x-stainless", "openai-"))]
    assert {h["authorization"] for h in sent} == {"Bearer id.secret"}


@pytest.mark.parametrize(
    ("sdk", "vendor"), [*((sdk, "openai") for sdk in TAPPED), ("1.35.7", "azure"), ("3.54.0", "azure")]
)
def test_the_app_s_own_tests_pass_before_the_move(sdk: str, vendor: str) -> None:
    """The example is a working program on OpenAI and on Azure, under every SDK since 1.35."""
    command = [str(python_with(sdk)), "-W", "error", "-m", "unittest", "discover", "-t", ".", "-s", "app"]
    with fake(vendor) as server:
        done = subprocess.run(
            command, cwd=EXAMPLE, env=environ(**server.env), capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr


def test_the_legacy_service_runs_on_openai(tmp_path: Path) -> None:
    """The 0.28 program is a working one: it sorts mail against an OpenAI-like server."""
    mail = tmp_path / "mail.csv"
    mail.write_text("id,text\n1,where is my parcel\n2,the stove came broken please refund\n", encoding="utf-8")
    command = [str(python_with("0.28.1")), str(EXAMPLE / "legacy" / "classify.py"), str(mail)]

    with fake("openai") as server:
        done = subprocess.run(command, env=environ(**server.env), capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("1,delivery\n2,returns\n", "")
