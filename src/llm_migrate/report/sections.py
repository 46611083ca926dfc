"""Print titled tables and paragraphs: with rich where it is installed, as plain text elsewhere.

Knows nothing of what it prints. Cells are plain text, never markup.
"""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

_GAP = 2  # blanks between columns
_BELOW = " " * 6  # before the text of an item
_NARROWEST = 9  # columns are not squeezed below this


@dataclass(frozen=True, slots=True)
class Section:
    """A title with items, a table, or lines, in this order.

    Attributes:
        title: heading; "" for none.
        columns: heads of the columns; () for no table.
        rows: cells, as many a row as there are columns.
        lines: paragraphs below the table.
        fixed: indices of columns whose cells are never broken (addresses, ids).
        items: a word that is never broken, however long (an address), and the text below it.
    """

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()
    fixed: tuple[int, ...] = ()
    items: tuple[tuple[str, str], ...] = ()


def print_sections(sections: Sequence[Section], stream: IO[str], *, width: int, colour: bool) -> None:
    """Write sections to a stream.

    Args:
        sections: in the order of printing.
        stream: where to.
        width: columns of the terminal.
        colour: whether escape sequences are welcome; without rich there is no colour.
    """
    if importlib.util.find_spec("rich") is not None:
        _print_rich(sections, stream, width, colour)
    else:
        stream.write(plain_text(sections, width))


def plain_text(sections: Sequence[Section], width: int) -> str:
    """Return sections as plain text of at most `width` columns, but for words that are longer."""
    blocks: list[str] = []
    for section in sections:
        lines = [section.title] if section.title else []
        for word, text in section.items:
            lines += [f"  {word}", *textwrap.wrap(text, width, initial_indent=_BELOW, subsequent_indent=_BELOW)]
        if section.columns:
            lines += _table_lines(section, width)
        for paragraph in section.lines:
            lines += textwrap.wrap(paragraph, width - 2, initial_indent="  ", subsequent_indent="    ") or [""]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _table_lines(section: Section, width: int) -> list[str]:
    table = [tuple(head.upper() for head in section.columns), *section.rows]
    widths = _column_widths(section, table, width - 2)
    lines: list[str] = []
    for row in table:
        cells = [_wrapped(cell, w) for cell, w in zip(row, widths, strict=True)]
        for i in range(max(len(cell) for cell in cells)):
            parts = [(cell[i] if i < len(cell) else "").ljust(w) for cell, w in zip(cells, widths, strict=True)]
            lines.append(("  " + (" " * _GAP).join(parts)).rstrip())
    return lines


def _wrapped(cell: str, width: int) -> list[str]:
    return [line for part in cell.splitlines() for line in textwrap.wrap(part, width, break_long_words=False)] or [""]


def _column_widths(section: Section, table: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Return natural widths, with the widest column squeezed until the table fits."""
    widths = [max(len(line) for row in table for line in row[i].splitlines() or [""]) for i in range(len(table[0]))]
    while sum(widths) + _GAP * (len(widths) - 1) > width:
        soft = [i for i in range(len(widths)) if i not in section.fixed and widths[i] > _NARROWEST]
        if not soft:
            break
        widths[max(soft, key=lambda i: widths[i])] -= 1
    return widths


def _print_rich(sections: Sequence[Section], stream: IO[str], width: int, colour: bool) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(
        width=width, highlight=False, markup=False, emoji=False, force_terminal=colour, no_color=not colour
    )
    with console.capture() as capture:
        for number, section in enumerate(sections):
            if number:
                console.print()
            if section.title:
                console.print(Text(section.title, style="bold"))
            for word, text in section.items:
                console.print(Text(f"  {word}", style="cyan"), soft_wrap=True)
                console.print(Padding(Text(text), (0, 0, 0, len(_BELOW))))
            if section.columns:
                table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim", show_edge=False)
                for i, head in enumerate(section.columns):
                    style = "cyan" if i == 0 else None
                    table.add_column(head.upper(), style=style, no_wrap=i in section.fixed, overflow="fold")
                for row in section.rows:
                    table.add_row(*(Text(cell) for cell in row))
                console.print(Padding(table, (0, 0, 0, 2)))
            for paragraph in section.lines:
                console.print(Padding(Text(paragraph), (0, 0, 0, 2)))
    # Tables are padded to the full width, which only makes copied or piped text longer.
    stream.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
