"""What works at which vendor, as the unmodified openai SDK sees it: run once for each SDK version, and as a page.

`scripts/feature_docs.py` writes the page; `test_features.py` says when it is not true any more.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.environments import environ, python_with
from tests.fakes import fake
from tests.fakes.served import SERVED, Served
from tests.fakes.server import Sample

SDKS = ("1.109.1", "2.54.0", "3.54.0")
PROGRAM = Path(__file__).with_name("feature_program.py")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"
# The errors that the page shows; every other one is in `test_every_error.py`.
ERRORS = ("limited", "quota", "credential", "policy", "context", "model", "server")

_HEAD = """\
# What works at which vendor

Seen by the unmodified openai SDK over `http_client()`, the same under openai {sdks}, against servers on this
machine that behave as the vendors document (`tests/fakes`). No vendor was called: what only a live account can show is
not here. Written by `scripts/feature_docs.py` from a run of the tests, which fail when the page is not true.

✓ works, and nothing is changed on the way · *adapted* works, and the response header `x-llm-migrate-adapted` says what
was changed · – refused by llm-migrate before anybody is asked, with an error that names the reason. `n = 2` is asked
for with `[adapt] n = "calls"`.

"""
_COLUMNS = {
    "create": "chat",
    "stream": "stream",
    "async": "async",
    "instructions": "developer, late system",
    "tools": "tools and results",
    "streamed tools": "streamed tools",
    "forced tool": "forced tool",
    "JSON mode": "JSON mode",
    "parse": "`.parse()`",
    "vision": "vision",
    "n": "n = 2",
    "embeddings": "embeddings",
    "models": "models",
}


def run(sdk: str) -> dict[str, dict[str, str]]:
    """Return vendor -> feature -> what came, under one version of the SDK."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        failing = stack.enter_context(_failing())
        vendors = {}
        for served in SERVED.values():
            server = stack.enter_context(fake(served.fake))
            path = folder / f"{served.fake}.toml"
            path.write_text(_configuration(served, server.address, failing), encoding="utf-8")
            models = {"": "gpt-4o", "vision": "gpt-4o-vision", "embeddings": "text-embedding-3-small"}
            named = [name for name in ERRORS if name in served.module.ERRORS]
            vendors[served.fake] = {"config": str(path), "models": models, "errors": named}
        done = subprocess.run(
            [str(python_with(sdk)), str(PROGRAM)],
            input=json.dumps({"vendors": vendors}),
            env=environ(),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def page(results: dict[str, dict[str, str]]) -> str:
    """Return the page for what came."""
    names = {name: SERVED[name].target() for name in results}
    rows = [["vendor", *_COLUMNS.values()], ["---"] * (len(_COLUMNS) + 1)]
    rows += [[_title(SERVED[name]), *(_cell(results[name][feature]) for feature in _COLUMNS)] for name in names]
    text = _HEAD.format(sdks=", ".join(SDKS)) + _table(rows)
    text += (
        "\n## Errors\n\nThe class that the SDK raises, and the `code` of the exception, whole and streamed alike.\n\n"
    )
    errors = [["vendor", *ERRORS], ["---"] * (len(ERRORS) + 1)]
    errors += [
        [_title(SERVED[name]), *(_error(found.get(f"error {error}", "")) for error in ERRORS)]
        for name, found in results.items()
    ]
    text += _table(errors) + "\nAn empty place: the vendor documents no such error.\n"
    return text + "\n## What is adapted\n\n" + "".join(_adapted(name, found) for name, found in results.items())


def _configuration(served: Served, address: str, failing: str) -> str:
    lines = served.lines(address)
    asked = {"gpt-4o": served.models[0], "gpt-4o-vision": served.vision, "text-embedding-3-small": served.embedding}
    targets = [served.fake]
    for name in (name for name in ERRORS if name in served.module.ERRORS):
        lines += served.lines(f"{failing}/{served.fake}/{name}", name)
        targets.append(name)
    for model, there in asked.items():
        lines += f'[models."{model}"]\n' + "".join(f'{t} = "{there or served.models[0]}"\n' for t in targets)
    lines += f'[chains.default]\ntargets = ["{served.fake}"]\n'
    lines += "".join(f'[chains.{name}]\ntargets = ["{name}"]\n' for name in targets[1:])
    return lines + '[adapt]\nn = "calls"\n'


@contextmanager
def _failing() -> Iterator[str]:
    """Run a server that answers `/VENDOR/ERROR/...` with that vendor's documented error."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Failing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        _, vendor, name, *_ = self.path.split("/")
        sample: Sample = SERVED[vendor].module.ERRORS[name]
        raw = sample.fault.body
        body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        self.send_response(sample.fault.status or 200)
        for header, value in {"content-type": "application/json", **dict(sample.fault.headers)}.items():
            self.send_header(header, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


def _title(served: Served) -> str:
    target = served.target()
    return f"{target.provider.name}, {served.endpoint}: {served.models[0]}"


def _cell(found: str) -> str:
    word, _, rest = found.partition(": ")
    return {"yes": "*adapted*" if rest else "✓", "no": "–"}.get(word, f"**{found[:60]}**")


def _error(found: str) -> str:
    name, _, code = found.partition(" ")
    return f"{name}<br>`{code}`" if code else name


def _adapted(name: str, found: dict[str, str]) -> str:
    said: dict[str, list[str]] = {}
    for feature, column in _COLUMNS.items():
        _, _, rest = found[feature].partition(": ")
        if rest:
            said.setdefault(rest, []).append(column)
    lines = [f"- {', '.join(columns)}: {rest}\n" for rest, columns in said.items()]
    return f"**{_title(SERVED[name])}**\n\n{''.join(lines)}\n" if lines else ""


def _table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
