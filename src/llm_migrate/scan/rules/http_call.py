"""HTTP calls to a vendor whose address is kept in a variable, here or in another file: `requests.post(self.url)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.names import names_of
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.literal_source import LANGUAGES, NEEDS
from llm_migrate.scan.rules.openai_sdk import api_of_url
from llm_migrate.scan.symbols import HOLE, Symbols, dotted

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "http_call"
HTTP_FUNCTION: Final = re.compile(
    r"(?:^|\.)(?:get|post|put|patch|delete|request|stream|fetch|urlopen|Request|ws_connect|\$fetch|ky|got|axios"
    r"|HTTPSConnection|HTTPConnection|websocket_connect|WebSocket|EventSource|URL)$"
)
# What may stand before `.get(`: without one of these, it is a dictionary's method as likely as not.
_CLIENT: Final = re.compile(
    r"(?:^|[._])(?:requests?|httpx2?|aiohttp|session|sess|s|http|client|axios|urllib|urllib3|ky|got|superagent|pool)\b",
    re.I,
)
_URL_ARGUMENTS: Final = ("url", "baseURL", "uri")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a call whose first argument, or `url`, leads to a vendor's address."""
    function = node.field("function") or node.field("constructor")
    if function is None or function.kind() not in ("identifier", "attribute", "member_expression"):
        return
    called = function.text()[-120:]
    if not HTTP_FUNCTION.search(called) or ("." in called and not _CLIENT.search(called.rpartition(".")[0])):
        return
    names = names_of(context)
    if names is None:
        return
    given = names.arguments(node)
    candidates = [given.named[name][1] for name in _URL_ARGUMENTS if name in given.named]
    candidates += given.positional[:2]
    for argument in candidates:
        found = _url(argument, names, context)
        owner = context.vocabulary.url(found) if found is not None else None
        if found is not None and owner is not None:
            start, end = context.span(node)
            yield Hit(NAME, "raw-http", start, end, owner, api=api_of_url(found), confidence="likely")
            return


def _url(argument: Node, names: Symbols, context: FileContext) -> str | None:
    """Return the vendor's URL that an argument leads to, with `x` for what is only known at run time."""
    text = names.text(argument)
    if text is not None and text in argument.text():
        return None  # the literal itself is found by its host
    if text is not None and context.vocabulary.url(text.replace(HOLE, "x")):
        return text.replace(HOLE, "x")
    name = dotted(argument, names.grammar)
    if not name:
        return None
    if "." not in name and name in names.bindings:
        return None
    # `self.url` of a base class, `settings.URL`, an imported constant.
    last = name.rpartition(".")[2]
    rows = [*context.project.names.get(name, ())]
    if name.split(".")[0] in ("self", "this", "cls") or names.imports.get(name.split(".")[0]):
        rows += context.project.names.get(last, ())
    urls = {row.text.replace(HOLE, "x") for row in rows if row.text is not None}
    return min(urls) if len({context.vocabulary.url(url) for url in urls}) == 1 else None


RULE: Final = AstRule(NAME, LANGUAGES, frozenset({"call", "call_expression", "new_expression"}), find, needs=NEEDS)
