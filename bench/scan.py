"""CPU, wall and memory of a whole scan beside `rg -l openai` on the same tree.

    python bench/scan.py                      makes a tree of 25,000 files, 0.4 % of them with hits
    python bench/scan.py PATH [PATH ...]      takes trees that are there
    python bench/scan.py --files 5000 --runs 5

Each command runs in its own process, alternately, after one run that warms the disk cache; the least of the runs
counts. ripgrep (`rg`) is optional: without it only our figures are printed. Both heed .gitignore; `rg` gets `--hidden`.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

WORDS = [
    "order",
    "total",
    "customer",
    "render",
    "value",
    "index",
    "widget",
    "parse",
    "token",
    "buffer",
    "cache",
    "node",
    "field",
    "state",
    "update",
]
HIT = {
    ".py": (
        "import os\nfrom openai import OpenAI\n\nclient = OpenAI(api_key=os.environ['OPENAI_API_KEY'])\n\n\n"
        "def answer(text):\n    return client.chat.completions.create(\n        model='gpt-4o', temperature=0.2,\n"
        "        messages=[{'role': 'user', 'content': text}],\n    )\n"
    ),
    ".ts": (
        'import OpenAI from "openai";\n\nconst client = new OpenAI({ apiKey: process.env.OPENAI_API_KEY });\n'
        "export const ask = (q: string) =>\n"
        '  client.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: q }] });\n'
    ),
    ".yaml": "llm:\n  provider: openai\n  model: gpt-4o\n  base_url: https://api.openai.com/v1\n",
}


@dataclass
class Run:
    cpu_s: float
    wall_s: float
    rss_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--files", type=int, default=25_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    if given.paths:
        for path in given.paths:
            compare(path, given.runs)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_tree(Path(folder), given.files)
        compare(Path(folder), given.runs)


def make_tree(root: Path, files: int) -> None:
    rng = random.Random(7)
    for number in range(files):
        suffix = rng.choices([".py", ".ts", ".json", ".yaml", ".md", ".css", ".go"], [30, 25, 10, 5, 10, 10, 10])[0]
        folder = root / f"pkg{number % 97}" / f"mod{number % 13}"
        folder.mkdir(parents=True, exist_ok=True)
        hit = HIT.get(suffix) if number % 250 == 0 else None
        (folder / f"f{number}{suffix}").write_text((hit or "") + filler(rng, suffix))


def filler(rng: random.Random, suffix: str) -> str:
    lines = rng.randint(40, 160)
    if suffix == ".json":
        return "{" + ",".join(f'"{rng.choice(WORDS)}{n}": {n}' for n in range(lines)) + "}\n"
    if suffix == ".yaml":
        return "".join(f"{rng.choice(WORDS)}{n}: {n}\n" for n in range(lines))
    mark = "#" if suffix == ".py" else "//"
    return "".join(
        f"{rng.choice(WORDS)}_{n} = {rng.choice(WORDS)}_{n % 7}  {mark} {rng.choice(WORDS)}\n" for n in range(lines)
    )


def compare(path: Path, runs: int) -> None:
    ours = [sys.executable, "-m", "llm_migrate", "scan", str(path), "--format", "json", "-o", os.devnull]
    rg = shutil.which("rg")
    theirs = [rg, "-l", "--hidden", "openai", str(path)] if rg else None
    once(ours)
    mine = [once(ours)]
    other = [once(theirs)] if theirs else []
    for _ in range(runs - 1):
        mine.append(once(ours))
        other += [once(theirs)] if theirs else []
    files = sum(len(names) for _, _, names in os.walk(path))
    print(f"{path}: {files:,} files")
    show("llm-migrate scan", mine)
    if other:
        show("rg -l openai", other)
        ratio = min(run.cpu_s for run in mine) / min(run.cpu_s for run in other)
        print(f"  ratio of CPU: {ratio:.1f}")


def once(command: list[str]) -> Run:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(cpu, wall, after.ru_maxrss / 1024)


def show(name: str, runs: list[Run]) -> None:
    cpu, wall = min(run.cpu_s for run in runs), min(run.wall_s for run in runs)
    # ru_maxrss of children is the greatest so far, so it says something for the larger of the two only.
    print(f"  {name:<18} CPU {cpu:6.2f} s   wall {wall:6.2f} s   peak memory so far {runs[-1].rss_mb:6.0f} MB")


if __name__ == "__main__":
    main()
