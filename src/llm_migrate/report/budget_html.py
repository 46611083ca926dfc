"""Budgets as one HTML page: nothing is loaded, nothing runs, and it reads on paper, in the dark and on a phone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from llm_migrate.ledger.books import Entry
from llm_migrate.ledger.forecast import Forecast, Outlook
from llm_migrate.ledger.offers import in_units
from llm_migrate.ledger.status import State, Status
from llm_migrate.report.budget_chart import chart_of
from llm_migrate.report.budget_words import (
    instant,
    percent_of,
    say_orders,
    say_outlook,
    say_time,
    shares_of,
    short,
)
from llm_migrate.report.cells import printable

_HAN: Final = re.compile("[\u3400-\u9fff]")
_NUMBER: Final = re.compile(r"(\d) ([kMGT])\b")  # which a line must not end within
_STATES: Final[Mapping[State, str]] = {
    "open": "good",
    "not begun": "idle",
    "over": "idle",
    "never activated": "warn",
    "used up": "bad",
}
_STYLE: Final = """\
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5a6675;--line:#dde2e8;--track:#e6eaef;
--used:#2563c9;--area:#2563c926;--reserved:#c98a00;--unresolved:#8b5cd6;--limit:#c2362b;--good:#1a7a45;--warn:#966200;
--bad:#c2362b}
@media(prefers-color-scheme:dark){:root{--paper:#12161c;--card:#1b212a;--ink:#e6eaf0;--soft:#9aa6b5;--line:#303a47;
--track:#2b3440;--used:#6ea8ff;--area:#6ea8ff2e;--reserved:#e8b44a;--unresolved:#b99af2;--limit:#ff8177;--good:#5fcf92;
--warn:#e8b44a;--bad:#ff8177}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.5;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",
sans-serif}
main{max-width:76rem;margin:0 auto;padding:1.5rem 1rem 3rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0}
h2{font-size:1.1rem;margin:2rem 0 .75rem}
p{margin:.25rem 0}
.soft,dt{color:var(--soft)}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));margin-top:1.25rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;min-width:0;display:flex;
flex-direction:column}
.card h3{font-size:1rem;margin:0}
.head{display:flex;justify-content:space-between;gap:.75rem;align-items:baseline}
.state{font-size:.8rem;font-weight:600;white-space:nowrap}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.idle{color:var(--soft)}
.bar-row{display:flex;align-items:center;gap:.6rem;margin:.6rem 0 .2rem}
.bar-row b{font-variant-numeric:tabular-nums;white-space:nowrap}
svg{display:block}
.meter{flex:1;height:.7rem;border-radius:.35rem;background:var(--track);min-width:0}
.meter .s{fill:var(--used)}.meter .r{fill:var(--reserved)}.meter .u{fill:var(--unresolved)}
.chart{width:100%;height:auto;margin:.4rem 0}
.chart text{font-size:11px;fill:var(--soft);font-family:inherit}
.chart .limit-text{fill:var(--limit)}
.area{fill:var(--area)}
.used,.ahead{fill:none;stroke:var(--used);stroke-width:2;stroke-linejoin:round}
.ahead{stroke-dasharray:4 4}
.limit{stroke:var(--limit);stroke-width:1.5}
.now{stroke:var(--soft);stroke-dasharray:1 3}
.axis{stroke:var(--line)}
.dot,.bar{fill:var(--used)}
.bar{opacity:.55}.bar.today{opacity:1}
dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .75rem;margin:.4rem 0 0;font-size:.875rem}
dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}
.note{font-size:.875rem;margin-top:.6rem}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.8rem;margin-top:.75rem}
.key i{display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;margin-right:.35rem}
table{border-collapse:collapse;width:100%;font-size:.875rem;background:var(--card);border:1px solid var(--line)}
th,td{padding:.45rem .6rem;text-align:right;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2),th:last-child,td:last-child{text-align:left}
td{white-space:nowrap}td:first-child{white-space:normal}
thead th{color:var(--soft);font-weight:600}
@media(max-width:50rem){thead{display:none}tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
td,td:nth-child(2),td:last-child{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.15rem .75rem;
text-align:right}
td:first-child{font-weight:600;text-align:left}td::before{content:attr(data-name);color:var(--soft);font-weight:400}
td:first-child::before{content:none}}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""


def status_to_html(
    statuses: Sequence[Status],
    forecasts: Sequence[Forecast],
    entries: Mapping[str, Sequence[Entry]],
    now_ms: int,
    *,
    chain: str,
    order: str,
) -> str:
    """Return the page.

    Args:
        statuses: how offers stand at `now_ms`.
        forecasts: of each unit.
        entries: of each offer, all that the books hold.
        now_ms: the instant.
        chain: name of the chain whose order was reckoned with.
        order: its kind.
    """
    zone = statuses[0].offer.budget.zone if statuses else "UTC"
    outlooks = {outlook.status.offer.id: outlook for f in forecasts for outlook in f.outlooks}
    cards = "".join(_card(s, entries.get(s.offer.id, ()), outlooks.get(s.offer.id), now_ms) for s in statuses)
    body = f'<div class="cards">{cards}</div>{_KEY}{_ahead(forecasts, chain, order, now_ms)}{_table(statuses)}'
    if not statuses:
        body = "<p>The configuration has no budgets.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Budgets</title>\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Budgets</h1>\n"
        f'<p class="soft">as of {_text(instant(now_ms, zone))}</p>\n{body}\n</main>\n</body>\n</html>\n'
    )


_KEY: Final = (
    '<p class="key soft"><span><i style="background:var(--used)"></i>spent</span>'
    '<span><i style="background:var(--reserved)"></i>reserved</span>'
    '<span><i style="background:var(--unresolved)"></i>unresolved: sent, outcome unknown</span>'
    "<span>dashed: at the pace of the last 24 h</span></p>"
)


def _card(status: Status, entries: Sequence[Entry], outlook: Outlook | None, now_ms: int) -> str:
    budget, balance = status.offer.budget, status.balance
    name, title = status.offer.id, budget.title
    rows = [("spent", in_units(balance.spent, budget))]
    rows += [("reserved", in_units(balance.reserved, budget))] if balance.reserved else []
    rows += [("unresolved", in_units(balance.unresolved, budget))] if balance.unresolved else []
    rows += [("overrun", in_units(balance.overrun, budget))] if balance.overrun else []
    if status.free is not None and budget.amount is not None:
        rows += [("free", in_units(status.free, budget)), ("limit", in_units(budget.amount, budget))]
    rows.append(("last 24 h", short(status.day_pace, budget)))
    rows.append(("a day, over 7 days", short(status.week_pace, budget)))
    notes = [say_time(status, now_ms)]
    if outlook is not None:
        notes.append(say_outlook(outlook, now_ms))
    listed = "".join(f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in rows)
    said = "".join(f'<p class="note">{_text(_sentence(note))}</p>' for note in notes)
    subtitle = f'<p class="soft"{_language(title)}>{_text(title)}</p>' if title and title != name else ""
    return (
        f'<section class="card"><div class="head"><h3{_language(name)}>{_text(name)}</h3>'
        f'<span class="state {_STATES[status.state]}">{_text(status.state)}</span></div>{subtitle}'
        f"{_meter(status)}{chart_of(status, entries, now_ms)}<dl>{listed}</dl>{said}</section>"
    )


def _meter(status: Status) -> str:
    shares = shares_of(status)
    if shares is None:
        return '<div class="bar-row"><b>no limit</b></div>'
    parts, x = "", 0.0
    for name, share in (("s", shares.spent), ("r", shares.reserved), ("u", shares.unresolved)):
        parts += f'<rect class="{name}" x="{x * 100:.2f}" width="{share * 100:.2f}" height="1"/>' if share else ""
        x += share
    return (
        '<div class="bar-row"><svg class="meter" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f"{parts}</svg><b>{_text(percent_of(status))}</b></div>"
    )


def _ahead(forecasts: Sequence[Forecast], chain: str, order: str, now_ms: int) -> str:
    parts: list[str] = []
    for forecast in forecasts:
        said = " ".join(say_orders(forecast, chain, order, now_ms))
        if said:
            unit = forecast.currency or forecast.unit.replace("-", " ")
            parts.append(f"<p{_language(said)}><b>{_text(unit)}</b>: {_text(said)}</p>")
    if not parts:
        return ""
    note = "Orders are compared as if each of these offers could serve any call."
    return f'<h2>Order of spending</h2>{"".join(parts)}<p class="soft">{note}</p>'


def _table(statuses: Sequence[Status]) -> str:
    heads = ("offer", "state", "spent", "reserved", "unresolved", "overrun", "free", "limit", "unit")
    rows: list[str] = []
    for status in statuses:
        budget, balance = status.offer.budget, status.balance
        amounts = (balance.spent, balance.reserved, balance.unresolved, balance.overrun, status.free, budget.amount)
        figures = ("no limit" if amount is None else in_units(amount, budget).partition(" ")[0] for amount in amounts)
        unit = budget.currency or budget.unit.replace("-", " ")
        named = zip(heads, (status.offer.id, status.state, *figures, unit), strict=True)
        rows.append(
            "<tr>"
            + "".join(f'<td data-name="{head}"{_language(cell)}>{_text(cell)}</td>' for head, cell in named)
            + "</tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<h2>All offers</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _text(text: str) -> str:
    return escape(_NUMBER.sub("\\1\u00a0\\2", printable(text)), quote=True)


def _language(text: str) -> str:
    """Return the attribute that makes a browser draw Han characters as in Chinese, not as in Japanese."""
    return ' lang="zh-Hans"' if _HAN.search(text) else ""
