"""Virtual environments with other openai SDKs and with frameworks over it, kept in `.cache/environments`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "support_desk"
CACHE = ROOT / ".cache" / "environments"
# SDK version -> what its users had beside it. 1.35.7 and 0.28.1 bring the example's own requirements; under the last
# one llm_migrate can be imported too.
SDKS: dict[str, tuple[str, ...]] = {
    "0.28.1": tuple((EXAMPLE / "legacy" / "requirements.txt").read_text(encoding="utf-8").split("\n")),
    "1.35.7": ("openai==1.35.7", "httpx<0.28"),
    "1.109.1": ("openai==1.109.1",),
    "2.54.0": ("openai==2.54.0",),
    "3.54.0": ("openai==3.54.0",),
    "0.28.1 beside us": ("openai==0.28.1", "numpy<2"),
    "instructor, pydantic-ai": ("instructor==1.17.0", "pydantic-ai-slim[openai]==2.38.0", "openai==3.3.0"),
    "llama-index": ("llama-index-llms-openai-like==0.8.1", "llama-index-core==0.14.25", "openai==2.54.0"),
}


def python_with(sdk: str) -> Path:
    """Return the interpreter of the environment for an SDK version, building it if need be.

    llm_migrate itself is not installed there, only what it needs: the checkout's `src` comes by PYTHONPATH (`environ`),
    so that an environment stays good when the code changes.
    """
    wanted = [*SDKS[sdk], "PyYAML>=6.0.1", *_our_dependencies()] if sdk != "0.28.1" else [*SDKS[sdk]]
    requirements = sorted(line for line in wanted if line and not line.startswith("#"))
    digest = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    home = CACHE / (re.sub(r"[^\w.]+", "-", f"openai-{sdk}") + f"-{digest}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{home.name}.lock").open("w") as lock:  # two test workers may want the same one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            _build(home, requirements)
    return home / "bin" / "python"


def environ(**more: str) -> dict[str, str]:
    """The environment for a program under test: the checkout's code, no settings of this machine."""
    keep = ("PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT", "XDG_CACHE_HOME")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "127.0.0.1", **more}


def _our_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies: list[str] = project["dependencies"]
    return dependencies


def _build(home: Path, requirements: list[str]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--python", sys.executable, str(home)])
    _run([*uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *requirements])
    (home / "ready").touch()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
