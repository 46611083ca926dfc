"""Finds what Go programs do with a provider's SDK: imports, clients, options, error types, model constants."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.go_sdk import AZURE, imported, sdk_of_import

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "go_sdk_use"

_CLIENT: Final = re.compile(r"New(?:Azure|Org)?Client\w*|Default\w*Config|APIType\w*|NewKeyCredential")
_MODEL: Final = re.compile(
    r"(?:ChatModel|EmbeddingModel)?((?:GPT|O[1-9]|TextEmbedding|Whisper|TTS|Dall|Sora|AdaEmb)\w*)"
)
_WORD: Final = re.compile(r"GPT|TTS|[A-Z][a-z]*|\d+[a-z]*")
_SETTINGS: Final[dict[str, Kind]] = {
    "BaseURL": "base-url",
    "APIType": "client",
    "APIVersion": "client",
    "AzureModelMapperFunc": "client",
}
_OPTIONS: Final[dict[str, Kind]] = {
    "WithAPIKey": "credential",
    "WithAzureADToken": "credential",
    "WithTokenCredential": "credential",
    "WithBaseURL": "base-url",
    "WithEndpoint": "base-url",
    "WithOrganization": "client",
    "WithProject": "client",
}


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for an import, a name of the SDK or a setting of its configuration."""
    yield from _FINDERS[node.kind()](node, context)


def _import(node: Node, context: FileContext) -> Iterator[Hit]:
    found = sdk_of_import(node, context)
    if found is not None:
        yield Hit(NAME, "sdk-import", *context.span(node), found[1])


def _name(node: Node, context: FileContext) -> Iterator[Hit]:
    operand, field = node.field("operand"), node.field("field")
    if operand is None or operand.kind() != "identifier":
        return
    owner = context.analysis(imported).get(operand.text())
    if owner is None or field is None:
        return
    name = field.text()
    place = _call(node)
    span = context.span(place)
    model = _MODEL.fullmatch(name)
    if name in _OPTIONS:
        yield Hit(NAME, _OPTIONS[name], *span, owner)
    elif name.endswith("Error"):
        yield Hit(NAME, "error", *context.span(node), owner)
    elif _CLIENT.fullmatch(name):
        yield Hit(NAME, "client", *span, AZURE if "Azure" in name else owner)
    elif model is not None:
        model_id = _model_id(model.group(1), context)
        inner = context.span(node)
        yield Hit(NAME, "model", *inner, owner, model=model_id, value_start=inner[0], value_end=inner[1])


def _type(node: Node, context: FileContext) -> Iterator[Hit]:
    package, _, name = node.text().partition(".")
    owner = context.analysis(imported).get(package)
    if owner is not None and name.endswith("Error"):
        yield Hit(NAME, "error", *context.span(node), owner)


def _setting(node: Node, context: FileContext) -> Iterator[Hit]:
    """`config.BaseURL = ...` in a file that imports an SDK."""
    left = node.field("left")
    target, _, name = left.text().rpartition(".") if left is not None else ("", "", "")
    sdks = context.analysis(imported)
    if target and name in _SETTINGS and sdks:
        yield Hit(NAME, _SETTINGS[name], *context.span(node), next(iter(sdks.values())), confidence="likely")


_FINDERS: Final[dict[str, Callable[[Node, FileContext], Iterator[Hit]]]] = {
    "import_spec": _import,
    "selector_expression": _name,
    "qualified_type": _type,
    "assignment_statement": _setting,
}
RULE: Final = AstRule(NAME, frozenset({"go"}), frozenset(_FINDERS), find)


def _call(node: Node) -> Node:
    """Return the call that a name is the function of, or the name."""
    parent = node.parent()
    function = parent.field("function") if parent is not None and parent.kind() == "call_expression" else None
    same = function is not None and function.range().start.index == node.range().start.index
    return parent if parent is not None and same else node


def _model_id(constant: str, context: FileContext) -> str | None:
    """Return the model id that a constant stands for, if the catalog knows what comes out (`GPT3Dot5Turbo`)."""
    words = _WORD.findall(constant)
    guess = "-".join(words).lower().replace("-dot-", ".")
    return guess if context.vocabulary.model(guess) is not None else None
