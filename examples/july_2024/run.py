"""July 2024 as a story: a program that never stops, five gifts with five rules, and the day on which OpenAI went dark.

    python examples/july_2024/run.py [--folder FOLDER]

The clock is driven, the vendors are on this machine, everything else is the real thing: configuration, client, chain,
budgets, books. Needs a checkout of llm-migrate with its test environment; takes half a minute at most.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import subprocess
import sys
import tempfile
import zoneinfo
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # for the fake vendors of the tests

import llm_migrate  # noqa: E402
from examples.july_2024.town import ANSWER_TOKENS, Town, town  # noqa: E402
from llm_migrate.engine.events import CallEvent, Ended, Failed  # noqa: E402
from llm_migrate.engine.plan import World  # noqa: E402
from llm_migrate.ledger.alert import Alert  # noqa: E402
from llm_migrate.ledger.ledger import scribe_of  # noqa: E402

BEIJING = zoneinfo.ZoneInfo("Asia/Shanghai")
FIRST, BLACKOUT, LAST = dt.date(2024, 7, 5), dt.date(2024, 7, 9), dt.date(2024, 7, 31)
LOOKED_AT = dt.date(2024, 7, 15)  # on this evening the forecast is read
HOURLY_TOKENS = 272_000


class Clock:
    """Time that passes only when the story says so."""

    def __init__(self, day: dt.date) -> None:
        self.now = dt.datetime.combine(day, dt.time(), BEIJING)

    def wall(self) -> float:
        return self.now.timestamp()

    def pass_by(self, **span: float) -> None:
        self.now += dt.timedelta(**span)


class Diary:
    """What happened today, as the events of calls tell it."""

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.alerts: list[str] = []

    def note(self, event: CallEvent) -> None:
        match event:
            case Ended(target=str(target), usage=usage) if usage:
                self.tokens[target] += int(str(usage["total_tokens"]))
            case Failed():
                self.failures[f"{event.target} answers {event.status} {event.code}"] += 1
            case Alert():
                self.alerts.append(f"{event.percent} % of {event.budget} are used ({event.used} of {event.limit})")
            case _:
                pass

    def page(self, day: dt.date) -> Iterator[str]:
        """Yield the day in words, then begin a new page."""
        spent = ", ".join(f"{target} {tokens / 1e6:.1f} M" for target, tokens in self.tokens.items())
        yield f"{day:%a} {day.day:2} July  {spent}"
        yield from (f"               {what}, {times} times" for what, times in self.failures.items())
        yield from (f"               {alert}" for alert in self.alerts)
        self.tokens.clear()
        self.failures.clear()
        self.alerts.clear()


def main(arguments: list[str] | None = None) -> None:
    """Tell the story."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the books and the page are left; a temporary one by default")
    folder = parser.parse_args(arguments).folder or Path(tempfile.mkdtemp(prefix="july-2024-"))
    folder.mkdir(parents=True, exist_ok=True)
    with town() as vendors:
        file = configure(folder, vendors)
        tell(file, vendors)
    command(file, "status", at(LAST, days=1))
    command(file, "status", *at(LAST, days=1), "--format", "html", "--output", str(folder / "budgets.html"))
    say(f"The page with the charts: {folder / 'budgets.html'}")
    say("\nAnd what other orders would have cost, for two months:")
    run("budget", "simulate", str(HERE / "workload.toml"), only="all orders")


def tell(file: Path, vendors: Town) -> None:
    """Live through July, one call an hour."""
    clock, diary, numbers = Clock(FIRST), Diary(), itertools.count(1)
    world = World(clock.wall, clock.wall, lambda: 0.0, lambda: f"call-{next(numbers)}")
    config = llm_migrate.load_config(file).with_listener(diary.note)
    books = config.ledger.url if config.ledger else ""
    # One long text stands for the many short ones of an hour.
    ask: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "w\n" * ((HOURLY_TOKENS - ANSWER_TOKENS) // 2)}],
        "max_tokens": ANSWER_TOKENS,
    }
    with llm_migrate.Client(config=config, _world=world) as client:
        for day in days():
            if day == BLACKOUT:
                vendors.blackout = True
                say("\n               OpenAI stops to answer.\n")
            for _ in range(24):
                client.chat(**ask)
                clock.pass_by(hours=1)
            vendors.forget()
            scribe_of(books, durable=False).flush()
            for line in diary.page(day):
                say(line)
            if day == LOOKED_AT:
                command(file, "forecast", at(day, days=1))


def days() -> Iterator[dt.date]:
    """Yield the days of the story."""
    day = FIRST
    while day <= LAST:
        yield day
        day += dt.timedelta(days=1)


def configure(folder: Path, vendors: Town) -> Path:
    """Write the configuration, with the vendors of this machine in place of the real ones."""
    lines: list[str] = []
    for line in (HERE / "llm-migrate.toml").read_text(encoding="utf-8").splitlines():
        lines.append(line)
        if line.startswith("provider = "):
            vendor = line.split('"')[1]
            lines.append(f'base_url = "{vendors.addresses[vendor]}"')
            lines.append(f'api_key = "plain:{vendors.keys[vendor]}"')
    file = folder / "llm-migrate.toml"
    (folder / "books.db").unlink(missing_ok=True)
    file.write_text("\n".join([*lines, "[ledger]", f'url = "sqlite:///{folder / "books.db"}"', ""]), encoding="utf-8")
    return file


def command(file: Path, name: str, *more: object) -> None:
    """Run a command on the budgets, as a person would type it."""
    flat = [str(word) for part in more for word in (part if isinstance(part, list) else [part])]
    say(f"\n$ llm-migrate budget {name} {' '.join(flat)}")
    run("budget", name, "--config", str(file), *flat)
    say("")


def run(*words: str, only: str = "") -> None:
    done = subprocess.run([sys.executable, "-m", "llm_migrate", *words], capture_output=True, text=True, check=True)
    say(done.stdout[done.stdout.index(only) :].rstrip())


def at(day: dt.date, **later: float) -> list[str]:
    """Return the option that sets a command to the story's clock."""
    instant = dt.datetime.combine(day, dt.time(), BEIJING) + dt.timedelta(**later)
    return ["--at", instant.isoformat()]


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
