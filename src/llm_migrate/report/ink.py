"""Colour for terminals, by the sequences that all of them know."""

from __future__ import annotations

import os
import shutil
from typing import IO

_PLAIN_WIDTH = 100
_WIDEST = 140  # longer lines are hard to read


def paint(text: str, style: str, colour: bool) -> str:
    """Return a text in a style (numbers of an SGR sequence), or as it is where no colour is wanted."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour else text


def wants_colour(stream: IO[str]) -> bool:
    """Say whether a stream is a terminal that takes colours; `NO_COLOR` and a dumb terminal take none."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width_of(stream: IO[str]) -> int:
    """Return the columns to write in: those of a terminal, or of `COLUMNS`, within what is easy to read."""
    columns = shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns if stream.isatty() else _columns()
    return max(60, min(columns, _WIDEST))


def _columns() -> int:
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdigit() else _PLAIN_WIDTH
