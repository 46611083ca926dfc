"""From what a scan found to the bytes that would be written; pure but for one look at each file to be changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llm_migrate.catalog.policy import find_model
from llm_migrate.errors import RewriteError
from llm_migrate.rewrite.apply import CHANGED, Change
from llm_migrate.rewrite.checks import damage, refusal
from llm_migrate.rewrite.journal import to_name
from llm_migrate.rewrite.place import LeftAloneError, read_file
from llm_migrate.rewrite.proposal import ByHand, Need, Proposal, Proposed, Strategy
from llm_migrate.rewrite.splice import Edit, in_order, splice
from llm_migrate.rewrite.strategies.endpoint_config import LANGUAGES, EndpointConfig
from llm_migrate.rewrite.strategies.endpoint_python import EndpointPython
from llm_migrate.rewrite.target import Move
from llm_migrate.scan.finding import Document, Finding, Kind, ScanResult

# What stands in the way of a provider; the rest (imports, manifests, error classes, prose) stays true.
_TELLING: Final = frozenset({"client", "api-call", "model", "base-url", "credential", "config", "raw-http", "wrapper"})


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that would be written."""

    path: str
    old: bytes
    new: bytes
    edits: tuple[Edit, ...]
    proposals: tuple[Proposal, ...]

    def to_change(self) -> Change:
        """Return what `apply` needs of it."""
        return Change(self.path, self.old, self.new)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rewrite of one tree would do.

    Attributes:
        root: top of the tree.
        move: from where to where.
        changes: files that would be written, by path.
        by_hand: places for a person, by file and line.
        left: (file, reason) of files that are not edited at all.
        others: (provider, places) of further providers that the tree uses.
    """

    root: Path
    move: Move
    changes: tuple[FileChange, ...]
    by_hand: tuple[ByHand, ...]
    left: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, int], ...] = ()


def make_plan(result: ScanResult, move: Move, *, unsafe: bool = False, only: Collection[Kind] = ()) -> Plan:
    """Turn findings into edits.

    Args:
        result: of a scan of one tree.
        move: from where to where.
        unsafe: also edit what needs a look afterwards.
        only: kinds of findings to edit; all when empty.
    """
    root = Path(result.root)
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in result.findings:
        if finding.hit.kind in _TELLING and finding.hit.provider != move.target.id:
            found[finding.file].append(finding)
    strategies, python = _strategies(result, move, unsafe=unsafe)
    left = [(skipped.file, skipped.reason) for skipped in result.skipped]
    readable: list[str] = []
    for path, findings in found.items():
        if all(finding.hit.provider != move.source.id for finding in findings):
            continue
        reason = refusal(result.documents[path]) or _unfit(root, result.documents[path])
        if reason is None:
            readable.append(path)
        else:
            left.append((path, reason))
    documents = [result.documents[path] for path in readable]
    python.look([document for document in documents if document.language == "python"], found)
    proposed: dict[str, Proposed] = {}
    for document in documents:
        strategy = strategies.get(document.language)
        findings = found[document.path]
        own = strategy.propose(document, findings) if strategy else _foreign(document, findings, move)
        proposed[document.path] = own
    return _assemble(result, move, strategies, proposed, left, unsafe=unsafe, only=only)


def _strategies(result: ScanResult, move: Move, *, unsafe: bool) -> tuple[dict[str, Strategy], EndpointPython]:
    configured: dict[str, str] = {}
    for finding in result.findings:
        old = finding.hit.model
        named = finding.hit.kind == "model" and finding.hit.provider == move.source.id
        if not named or old is None or finding.language not in LANGUAGES:
            continue
        new = move.new_model(old)
        if new is not None and find_model(move.target, old) is None:
            configured[old] = new
    config = EndpointConfig(move)
    python = EndpointPython(move, unsafe=unsafe, configured=configured)
    return {"python": python, **dict.fromkeys(LANGUAGES, config)}, python


def _assemble(
    result: ScanResult,
    move: Move,
    strategies: Mapping[str, Strategy],
    proposed: Mapping[str, Proposed],
    left: list[tuple[str, str]],
    *,
    unsafe: bool,
    only: Collection[Kind],
) -> Plan:
    by_hand = [place for file in proposed.values() for place in file.by_hand]
    reaches = unsafe or bool(only) or any(file.reaches for file in proposed.values())
    changes: list[FileChange] = []
    for path, file in proposed.items():
        chosen = [p for p in file.proposals if not only or p.kind in only]
        if chosen and not reaches:
            by_hand += [_unreached(p) for p in chosen]
            continue
        document = result.documents[path]
        if chosen:
            change, problem = _change(document, chosen, strategies[document.language])
            if change is not None:
                changes.append(change)
            elif problem:
                left.append((path, f"left as it is, since the result {problem}"))
    return Plan(
        Path(result.root),
        move,
        tuple(sorted(changes, key=lambda change: change.path)),
        tuple(sorted(by_hand, key=lambda place: (place.file, place.line))),
        tuple(sorted(dict(left).items())),
        tuple(sorted(_others(result, move).items())),
    )


def _others(result: ScanResult, move: Move) -> Counter[str]:
    """Count the places of providers that this move does not concern."""
    own = (move.source.id, move.target.id)
    telling = ("client", "api-call", "base-url", "credential")
    return Counter(f.hit.provider for f in result.findings if f.hit.kind in telling and f.hit.provider not in own)


def _change(document: Document, chosen: Sequence[Proposal], strategy: Strategy) -> tuple[FileChange | None, str | None]:
    """Return a file's new bytes, or why they may not be written."""
    needs: frozenset[Need] = frozenset(need for p in chosen for need in p.needs)
    edits = in_order([*strategy.frame(document, needs), *(e for p in chosen for e in p.edits)])
    try:
        new = splice(document.data, edits)
    except RewriteError as e:
        return None, str(e)
    if new == document.data:
        return None, None
    problem = damage(document, new, edits)
    if problem is not None:
        return None, problem
    return FileChange(to_name(document.path), document.data, new, tuple(edits), tuple(chosen)), None


def _unfit(root: Path, document: Document) -> str | None:
    """Return why the file on the disk cannot be replaced; None if it can."""
    try:
        data, _ = read_file(root, to_name(document.path))
    except LeftAloneError as e:
        return str(e)
    return None if data == document.data else CHANGED


def _foreign(document: Document, findings: Sequence[Finding], move: Move) -> Proposed:
    """List the findings of a language that no strategy edits."""
    reason = f"{document.language} is not edited"
    advice = f"there: address {move.base_url}, key in {move.key_env}"
    rows: list[ByHand] = []
    for finding in findings:
        if finding.hit.provider != move.source.id:
            continue
        text = finding.text.splitlines()[0] if finding.text else ""
        old = finding.hit.model
        new = move.new_model(old) if old and finding.hit.kind == "model" else None
        told = f"there it is {new}" if new else advice
        rows.append(ByHand(document.path, finding.line, finding.hit.kind, text, reason, told, blocked=True))
    return Proposed(by_hand=rows)


def _unreached(proposal: Proposal) -> ByHand:
    reason = "no client or address of this tree leads to the target, so the old provider would get this"
    return ByHand(proposal.file, proposal.line, proposal.kind, proposal.what, reason, "--unsafe edits it all the same")
