"""Finds SDK and framework classes of a provider in Java, Kotlin and C#: imports, what builds a client, calls.

Whose a package is follows from its own name (`com.openai...`, `org.springframework.ai.azure.openai...`): there is no
list. Sources: openai-java 4.x, azure-ai-openai 1.0.0-beta, Spring AI 1.x and 2.x, LangChain4j 1.x, openai-dotnet 2.x.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Hit, Kind
from llm_migrate.scan.rule import AstRule, FileContext
from llm_migrate.scan.rules.config_values import name_role
from llm_migrate.scan.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

NAME: Final = "java_sdk_use"

_IMPORT: Final = re.compile(r"(?:import|using)\s+(?:static\s+|global::)?([\w.]+)(?:\.\*)?")
_FRAMEWORKS: Final = frozenset({"springframework", "langchain4j", "semantickernel", "quarkiverse", "embabel"})
_BUILDER: Final = re.compile(r"(\w+)\.(?:builder|fromEnv|newBuilder|withApiKey|create)\b")
_CLIENT: Final = re.compile(r"\w*(?:Client(?:Builder|Async|Options)?|Service|Model|Api|OkHttpClient)")
_VERSION: Final = re.compile(r"(?<=\d)-(?=\d)")
_LONGEST: Final = 6_000  # characters of a call that is looked at: each call of a chain holds all before it
_CALLS: Final = (
    (re.compile(r"\.chat\(\)\s*\.completions\(\)\s*\.create\w*\(|\.CompleteChat(?:Streaming)?(?:Async)?\("), "chat"),
    (
        re.compile(r"\.(?:createChatCompletion|streamChatCompletion|getChatCompletions\w*|GetChatCompletions\w*)\("),
        "chat",
    ),
    (re.compile(r"\.responses\(\)\s*\.create\w*\("), "responses"),
    (re.compile(r"\.embeddings\(\)\s*\.create\(|\.createEmbeddings\(|\.[gG]etEmbeddings(?:Async)?\("), "embeddings"),
    (re.compile(r"\.images\(\)\s*\.generate\(|\.createImage\(|\.[gG]etImageGenerations(?:Async)?\("), "images"),
    (re.compile(r"\.createCompletion\(|\.[gG]etCompletions(?:Async|Stream)?\("), "completions"),
    (re.compile(r"\.createTranscription\(|\.[gG]etAudioTranscription(?:Async)?\("), "audio"),
)


def find(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for an import of a provider's package, the construction of its client, or a call."""
    yield from _FINDERS[node.kind()](node, context)


def imported(context: FileContext) -> Mapping[str, tuple[str, Kind]]:
    """Return provider and kind for each imported class, and under "*" for a package; asked for through `analysis`."""
    names: dict[str, tuple[str, Kind]] = {}
    for node in context.nodes("import_declaration", "import_header", "using_directive"):
        path = _path(node)
        owner = provider_of_package(path, context.vocabulary)
        if owner is not None:
            last = path.rpartition(".")[2]
            names["*" if node.text().rstrip("; ").endswith("*") or node.kind() == "using_directive" else last] = owner
    return names


def provider_of_package(path: str, vocabulary: Vocabulary) -> tuple[str, Kind] | None:
    """Return the provider whose SDK (or whose part of a framework) a package is."""
    parts = [part.lower() for part in path.split(".")[:8]]
    owner = next((found for part in parts if (found := vocabulary.vendor_word(part)) is not None), None)
    if owner is None and not _FRAMEWORKS.isdisjoint(parts):
        # A framework's package may be named after the company, its class after the product: model.azure.AzureOpenAiX.
        role = name_role(vocabulary, path.rpartition(".")[2])
        owner = role.provider if role is not None else None
    if owner is None:
        return None
    # com.azure.ai.openai is the channel "azure-openai", not "openai".
    wider = [p.id for p in vocabulary.providers if p.id != owner and {*p.id.split("-")} <= {*parts}]
    return (wider[0] if wider else owner), "wrapper" if _FRAMEWORKS.intersection(parts) else "sdk-import"


def _import(node: Node, context: FileContext) -> Iterator[Hit]:
    found = provider_of_package(_path(node), context.vocabulary)
    if found is not None:
        yield Hit(NAME, found[1], *context.span(node), found[0])


def _path(node: Node) -> str:
    match = _IMPORT.match(node.text())
    return match.group(1) if match else ""


def _construction(node: Node, context: FileContext) -> Iterator[Hit]:
    kind = node.field("type")
    yield from _client(kind.text() if kind is not None else "", node, context)


def _invocation(node: Node, context: FileContext) -> Iterator[Hit]:
    names = context.analysis(imported)
    place = node.range()
    if not names or place.end.index - place.start.index > _LONGEST:
        return
    text = node.text()
    builder = _BUILDER.fullmatch(text.partition("(")[0])
    if builder is not None and text.count("(") == 1:
        yield from _client(builder.group(1), node, context)
        return
    head = _head(node, text)
    for pattern, api in _CALLS:
        if pattern.fullmatch(head):
            yield Hit(NAME, "api-call", *context.span(node), next(iter(names.values()))[0], api=api)
            return


def _head(node: Node, text: str) -> str:
    """Return the part of a chain of calls that names the last method: `.chat().completions().create(`."""
    for child in node.children():
        if child.kind() in ("argument_list", "call_suffix"):
            text = text[: child.range().start.index - node.range().start.index]
    found = re.search(r"(?:\.\w+\(\)\s*){0,2}\.\w+$", text)
    return f"{found.group()}(" if found else ""


def _client(name: str, node: Node, context: FileContext) -> Iterator[Hit]:
    names = context.analysis(imported)
    owner = names.get(name)
    if owner is None and "*" in names and name_role(context.vocabulary, name) is not None:
        owner = names["*"]
    if owner is not None and _CLIENT.fullmatch(name):
        yield Hit(NAME, "wrapper" if owner[1] == "wrapper" else "client", *context.span(node), owner[0])


def _constants(node: Node, context: FileContext) -> Iterator[Hit]:
    """Yield `GPT_4_O` and `ModelName.GPT_4_O` among the arguments of a call, when the SDK or framework has it."""
    names = context.analysis(imported)
    for child in node.children() if names else ():
        head, _, name = child.text()[:120].rpartition(".")
        if child.kind() not in ("identifier", "field_access") or not name.isupper():
            continue
        owner = names.get(head.rpartition(".")[2] or name) or (names.get("*") if not head else None)
        if owner is not None and _is_model(name, context.vocabulary):
            yield Hit(NAME, "model", *context.span(child), owner[0], confidence="likely")


def _is_model(constant: str, vocabulary: Vocabulary) -> bool:
    plain = constant.lower().replace("_", "-")
    return any(vocabulary.model(name) is not None for name in (plain, _VERSION.sub(".", plain)))


_FINDERS: Final[dict[str, Callable[[Node, FileContext], Iterator[Hit]]]] = {
    "import_declaration": _import,
    "import_header": _import,
    "using_directive": _import,
    "object_creation_expression": _construction,
    "method_invocation": _invocation,
    "call_expression": _invocation,
    "invocation_expression": _invocation,
    "argument_list": _constants,
}
RULE: Final = AstRule(NAME, frozenset({"csharp", "java", "kotlin"}), frozenset(_FINDERS), find)
