"""The two passes of a scan in several processes, for trees with very many files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from llm_migrate.scan.examine import Examiner, Outcome
from llm_migrate.scan.listing import Listed
from llm_migrate.scan.project import Exported, Project
from llm_migrate.scan.vocabulary import load_vocabulary

_CHUNKS_EACH: Final = 8


def examine_in_processes(
    root: str, files: Sequence[Listed], jobs: int, progress: Callable[[int, int], None]
) -> Iterator[Outcome]:
    """Yield the outcomes in the order of the files.

    Each chunk of files is read in the first pass only to learn which files may hold findings and what they bind;
    the second pass reads those few again, with what all bind.
    """
    size = max(50, len(files) // (jobs * _CHUNKS_EACH))
    chunks = [files[at : at + size] for at in range(0, len(files), size)]
    names: dict[str, list[Exported]] = defaultdict(list)
    kept: list[list[Listed]] = []
    # A child that is spawned knows nothing of our threads, which a forked one would hold in pieces.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        done = 0
        for chunk, (relevant, exported) in zip(chunks, pool.map(_first, [root] * len(chunks), chunks), strict=True):
            kept.append(relevant)
            for row in exported:
                names[row.name].append(row)
            done += len(chunk)
            progress(done, len(files))
        project = Project({name: tuple(rows) for name, rows in names.items()})
        some = [chunk for chunk in kept if chunk]
        for outcomes in pool.map(_second, [root] * len(some), some, [project] * len(some)):
            yield from outcomes


def _first(root: str, chunk: Sequence[Listed]) -> tuple[list[Listed], list[Exported]]:
    examiner = Examiner(root, load_vocabulary())
    relevant = [listed for listed in chunk if examiner.prepare(listed)]
    return relevant, [row for rows in examiner.exported().values() for row in rows]


def _second(root: str, chunk: Sequence[Listed], project: Project) -> list[Outcome]:
    examiner = Examiner(root, load_vocabulary())
    for listed in chunk:
        examiner.prepare(listed)
    return list(examiner.finish(project))
