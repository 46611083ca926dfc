"""Finds shell commands that call a provider: curl, wget or HTTPie to its host, and its own command line tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.config_values import model_of, name_role
from llm_migrate.scan.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "shell_command"

_HTTP: Final = frozenset({"curl", "wget", "http", "https", "xh", "xhs", "httpie", "grpcurl", "aria2c"})
_MODEL_FLAGS: Final = re.compile(r"-m|--(?:[a-z]+-)*(?:model|engine|deployment)(?:-name|-id)?")
_VENDOR_FLAGS: Final = re.compile(r"--(?:[a-z]+-)*(?:provider|backend|vendor|kind|format|llm|api-type)")
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w{3,60})")
_PAYLOAD_MODEL: Final = re.compile(r"\\?[\"'](?:model|engine)\\?[\"'][ \t]*:[ \t]*\\?[\"']([\w./:-]{2,100})\\?[\"']")
_FLAG_MODEL: Final = re.compile(r"(?:^|\s)(?:model|engine)=([\w./:-]{2,100})")


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield the command, and the model ids in its payload and options."""
    name = node.field("name")
    command = name.text().rpartition("/")[2] if name is not None else ""
    start, end = context.span(node)
    if command in _HTTP:
        provider = _provider_of_request(node.text(), context.vocabulary)
        if provider is not None:
            api = _api_of(node.text(), context.vocabulary, provider)
            yield Hit(rule=NAME, kind="raw-http", start=start, end=end, provider=provider, api=api)
    elif (provider := context.vocabulary.python_module(command)) is not None and "." not in command:
        words = [child.text() for child in node.children() if child.kind() == "word"]
        if words[:1] == ["api"]:
            api = words[1].partition(".")[0] if len(words) > 1 else None
            yield Hit(rule=NAME, kind="api-call", start=start, end=end, provider=provider, api=api)
    yield from _models(node, context)


RULE: Final = AstRule(NAME, frozenset({"bash"}), frozenset({"command"}), find)


def _provider_of_request(text: str, vocabulary: Vocabulary) -> str | None:
    provider = vocabulary.url(text)
    if provider is not None:
        return provider
    for match in _VARIABLE.finditer(text):  # the address may be in a variable
        role = name_role(vocabulary, match.group(1))
        if role is not None and (role.role == "url" or role.exact):
            return role.provider
    return next(
        (owner for word in re.findall(r"[\w-]+(?:\.[\w-]+){1,5}", text) if (owner := vocabulary.host(word))), None
    )


def _api_of(text: str, vocabulary: Vocabulary, provider: str) -> str | None:
    """Return the API whose path stands in the command; the longest path that fits decides."""
    facts = next(known for known in vocabulary.providers if known.id == provider)
    # OpenAI names its paths after its APIs, so a file without paths still tells most of them.
    paths = [(api, (row.path or api.replace("_", "/")).strip("/")) for api, row in facts.apis.items()]
    paths += [("chat", "chat/completions")]
    fitting = [(len(path), api) for api, path in paths if f"/{path}" in text]
    return max(fitting)[1] if fitting else None


def _models(node: Node, context: FileContext) -> Iterator[Hit]:
    text = node.text()
    base = node.range().start.index
    for pattern in (_PAYLOAD_MODEL, _FLAG_MODEL):
        for match in pattern.finditer(text):
            yield from _model(match.group(1), base + match.start(1), context)
    words = [child for child in node.children() if child.kind() in ("word", "string", "raw_string")]
    for flag, value in pairwise(words):
        raw = value.text()
        bare = raw.strip("\"'")
        index = value.range().start.index + raw.index(bare)
        if _MODEL_FLAGS.fullmatch(flag.text()):
            yield from _model(bare, index, context)
        elif _VENDOR_FLAGS.fullmatch(flag.text()) and (owner := context.vocabulary.vendor_word(bare)) is not None:
            place = context.byte(index), context.byte(index + len(bare))
            yield Hit(NAME, "config", *place, owner, value_start=place[0], value_end=place[1], confidence="likely")


def _model(value: str, index: int, context: FileContext) -> Iterator[Hit]:
    found = model_of(value, context.vocabulary)
    if found is not None:
        place = context.byte(index), context.byte(index + len(value))
        yield Hit(NAME, "model", *place, found[0], model=found[1], value_start=place[0], value_end=place[1])
