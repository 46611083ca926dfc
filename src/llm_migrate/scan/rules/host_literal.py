"""Addresses of a vendor in source code: the base URL of its API, the URL of a single call, a bare host name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Confidence, Hit, Kind
from llm_migrate.scan.places import value_span
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.http_call import HTTP_FUNCTION
from llm_migrate.scan.rules.literal_source import LANGUAGES, NEEDS, STRINGS, Literal, literal_of
from llm_migrate.scan.rules.openai_sdk import api_of_url
from llm_migrate.scan.symbols import HOLE
from llm_migrate.scan.vocabulary import Vocabulary, hosts_in

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "host_literal"
_BARE_HOST: Final = re.compile(r"[\w\-.]{1,200}\.[a-z]{2,12}(?::\d{1,5})?/?", re.I)
# A path below these is one API call, not a base URL.
_BASE_PATH: Final = re.compile(r"/?(?:v\d+(?:beta)?|api/paas/v\d+|compatible-mode/v\d+|openai(?:/v\d+)?|api/v\d+)?/?")
# `os.environ.get("X", "https://...")` sends nothing: the address is a default.
_READS: Final = re.compile(r"(?:environ|env|conf|config|cfg|settings|options|secrets)\.get$", re.I)
_AZURE_PATH: Final = "/openai/deployments/"
# These hosts serve the vendor's other products, too; alone they prove nothing.
_SHARED_HOSTS: Final = (
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
    "aip.baidubce.com",
    "iam.bj.baidubce.com",
)
_FOR_PEOPLE: Final = re.compile(
    r"(?:www|platform|help|docs?|beta|community|status|cookbook|developers?|console)\.", re.I
)


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the address that a string is, or holds."""
    literal = literal_of(node, context, wanted="./")
    if literal is None:
        return
    found = _classify(literal, context.vocabulary)
    if found is None:
        return
    kind, provider, confidence = found
    start, end = context.span(node)
    inner = value_span(node, context)
    yield Hit(
        NAME,
        kind,
        start,
        end,
        provider,
        api=api_of_url(literal.text) if kind == "raw-http" else None,
        value_start=inner[0],
        value_end=inner[1],
        confidence=confidence,
    )


def _classify(literal: Literal, vocabulary: Vocabulary) -> tuple[Kind, str, Confidence] | None:
    text = literal.text.strip().replace(HOLE, "x")
    if text.startswith(("http://", "https://", "ws://", "wss://")):
        return _url(text, literal, vocabulary)
    if _AZURE_PATH in text:
        owner = vocabulary.vendor("azure-openai")
        return ("base-url", owner, "likely") if owner else None
    if "://" in text:
        owner = vocabulary.url(text)
        return ("doc", owner, "mention") if owner else None
    bare = ("x" + text) if text.startswith(".") else text
    if _BARE_HOST.fullmatch(bare):
        owner = vocabulary.host(bare.rstrip("/").partition(":")[0])
        return ("base-url", owner, "certain") if owner else None
    return None


def _url(text: str, literal: Literal, vocabulary: Vocabulary) -> tuple[Kind, str, Confidence] | None:
    host = next(hosts_in(text), "")
    listed = vocabulary.host(host)
    owner = listed or vocabulary.site(host)
    if owner is None:
        return None
    if " " in text:
        return "doc", owner, "mention"
    if host.endswith(_SHARED_HOSTS) and not _is_about(literal, text, host, vocabulary):
        return None
    if listed is None and (_FOR_PEOPLE.match(host) or host.count(".") < 2):
        return "doc", owner, "mention"
    confidence: Confidence = "certain" if listed else "likely"
    name = literal.slot.name
    if literal.slot.role == "passed" and HTTP_FUNCTION.search(name) and not _READS.search(name):
        return "raw-http", owner, confidence
    path = text.partition("://")[2].partition("/")[2].partition("?")[0]
    return ("base-url" if _BASE_PATH.fullmatch(path) else "raw-http"), owner, confidence


def _is_about(literal: Literal, text: str, host: str, vocabulary: Vocabulary) -> bool:
    """Say whether the rest of a URL, or the name it is kept under, is about the vendor's language models."""
    rest = text.replace(host, " ")
    names = (literal.slot.name, literal.slot.outer, *re.split(r"[/?&=]", rest))
    return any(vocabulary.name_role(name) is not None or vocabulary.vendor_word(name) for name in names if name)


RULE: Final = AstRule(NAME, LANGUAGES, STRINGS, find, needs=NEEDS)
