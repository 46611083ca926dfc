"""The scan of a tree: list, filter, read, parse, ask the rules, locate, judge.

Each file goes through twice: first what it binds is noted for the others (`Project`), then the rules look at it.
No file can make a scan fail: what cannot be read or takes too long is listed under `skipped`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from llm_migrate.catalog.load import find_provider
from llm_migrate.errors import MissingExtraError, UsageError
from llm_migrate.scan.examine import Examiner, Outcome
from llm_migrate.scan.finding import Document, Finding, ScanResult, Skipped
from llm_migrate.scan.judgement import Target, judge_findings, parse_target
from llm_migrate.scan.listing import Listed, list_files
from llm_migrate.scan.project import Project
from llm_migrate.scan.vocabulary import load_vocabulary

Progress = Callable[[int, int], None]
_PARALLEL_FROM: Final = 400  # files; below, starting processes costs more than it saves


@dataclass(frozen=True, slots=True)
class _Root:
    """Where `file` of a finding counts from, and the files that the paths name below it."""

    folder: str
    files: tuple[Listed, ...]


def scan(
    paths: Sequence[str | Path],
    *,
    from_providers: Sequence[str] = (),
    targets: Sequence[str] = (),
    exclude: Sequence[str] = (),
    use_ignore: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
) -> ScanResult:
    """Find every dependency on a provider below some paths.

    Args:
        paths: folders and files.
        from_providers: ids or aliases whose findings are wanted; all when empty.
        targets: `PROVIDER` or `PROVIDER:MODEL` to judge each finding against.
        exclude: patterns in the manner of `.gitignore`, relative to the root.
        use_ignore: heed `.gitignore`.
        jobs: processes; used only where there are many files.
        progress: is told (files done, files in all) now and then.

    Returns:
        Findings in the order of files and places, with the documents that hold them.

    Raises:
        UsageError: a path, provider or model that does not exist.
        MissingExtraError: the packages of the `scan` extra are not installed.
    """
    _require_extra()
    wanted = frozenset(find_provider(name).id for name in from_providers)
    judged = [parse_target(text) for text in targets]
    root = _root(paths, exclude, use_ignore)
    outcomes = _examine(root, jobs, progress or _no_progress)
    return _result(root, outcomes, wanted, judged)


def _examine(root: _Root, jobs: int, progress: Progress) -> Iterable[Outcome]:
    if jobs > 1 and len(root.files) >= _PARALLEL_FROM:
        from llm_migrate.scan.parallel import examine_in_processes

        return examine_in_processes(root.folder, root.files, jobs, progress)
    examiner = Examiner(root.folder, load_vocabulary())
    total = len(root.files)
    started = time.monotonic()
    for number, listed in enumerate(root.files):
        examiner.prepare(listed)
        if time.monotonic() - started > 0.2:
            started = time.monotonic()
            progress(number, total)
    return examiner.finish(Project(examiner.exported()))


def _result(root: _Root, outcomes: Iterable[Outcome], wanted: frozenset[str], targets: Sequence[Target]) -> ScanResult:
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    documents: dict[str, Document] = {}
    for outcome in outcomes:
        kept = [f for f in outcome.findings if not wanted or f.hit.provider in wanted]
        findings += kept
        skipped += outcome.skipped
        if kept and outcome.document is not None:
            documents[outcome.document.path] = outcome.document
    return ScanResult(
        root=root.folder,
        findings=tuple(judge_findings(findings, targets)),
        skipped=tuple(skipped),
        files=len(root.files),
        documents=documents,
    )


def _root(paths: Sequence[str | Path], exclude: Sequence[str], use_ignore: bool) -> _Root:
    """Find the folder that all paths share, and list the files of each below it."""
    absolute: list[str] = []
    for path in paths or (".",):
        text = os.fspath(path)
        if not Path(text).exists():
            raise UsageError(f"{text}: no such file or folder")
        absolute.append(str(Path(text).resolve()))
    folders = [path if Path(path).is_dir() else str(Path(path).parent) for path in absolute]
    folder = os.path.commonpath(folders)
    files: dict[str, Listed] = {}
    for path in absolute:
        below = os.path.relpath(path, folder).replace(os.sep, "/")
        if not Path(path).is_dir():
            files.setdefault(below, Listed(below))
            continue
        for listed in list_files(path, exclude=exclude, use_ignore=use_ignore):
            place = listed.path if below == "." else f"{below}/{listed.path}"
            files.setdefault(place, Listed(place, listed.ignored))
    return _Root(folder, tuple(files.values()))


def _require_extra() -> None:
    if any(find_spec(name) is None for name in ("ahocorasick_rs", "ast_grep_py", "pathspec")):
        raise MissingExtraError("scan", "scan")


def _no_progress(_done: int, _total: int) -> None:
    pass
