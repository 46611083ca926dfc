"""docs/performance.md speaks of the benchmarks that are there, and of their bars and versions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


def test_every_command_is_there() -> None:
    """Each command runs a script of `bench/` with options that it takes."""
    commands = re.findall(r"^python (bench/\w+\.py)(.*)$", PAGE, re.MULTILINE)

    assert len(commands) == 6
    for script, options in commands:
        text = (ROOT / script).read_text(encoding="utf-8")
        assert [option for option in re.findall(r"--[a-z]+", options) if f'"{option}"' not in text] == [], script


@pytest.mark.parametrize("name", ["openai", "litellm", "any-llm"])
def test_the_versions_are_those_of_the_environment(name: str) -> None:
    """The page names the versions that `bench/others.py` installs."""
    pins = dict(re.findall(r'"([a-z-]+?)(?:-sdk)?(?:\[\w+\])?==([\d.]+)"', (ROOT / "bench" / "others.py").read_text()))

    assert re.search(rf"{name}\b[^,\n]* {re.escape(pins[name])}\b", PAGE)


def test_every_bar_is_shown() -> None:
    """Each bar of `bench/overhead.py` is in a row of the page that says whether it is met."""
    text = (ROOT / "bench" / "overhead.py").read_text(encoding="utf-8")
    bars = re.findall(r'"([\w.() ]+)": (\d\.\d+)', re.findall(r"^BARS.*?^}", text, re.MULTILINE | re.DOTALL)[0])
    rows = [line for line in PAGE.replace("`", "").splitlines() if "met |" in line or "missed" in line]

    assert len(bars) == 8
    for way, bar in bars:
        assert any(way in row and re.search(rf"\| {bar}( at \d+)?: ", row) for row in rows), (way, bar)
