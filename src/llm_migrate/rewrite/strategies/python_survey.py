"""What all Python files of a tree together say on whether a name may change in one of them.

A key must not go to a client that stays with the old provider, and a model name that the program looks up in a table
or compares must not change where it is written first. So each file is looked at before any is planned.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from llm_migrate.rewrite.python_frame import clash
from llm_migrate.rewrite.python_source import PythonSource
from llm_migrate.rewrite.strategies.python_literals import is_logic
from llm_migrate.rewrite.target import Move
from llm_migrate.scan.finding import Finding

CLIENTS: Final = frozenset({"OpenAI", "AsyncOpenAI", "Client", "AsyncClient"})
_OLD_SDK: Final = re.compile(r"\.(?:ChatCompletion|Completion|Embedding|Edit|Image|Audio|Moderation)\.a?\w+$")


@dataclass(slots=True)
class Survey:
    """Facts of a tree.

    Attributes:
        looked_up: model name -> (file, line) where the program compares it or finds something by it.
        unmoved: (file, line) of the first client, call or framework class that stays with the old provider.
        unmoved_models: models that those use.
        moved_models: models of calls that will go to the target.
    """

    looked_up: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    unmoved: tuple[str, int] | None = None
    unmoved_models: set[str] = field(default_factory=set[str])
    moved_models: set[str] = field(default_factory=set[str])

    def doubt_on_model(self, model: str) -> str | None:
        """Return why a model name outside of a call is not changed; None if it may be."""
        if model in self.looked_up:
            file, line = self.looked_up[model]
            return f"{model} is looked up or compared at {file}:{line}"
        if self.unmoved is not None and (model not in self.moved_models or model in self.unmoved_models):
            return f"{model} may be used by what stays with the old provider ({self.unmoved[0]}:{self.unmoved[1]})"
        return None

    def doubt_on_key(self) -> str | None:
        """Return why a key or address outside of a client is not changed; None if it may be."""
        if self.unmoved is None:
            return None
        return f"it may be used by what stays with the old provider ({self.unmoved[0]}:{self.unmoved[1]})"


def survey(sources: Mapping[str, PythonSource], found: Mapping[str, Sequence[Finding]], move: Move) -> Survey:
    """Look at all files that will be planned, and their findings."""
    seen = Survey()
    models = {f.hit.model for findings in found.values() for f in findings if f.hit.model}
    for path, source in sources.items():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and node.value in models and is_logic(source, node):
                seen.looked_up.setdefault(str(node.value), (path, node.lineno))
        whole = stays_whole(source, found[path], move)
        for finding in found[path]:
            _note(seen, source, finding, move, whole=whole is not None)
    return seen


def stays_whole(source: PythonSource, findings: Sequence[Finding], move: Move) -> tuple[Finding, str, str] | None:
    """Return (finding, reason, advice) if a file as a whole is left to a person."""
    calls = [f for f in findings if f.hit.kind == "api-call"]
    old = next((f for f in calls if is_old_sdk(source, f)), None)
    if old is not None:
        return old, "is written for openai 0.28", "upgrade to the SDK's 1.x first, then rewrite"
    module = next((f for f in calls if _is_module_client(source, f)), None)
    if module is not None:
        advice = "construct a client (client = OpenAI()) and call that, then rewrite"
        return module, "calls the SDK's module-level client", advice
    name = None if move.replace else clash(source, move)
    if name is not None and findings:
        return findings[0], f"has a name {name} of its own", "rename it, or use --replace"
    return None


def is_old_sdk(source: PythonSource, finding: Finding) -> bool:
    """Say whether a call is one of the SDK before 1.0."""
    call = source.call_at(finding.hit.start, finding.hit.end)
    return call is not None and _OLD_SDK.search(source.source(call.func)) is not None


def client_name(call: ast.Call) -> str:
    """Return the class that a call constructs."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_opaque(call: ast.Call) -> bool:
    """Say whether a call takes arguments that are not seen."""
    return bool(call.args) or any(k.arg is None for k in call.keywords)


def _note(seen: Survey, source: PythonSource, finding: Finding, move: Move, *, whole: bool) -> None:
    hit = finding.hit
    if hit.kind not in ("client", "api-call", "wrapper", "raw-http"):
        return
    stays = whole or hit.kind == "wrapper"
    if hit.provider != move.source.id:
        # Another provider's client has a key of its own, but for the SDK before 1.0, where all share one.
        stays = hit.kind == "api-call" and is_old_sdk(source, finding)
        if not stays:
            return
    if hit.kind == "client":
        call = source.call_at(hit.start, hit.end)
        stays = stays or call is None or client_name(call) not in CLIENTS or is_opaque(call)
    if stays and seen.unmoved is None:
        seen.unmoved = (finding.file, finding.line)
    if hit.model:
        (seen.unmoved_models if stays else seen.moved_models).add(hit.model)


def _is_module_client(source: PythonSource, finding: Finding) -> bool:
    """Say whether a call goes through the client that the module `openai` keeps itself."""
    call = source.call_at(finding.hit.start, finding.hit.end)
    node: ast.expr | None = call.func if call is not None else None
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "openai"
