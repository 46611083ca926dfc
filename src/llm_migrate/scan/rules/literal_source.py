"""Which string literals the rules on literals look at, in Python and in JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.names import names_of
from llm_migrate.scan.python_names import KINDS as PYTHON_KINDS
from llm_migrate.scan.rule import FileContext
from llm_migrate.scan.script_names import KINDS as SCRIPT_KINDS
from llm_migrate.scan.script_names import SCRIPTS
from llm_migrate.scan.slots import Slot, slot_of
from llm_migrate.scan.symbols import HOLE, Symbols

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

LANGUAGES: Final = SCRIPTS | {"python", "notebook"}
STRINGS: Final = frozenset({"string", "template_string"})
NEEDS: Final = PYTHON_KINDS | SCRIPT_KINDS
_MAX_CHARACTERS: Final = 4000
_MIN_CHARACTERS: Final = 4  # with the quotes
_OWN: Final = 4  # so little depth that only what is written in the literal itself is read


@dataclass(frozen=True, slots=True)
class Literal:
    """A string literal: its node, its text with `HOLE` for unknown parts, where it stands."""

    node: Node
    text: str
    slot: Slot
    names: Symbols


def literal_of(node: Node, context: FileContext, wanted: str = "") -> Literal | None:
    """Return a string literal; None for docstrings, types and what is too long to be a name or address.

    Args:
        node: a string node.
        context: its file.
        wanted: characters one of which must occur, so that most strings are left at once.
    """
    place = node.range().start.index
    known = context.analysis(_literals)
    if place not in known:
        known[place] = _read(node, context)
    literal = known[place]
    if literal is None or (wanted and not any(sign in literal.text for sign in wanted)):
        return None
    return literal


def _literals(_context: FileContext) -> dict[int, Literal | None]:
    """Return the literals that were read so far, by place: several rules ask for each."""
    return {}


def _read(node: Node, context: FileContext) -> Literal | None:
    source = node.text()
    if len(source) > _MAX_CHARACTERS or len(source) < _MIN_CHARACTERS:
        return None
    names = names_of(context)
    text = names.text(node, _OWN) if names is not None else None
    if names is None or text is None or not text.strip(HOLE):
        return None
    slot = slot_of(node)
    return Literal(node, text, slot, names) if slot.role not in ("statement", "type") else None
