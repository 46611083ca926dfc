"""The page of budgets: whole in itself, and nothing that a name says can act in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from llm_migrate.ledger.forecast import forecast
from llm_migrate.ledger.offers import offers_of
from llm_migrate.ledger.sqlite import SqliteStore
from llm_migrate.ledger.status import statuses_of
from llm_migrate.report.budget_html import status_to_html
from tests.cli.july import CONFIG, NOW, july

_VOID = frozenset({"meta", "rect", "line", "circle", "polyline", "polygon"})


class Page(HTMLParser):
    """A page as a tree of names, with all attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or tag == "rect":
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_of(folder: Path, config: str = CONFIG, order: str = "ordered") -> str:
    kept = july(folder, config)
    store = SqliteStore(kept.books)
    offers = offers_of(kept.config.budgets.values(), store.activations())
    statuses = statuses_of(offers.values(), store.balances(), store.entries(), NOW)
    entries = {name: store.entries(name) for name in offers}
    store.close()
    places = {target.name: place for place, target in enumerate(kept.config.chain("default").targets)}
    forecasts = forecast(statuses, places, NOW)
    return status_to_html(statuses, forecasts, entries, NOW, chain="default", order=order)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("july"))


def test_it_loads_nothing_and_runs_nothing(page):
    """No script, no link, no address of any kind, and a policy that would forbid them."""
    found = Page(page)

    assert {tag for tag, _ in found.tags} & {"script", "link", "img", "iframe", "object", "a", "base", "form"} == set()
    assert not re.search(r"(?i)https?:|//|url\(|@import|javascript:", page)
    assert "default-src 'none'" in page
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)


def test_it_is_well_formed(page):
    """Every element that opens closes, in order."""
    assert Page(page).open == []


def test_every_offer_has_a_card_and_a_row(page):
    """With its state, its amounts to the unit and its forecast."""
    assert page.count('<section class="card">') == page.count("<tr><td") == 12
    for text in (
        "智谱大模型：OpenAI 用户搬家计划",
        "15,487,993 tokens",
        "900,000 tokens",
        "never activated",
        "1.24\u00a0M tokens",
        "6.01\u00a0M tokens will expire unused on 31 July.",
    ):
        assert text in page


def test_a_chart_has_its_limit_its_use_and_its_future(page):
    """Of an offer between two days: limit line, area, today, and a dashed line to the end."""
    gift = page.partition('aria-label="Use of gift over time"')[2].partition("</svg>")[0]

    for piece in ('class="limit"', 'class="area"', 'class="used"', 'class="ahead"', 'class="now"'):
        assert piece in gift
    assert ">25 Jun<" in gift
    assert ">31 Jul<" in gift
    assert "limit 50\u00a0M tokens" in gift or "limit 50 M tokens" in gift


@pytest.mark.parametrize("name", ["gift", "通义千问-搬家", "started", "purse", "monthly", "calls", "past", "open"])
def test_lines_stay_within_the_picture_and_never_fall(page, name):
    """What is used only grows (downwards is upwards in SVG), from left to right."""
    svg = page.partition(f'aria-label="Use of {name} over time"')[2].partition("</svg>")[0]
    points = [
        tuple(float(number) for number in point.split(","))
        for point in re.findall(r'class="used" points="([^"]+)"', svg)[0].split()
    ]

    assert all(0 <= x <= 360 and 0 <= y <= 190 for x, y in points)
    assert points == sorted(points)
    if name != "gift":  # which a bill has corrected downwards
        assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)


def test_an_offer_without_an_end_is_drawn_until_it_is_gone(page):
    """The dashed line of the purse meets its limit within the picture, on 18 July."""
    svg = page.partition('aria-label="Use of purse over time"')[2].partition("</svg>")[0]

    x, y = re.findall(r'class="ahead" points="[^"]*? ([\d.]+),([\d.]+)"', svg)[0]
    assert float(y) == 26
    assert 300 < float(x) < 354
    assert ">19 Jul<" in svg


def test_a_month_has_only_its_own_use(page):
    """What was used in June is nothing to the chart of July: its top is what July has used, 574 of 500 CNY."""
    svg = page.partition('aria-label="Use of monthly over time"')[2].partition("</svg>")[0]

    assert ">1 Jul<" in svg
    assert 'y1="43.8"' in svg


def test_days_are_bars(page):
    """Of an offer that begins anew each day, the last fortnight, today marked."""
    daily = page.partition('aria-label="Use of daily over time"')[2].partition("</svg>")[0]

    assert daily.count("<rect") == 14
    assert daily.count("today") == 2
    assert "<title>2024-07-09: 180 k tokens</title>" in daily


NASTY = '</style><script>alert(1)</script>" onload="x" \\u001b[31m \\u202e&amp; \' <b>'


def test_names_and_titles_are_text(tmp_path):
    """Whatever a file that somebody else wrote calls its budgets."""
    name = NASTY.replace('"', '\\"')
    config = CONFIG.replace("title = ", "# ").replace(
        "[budgets.past]", f'[budgets."{name}"]\ntarget = "kimi"\ncalls = 3\ntitle = "{name}"\n[budgets.past]'
    )

    text = page_of(tmp_path, config)

    found = Page(text)
    assert found.open == []
    assert {"script", "object"} & {tag for tag, _ in found.tags} == set()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any("onload" in attrs for _, attrs in found.tags)
    assert text.count("</style>") == 1
    assert "onload" in "".join(found.texts)


def test_chinese_is_drawn_as_chinese(page):
    """Han characters have other shapes in Japanese, which browsers take without being told."""
    assert '<h3 lang="zh-Hans">通义千问-搬家</h3>' in page
    assert "<h3>gift</h3>" in page


def test_a_page_without_budgets_is_a_page():
    """It says so."""
    page = status_to_html([], [], {}, NOW, chain="default", order="ordered")

    assert "The configuration has no budgets." in page
    assert Page(page).open == []
