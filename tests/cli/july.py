"""Books of two weeks of July 2024: offers of every kind, in Chinese and English, used by a driven clock."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from pathlib import Path

from llm_migrate.config import Config, load_config
from llm_migrate.ledger.books import NEVER, Activate, Adjust, Doubt, Operation, Reserve, Settle, Want
from llm_migrate.ledger.offers import RANKS, offers_of
from llm_migrate.ledger.sqlite import SqliteStore
from llm_migrate.ledger.windows import buckets, ends_at

BEIJING = dt.timezone(dt.timedelta(hours=8))
AT = "2024-07-09T12:00:00+08:00"
NOW = int(dt.datetime.fromisoformat(AT).timestamp() * 1000)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

CONFIG = """\
[targets.zhipu]
provider = "zhipu"
api_key = "plain:id.secret"
[targets.qwen]
provider = "qwen"
[targets.kimi]
provider = "kimi"
[targets.sense]
provider = "sensenova"
[targets.longcat]
provider = "longcat"

[chains.default]
targets = ["zhipu", "qwen", "kimi", "sense", "longcat"]

[ledger]
url = "sqlite:///{books}"

[budgets.gift]
target = "zhipu"
tokens = 50_000_000
from = 2024-06-25
until = 2024-07-31
title = "智谱大模型：OpenAI 用户搬家计划"
[budgets."通义千问-搬家"]
target = "qwen"
tokens = 22_000_000
from = 2024-06-25
until = 2024-07-14
title = "Migration offer for OpenAI API users"
[budgets.trial]
target = "qwen"
models = ["qwen-max"]
tokens = 1_000_000
days = 30
[budgets.started]
target = "qwen"
models = ["qwen-turbo"]
tokens = 1_000_000
days = 10
[budgets.daily]
target = "longcat"
tokens = 500_000
every = "day"
[budgets.purse]
target = "kimi"
money = "100.00 CNY"
kind = "prepaid"
[budgets.monthly]
target = "kimi"
money = "500 CNY"
kind = "postpaid"
every = "month"
hard = false
[budgets.points]
target = "sense"
points = 60_000
rolling_hours = 5
points_per_call = 120
[budgets.calls]
target = "sense"
models = ["SenseChat-5"]
calls = 40
from = 2024-07-01
[budgets.past]
target = "zhipu"
models = ["glm-3-turbo"]
tokens = 5_000_000
from = 2024-06-01
until = 2024-06-30
[budgets.next]
target = "zhipu"
models = ["glm-4"]
tokens = 5_000_000
from = 2024-08-01
until = 2024-08-31
[budgets.open]
target = "zhipu"
models = ["glm-4-flash"]
offer = "free-models"
"""

# budget -> (what a call takes, calls a day, first day of use, last one, model)
USE: dict[str, tuple[int, int, str, str, str]] = {
    "gift": (310_001, 4, "2024-06-27", "2024-07-09", "glm-4-air"),
    "通义千问-搬家": (150_000, 3, "2024-06-26", "2024-07-09", "qwen-plus"),
    "started": (20_000, 2, "2024-07-03", "2024-07-09", "qwen-turbo"),
    "daily": (90_000, 4, "2024-06-20", "2024-07-09", "LongCat-Flash-Chat"),
    "purse": (1_234_567_891, 4, "2024-06-28", "2024-07-09", "moonshot-v1-8k"),
    "monthly": (41_000_000_000, 2, "2024-06-25", "2024-07-07", "moonshot-v1-128k"),
    "points": (7_000_000_000_000, 5, "2024-07-07", "2024-07-09", "SenseChat-Turbo"),
    "calls": (1, 5, "2024-07-01", "2024-07-09", "SenseChat-5"),
    "past": (250_000, 3, "2024-06-24", "2024-06-29", "glm-3-turbo"),
    "open": (12_000, 6, "2024-07-01", "2024-07-09", "glm-4-flash"),
}


@dataclass(frozen=True, slots=True)
class July:
    """A configuration and the file of its books."""

    config: Config
    path: Path
    books: Path


def july(folder: Path, config: str = CONFIG) -> July:
    """Write the configuration and keep its books for two weeks."""
    path, books = folder / "llm-migrate.toml", folder / "ledger.db"
    path.write_text(config.format(books=books), encoding="utf-8")
    read = load_config(path)
    store = SqliteStore(books)
    store.apply([Activate("started", NOW - 6 * DAY_MS)])
    store.apply(_weeks(read))
    store.close()
    return July(read, path, books)


def _weeks(config: Config) -> list[Operation]:
    """Return two weeks of calls, in the order of time, with some that are still open at the end."""
    calls: list[tuple[int, str, int, str]] = []
    for name, (amount, times, first, last, model) in USE.items():
        days = (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days + 1
        for day, time in itertools.product(range(days), range(times)):
            start = dt.datetime.fromisoformat(first).replace(tzinfo=BEIJING) + dt.timedelta(days=day)
            at = int(start.timestamp() * 1000) + (8 + 3 * time) * HOUR_MS
            if at < NOW:
                calls.append((at, name, amount + day, model))
    done: list[Operation] = []
    for number, (at, name, amount, model) in enumerate(sorted(calls)):
        done.append(reserve(config, name, f"r{number}", amount * 5 // 4, at, model))
        if name != "calls" or at // DAY_MS % 3:
            basis = "estimate" if number % 9 == 0 else "vendor"
            mark = "cut" if number % 11 == 0 else ""
            done.append(Settle(f"r{number}", 1, amount, at + 4000, basis, mark))
        else:
            done.append(Settle(f"r{number}", 1, amount * 2, at + 4000))
    done.append(reserve(config, "gift", "held", 600_000, NOW - 3000, "glm-4-air"))
    done.append(reserve(config, "通义千问-搬家", "lost", 900_000, NOW - 60_000, "qwen-plus"))
    done.append(Doubt("lost", 1, NOW - 30_000))
    done.append(Adjust("gift", 0, -12_345, "bill 2024-07-05", NOW - 4 * DAY_MS))
    return done


def reserve(config: Config, name: str, request: str, amount: int, at: int, model: str = "m") -> Reserve:
    """Return the reservation that a call would make of one budget."""
    budget = config.budgets[name]
    window = offers_of([budget], {name: NOW - 6 * DAY_MS})[name].window
    assert window is not None
    want = Want(
        name,
        RANKS[budget.kind],
        ends_at(window, at) or NEVER,
        buckets(window, at),
        budget.amount,
        budget.hard,
        amount,
        1,
        amount,
    )
    return Reserve(request, 1, (want,), "me", at, at + 90_000, model)
