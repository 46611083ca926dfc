"""docs/reconciling.md says what the files take, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from llm_migrate.catalog.bill import BillColumns, Counted, MappingFile
from llm_migrate.catalog.load import all_providers
from llm_migrate.catalog.strict import load_toml
from llm_migrate.cli import budget_reconcile, budget_simulate
from llm_migrate.config.workload import PriceTable, RouteTable, WorkloadFile, load_workload
from llm_migrate.errors import UsageError
from llm_migrate.ledger.bill import read_bill
from llm_migrate.ledger.simulate import ORDERS, simulate
from llm_migrate.report.reconcile import _WHY

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reconciling.md").read_text(encoding="utf-8")
MAPPING, WORKLOAD = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WORDS = set(re.findall(r"\b[a-z_]+\b", PAGE))


def test_the_mapping_reads_the_file_that_it_describes(tmp_path: Path):
    """The example of a mapping loads, and each of its tables does what is said."""
    (tmp_path / "map.toml").write_text(MAPPING, encoding="utf-8")
    shape = load_toml(tmp_path / "map.toml", MappingFile, UsageError)
    text = (
        "账单日期,产品,实例ID,计费项,用量,应付金额\n"
        "2026-11-03,大模型服务平台百炼,1;qwen-plus;x,输入,1.5,0.01\n"
        "2026-11-03,大模型服务平台百炼,1;qwen-plus;x,联网搜索,3,0.02\n"
        "2026-11-03,对象存储,oss,请求,7,0.03\n"
    )

    first, second = read_bill("f", text.encode("gb18030"), [shape], "UTC").lines

    assert (first.model, first.input_tokens, first.money) == ("qwen-plus", 1500, 10_000_000)
    assert (second.input_tokens, second.money) == (None, 20_000_000)


def test_the_workload_can_be_simulated(tmp_path: Path):
    """The example of a workload runs under each order that the page names."""
    (tmp_path / "w.toml").write_text(WORKLOAD, encoding="utf-8")
    workload = load_workload(tmp_path / "w.toml")

    assert {simulate(workload, order).order for order in ORDERS} == set(ORDERS)
    assert all(f"`{order}`" in PAGE for order in ORDERS)


def test_every_key_is_explained():
    """Each key of a mapping and of a workload stands on the page, and each word for what is counted."""
    models = (MappingFile, BillColumns, WorkloadFile, RouteTable, PriceTable)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}

    assert keys | set(get_args(Counted)) <= WORDS


def test_every_option_is_named():
    """Options of both commands, but for those of all commands."""
    options = [o for c in (budget_reconcile.command, budget_simulate.command) for p in c.params for o in p.opts]
    assert {o for o in options if o.startswith("--")} - {"--config"} <= set(re.findall(r"--[a-z-]+", PAGE))


def test_every_reason_is_explained():
    """Why something was not booked is in the table word for word."""
    for why in filter(None, _WHY.values()):
        assert f"| {why} |" in PAGE


def test_every_known_file_is_listed():
    """Each vendor whose files are known is in the table, and no other."""
    known = {provider.id for provider in all_providers() if provider.bills}
    assert known == set(re.findall(r"^\| `([a-z0-9]+)` \|", PAGE, re.MULTILINE))
