"""The report of a scan for people: places by file, a summary, and what to do first.

Lines are made of styled pieces, so that the same layout is plain in a pipe and coloured on a terminal.
"""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from llm_migrate.catalog.policy import VERDICTS, Verdict
from llm_migrate.report.first_steps import first_steps
from llm_migrate.scan.finding import Compat, Finding, Note, ScanResult

Piece: TypeAlias = tuple[str, str]  # text, style
Line: TypeAlias = list[Piece]

_STYLE: Final = {"as-is": "green", "adapted": "cyan", "lossy": "yellow", "blocked": "red bold"}
_PLAIN_WIDTH: Final = 110
_LONG_RUN: Final = 6  # neighbours that say the same; of a longer run only its ends are printed
_MAX_REASONS: Final = 3
_MAX_SKIPPED: Final = 12
_KIND_WIDTH: Final = 10
_MAYBE: Final = "maybe "
_DOUBT: Final[dict[str, Verdict]] = {
    "maybe refused": "blocked",
    "maybe dropped": "lossy",
    "maybe clamped": "lossy",
}


def scan_to_text(result: ScanResult, *, terminal: bool) -> str:
    """Return the report.

    Args:
        result: of the scan.
        terminal: it will be read on a terminal: use its width and, unless `NO_COLOR` is set, colours.
    """
    width = max(60, min(shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns, 160)) if terminal else _PLAIN_WIDTH
    body = [*_head(result), *_files(result, width), *_summary(result), *_conversations(result, width)]
    lines = [*body, *_steps(result), *_skipped(result)]
    return _render(lines, width, coloured=terminal)


def _head(result: ScanResult) -> Iterator[Line]:
    if not result.findings:
        yield [(f"No dependency on an LLM provider found in {_count(result.files, 'file')}.", "bold")]
        return
    touched = len({finding.file for finding in result.findings})
    text = f"{_count(len(result.findings), 'place')} in {_count(touched, 'file')} (of {result.files:,} looked at)"
    targets = [row.target for row in result.findings[0].compat]
    unsure = sum(f.hit.confidence != "certain" and not f.switched for f in result.findings)
    yield [(text, "bold"), (f", judged against {' and '.join(targets)}" if targets else "", "")]
    if unsure:
        yield [(f"{unsure:,} of them marked ? are likely, not certain.", "dim")]
    if any(finding.switched for finding in result.findings):
        yield [("Places marked ~ are behind the switch LLM_PROVIDER.", "dim")]


def _files(result: ScanResult, width: int) -> Iterator[Line]:
    for file, rows in groupby(result.findings, key=lambda finding: finding.file):
        findings = list(rows)
        note = "  (ignored by git)" if findings[0].ignored else ""
        yield []
        yield [(_visible(file), "bold underline"), (note, "dim")]
        told: dict[str, int] = {}  # reason -> line where it was given, so that it is given once a file
        for run in _runs(findings):
            if len(run) > _LONG_RUN:
                yield from _place(run[0], width, told)
                between = f"… {len(run) - 2} more of {run[0].hit.kind}, lines {run[1].line} to {run[-2].line}"
                yield [(" " * 11 + between, "dim")]
                yield from _place(run[-1], width, told)
            else:
                for finding in run:
                    yield from _place(finding, width, told)


def _runs(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Group neighbours of one kind, one verdict and the same reasons."""
    for _, rows in groupby(findings, key=lambda f: (f.hit.kind, [(c.verdict, c.at_worst) for c in f.compat])):
        yield list(rows)


def _place(finding: Finding, width: int, told: dict[str, int]) -> Iterator[Line]:
    verdicts = [piece for row in finding.compat for piece in _verdict(row)]
    taken = 11 + _KIND_WIDTH + 2 + sum(len(text) for text, _ in verdicts)
    room = max(20, width - taken - 2)
    text = _shorten(finding.text, room)
    place = f"{finding.line}:{finding.column}"
    marks = "?" if finding.hit.confidence != "certain" else " "
    marks = "~" if finding.switched else marks
    line: Line = [(f"{place:>9}{marks} ", "dim"), (f"{finding.hit.kind:<{_KIND_WIDTH}}  ", "magenta")]
    if verdicts:
        yield [*line, (f"{text:<{room}}  ", ""), *verdicts]
    else:
        yield [*line, (text, "")]
    for row in finding.compat:
        prefix = f"{row.target}: " if len(finding.compat) > 1 else ""
        reasons = [prefix + reason for reason in _reasons(row)]
        new = [reason for reason in reasons if reason not in told]
        if reasons and not new:
            yield [(" " * 23 + f"└ as line {told[reasons[0]]}", "dim")]
        for reason in new:
            told[reason] = finding.line
            parts = textwrap.wrap(reason, width - 25, max_lines=2, placeholder=" …", break_on_hyphens=False)
            for number, part in enumerate(parts):
                yield [(" " * 23 + ("  " if number else "└ ") + part, "dim")]


def _verdict(row: Compat) -> Line:
    worst = _worst(row)
    words = row.verdict if row.verdict == worst else f"{row.verdict}–{worst}"
    return [(f"{words:<16} ", _STYLE[worst if row.verdict == "as-is" else row.verdict])]


def _worst(row: Compat) -> Verdict:
    """Return what is possible, apart from what arguments hold: most are filled at run time, so that is told once."""
    doubts = [note for note in row.notes if note.effect.startswith(_MAYBE)]
    if not any(_is_inside(note) for note in doubts):
        return row.at_worst
    possible: list[Verdict] = [
        row.verdict,
        *(_DOUBT.get(n.effect, "adapted") for n in doubts if not _is_inside(n)),
    ]
    return max(possible, key=VERDICTS.index)


def _is_inside(note: Note) -> bool:
    """Say whether a doubt is about what messages, tools or texts hold, which a scan seldom sees."""
    return note.effect.startswith(_MAYBE) and (note.subject in ("messages", "input") or "." in note.subject)


def _reasons(row: Compat) -> Iterator[str]:
    """Yield why a place does not simply pass, the worst first, each with where that is known from."""
    if _worst(row) in ("as-is", "adapted"):
        return
    order = ("refused", "dropped", "clamped", "maybe refused", "maybe dropped", "maybe clamped")
    notes = (note for note in row.notes if note.effect in order and not _is_inside(note))
    told = sorted(notes, key=lambda note: order.index(note.effect))
    told = told or [note for note in row.notes if note.subject == "model"]
    for note in told[:_MAX_REASONS]:
        yield _reason(note)
    if len(told) > _MAX_REASONS:
        yield f"and {len(told) - _MAX_REASONS} more"


def _reason(note: Note) -> str:
    source = _visible(note.source.split(";")[0].strip())
    subject = "some arguments" if note.subject == "**" else note.subject
    effect = "" if note.effect in ("refused", "kept") else f" {note.effect}"
    return f"{subject}{effect}: {note.advice}" + (f"  [{source}]" if source else "")


def _summary(result: ScanResult) -> Iterator[Line]:
    if not result.findings:
        return
    counts = Counter(finding.hit.kind for finding in result.findings)
    targets = [row.target for row in result.findings[0].compat]
    yield []
    yield [("Summary", "bold")]
    if not targets:
        yield [("  " + ", ".join(f"{kind} {count}" for kind, count in counts.most_common()), "")]
        return
    for number, target in enumerate(targets):
        rows = {kind: Counter[str]() for kind, _ in counts.most_common()}
        for finding in result.findings:
            rows[finding.hit.kind][finding.compat[number].verdict] += 1
        yield [(f"  {target:<14}", "bold"), *((f"{verdict:>9}", _STYLE[verdict]) for verdict in VERDICTS)]
        for kind, row in rows.items():
            yield [(f"  {kind:<14}", ""), *((f"{row[verdict] or '·':>9}", "") for verdict in VERDICTS)]
        total = sum(rows.values(), Counter[str]())
        yield [(f"  {'all':<14}", "bold"), *((f"{total[verdict] or '·':>9}", "bold") for verdict in VERDICTS)]


def _conversations(result: ScanResult, width: int) -> Iterator[Line]:
    """Say once for each target what its calls' arguments may hold that it does not take."""
    for number, compat in enumerate(result.findings[0].compat if result.findings else ()):
        calls = 0
        subjects: set[str] = set()
        for finding in result.findings:
            notes = [note for note in finding.compat[number].notes if _is_inside(note)]
            calls += bool(notes)
            for note in notes:
                known = note.advice.partition("look at ")[2] if note.subject == "messages" else _named(note)
                subjects.update(known.split(", "))
        if calls:
            text = f"Not counted: {_count(calls, 'call')} with arguments filled at run time; "
            text += f"{compat.target} does not take all of: {', '.join(sorted(subjects))}."
            for part in textwrap.wrap(text, width - 2):
                yield [("  " + part, "dim")]


def _named(note: Note) -> str:
    return "token ids as input" if note.subject == "input" else note.subject


def _steps(result: ScanResult) -> Iterator[Line]:
    steps = first_steps(result)
    if not steps:
        return
    words = {1: "this", 2: "these two things", 3: "these three things"}
    yield []
    yield [(f"Do {words[len(steps)]} first", "bold")]
    for number, step in enumerate(steps, start=1):
        yield [(f"  {number}. ", "bold"), (step.what, "")]
        if step.where:
            yield [("     " + _visible(step.where), "dim")]


def _skipped(result: ScanResult) -> Iterator[Line]:
    if not result.skipped:
        return
    yield []
    yield [("Not scanned, or in part", "bold")]
    for row in result.skipped[:_MAX_SKIPPED]:
        yield [(f"  {_visible(row.file)}", ""), (f"  {row.reason}", "dim")]
    if len(result.skipped) > _MAX_SKIPPED:
        yield [(f"  and {len(result.skipped) - _MAX_SKIPPED} more (all of them with --format json)", "dim")]


def _render(lines: Iterable[Line], width: int, *, coloured: bool) -> str:
    if not coloured:
        return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return _render(lines, width, coloured=False)
    console = Console(force_terminal=True, width=width, highlight=False, soft_wrap=True)
    with console.capture() as captured:
        for line in lines:
            console.print(Text.assemble(*((text, style) for text, style in line)))
    return captured.get()


def _shorten(text: str, room: int) -> str:
    flat = " ".join(_visible(text).split())
    return flat if len(flat) <= room else flat[: room - 1] + "…"


def _visible(text: str) -> str:
    """Replace what would act on a terminal: names and sources of strangers may hold escape sequences."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text).replace("\n", " ")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
