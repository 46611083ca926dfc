"""Build the virtual environment that the other scripts run in, with nothing but Python 3.11 and pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = "Scripts" if os.name == "nt" else "bin"


def prepare(folder: Path, *requirements: str) -> Path:
    """Create the environment if it is missing, install into it, and return its folder of programs.

    Args:
        folder: where the environment lives; an existing one is kept and brought up to date.
        requirements: arguments for the installer, as for `pip install`.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may well run this file
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
    programs = folder / BIN
    if not (programs / "python").exists() and not (programs / "python.exe").exists():
        print(f"creating {folder.relative_to(ROOT)} ...", flush=True)
        venv.create(folder, with_pip=True)
    python = str(programs / "python")
    # uv installs groups and resolves in seconds; it comes from the package index like everything else.
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.6"])
    print("installing ...", flush=True)
    constraints = ROOT / "scripts" / "constraints.txt"
    pinned = ["--constraint", str(constraints)] if constraints.exists() else []
    run([python, "-m", "uv", "pip", "install", "--quiet", "--python", python, *pinned, *requirements])
    return programs


def ensure_browser() -> None:
    """Install Debian's Chromium, with fonts for Chinese, where none is there and root asks.

    The one that Playwright would download is not taken: it is on no package index.
    """
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        print("no Chromium: tests in a browser are skipped (apt install chromium fonts-noto-cjk)", flush=True)
        return
    print("installing Chromium ...", flush=True)
    install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
    for command in (["apt-get", "update", "-qq"], install):
        run(command, check=False)


def run(command: list[str], *, cwd: Path = ROOT, check: bool = True) -> int:
    """Run a command with its output shown; end this script with its exit code if it fails."""
    code = subprocess.run(command, cwd=cwd, check=False).returncode
    if check and code:
        sys.exit(code)
    return code
