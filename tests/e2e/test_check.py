"""`llm-migrate check` against targets that are ill: each illness is told from the others, with where and what to do."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.e2e.test_region_block import BLOCK, PAGE
from tests.fakes import Fault, Server, fake
from tests.fakes.openai_like import ERRORS

REGION_PAGE = Fault(
    status=403,
    body=b"<html><title>403</title><p>Country, region, or territory not supported</p></html>",
    headers=(("content-type", "text/html"),),
)


@pytest.fixture
def server() -> Iterator[Server]:
    with fake("openai") as running:
        yield running


def check(folder: Path, base_url: str, *words: str, key: str = "sk-canary-0123", **env: str) -> tuple[int, dict, str]:
    """Run the check of one target in a process of its own; return its exit code, its document, and all it wrote."""
    path = folder / "llm-migrate.toml"
    path.write_text(
        f'[targets.old]\nprovider = "openai"\nbase_url = "{base_url}"\napi_key = "plain:{key}"\n'
        '[models."gpt-4o"]\nold = "gpt-4o"\n'
    )
    settings = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("SSL_CERT")}
    line = [sys.executable, "-m", "llm_migrate", "check", "--config", str(path), "--format", "json", *words]
    done = subprocess.run(line, env={**settings, **env}, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout), done.stdout


def bad(body: dict, topic: str) -> dict[str, Any]:
    """Return the one finding that makes the check fail."""
    [found] = [f for f in body["findings"] if f["severity"] in ("wrong", "failed", "warning") and f["topic"] == topic]
    return found


def test_a_refused_port(tmp_path: Path) -> None:
    """Nothing listens: the port is named, and the check ends at once."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        code, body, _ = check(tmp_path, f"http://127.0.0.1:{port}/v1", "--live")

    found = bad(body, "network")
    assert (code, found["severity"], found["what"]) == (3, "failed", "the connection was refused")
    assert found["where"] == f"targets.old: 127.0.0.1:{port}"
    assert "port" in found["advice"]
    assert body["targets"][0]["live"] is None


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    """A host of the reserved domain has no address anywhere."""
    code, body, _ = check(tmp_path, "https://no-such-host.invalid/v1")

    assert (code, bad(body, "network")["what"]) == (3, "its host name cannot be resolved")
    assert body["targets"][0]["answer"]["stage"] == "name"


@pytest.mark.realtime
def test_a_hung_port(tmp_path: Path, server: Server) -> None:
    """A server that takes the request and says nothing is left after the time limit, by its own kind of failure."""
    server.script(Fault(hang=True))
    began = time.monotonic()

    code, body, _ = check(tmp_path, server.base_url, "--timeout", "0.5")

    assert (code, bad(body, "network")["what"]) == (3, "no answer within the time limit")
    assert body["targets"][0]["answer"]["stage"] == "answer"
    assert time.monotonic() - began < 10


@pytest.mark.realtime
def test_a_port_that_takes_no_tls(tmp_path: Path) -> None:
    """A port that accepts and never shakes hands is left after the time limit."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"https://127.0.0.1:{silent.getsockname()[1]}/v1"
        code, body, _ = check(tmp_path, address, "--timeout", "0.5")

    assert (code, body["targets"][0]["answer"]["stage"]) == (3, "certificate")
    assert bad(body, "network")["what"] == "no connection within 0.5 s"


@pytest.mark.parametrize(
    ("names", "days", "trusted", "what"),
    [
        (["127.0.0.1"], 30, True, None),
        (["127.0.0.1"], 30, False, "the issuer of its TLS certificate is not trusted"),
        (["other.example"], 30, True, "its TLS certificate is for another"),
        (["127.0.0.1"], -1, True, "its TLS certificate has expired"),
    ],
    ids=["good", "unknown issuer", "wrong name", "expired"],
)
def test_a_certificate(tmp_path: Path, names: list[str], days: int, trusted: bool, what: str | None) -> None:
    """A certificate that does not verify is told by its cause; a good one is said to be verified (S7)."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    now = dt.datetime.now(dt.UTC)
    times = {"not_before": now - dt.timedelta(days=60), "not_after": now + dt.timedelta(days=days)}
    with raw_server(certificate=ca.issue_cert(*names, **times)) as port:
        env = {"SSL_CERT_FILE": str(tmp_path / "ca.pem")} if trusted else {}
        code, body, _ = check(tmp_path, f"https://127.0.0.1:{port}/v1", **env)

    if what is None:
        assert code == 0
        assert [f["what"] for f in body["findings"] if "TLS verified, HTTP 401" in f["what"]]
    else:
        found = bad(body, "network")
        assert code == 3
        assert found["what"].startswith(what)
        assert "SSL_CERT_FILE" in found["advice"]


@pytest.mark.parametrize("fault", [BLOCK, REGION_PAGE], ids=["json", "page"])
def test_a_blocked_region_is_seen_without_a_key(tmp_path: Path, server: Server, fault: Fault) -> None:
    """The block follows the address, so the request without a key meets it, as JSON or as a page."""
    server.script(fault)

    code, body, _ = check(tmp_path, server.base_url, "--live")

    found = bad(body, "network")
    assert code == 3
    assert "this region is blocked (unsupported_country_region_territory)" in found["what"]
    assert "not the key" in found["advice"]
    assert body["targets"][0]["answer"]["outcome"] == "region"
    assert len(server.requests) == 1


def test_a_page_without_a_word_of_regions_is_a_warning(tmp_path: Path, server: Server) -> None:
    """A bare 403 page may be a block or a firewall: said so, while the tiny request decides."""
    server.script(PAGE)

    code, body, _ = check(tmp_path, server.base_url, "--live")

    assert (code, bad(body, "network")["severity"]) == (0, "warning")
    assert body["targets"][0]["live"]["outcome"] == "ok"


def live(
    tmp_path: Path, server: Server, fault: Fault | None, **more: str
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Answer well without a key, and with a fault to the tiny request."""
    server.script(None, fault)
    code, body, _ = check(tmp_path, server.base_url, "--live", **more)
    return code, bad(body, "live"), body["targets"][0]["live"]


def test_a_bad_key(tmp_path: Path, server: Server) -> None:
    """The vendor's own words on the key, without the key, and where to look."""
    code, found, lived = live(tmp_path, server, None, key="wrong")

    assert (code, lived["outcome"], lived["status"]) == (3, "credential", 401)
    assert found["what"].startswith("key refused: HTTP 401")
    assert "key" in found["advice"]


def test_an_empty_balance(tmp_path: Path, server: Server) -> None:
    """No money is neither a bad key nor a block."""
    code, found, lived = live(tmp_path, server, ERRORS["quota"].fault)

    assert (code, lived["outcome"], lived["code"]) == (3, "quota", "insufficient_quota")
    assert found["what"].startswith("no balance: HTTP 429")
    assert "top it up" in found["advice"]


def test_a_region_block_of_the_call_alone(tmp_path: Path, server: Server) -> None:
    """A block that only calls meet is told from the key by its code."""
    code, found, lived = live(tmp_path, server, BLOCK)

    assert (code, lived["outcome"]) == (3, "region")
    assert found["what"].startswith("region blocked: HTTP 403")
    assert "not the key" in found["advice"]


def test_a_refusal_by_page_is_not_the_key_s_fault(tmp_path: Path, server: Server) -> None:
    """A 403 page to a call comes from something in front of the API: the key is not blamed."""
    code, found, lived = live(tmp_path, server, PAGE)

    assert (code, lived["page"]) == (3, True)
    assert found["what"].startswith("blocked: HTTP 403")
    assert "the key is not to blame" in found["advice"]


def test_a_rate_limit_is_no_failure(tmp_path: Path, server: Server) -> None:
    """A target that is asked too often is alive and knows the key: a warning, and not asked again."""
    code, found, lived = live(tmp_path, server, ERRORS["limited"].fault)

    assert (code, found["severity"], lived["outcome"]) == (0, "warning", "limited")
    assert len(server.requests) == 2


def test_a_model_that_is_not_there(tmp_path: Path, server: Server) -> None:
    """A model that the account does not have is named, and the key is said to be good."""
    code, found, lived = live(tmp_path, server, ERRORS["model"].fault)

    assert (code, lived["outcome"]) == (3, "request")
    assert "the key is good" in found["advice"]


def test_a_server_in_trouble(tmp_path: Path, server: Server) -> None:
    """5xx without a key is a warning, to a call a failure."""
    trouble = Fault(status=502, body=b"<html>bad gateway</html>", headers=(("content-type", "text/html"),))
    server.script(trouble, trouble)

    code, body, _ = check(tmp_path, server.base_url, "--live")

    assert code == 3
    assert bad(body, "network")["severity"] == "warning"
    assert bad(body, "live")["what"].startswith("no sound answer: HTTP 502")


def test_no_key_is_in_anything_that_is_written(tmp_path: Path, server: Server) -> None:
    """A vendor that repeats the key, and one that is not reached: the key is nowhere (S3)."""
    echo = Fault(
        status=401, body={"error": {"message": "Incorrect API key: sk-canary-0123", "code": "invalid_api_key"}}
    )
    server.script(None, echo)

    _, body, text = check(tmp_path, server.base_url, "--live")

    assert "Incorrect API key: ***" in bad(body, "live")["what"]
    assert "sk-canary" not in text


def test_an_empty_account_that_is_said_without_a_key(tmp_path: Path, server: Server) -> None:
    """402 is no answer to a missing key: it fails the check even without --live."""
    server.script(Fault(status=402, body={"error": {"message": "pay", "code": None}}))

    code, body, _ = check(tmp_path, server.base_url)

    assert code == 3
    assert "the account is empty" in bad(body, "network")["what"]


@pytest.mark.parametrize(("days", "said"), [(-1, "ahead of the target's"), (1, "behind the target's")])
def test_a_clock_that_is_wrong(tmp_path: Path, days: int, said: str) -> None:
    """A `Date` that is far from this machine's time is warned of: signatures depend on it."""
    date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=days), usegmt=True)

    with raw_server(f"date: {date}\r\n") as port:
        code, body, _ = check(tmp_path, f"http://127.0.0.1:{port}/v1")

    assert code == 0
    assert said in bad(body, "clock")["what"]


def test_a_proxy_is_used_and_named(tmp_path: Path, server: Server) -> None:
    """With a proxy of the environment the proxy is asked, and its address is shown without its password."""
    proxy = server.address.replace("http://", "http://user:canary@")

    code, body, text = check(tmp_path, "http://127.0.0.1:9/v1", HTTP_PROXY=proxy)

    assert code == 0
    assert body["targets"][0]["proxy"] == server.address
    assert any("through the proxy" in finding["what"] for finding in body["findings"])
    assert [finding["where"] for finding in body["findings"] if finding["topic"] == "proxy"] == ["HTTP_PROXY"]
    assert "canary" not in text
    assert server.requests[0].path == "/v1"


def test_a_dead_proxy_is_the_network_s_failure(tmp_path: Path) -> None:
    """A proxy that is not there fails every call, and is told as such."""
    code, body, _ = check(tmp_path, "http://127.0.0.1:9/v1", HTTP_PROXY="http://127.0.0.1:9")

    assert (code, bad(body, "network")["what"]) == (3, "the connection was refused")


def test_the_token_of_a_token_service_is_fetched(tmp_path: Path) -> None:
    """A target whose key asks for a token first is asked as calls ask it."""
    with fake("ernie_v1") as server:
        keys = f"{server.env['QIANFAN_AK']}:{server.env['QIANFAN_SK']}"
        (tmp_path / "llm-migrate.toml").write_text(
            f'[targets.v1]\nprovider = "ernie"\nendpoint = "v1"\napi_key = "plain:{keys}"\n'
            f'base_url = "{server.address}/rpc/2.0/ai_custom/v1/wenxinworkshop"\n'
            '[models."gpt-4o"]\nv1 = "ernie-4.0-8k"\n'
        )
        line = [sys.executable, "-m", "llm_migrate", "check", "--live", "--format", "json"]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    body = json.loads(done.stdout)
    assert done.returncode == 0
    assert body["targets"][0]["live"]["adapted"] == "max_tokens=clamped"
    assert "closed 'v1' on 2026-08-31" in done.stdout
    assert keys.partition(":")[2] not in done.stdout


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_sees_progress_and_colour(tmp_path: Path, server: Server, no_color: str, coloured: bool) -> None:
    """A wait of over half a second is shown on a terminal's stderr; NO_COLOR takes the colours away."""
    import pty

    server.script(Fault(hang=True))
    (tmp_path / "llm-migrate.toml").write_text(
        f'[targets.old]\nprovider = "openai"\nbase_url = "{server.base_url}"\napi_key = "plain:sk"\n'
    )
    main, side = pty.openpty()
    env = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    line = [sys.executable, "-m", "llm_migrate", "check", "--timeout", "1.5"]
    with subprocess.Popen(line, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=side, stderr=side) as process:
        os.close(side)
        written = b""
        with contextlib.suppress(OSError):  # the other end closed: that is how a terminal ends
            while piece := os.read(main, 65536):
                written += piece
        os.close(main)

    assert process.returncode == 3
    assert b"0 of 1 targets answered" in written
    assert (b"\x1b[1;35mfailed" in written) == coloured


@contextlib.contextmanager
def raw_server(headers: str = "", *, certificate: trustme.LeafCert | None = None) -> Iterator[int]:
    """Answer 401 with some more headers, over TLS if there is a certificate, until the block ends; give the port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context, headers))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext | None, headers: str) -> None:
    body = b'{"error": {"message": "no key", "code": "invalid_api_key"}}'
    head = (
        f"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    )
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(5)
        with contextlib.suppress(OSError), connection:
            wrapped = context.wrap_socket(connection, server_side=True) if context is not None else connection
            with wrapped:
                if wrapped.recv(65536):
                    wrapped.sendall(head.encode() + body)
