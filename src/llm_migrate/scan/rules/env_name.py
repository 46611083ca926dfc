"""Environment variables of a vendor where source code reads or lists them: `os.getenv("OPENAI_API_KEY")`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Confidence, Hit, Kind
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.literal_source import LANGUAGES, NEEDS, STRINGS, Literal, literal_of
from llm_migrate.scan.vocabulary import NameRole, Role

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "env_name"
KIND_OF_ROLE: Final[dict[Role, Kind]] = {"key": "credential", "url": "base-url", "model": "model", "other": "config"}
_ENV_NAME: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+_?")
# A code for what went wrong with a variable is not that variable.
_MESSAGE: Final = re.compile(r"(?:ERROR|ERR|INVALID|MISSING)_")
_READER: Final = re.compile(
    r"(?:^|\.)(?:getenv|environ\.get|environ|env|env\.get|env\.str|config|secrets|setdefault|pop|get_secret|env\.url"
    r"|get_env|require_env|getEnv|requireEnv|process\.env|secrets\.get|getenv_required|putenv|setenv|delenv)$"
)
# The program's own settings are read by such names from its configuration: `conf().get("openai_api_key")`.
_SETTING_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_SETTINGS: Final = re.compile(
    r"(?:^|[._])(?:conf|config|configs|configuration|cfg|settings?|options|opts|prefs|preferences)(?:\(\))?"
    r"(?:\.(?:get|setdefault|pop|getstring|get_string))?$",
    re.I,
)
_SCRIPT_ENV: Final = ("process.env", "import.meta.env", "Bun.env", "env", "Deno.env")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a read, write or mention of a variable."""
    if node.kind() == "member_expression":
        yield from _find_member(node, context)
        return
    literal = literal_of(node, context, wanted="_")
    if literal is None:
        return
    if not _ENV_NAME.fullmatch(literal.text):
        yield from _find_setting(literal, node, context)
        return
    role = context.vocabulary.name_role(literal.text)
    if role is None or context.vocabulary.vendor_word(literal.text) is not None or _MESSAGE.match(literal.text):
        return
    read = literal.slot.role in ("passed", "subscript") and _READER.search(literal.slot.name) is not None
    place = literal.slot.holder if read else node
    yield _hit(role, place, node, context, "certain" if role.exact or read else "likely")


def _find_member(node: Node, context: FileContext) -> Iterator[Hit]:
    inner, name = node.field("object"), node.field("property")
    if inner is None or name is None or inner.text() not in _SCRIPT_ENV:
        return
    role = context.vocabulary.name_role(name.text())
    if role is not None and _ENV_NAME.fullmatch(name.text()):
        yield _hit(role, node, name, context, "certain")


def _find_setting(literal: Literal, node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a setting that is read from the program's configuration by a lower-case name."""
    slot = literal.slot
    if slot.role not in ("passed", "subscript") or not _SETTINGS.search(slot.name):
        return
    role = context.vocabulary.name_role(literal.text) if _SETTING_NAME.fullmatch(literal.text) else None
    if role is not None and role.role != "other":
        yield _hit(role, slot.holder, node, context, "likely")


def _hit(role: NameRole, place: Node, name: Node, context: FileContext, confidence: Confidence) -> Hit:
    start, end = context.span(place)
    inner = value_span(name, context)
    return Hit(
        NAME,
        KIND_OF_ROLE[role.role],
        start,
        end,
        role.provider,
        value_start=inner[0],
        value_end=inner[1],
        confidence=confidence,
    )


RULE: Final = AstRule(NAME, LANGUAGES, STRINGS | {"member_expression"}, find, needs=NEEDS)
