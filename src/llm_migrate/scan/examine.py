"""Take files one by one through reading, parsing and the rules, within limits of time and memory."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from llm_migrate.scan import notebook
from llm_migrate.scan.branches import is_behind, switched_spans
from llm_migrate.scan.finding import Document, Entry, Finding, Hit, Skipped
from llm_migrate.scan.language import language_of
from llm_migrate.scan.listing import Listed
from llm_migrate.scan.locate import to_findings
from llm_migrate.scan.names import exported_names
from llm_migrate.scan.project import Exported, Project
from llm_migrate.scan.reading import Prefilter, read_document
from llm_migrate.scan.rule import AstRule, EntryRule, FileContext, TextRule, UnreadableError, load_rules
from llm_migrate.scan.syntax import ERROR_KIND, GRAMMARS, collect, parse
from llm_migrate.scan.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ast_grep_py import SgNode as Node

_FILE_LIMIT_S: Final = 10.0
_KEPT_BYTES: Final = 1_000_000  # of source that stays in memory, parsed, between the two passes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    document: Document | None = None


@dataclass(slots=True)
class _Pending:
    """A file that may hold findings, between the passes; it is read again when too many wait."""

    listed: Listed
    document: Document | None
    context: FileContext | None


class Examiner:
    """Holds what one pass over a tree needs."""

    def __init__(self, root: str, vocabulary: Vocabulary) -> None:
        self._root = root
        self._vocabulary = vocabulary
        self._prefilter = Prefilter(vocabulary.words())
        self._pending: list[_Pending | Outcome] = []
        self._names: dict[str, list[Exported]] = defaultdict(list)
        self._kept = 0

    def prepare(self, listed: Listed) -> bool:
        """First pass: read a file, note what it binds; say whether it is of interest."""
        language = language_of(listed.path)
        if language is None or (language and not _rules_for(language)):
            return False
        try:
            document = read_document(self._root, listed.path, language, self._prefilter)
            if document is None or not _rules_for(document.language):
                return False
            context = self._context(document, Project())
        except UnreadableError as e:
            self._pending.append(Outcome(skipped=(Skipped(listed.path, str(e)),)))
            return True
        for row in exported_names(context):
            self._names[row.name].append(row)
        self._kept += len(document.data)
        keep = self._kept < _KEPT_BYTES
        self._pending.append(_Pending(listed, document if keep else None, context if keep else None))
        return True

    def exported(self) -> Mapping[str, tuple[Exported, ...]]:
        """Return what the files so far bind."""
        return {name: tuple(rows) for name, rows in self._names.items()}

    def finish(self, project: Project) -> Iterator[Outcome]:
        """Second pass: let the rules look, with what all files bind."""
        pending, self._pending = self._pending, []
        for number, item in enumerate(pending):
            pending[number] = Outcome()  # its tree can go
            yield item if isinstance(item, Outcome) else self._outcome(item, project)

    def _outcome(self, item: _Pending, project: Project) -> Outcome:
        path = item.listed.path
        try:
            document = item.document or read_document(self._root, path, language_of(path) or "", self._prefilter)
            if document is None:  # changed since the first pass
                return Outcome()
            context = item.context or self._context(document, project)
            context.project = project
            hits, reason = _ask(context)
        except UnreadableError as e:
            return Outcome(skipped=(Skipped(path, str(e)),))
        spans = switched_spans(context)
        located = to_findings(document, hits, self._vocabulary, ignored=item.listed.ignored)
        findings = tuple(replace(f, switched=True) if is_behind(f.hit, spans) else f for f in located)
        if reason is None:
            reason = _syntax_error(context) if findings else None
        skipped = (Skipped(path, reason),) if reason else ()
        return Outcome(findings, skipped, document if findings else None)

    def _context(self, document: Document, project: Project) -> FileContext:
        if document.language == "notebook":
            document, offsets = notebook.to_code(document)
            context = FileContext(document, self._vocabulary, project, offsets=offsets)
        else:
            context = FileContext(document, self._vocabulary, project)
        rules = [rule for rule in _rules_for(document.language) if isinstance(rule, AstRule)]
        if rules and document.language in GRAMMARS:
            root = parse(document.text, document.language)
            context.set_tree(root, collect(root, document.language, _kinds(document.language)))
        return context


@cache
def _rules_for(language: str) -> tuple[AstRule | EntryRule | TextRule, ...]:
    return tuple(rule for rule in load_rules() if language in rule.languages)


@cache
def _kinds(language: str) -> frozenset[str]:
    rules = [rule for rule in _rules_for(language) if isinstance(rule, AstRule)]
    return frozenset(kind for rule in rules for kind in rule.kinds | rule.needs)


def _ask(context: FileContext) -> tuple[list[Hit], str | None]:
    """Ask all rules; the second value is the reason when time ran out."""
    hits: list[Hit] = []
    limit = time.monotonic() + _FILE_LIMIT_S
    rules = _rules_for(context.document.language)
    for rule in rules:
        hits += _hits(rule, context, limit)
        if time.monotonic() > limit:
            return hits, f"took longer than {_FILE_LIMIT_S:.0f} s: scanned in part"
    return hits, None


def _hits(rule: AstRule | EntryRule | TextRule, context: FileContext, limit: float) -> Iterator[Hit]:
    match rule:
        case AstRule():
            for node in context.nodes(*sorted(rule.kinds)):
                if time.monotonic() > limit:
                    return
                yield from rule.find(node, context)
        case EntryRule():
            yield from rule.find(context.document, context.analysis(_entries), context)
        case TextRule():
            yield from rule.find(context.document, context)


def _entries(context: FileContext) -> Sequence[Entry]:
    from llm_migrate.scan.entries import read_entries

    return read_entries(context.document)


def _syntax_error(context: FileContext) -> str | None:
    errors: list[Node] = context.nodes(ERROR_KIND)
    if not errors:
        return None
    return f"syntax error near line {errors[0].range().start.line + 1}: scanned in part"
