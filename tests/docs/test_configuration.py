"""docs/configuration.md says what the configuration takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llm_migrate.config import load_config
from llm_migrate.config.file import TargetTable

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file on the page is a configuration, and its mapping is the one that the page shows."""
    [example] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "llm-migrate.toml").write_text(example, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    config = load_config()

    chain = config.chain("default")
    assert [target.name for target in chain.targets] == ["azure", "zhipu", "kimi"]
    assert [config.model_for(target, "gpt-4o") for target in chain.targets] == [
        "my-gpt4o-deployment",
        "glm-5.3-flash",
        "kimi-k2.6",
    ]


def test_every_key_of_a_target_is_explained() -> None:
    """The table of targets has a row for each key, and none that does not exist."""
    table = PAGE.partition("## Targets")[2].partition("## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(TargetTable.model_fields)
