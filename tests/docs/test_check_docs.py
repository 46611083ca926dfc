"""docs/check.md shows what the command prints."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llm_migrate.engine.mishaps import MISHAPS
from tests.e2e.test_region_block import BLOCK
from tests.fakes import fake

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
CONSOLE = re.compile(r"^```console\n\$ llm-migrate (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIG = """
[targets.openai]
provider = "openai"
base_url = "{openai}"
api_key = "plain:sk-of-ours"
[targets.zhipu]
provider = "zhipu"
base_url = "{zhipu}"
api_key = "plain:id.secret"
[targets.kimi]
provider = "kimi"
base_url = "{kimi}"
trust_host = true
[models."gpt-4o"]
zhipu = "glm-5.3-flash"
[chains.default]
targets = ["openai", "zhipu", "kimi"]
"""


@contextlib.contextmanager
def ill(folder: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Give a way to run the command where OpenAI blocks the region, and Kimi has neither key nor model."""
    with fake("openai") as openai, fake("zhipu") as zhipu, fake("kimi") as kimi:
        openai.script(BLOCK)
        text = CONFIG.format(openai=openai.base_url, zhipu=zhipu.base_url, kimi=kimi.base_url)
        (folder / "llm-migrate.toml").write_text(text, encoding="utf-8")
        env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}

        def run(words: str) -> subprocess.CompletedProcess[str]:
            line = [sys.executable, "-m", "llm_migrate", *words.split()]
            settings = {**env, "COLUMNS": "100", "NO_COLOR": "1"}
            return subprocess.run(line, cwd=folder, env=settings, capture_output=True, text=True, check=False)

        yield run


def lines(text: str) -> list[str]:
    """Return lines without what differs from run to run: ports and milliseconds."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    return [re.sub(r"\b\d+ ms", "N ms", line) for line in text.splitlines()]


@pytest.mark.parametrize(("words", "shown"), CONSOLE.findall(PAGE), ids=lambda text: text.partition("\n")[0][:40])
def test_the_output_is_what_is_printed(tmp_path: Path, words: str, shown: str) -> None:
    """Each line of each block on the page comes out of the command."""
    with ill(tmp_path) as run:
        printed = lines(run(words).stdout)

    assert [line for line in lines(shown) if line != "..." and line not in printed] == []


def test_every_word_is_in_the_table() -> None:
    """Each error that can be explained stands on the page."""
    assert [word for word in MISHAPS if f"`{word}`" not in PAGE] == []
