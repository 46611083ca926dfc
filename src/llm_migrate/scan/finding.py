"""What passes between the stages of a scan: documents in, hits from rules, findings out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from llm_migrate.catalog.policy import Value, Verdict

SWITCH: Final = "LLM_PROVIDER"  # the variable that a rewrite puts in charge of the provider

Kind: TypeAlias = Literal[
    "sdk-import",
    "client",
    "api-call",
    "model",
    "base-url",
    "credential",
    "config",
    "manifest",
    "raw-http",
    "wrapper",
    "error",
    "doc",
]
Confidence: TypeAlias = Literal["certain", "likely", "mention"]


@dataclass(frozen=True, slots=True)
class Document:
    """One file that was read and decoded without loss.

    Attributes:
        path: relative to the scanned root, with `/`.
        data: the bytes of the file; all offsets of hits count in these.
        text: the same, decoded; a BOM is not part of it.
        encoding: name of the codec that maps `text` back to `data`.
        bom: length in bytes of the byte order mark before `text`.
        language: "python", "javascript", "typescript", "tsx", "go", "java", "bash", "yaml", "toml", "json", "ini",
            "env", "properties", "dockerfile", "requirements", "notebook", "xml", "gradle", "text".
    """

    path: str
    data: bytes
    text: str
    encoding: str
    bom: int
    language: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One place that a rule found.

    Attributes:
        rule: name of the rule's module.
        kind: of the contract.
        start: first byte of the place (the whole call, import, assignment value or entry).
        end: byte after it.
        provider: id of the provider the place depends on ("openai", "azure-openai", ...).
        api: OpenAI API family for calls ("chat", "embeddings", ...).
        model: model id, for `model` hits and calls whose model is known.
        parameters: arguments of a call as far as they can be known (`UNKNOWN` inside, `OPEN` for a spread).
        value_start: first byte of the replaceable value inside the place (a model id, URL or variable name without
            its quotes); -1 if there is none.
        value_end: byte after it.
        confidence: how sure the rule is.
        secret: the place holds a literal secret: its text must be masked.
        legacy: written for an SDK generation that its successor does not run (openai before 1.0, openai-node 3).
    """

    rule: str
    kind: Kind
    start: int
    end: int
    provider: str
    api: str | None = None
    model: str | None = None
    parameters: Mapping[str, Value] | None = None
    value_start: int = -1
    value_end: int = -1
    confidence: Confidence = "certain"
    secret: bool = False
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One name/value pair of a configuration file, whatever its format.

    Attributes:
        path: keys from the top to the value (`("services", "app", "environment", "OPENAI_API_KEY")`); list indices
            are left out.
        value: text of the scalar without quotes; "" when empty.
        start: first byte of the entry (its key, or the item).
        end: byte after the entry's value.
        value_start: first byte of the value inside its quotes; -1 where no value stands and none can be put in.
        value_end: byte after it, or -1.
    """

    path: tuple[str, ...]
    value: str
    start: int
    end: int
    value_start: int
    value_end: int


@dataclass(frozen=True, slots=True)
class Note:
    """Why a target does what it does to one subject of a finding."""

    subject: str
    effect: str
    advice: str
    source: str


@dataclass(frozen=True, slots=True)
class Compat:
    """What one target makes of a finding."""

    target: str
    verdict: Verdict
    at_worst: Verdict
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A hit with its place for people, a stable id and its judgement."""

    id: str
    hit: Hit
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    language: str
    text: str
    compat: tuple[Compat, ...] = ()
    ignored: bool = False
    switched: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not scanned, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """All that a scan found below one root."""

    root: str
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    files: int
    documents: Mapping[str, Document] = field(default_factory=dict[str, Document])
