"""`llm-migrate budget reconcile` as a person or a script runs it, on books that calls have filled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llm_migrate.cli.budget_reconcile import command
from llm_migrate.errors import MigrateError
from llm_migrate.ledger.books import Doubt, Entry
from llm_migrate.ledger.stores import open_store
from tests.ledger.saying import granted, reserve, settle, want

NOON = 1_720_497_600_000  # 2024-07-09 in Shanghai
CONFIG = """
[targets.ds]
provider = "deepseek"
api_key = "plain:sk-canary"
[budgets.gift]
target = "ds"
tokens = 1_000_000
[ledger]
url = "sqlite:///{folder}/ledger.db"
"""
OTHER = """
[targets.z]
provider = "zhipu"
api_key = "plain:id.canary"
[budgets.move]
target = "z"
offer = "move-from-openai-2024"
"""
EXPORT = """\
user_id,start_time_iso,end_time_iso,model,api_key_name,api_key,type,price,amount
u,2024-07-09T00:00:00+08:00,2024-07-10T00:00:00+08:00,deepseek-chat,k,sk-canary***,input_cache_miss_tokens,0.000001,{n}
"""
MAPPING = """
provider = "zhipu"
[columns]
day = "日期"
model = "模型"
total_tokens = "总用量"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and a bill, and no other configuration in sight."""
    for name in ("LLM_MIGRATE_CONFIG", "XDG_CONFIG_HOME", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llm-migrate.toml").write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    (tmp_path / "amount.csv").write_text(EXPORT.format(n=1000), encoding="utf-8")
    return tmp_path


def spent(folder: Path, amount: int, *, offer: str = "gift", model: str = "deepseek-chat", doubt: bool = False) -> None:
    """Fill the books by one call, whose outcome may be unknown."""
    store = open_store(f"sqlite:///{folder}/ledger.db")
    granted(store, reserve(f"call-{amount}", want(offer, amount, limit=None), model=model, now=NOON))
    store.apply([Doubt(f"call-{amount}", 1, NOON) if doubt else settle(f"call-{amount}", amount, now=NOON)])
    store.close()


def entries(folder: Path) -> list[Entry]:
    store = open_store(f"sqlite:///{folder}/ledger.db")
    try:
        return store.entries()
    finally:
        store.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), prog_name="llm-migrate budget reconcile")


def test_books_that_agree_end_with_zero(here: Path):
    """The only vendor of the configuration needs no naming; nothing is booked."""
    spent(here, 1000)

    result = run("amount.csv")

    assert result.exit_code == 0, result.output
    assert "2024-07-09  deepseek-chat  1,000 tokens  1,000 tokens" in result.output
    assert "Nothing is to be booked." in result.output
    assert len(entries(here)) == 1


def test_drift_alarms_and_is_booked_once(here: Path):
    """The first run ends with 1 and books, the second finds the books in order."""
    spent(here, 900)

    first, again = run("amount.csv"), run("amount.csv")

    assert (first.exit_code, again.exit_code) == (1, 0)
    assert "-100 tokens  -10.0 %  ALARM" in first.output
    assert "adjust gift: +100 tokens, as bill 2024-07-09 deepseek-chat #" in first.output
    assert "1 day and model differs by more than 2 %." in first.output
    assert [entry.amount for entry in entries(here)] == [900, 100]


def test_a_dry_run_books_nothing(here: Path):
    """The same is told, and the books stay as they were."""
    spent(here, 900)

    result = run("amount.csv", "--dry-run")

    assert "Would be booked:" in result.output
    assert result.exit_code == 1
    assert len(entries(here)) == 1


def test_a_fault_books_nothing(here: Path):
    """A line that cannot be read is named, and the good lines are not booked either."""
    spent(here, 900)
    with (here / "amount.csv").open("a", encoding="utf-8") as file:
        file.write("u,soon,soon,deepseek-chat,k,k,output_tokens,0,5\n")

    result = run("amount.csv")

    assert isinstance(result.exception, MigrateError)
    assert "amount.csv: line 3: no day: 'soon'" in str(result.exception)
    assert len(entries(here)) == 1


def test_json_has_every_figure(here: Path):
    """One document with drift, operations and the alarm; no key of the file in it."""
    spent(here, 900)

    result = run("amount.csv", "--format", "json")

    body = json.loads(result.output)
    assert (body["schema"], body["zone"], body["alarm"]) == ("llm-migrate/reconcile/1", "Asia/Shanghai", True)
    assert body["drift"] == [
        {
            "day": "2024-07-09",
            "model": "deepseek-chat",
            "unit": "tokens",
            "currency": None,
            "ours": 900,
            "theirs": 1000,
            "percent": -10.0,
            "open_calls": 0,
            "verdict": "compared",
            "alarm": True,
        }
    ]
    (operation,) = body["operations"]
    assert (operation["do"], operation["offer"], operation["amount"], operation["refused"]) == (
        "adjust",
        "gift",
        100,
        None,
    )
    assert "canary" not in result.output


def test_what_is_unresolved_is_written_off_only_when_asked(here: Path):
    """Without the option the day waits, with advice; with it the call ends at nothing."""
    spent(here, 1000)
    spent(here, 500, doubt=True)

    waiting, ended = run("amount.csv"), run("amount.csv", "--write-off")

    assert "calls have not ended" in waiting.output
    assert "--write-off" in waiting.output
    assert "write off call call-500, attempt 1" in ended.output
    assert (waiting.exit_code, ended.exit_code) == (0, 0)


def test_a_mapping_reads_any_table(here: Path):
    """Chinese columns in GBK, with the budgets of the provider that the mapping names, in both shares of the offer."""
    config = here / "llm-migrate.toml"
    config.write_text(CONFIG.format(folder=here).replace("[ledger]", OTHER + "[ledger]"), encoding="utf-8")
    (here / "map.toml").write_text(MAPPING, encoding="utf-8")
    (here / "账单.csv").write_bytes('日期,模型,总用量\n2024/7/9,glm-4,"1,200"\n2024/7/9,glm-4-air,50\n'.encode("gbk"))
    spent(here, 1000, offer="move/glm-4", model="glm-4")

    result = run("账单.csv", "--mapping", "map.toml")

    assert result.exit_code == 1, result.output
    assert [(entry.offer, entry.amount) for entry in entries(here)] == [
        ("move/glm-4", 1000),
        ("move/glm-4", 200),
        ("move/glm-4-air", 50),
    ]


def test_only_the_named_budget_is_held_against_a_file(here: Path):
    """`--offer` takes a budget, or an offer with all its shares."""
    config = here / "llm-migrate.toml"
    config.write_text(CONFIG.format(folder=here).replace("[ledger]", OTHER + "[ledger]"), encoding="utf-8")
    spent(here, 900)

    assert run("amount.csv", "--vendor", "deepseek", "--offer", "gift").exit_code == 1
    assert "no budget is for deepseek among move" in str(
        run("amount.csv", "--vendor", "deepseek", "--offer", "move").exception
    )


def test_two_vendors_must_be_told_apart(here: Path):
    """With budgets of several vendors the file could be any one's."""
    config = here / "llm-migrate.toml"
    config.write_text(CONFIG.format(folder=here).replace("[ledger]", OTHER + "[ledger]"), encoding="utf-8")
    assert "add  --vendor ID  (one of: deepseek, zhipu)" in str(run("amount.csv").exception)


def test_without_budgets_there_is_nothing_to_hold_a_file_against(here: Path):
    """It is said how to get one."""
    (here / "llm-migrate.toml").write_text(CONFIG.partition("[budgets")[0], encoding="utf-8")
    assert "llm-migrate budget add" in str(run("amount.csv").exception)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--offer", "gitf"), "did you mean 'gift'"),
        (("--vendor", "kimi"), "kimi: how its files are written is not documented"),
        (("--vendor", "nobody"), "nobody"),
        (("--mapping", "map.toml"), "columns"),
    ],
)
def test_wrong_use_is_explained(here: Path, arguments: tuple[str, ...], problem: str):
    """What is wrong is said, with what would be right."""
    (here / "map.toml").write_text('day = "x"\n', encoding="utf-8")

    result = run("amount.csv", *arguments)

    assert isinstance(result.exception, MigrateError)
    assert problem in str(result.exception)


def test_a_mapping_and_a_vendor_exclude_each_other(here: Path):
    """A mapping says whose file it is by itself."""
    (here / "map.toml").write_text(MAPPING, encoding="utf-8")
    result = run("amount.csv", "--mapping", "map.toml", "--vendor", "deepseek")
    assert result.exit_code == 2
    assert "provider = ..." in result.output


def test_two_accounts_must_be_told_apart(here: Path):
    """Budgets of two targets of one vendor may be two accounts: the file is of one of them."""
    config = here / "llm-migrate.toml"
    second = '[targets.ds2]\nprovider = "deepseek"\napi_key = "plain:x"\n[budgets.second]\ntarget = "ds2"\ncalls = 5\n'
    config.write_text(CONFIG.format(folder=here).replace("[ledger]", second + "[ledger]"), encoding="utf-8")

    result = run("amount.csv")

    assert "budgets of several targets could be meant (ds, ds2)" in str(result.exception)


def test_an_empty_file_is_no_bill(here: Path):
    """A head without lines is told, not taken for a month without calls."""
    (here / "amount.csv").write_text(EXPORT.splitlines()[0] + "\n", encoding="utf-8")
    assert "no line of it counts anything" in str(run("amount.csv").exception)
