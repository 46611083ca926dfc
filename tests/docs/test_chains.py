"""docs/chains.md says what chains take and do."""

from __future__ import annotations

import re
from pathlib import Path

from llm_migrate.config import load_config
from llm_migrate.config.file import ChainTable

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "chains.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    """The file on the page is a configuration, whose chains are those of the page."""
    [example] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "llm-migrate.toml"
    file.write_text(example, encoding="utf-8")

    config = load_config(file)

    assert {name: chain.order for name, chain in config.chains.items()} == {
        "default": "ordered",
        "canary": "weighted",
        "cheap": "cheapest",
    }
    assert config.model_for(config.chain("default").targets[2], "gpt-4o") == "qwen3.6-plus"


def test_every_key_of_a_chain_is_explained() -> None:
    """Each key that a chain takes is named on the page."""
    assert set(ChainTable.model_fields) <= set(re.findall(r"\b[a-z_]+\b", PAGE))
