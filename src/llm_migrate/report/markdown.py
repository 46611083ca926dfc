"""Titled tables and paragraphs as Markdown, for pages that are kept in a repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_migrate.report.sections import Section


def sections_to_markdown(sections: Sequence[Section], *, level: int) -> str:
    """Return sections as Markdown.

    Args:
        sections: the first one's title is the page's; the others stand one level below.
        level: of the first heading, 1 to 5.
    """
    blocks: list[str] = []
    for number, section in enumerate(sections):
        if section.title:
            blocks.append(f"{'#' * (level + bool(number))} {section.title}")
        if section.items:
            blocks.append("\n".join(f"- `{word}`<br>{_cell(text)}" for word, text in section.items))
        if section.columns:
            blocks.append("\n".join(_table(section)))
        blocks += [_cell(line) for line in section.lines if line]
    return "\n\n".join(blocks) + "\n"


def _table(section: Section) -> Iterator[str]:
    yield f"| {' | '.join(section.columns)} |"
    yield "|" + "---|" * len(section.columns)
    for row in section.rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _cell(text: str) -> str:
    """Escape what Markdown would read as its own; a line break inside a cell becomes one on the page."""
    for sign in ("\\", "|", "<", "*", "_"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", "<br>")
