"""The page of budgets in a real Chromium: light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.cli.july import CONFIG
from tests.report.test_budget_html import page_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]
LONG = f"""
[budgets."{"longnamewithoutablank" * 4}"]
target = "kimi"
money = "1234567890.123456789 CNY"
title = "{"很长的名字" * 12}"
"""
SIZES = {"desk": (1280, 900), "phone": (360, 740)}
# Of two colours "rgb(r, g, b)": how far apart they are for the eye, by WCAG 2.
CONTRAST = """(pair) => {
  const light = (text) => {
    const [r, g, b] = text.match(/\\d+(\\.\\d+)?/g).map((n) => n / 255)
      .map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const [a, b] = pair.map(light);
  return Math.max(a, b) / Math.min(a, b);
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, on disk."""
    folder = tmp_path_factory.mktemp("july")
    path = folder / "budgets.html"
    path.write_text(page_of(folder, CONFIG + LONG), encoding="utf-8")
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return request.param


@pytest.fixture(params=list(SIZES))
def shown(request: pytest.FixtureRequest, chromium: Browser, file: Path, scheme: Scheme) -> Iterator[Page]:
    """The page as it is shown; whatever it asks for or complains about is a failure."""
    width, height = SIZES[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert asked == [file.as_uri()]
    assert complaints == []


def test_nothing_is_wider_than_the_window(shown: Page) -> None:
    """Nobody has to scroll sideways, and no text leaves its card."""
    wide, window = shown.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window

    out = shown.evaluate("""() => [...document.querySelectorAll('.card')].flatMap((card) => {
      const edge = card.getBoundingClientRect();
      return [...card.querySelectorAll('*')].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.width && (box.right > edge.right + 1 || box.left < edge.left - 1);
      }).map((one) => one.outerHTML.slice(0, 80));
    })""")
    assert out == []


def test_everything_can_be_read(shown: Page) -> None:
    """Each kind of text stands out from what is behind it, in the dark as well (4.5 to 1, by WCAG)."""
    paper, card = (
        shown.evaluate(f"getComputedStyle(document.querySelector('{name}')).backgroundColor")
        for name in ("body", ".card")
    )
    for name, back in [
        ("body", paper),
        (".soft", paper),
        ("dt", card),
        ("dd", card),
        (".good", card),
        (".warn", card),
        (".bad", card),
        (".idle", card),
        ("td", card),
    ]:
        ink = shown.evaluate(f"getComputedStyle(document.querySelector('{name}')).color")
        assert shown.evaluate(CONTRAST, [ink, back]) >= 4.5, name
    for name in (".chart text", ".chart .limit-text"):
        ink = shown.evaluate(f"getComputedStyle(document.querySelector('{name}')).fill")
        assert shown.evaluate(CONTRAST, [ink, card]) >= 4.5, name


def test_the_dark_is_dark(shown: Page, scheme: Scheme) -> None:
    """The page follows what the reader has chosen."""
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")

    assert (shown.evaluate(CONTRAST, [paper, "rgb(0, 0, 0)"]) < 2) == (scheme == "dark")


def test_letters_of_a_chart_keep_their_size(shown: Page) -> None:
    """A chart that shrinks with the window must not take its words along."""
    sizes = shown.evaluate("""() => [...document.querySelectorAll('.chart text')]
      .map((one) => one.getBoundingClientRect().height)""")

    assert min(sizes) >= 10


def test_words_of_a_chart_do_not_overlap(shown: Page) -> None:
    """Limit, days and "now" stand apart."""
    over = shown.evaluate("""() => [...document.querySelectorAll('.chart')].flatMap((chart) => {
      const boxes = [...chart.querySelectorAll('text')].map((one) => [one.textContent, one.getBoundingClientRect()]);
      return boxes.flatMap(([a, one], i) => boxes.slice(i + 1).filter(([, two]) =>
        one.left < two.right - 1 && two.left < one.right - 1 && one.top < two.bottom - 1 && two.top < one.bottom - 1
      ).map(([b]) => `${a} / ${b}`));
    })""")

    assert over == []


def test_lines_and_bars_are_drawn(shown: Page) -> None:
    """Every chart has an area on the screen, and the meter of an offer is as full as it says."""
    charts = shown.evaluate("""() => [...document.querySelectorAll('.chart')]
      .map((one) => one.getBoundingClientRect()).map((box) => [box.width, box.height])""")
    assert len(charts) == 12
    assert all(width > 250 and height > 100 for width, height in charts)

    meter, spent = shown.evaluate("""() => ['.meter', '.meter .s']
      .map((name) => document.querySelector(name).getBoundingClientRect().width)""")
    assert spent / meter == pytest.approx(15_487_993 / 50_000_000, abs=0.01)


def test_a_chinese_font_draws_the_names(shown: Page) -> None:
    """Two different characters look different, so no box stands in for a missing one."""
    drawn = shown.evaluate("""() => ['智', '谱'].map((char) => {
      const canvas = document.createElement('canvas');
      const pen = canvas.getContext('2d');
      pen.font = '40px ' + getComputedStyle(document.body).fontFamily;
      pen.fillText(char, 10, 60);
      return canvas.toDataURL();
    })""")

    assert drawn[0] != drawn[1]
