"""`llm-migrate budget offers`: what vendors give, with lines that make a budget of it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_migrate.catalog.load import all_providers, load_provider
from llm_migrate.cli.budget import command
from llm_migrate.config import load_config

CONFIG = """\
[targets.main]
provider = "zhipu"
[targets."通义"]
provider = "qwen"
[budgets.gift]
target = "main"
offer = "free-models"
[budgets.quota]
target = "通义"
offer = "new-free-quota"
days = 30
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    file = tmp_path / "llm-migrate.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def run(*words: str) -> Result:
    return CliRunner().invoke(command, ["offers", *words], env={"COLUMNS": "100"}, catch_exceptions=False)


def rows(*words: str) -> dict[tuple[str, str], dict[str, object]]:
    body = json.loads(run(*words, "--format", "json").output)
    assert body["schema"] == "llm-migrate/budget-offers/1"
    return {(row["provider"], row["id"]): row for row in body["offers"]}


def test_every_offer_of_the_catalog_is_listed_with_its_source(path):
    """None is left out, and each says where it is from, how sure that is, and when somebody looked."""
    output = " ".join(run().output.split())

    for provider in all_providers():
        for offer in provider.offers:
            assert f"{provider.id} / {offer.id}" in output
            assert f"source ({offer.checked})" in output
            assert " ".join(offer.source.split()) in output
            assert f"confidence: {offer.confidence}" in output


def test_one_provider_by_any_of_its_names(path):
    """As in `llm-migrate providers`."""
    assert {provider for provider, _ in rows("Zhipu")} == {"zhipu"}


def test_the_lines_make_a_budget(path):
    """What stands there can be pasted, with the name of the target that the file has."""
    lines = str(rows()["zhipu", "move-from-openai-2024"]["lines"])

    path.write_text(f"{CONFIG}\n{lines}", encoding="utf-8")

    assert lines.splitlines()[1] == 'target = "main"'
    assert "move-from-openai-2024/glm-4" in load_config(path).budgets


@pytest.mark.parametrize(("provider", "offer"), [(p.id, o.id) for p in all_providers() for o in p.offers])
def test_the_lines_are_toml_and_say_what_is_missing(path, provider, offer):
    """Whatever no source says stands below as a remark, and only that."""
    row = rows(provider)[provider, offer]

    table = tomllib.loads(str(row["lines"]))["budgets"][offer]
    assert table["offer"] == offer
    facts = next(found for found in load_provider(provider).offers if found.id == offer)
    gaps = " ".join(str(gap) for gap in row["gaps"])  # type: ignore[union-attr]
    assert ("points_per_call" in gaps) == (facts.unit == "points")
    assert ("until = ..." in gaps) == (facts.window.kind == "fixed" and facts.window.until is None)
    assert ("days = ..." in gaps) == (facts.window.kind == "after-activation" and facts.window.days is None)


def test_what_is_configured_and_what_is_over_are_marked(path):
    """So that nobody pastes either."""
    found = rows()

    assert found["zhipu", "free-models"]["budgets"] == ["gift"]
    assert found["qwen", "new-free-quota"]["budgets"] == ["quota"]
    assert found["zhipu", "move-from-openai-2024"]["budgets"] == []
    assert found["hunyuan", "move-2024"]["over"] is True
    assert found["zhipu", "free-models"]["over"] is False
    output = run().output
    assert "zhipu / free-models  (in use as gift)" in output
    assert "hunyuan / move-2024  (over)" in output
    assert "[budgets.free-models]" not in output
    assert '[budgets.move-2024]\n      target = "hunyuan"' not in output


def test_no_configuration_is_needed(path):
    """Offers are what one looks for first; the target is then left to say."""
    path.unlink()

    found = rows("zhipu")["zhipu", "free-models"]

    assert found["budgets"] == []
    assert "target: the name of your target at this vendor" in found["gaps"]  # type: ignore[operator]


def test_a_provider_without_offers_says_so(path):
    """An empty answer is an answer."""
    assert run("azure-openai").output == "No offers are known.\n"
