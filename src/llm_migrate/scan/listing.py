"""List the files of a tree that a scan may look at: by git in a work tree, else folder by folder.

Links are never followed: what they point to inside the tree is listed where it stands. Names keep their bytes
(`os.fsdecode`), and nothing but regular files is listed.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NEVER: Final = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", "bower_components", ".venv", "__pycache__", ".llm-migrate"),
        *(".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", "site-packages"),
    }
)
# Files that git is told to ignore because they hold secrets are the ones that a migration must touch.
_WANTED_IGNORED: Final = (".env*", "llm-migrate.toml", "local.settings.json", "*.tfvars")


@dataclass(frozen=True, slots=True)
class Listed:
    """One file.

    Attributes:
        path: below the root, with `/`.
        ignored: git does not track it on purpose.
    """

    path: str
    ignored: bool = False


def list_files(root: str, *, exclude: Sequence[str] = (), use_ignore: bool = True) -> Iterator[Listed]:
    """Yield the regular files below a folder, each once.

    Args:
        root: an existing folder.
        exclude: further patterns in the manner of `.gitignore`.
        use_ignore: heed `.gitignore`.
    """
    excluded = _spec(exclude) if exclude else None
    for listed in _all_files(root, use_ignore):
        if excluded is None or not excluded.match_file(listed.path):
            yield listed


def _all_files(root: str, use_ignore: bool) -> Iterator[Listed]:
    known = _git(root, "ls-files", "-co", "--exclude-standard", "-z") if use_ignore else None
    if not known:  # no work tree, or a folder that git ignores but the user names
        yield from _walk(root, "", use_ignore)
        return
    for path in dict.fromkeys(known):
        yield from _from_git(root, path.rstrip("/"))
    for path in _git(root, "ls-files", "-oi", "--exclude-standard", "--directory", "-z") or ():
        wanted = any(fnmatch.fnmatchcase(posixpath.basename(path), glob) for glob in _WANTED_IGNORED)
        if wanted and _usable(path) and _is_file(f"{root}/{path}"):
            yield Listed(path, ignored=True)


def _from_git(root: str, path: str) -> Iterator[Listed]:
    if not _usable(path):
        return
    try:
        mode = os.lstat(f"{root}/{path}").st_mode
    except OSError:  # tracked, but deleted on disk
        return
    if stat.S_ISREG(mode):
        yield Listed(path)
    elif stat.S_ISDIR(mode):  # a repository inside the repository
        yield from _walk(root, path, use_ignore=True)


def _git(root: str, *arguments: str) -> list[str] | None:
    """Return what git lists below a folder; None where there is no git or no work tree."""
    # A cloned repository's own configuration must not make git start programs.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def _walk(root: str, start: str, use_ignore: bool) -> Iterator[Listed]:
    """Yield files depth first with a stack of our own; `below` is the chain of ignore files above a folder."""
    stack: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [(start, ())]
    while stack:
        folder, above = stack.pop()
        try:
            with os.scandir(f"{root}/{folder}") as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:  # no permission, or gone
            continue
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names:
            continue
        chain = above
        if use_ignore and ".gitignore" in names:
            spec = _read_ignore(f"{root}/{folder}/.gitignore")
            chain = (*above, (folder, spec)) if spec is not None else above
        below: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in NEVER and not _is_ignored(path + "/", chain):
                    below.append((path, chain))
            elif entry.is_file(follow_symlinks=False):
                ignored = _is_ignored(path, chain)
                if not ignored or any(fnmatch.fnmatchcase(entry.name, glob) for glob in _WANTED_IGNORED):
                    yield Listed(path, ignored)
        stack += reversed(below)


def _is_ignored(path: str, chain: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Ask the ignore files from the nearest up; the first that speaks decides."""
    for folder, spec in reversed(chain):
        answer = spec.check_file(path[len(folder) + 1 :] if folder else path).include
        if answer is not None:
            return answer
    return False


def _read_ignore(path: str) -> GitIgnoreSpec | None:
    try:
        with Path(path).open("rb") as file:
            lines = file.read(1 << 20).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    return _spec(lines)


def _spec(lines: Iterable[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    kept: list[str] = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:  # git passes over a malformed pattern, too
            continue
        kept.append(line)
    return GitIgnoreSpec.from_lines(kept)


def _usable(path: str) -> bool:
    return not NEVER.intersection(path.split("/"))


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
