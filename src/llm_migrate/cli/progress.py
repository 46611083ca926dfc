"""What a person sees while a command takes its time."""

from __future__ import annotations

import sys
import time

import click


class Progress:
    """One line on stderr, only on a terminal, and only once the wait is longer than half a second.

    Args:
        words: what is counted, with `{done}` and `{total}`.
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._started = time.monotonic()
        self._shown = False

    def show(self, done: int, total: int) -> None:
        """Say how far it is."""
        if sys.stderr.isatty() and time.monotonic() - self._started > 0.5:
            self._shown = True
            click.echo(f"\r\x1b[K{self._words.format(done=f'{done:,}', total=f'{total:,}')}", nl=False, err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
