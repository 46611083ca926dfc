#!/usr/bin/env python3
"""Build the wheel, look inside, and use it where there is no source.

Fails unless: the TOML files in it are exactly those of providers/; it holds no .pth and no script that runs at
install or start; installed alone into a fresh environment it lists providers and scans.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from environment import BIN, ROOT


def main() -> None:
    """Check, and print one line a fact."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wheel = _build(folder)
        _look_inside(wheel)
        _use(wheel, folder)


def _build(folder: Path) -> Path:
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", str(folder / "dist"), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    print(f"built {wheel.name}, {wheel.stat().st_size // 1024} KiB, from its own sdist")
    return wheel


def _look_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {Path(n).name for n in names if n.startswith("llm_migrate/_providers/")}
    ours = {p.name for p in (ROOT / "providers").glob("*.toml")}
    if shipped != ours:
        sys.exit(f"provider files differ: only in the wheel {shipped - ours}, only here {ours - shipped}")
    odd = [n for n in names if n.endswith(".pth") or not n.startswith(("llm_migrate/", "llm_migrate-"))]
    if odd:
        sys.exit(f"the wheel holds what it should not: {odd}")
    print(f"holds {len(shipped)} provider files, no .pth, nothing outside llm_migrate/")


def _use(wheel: Path, folder: Path) -> None:
    home = folder / "env"
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", str(home)], check=True)
    python = home / BIN / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, f"llm-migrate[all] @ {wheel.as_uri()}"], check=True)
    tree = folder / "tree"
    tree.mkdir()
    (tree / "a.py").write_text("from openai import OpenAI\n\nclient = OpenAI()\n", encoding="utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    for words in (["--version"], ["providers"], ["scan", str(tree), "--to", "zhipu", "--fail-on", "never"]):
        subprocess.run(
            [str(home / BIN / "llm-migrate"), *words], cwd=tree, env=clean, check=True, stdout=subprocess.DEVNULL
        )
    where = "import llm_migrate; print(llm_migrate.__file__)"
    found = subprocess.run([str(python), "-c", where], cwd=tree, env=clean, check=True, capture_output=True, text=True)
    if str(ROOT) in found.stdout:
        sys.exit("the checkout was imported instead of the wheel")
    print("installed alone: --version, providers and scan run")


if __name__ == "__main__":
    main()
