"""What Go programs import of a provider's SDK, and how its modules are called; shared by the rules for Go.

Sources: sashabaranov/go-openai 1.36, openai/openai-go 1.x and 2.x, Azure's azopenai 0.7 as published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.rule import FileContext

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

AZURE: Final = "azure-openai"

_MAJOR: Final = re.compile(r"v\d+")

# Method -> API family; go-openai's and azopenai's clients have flat methods.
METHODS: Final = {
    "CreateChatCompletion": "chat",
    "CreateChatCompletionStream": "chat",
    "CreateCompletion": "completions",
    "CreateCompletionStream": "completions",
    "CreateEmbeddings": "embeddings",
    "CreateImage": "images",
    "CreateEditImage": "images",
    "CreateVariImage": "images",
    "CreateTranscription": "audio",
    "CreateTranslation": "audio",
    "CreateSpeech": "audio",
    "CreateFineTuningJob": "fine_tuning",
    "CreateAssistant": "assistants",
    "GetChatCompletions": "chat",
    "GetChatCompletionsStream": "chat",
    "GetCompletions": "completions",
    "GetCompletionsStream": "completions",
    "GetEmbeddings": "embeddings",
    "GetImageGenerations": "images",
    "GetAudioTranscription": "audio",
    "GetAudioSpeech": "audio",
}
# Methods whose names other types have too: only on something called a client.
CLIENT_METHODS: Final = {
    "CreateFile": "files",
    "CreateBatch": "batch",
    "CreateThread": "assistants",
    "CreateRun": "assistants",
    "Moderations": "moderations",
    "Edits": "edits",
    "ListModels": "models",
    "GetModel": "models",
}
# openai-go: client.Chat.Completions.New(...)
SERVICES: Final = {
    "Chat.Completions": "chat",
    "Completions": "completions",
    "Responses": "responses",
    "Embeddings": "embeddings",
    "Images": "images",
    "Audio.Transcriptions": "audio",
    "Audio.Translations": "audio",
    "Audio.Speech": "audio",
    "Files": "files",
    "Batches": "batch",
    "FineTuning.Jobs": "fine_tuning",
    "Moderations": "moderations",
    "Models": "models",
    "VectorStores": "vector_stores",
}
SERVICE_VERBS: Final = frozenset({"New", "NewStreaming", "Generate", "Edit", "List", "Get", "Upload", "ListAutoPaging"})


def imported(context: FileContext) -> Mapping[str, str]:
    """Return the provider for each local name of an imported SDK module; asked for through `analysis`."""
    names: dict[str, str] = {}
    for node in context.nodes("import_spec"):
        found = sdk_of_import(node, context)
        if found is not None:
            names[found[0]] = found[1]
    return names


def sdk_of_import(node: Node, context: FileContext) -> tuple[str, str] | None:
    """Return the local name and the provider of an `import_spec`, if it is an SDK's or one of its packages."""
    path = node.field("path")
    if path is None:
        return None
    parts = path.text().strip('"`').split("/")
    for length in range(len(parts), 1, -1):
        owner = context.vocabulary.package("go", "/".join(parts[:length]))
        if owner is not None:
            alias = node.field("name")
            # A package's name is not its path's last word: go-openai is openai, .../v2 is what stands before it.
            last = next(part for part in reversed(parts) if not _MAJOR.fullmatch(part))
            local = alias.text() if alias is not None else last.removeprefix("go-").removesuffix("-go")
            return local, AZURE if "azure" in parts[length:] else owner
    return None


def string_value(node: Node) -> str | None:
    """Return the text of a string literal without escapes."""
    if node.kind() not in ("interpreted_string_literal", "raw_string_literal"):
        return None
    text = node.text()[1:-1]
    return text if "\\" not in text else None
